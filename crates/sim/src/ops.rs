//! What the clients of a history ask for: a plan that the seed makes before anything runs, and the requests that come of
//! it once the answers are known that it builds upon.

use crate::config::Config;
use crate::dice::Dice;
use onefold_core::id::{Identifier, OrgId, Region, Ucid};
use onefold_core::time::Ms;
use std::fmt;

/// An organisation and a region of it: people of one are nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Realm {
    /// Which organisation.
    pub org: u8,
    /// Which of its regions.
    pub region: u8,
}

impl Realm {
    /// The organisation's number.
    pub fn org_id(self) -> OrgId {
        OrgId::new(u64::from(self.org) + 1).expect("small positive numbers are organisations")
    }

    /// The region's code.
    pub fn code(self) -> Region {
        REGIONS[usize::from(self.region)].parse().expect("the codes above are regions")
    }

    /// From what stands in keys.
    pub fn of_key(region: &[u8], org: &[u8]) -> Option<Self> {
        let code = |known: &&&str| region.starts_with(known.as_bytes());
        let place = REGIONS.iter().position(|known| code(&known))?;
        let number = u64::from_be_bytes(org.try_into().ok()?);
        Some(Self { org: u8::try_from(number.checked_sub(1)?).ok()?, region: u8::try_from(place).ok()? })
    }
}

/// Regions that histories use.
pub const REGIONS: [&str; 2] = ["EU", "US"];

/// An identifier of the pool.
pub type Id = u8;

/// The text by which an identifier's value is known wherever it stands.
pub fn value_of(id: Id) -> String {
    format!("id~{id}~")
}

/// The identifier itself.
pub fn identifier(id: Id, kinds: usize) -> Identifier {
    let kind = format!("kind{}", usize::from(id) % kinds);
    Identifier::new(&kind, &value_of(id)).expect("the names above are within their bounds")
}

/// The text by which what a write said is known wherever it stands.
pub fn mark_of(op: usize) -> String {
    format!("mk~{op}~")
}

/// Whom a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Whoever this identifier leads to.
    Id(Id),
    /// The UCID that an earlier operation answered with, if it did.
    UcidOf(usize),
}

/// Under what condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    None,
    /// `If-Match: *`.
    Exists,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match` with what an earlier operation answered.
    EtagOf(usize),
}

/// A write as planned.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// Identifiers of the record, no two of a kind.
    pub ids: Vec<Id>,
    /// The profile meant.
    pub ucid: Option<usize>,
    /// Whether it sets the scalar that others set too.
    pub scalar: bool,
    /// Whether it says something of the consent, and what.
    pub consent: Option<bool>,
    /// Its timestamp, from the beginning of the history.
    pub timestamp: Option<u64>,
    /// Whose idempotency key it uses, if any; its own, or (a mistake that must be caught) another's.
    pub key: Option<usize>,
    /// Its precondition.
    pub condition: Condition,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum What {
    /// A write.
    Upsert(Upsert),
    /// A fetch by these, in this region or in all.
    Fetch(Vec<Target>, bool),
    /// A delete of these, with an idempotency key or not, for good or not.
    Delete(Vec<Target>, bool, bool),
    /// The same request again, by another client.
    Repeat(usize),
    /// A pass of the sweeper.
    Sweep,
    /// Of the person that the first of these operations answered with, the profile of the other is split out.
    Split(usize, usize),
    /// The people of two operations may meet again.
    Lift(usize, usize),
    /// An identifier of somebody who was deleted for good may be written again.
    Allow(Id),
}

/// An operation of a plan.
#[derive(Clone, Debug)]
pub struct Op {
    /// What is asked for.
    pub what: What,
    /// Of which organisation, in which region.
    pub realm: Realm,
    /// Of which node.
    pub node: usize,
}

/// When histories begin.
pub const BEGIN: Ms = 1_767_225_600_000;

/// Everything that the clients of a history will ask for, in the order in which they begin.
pub fn plan(config: &Config, dice: &mut Dice) -> Vec<Op> {
    let mut ops: Vec<Op> = Vec::with_capacity(config.operations);
    for number in 0..config.operations {
        let op = one(config, dice, number, &ops);
        ops.push(op);
    }
    ops
}

fn one(config: &Config, dice: &mut Dice, number: usize, before: &[Op]) -> Op {
    let realm = Realm { org: dice.below(config.orgs) as u8, region: dice.below(config.regions) as u8 };
    let node = dice.below(config.nodes);
    let op = |what| Op { what, realm, node };
    match weighed(dice, &config.weights) {
        0 => op(What::Upsert(upsert(config, dice, number))),
        1 => {
            let count = if dice.chance(0.2) { 2 } else { 1 };
            let sought = (0..count).map(|_| target(config, dice, number)).collect();
            op(What::Fetch(sought, dice.chance(0.3)))
        }
        2 => {
            let for_good = config.suppress && !number.is_multiple_of(3);
            op(What::Delete(of_one_kind(config, dice, number), dice.chance(config.keyed), for_good))
        }
        3 => match repeatable(dice, before) {
            Some(first) => Op { what: What::Repeat(first), node, realm: before[first].realm },
            None => op(What::Upsert(upsert(config, dice, number))),
        },
        4 => op(What::Sweep),
        7 => op(What::Allow(dice.below(config.identifiers) as Id)),
        _ if number < 2 => op(What::Upsert(upsert(config, dice, number))),
        which => {
            let writes: Vec<usize> = (0..number).filter(|op| matches!(before[*op].what, What::Upsert(_))).collect();
            let pick = |dice: &mut Dice| if writes.is_empty() { dice.below(number) } else { dice.pick(&writes) };
            let (one, other) = (pick(dice), pick(dice));
            let what = if which == 5 { What::Split(one, other) } else { What::Lift(one, other) };
            Op { what, node, realm: before[one].realm }
        }
    }
}

fn weighed(dice: &mut Dice, weights: &[usize]) -> usize {
    let mut left = dice.below(weights.iter().sum());
    for (index, weight) in weights.iter().enumerate() {
        if left < *weight {
            return index;
        }
        left -= weight;
    }
    0
}

fn repeatable(dice: &mut Dice, before: &[Op]) -> Option<usize> {
    let keyed = |op: &Op| matches!(&op.what, What::Upsert(Upsert { key: Some(_), .. }) | What::Delete(_, true, _));
    let all: Vec<usize> = (0..before.len()).filter(|index| keyed(&before[*index])).collect();
    if all.is_empty() { None } else { Some(dice.pick(&all)) }
}

fn upsert(config: &Config, dice: &mut Dice, number: usize) -> Upsert {
    let mut kinds: Vec<usize> = (0..config.kinds).collect();
    let count = dice.between(1, config.record);
    let ids = dice.take(&mut kinds, count).into_iter().map(|kind| id_of_kind(config, dice, kind)).collect();
    let learnt = number > 0 && dice.chance(config.by_ucid);
    let keyed = dice.chance(config.keyed);
    let stolen = keyed && number > 0 && dice.chance(0.05);
    Upsert {
        ids,
        ucid: learnt.then(|| dice.below(number)),
        scalar: dice.chance(0.6),
        consent: dice.chance(0.4).then(|| dice.chance(0.5)),
        timestamp: dice.chance(config.stamped).then(|| dice.below(3_000) as u64),
        key: keyed.then(|| if stolen { dice.below(number) } else { number }),
        condition: if dice.chance(config.conditional) { condition(dice, number) } else { Condition::None },
    }
}

fn condition(dice: &mut Dice, number: usize) -> Condition {
    match dice.below(3) {
        0 => Condition::Exists,
        1 => Condition::Absent,
        _ if number > 0 => Condition::EtagOf(dice.below(number)),
        _ => Condition::Exists,
    }
}

fn id_of_kind(config: &Config, dice: &mut Dice, kind: usize) -> Id {
    let of: Vec<Id> = (0..config.identifiers).filter(|id| id % config.kinds == kind).map(|id| id as Id).collect();
    dice.pick(&of)
}

fn target(config: &Config, dice: &mut Dice, number: usize) -> Target {
    if number > 0 && dice.chance(config.by_ucid) {
        Target::UcidOf(dice.below(number))
    } else {
        Target::Id(dice.below(config.identifiers) as Id)
    }
}

/// One to three values of one kind, or UCIDs.
fn of_one_kind(config: &Config, dice: &mut Dice, number: usize) -> Vec<Target> {
    let count = dice.pick(&[1, 1, 2, 3]);
    let mut targets: Vec<Target> = if number > 0 && dice.chance(config.by_ucid) {
        (0..count).map(|_| Target::UcidOf(dice.below(number))).collect()
    } else {
        let kind = dice.below(config.kinds);
        (0..count).map(|_| Target::Id(id_of_kind(config, dice, kind))).collect()
    };
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// A write, with all that it builds upon filled in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The write that it is, or repeats.
    pub first: usize,
    /// Where.
    pub realm: Realm,
    /// What it means.
    pub what: Asking,
}

/// What is asked for, with all that it builds upon filled in.
#[derive(Clone, Debug)]
pub enum Asking {
    /// A write.
    Upsert {
        /// As planned.
        plan: Upsert,
        /// The profile meant.
        ucid: Option<Ucid>,
        /// Its timestamp.
        timestamp: Option<Ms>,
        /// Its `If-Match`, if it has one with a value.
        etag: Option<u64>,
    },
    /// A fetch of these, and whether by values that several people share, too.
    Fetch(Vec<Sought>, Vec<Realm>, bool),
    /// A delete of these, with an idempotency key or not, for good or not.
    Delete(Vec<Sought>, bool, bool),
    /// A pass of the sweeper.
    Sweep,
    /// Of this profile's person, the other profile is split out.
    Split(Ucid, Ucid),
    /// These two may meet again.
    Lift(Ucid, Ucid),
    /// This identifier may be written again.
    Allow(Id),
}

/// Whom a request means, by what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Whoever this identifier leads to.
    Id(Id),
    /// This profile, or whichever it was merged into.
    Ucid(Ucid),
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Realm { org, region } = self.realm;
        write!(f, "node {} org {org} region {region}: {:?}", self.node, self.what)
    }
}
