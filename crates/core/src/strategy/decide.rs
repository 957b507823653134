//! Rules 1 to 5 of contract section 6, from what was looked up to what is to be done.

use super::{Class, Contested, Grounds, Rule, listed};
use crate::tables::RowHash;
use std::cmp::Ordering;

/// One identifier of a record, and where it led when it was looked up.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its kind.
    pub kind: Box<str>,
    /// The kind whose rule it follows: the one that it derives from, or its own.
    pub family: Box<str>,
    /// What all writings of this one identifier have in common.
    pub same: RowHash,
    /// How its kind takes part.
    pub rule: Rule,
    /// Blocked, or suppressed: it takes no part.
    pub blocked: bool,
    /// The person that it leads to, by place in the list of people.
    pub leads: Option<Leads>,
    /// Whether it was shown before this very record joined people, and was displaced only by that.
    pub was_current: bool,
}

/// Where an identifier leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leads {
    /// To whom, by place in the list of people.
    pub to: usize,
    /// Whether it is a former value there: displaced, not shown.
    pub former: bool,
    /// Whether it sits on several people (its kind became primary later).
    pub shared: bool,
}

/// One person that the record leads to.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// The identifiers that they hold now, former ones left out.
    pub holds: Vec<Holds>,
    /// That this very record has left them alone already, and why: a decision that is half carried out stands.
    pub left: Option<Why>,
}

/// An identifier that a person holds.
#[derive(Clone, Debug)]
pub struct Holds {
    /// The kind whose rule it follows.
    pub family: Box<str>,
    /// What all writings of it have in common.
    pub same: RowHash,
    /// How its kind takes part.
    pub rule: Rule,
}

/// Why a profile was left alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Why {
    /// Rule a: the identifier is below the best looked up, and the profile holds a better one.
    Better,
    /// Rule b: one value is kept of this kind, and two would meet.
    OneKept(Box<str>),
    /// Rule c: the record has no primary, and both profiles hold one.
    BothPrimary,
    /// Rule d: the two were split.
    Apart,
    /// Rule d: a limit of one person would be passed.
    Limit,
    /// The value sits on several profiles.
    Shared,
    /// The identifier left the profile before the merge.
    Left,
    /// The value is blocked, and so named nobody.
    Blocked,
    /// The value may not be written again.
    Suppressed,
}

impl Why {
    /// Its name, as it stands in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Better => "profile_holds_better",
            Why::OneKept(_) => "one_value_kept",
            Why::BothPrimary => "both_have_primary",
            Why::Apart => "kept_apart",
            Why::Limit => "limit_of_one_person",
            Why::Shared => "shared_value",
            Why::Left => "identifier_left",
            Why::Blocked => "blocked_value",
            Why::Suppressed => "suppressed_value",
        }
    }

    /// Which rule of contract section 6 it is.
    pub fn rule(&self) -> &'static str {
        match self {
            Why::Better => "2a",
            Why::OneKept(_) => "2b",
            Why::BothPrimary => "2c",
            Why::Blocked | Why::Suppressed => "1",
            Why::Apart | Why::Limit => "2d",
            Why::Shared | Why::Left => "2",
        }
    }

    /// What it means, for people.
    pub fn sentence(&self) -> String {
        match self {
            Why::Better => "The record named somebody by a better identifier, and the other profile holds a better one than the one that led to it.".into(),
            Why::OneKept(kind) => format!("A person has one {kind}, and the two would have had different ones."),
            Why::BothPrimary => "The record had no primary identifier, and both profiles hold one.".into(),
            Why::Apart => "The two were split, and are kept apart until an administrator lifts that.".into(),
            Why::Limit => "Together they would have passed a limit of one person.".into(),
            Why::Shared => "The value sits on several profiles, so it joins nobody.".into(),
            Why::Left => "The identifier left the other profile before the two were joined.".into(),
            Why::Blocked => "The value is blocked: it names nobody, so it was not looked up and is not kept.".into(),
            Why::Suppressed => "The value is suppressed: it may not be written again, so it was not looked up and is not kept.".into(),
        }
    }
}

/// That an identifier's profile was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which identifier of the record.
    pub by: usize,
    /// Whose profile, by place in the list of people.
    pub profile: usize,
    /// Why.
    pub why: Why,
}

/// What becomes of one identifier of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is held by the person, and shown.
    Attach,
    /// It is a former value of the person and stays one.
    Former,
    /// It is taken from the other profile that it leads to, then attached.
    Take,
    /// It stays with the profile that was left alone.
    Stays,
    /// It takes no part.
    Blocked,
}

/// What a record comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The person, by place in the list of people; `None`: a new one.
    pub person: Option<usize>,
    /// Whoever merges into the person, each with the identifier that brought them.
    pub merges: Vec<(usize, usize)>,
    /// Which profiles were left alone, and why.
    pub refusals: Vec<Refusal>,
    /// What becomes of each identifier, in the order of the record.
    pub fates: Vec<Fate>,
    /// The identifiers in the order *listed before*, in which they are taken from others.
    pub order: Vec<usize>,
    /// The best class and priority that was looked up.
    pub best: Option<(Class, u8)>,
    /// Whether the record has no primary that takes part.
    pub no_primary: bool,
    /// Whether a `ucid` was named whose best kind the record would replace (409).
    pub ucid_conflict: bool,
    /// Whether the record has no identifier that may be looked up (400).
    pub unusable: bool,
}

/// Whether rule d lets the people together so far, and a further one, be one person.
pub type MayMeet<'a> = dyn Fn(&[usize], usize) -> Result<(), Why> + 'a;

impl Decision {
    /// Whether nobody is the person and nothing of the record would be theirs.
    pub(crate) fn is_of_nothing(&self) -> bool {
        let stays = |fate: &Fate| matches!(fate, Fate::Stays | Fate::Blocked);
        self.person.is_none() && self.fates.iter().all(stays)
    }
}

/// Decides. `ucid` is the person that the record names by UCID; `may_meet` says, of the people together so far and a
/// further one, whether rule d lets them join.
pub fn decide(record: &[Named], people: &[Person], ucid: Option<usize>, may_meet: &MayMeet<'_>) -> Decision {
    let surplus = surplus(record);
    let mut case = Case { record, people, ucid, may_meet, surplus, order: Vec::new(), alone: Vec::new(), best: None };
    case.order = case.looked_up();
    if case.order.is_empty() && ucid.is_none() {
        return Decision { unusable: true, fates: vec![Fate::Blocked; record.len()], ..Decision::default() };
    }
    case.best = case.best_looked_up();
    let mut together = Vec::from_iter(ucid);
    let mut merges = Vec::new();
    for by in case.order.clone() {
        let Some(leads) = record[by].leads.filter(|leads| !leads.former && !together.contains(&leads.to)) else {
            continue;
        };
        match case.may_join(by, leads.to, leads.shared, &together) {
            Ok(()) if together.is_empty() => together.push(leads.to),
            Ok(()) => {
                together.push(leads.to);
                merges.push((leads.to, by));
            }
            Err(why) => case.alone.push(Refusal { by, profile: leads.to, why }),
        }
    }
    let person = together.first().copied().or_else(|| case.all_former());
    if together.is_empty() {
        together.extend(person);
    }
    let order = case.listed_order(0..record.len());
    let fates = case.fates(&order, &together);
    let ucid_conflict = ucid.is_some_and(|ucid| case.replaces_best(ucid));
    let (best, no_primary) = (case.best, case.no_primary());
    Decision { person, merges, refusals: case.alone, fates, order, best, no_primary, ucid_conflict, unusable: false }
}

/// Judges once more, by what both people hold now, what was decided before: rules a to c for a further profile and the
/// people that it was to join.
pub fn judge(grounds: &Grounds, further: &[Holds], others: &[Holds]) -> Result<(), Why> {
    if grounds.below && further.iter().any(|held| held.rule.rank() < grounds.rank) {
        return Err(Why::Better);
    }
    for held in further.iter().filter(|held| held.rule.keeps_one()) {
        if others.iter().any(|other| other.family == held.family && other.same != held.same) {
            return Err(Why::OneKept(held.family.clone()));
        }
    }
    let has_primary = |holds: &[Holds]| holds.iter().any(|held| held.rule.is_primary());
    if grounds.no_primary && has_primary(further) && has_primary(others) {
        return Err(Why::BothPrimary);
    }
    Ok(())
}

struct Case<'a> {
    record: &'a [Named],
    people: &'a [Person],
    ucid: Option<usize>,
    may_meet: &'a MayMeet<'a>,
    /// Which identifiers of the record are more than a profile keeps of their kind.
    surplus: Vec<bool>,
    /// The identifiers that are looked up, in the order *listed before*.
    order: Vec<usize>,
    /// Whose profiles were left alone.
    alone: Vec<Refusal>,
    /// The best rank looked up.
    best: Option<(Class, u8)>,
}

/// A record may name an address and a hash that is of another one. Of a kind of which a number is kept, as many count as
/// are kept, the raw ones before the hashes; what is more takes no part, and the answer says so.
fn surplus(record: &[Named]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..record.len()).collect();
    order.sort_by_key(|by| (*record[*by].kind != *record[*by].family, &record[*by].kind));
    let mut counted: Vec<(&str, RowHash)> = Vec::new();
    let mut surplus = vec![false; record.len()];
    for by in order {
        let named = &record[by];
        let own = (&*named.family, named.same);
        let Some(keep) = named.rule.keep.filter(|_| !named.blocked && !counted.contains(&own)) else { continue };
        if counted.iter().filter(|(family, _)| *family == own.0).count() >= usize::from(keep) {
            surplus[by] = true;
        } else {
            counted.push(own);
        }
    }
    surplus
}

impl Case<'_> {
    fn takes_part(&self, by: usize) -> bool {
        !self.record[by].blocked && !self.surplus[by]
    }

    /// Rule 1: the primaries, or where there are none the secondaries.
    fn looked_up(&self) -> Vec<usize> {
        let of = |class: Class| -> Vec<usize> {
            let of_class = |by: &usize| self.record[*by].rule.class == class && self.takes_part(*by);
            self.listed_order((0..self.record.len()).filter(of_class))
        };
        let primaries = of(Class::Primary);
        if primaries.is_empty() { of(Class::Secondary) } else { primaries }
    }

    fn listed_order(&self, identifiers: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut order: Vec<usize> = identifiers.collect();
        order.sort_by(|a, b| self.listed(*a, *b));
        order
    }

    fn listed(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (&self.record[a], &self.record[b]);
        listed((&a.rule, &a.family), (&b.rule, &b.family))
    }

    /// A `ucid` counts as the best identifier that its profile holds.
    fn best_looked_up(&self) -> Option<(Class, u8)> {
        let named = self.ucid.and_then(|ucid| self.best_held(ucid)).map(|best| best.rule.rank());
        self.order.iter().map(|by| self.record[*by].rule.rank()).chain(named).min()
    }

    fn best_held(&self, person: usize) -> Option<&Holds> {
        let holds = self.people[person].holds.iter();
        holds.min_by(|a, b| listed((&a.rule, &a.family), (&b.rule, &b.family)))
    }

    /// Rule 2: whether the profile that an identifier leads to may be used (nobody yet) or merged (somebody already).
    fn may_join(&self, by: usize, to: usize, shared: bool, together: &[usize]) -> Result<(), Why> {
        if let Some(why) = &self.people[to].left {
            return Err(why.clone());
        }
        let named = &self.record[by];
        let better = self.people[to].holds.iter().any(|held| held.rule.rank() < named.rule.rank());
        if self.best.is_some_and(|best| best < named.rule.rank()) && better {
            return Err(Why::Better);
        }
        self.one_kept(by, to, together)?;
        if together.is_empty() {
            return Ok(());
        }
        if shared {
            return Err(Why::Shared);
        }
        if self.no_primary() && self.has_primary(&[to]) && self.has_primary(together) {
            return Err(Why::BothPrimary);
        }
        (self.may_meet)(together, to)
    }

    /// Rule b.
    fn one_kept(&self, by: usize, to: usize, together: &[usize]) -> Result<(), Why> {
        for held in self.people[to].holds.iter().filter(|held| held.rule.keeps_one()) {
            let others = together.iter().flat_map(|person| &self.people[*person].holds);
            let clash = |family: &str, same: RowHash| *family == *held.family && same != held.same;
            if others.into_iter().any(|other| clash(&other.family, other.same)) {
                return Err(Why::OneKept(held.family.clone()));
            }
            let carried: Vec<usize> = self.carried(&held.family).collect();
            if carried.iter().any(|carried| self.record[*carried].same == held.same) {
                continue;
            }
            let before = |carried: &usize| self.listed(by, *carried) == Ordering::Less;
            let replaces = together.is_empty() && carried.iter().all(before);
            if !replaces && !carried.is_empty() {
                return Err(Why::OneKept(held.family.clone()));
            }
        }
        Ok(())
    }

    /// What the record carries of a kind; a primary that was left alone and stays where it is does not count.
    fn carried<'c>(&'c self, family: &'c str) -> impl Iterator<Item = usize> + 'c {
        let carries = move |by: &usize| *self.record[*by].family == *family && self.takes_part(*by) && !self.stays(*by);
        (0..self.record.len()).filter(carries)
    }

    fn stays(&self, by: usize) -> bool {
        let rule = &self.record[by].rule;
        rule.is_primary() && rule.contested == Contested::Stay && self.alone.iter().any(|alone| alone.by == by)
    }

    fn no_primary(&self) -> bool {
        self.record.iter().all(|named| named.blocked || !named.rule.is_primary())
    }

    fn has_primary(&self, people: &[usize]) -> bool {
        people.iter().flat_map(|person| &self.people[*person].holds).any(|held| held.rule.is_primary())
    }

    /// Rule 3: all that was looked up are former values of one profile.
    fn all_former(&self) -> Option<usize> {
        let mut to =
            self.order.iter().map(|by| self.record[*by].leads.filter(|leads| leads.former).map(|leads| leads.to));
        let first = to.next()??;
        to.all(|other| other == Some(first)).then_some(first)
    }

    /// Rule 4, and what rule 5 says of former values. What moves does so in the order *listed before*, and what is then all
    /// that leads to a profile does not move from there, or nobody would find it any more; unless the two were split, and
    /// so the value is known to be somebody else's.
    fn fates(&self, order: &[usize], together: &[usize]) -> Vec<Fate> {
        let mut fates = vec![Fate::Blocked; self.record.len()];
        let mut moved: Vec<RowHash> = Vec::new();
        for by in order {
            fates[*by] = self.fate(*by, together, &moved);
            if fates[*by] == Fate::Take {
                moved.push(self.record[*by].same);
            }
        }
        fates
    }

    fn fate(&self, by: usize, together: &[usize], moved: &[RowHash]) -> Fate {
        let named = &self.record[by];
        if named.blocked {
            return Fate::Blocked;
        }
        if self.surplus[by] {
            return Fate::Stays;
        }
        let Some(leads) = named.leads else { return Fate::Attach };
        if together.contains(&leads.to) {
            let stays_former = leads.former && !self.restored(by, together);
            return if stays_former { Fate::Former } else { Fate::Attach };
        }
        match (named.rule.class, leads.former, named.rule.contested) {
            (Class::Secondary | Class::Disabled, ..) => Fate::Attach,
            (Class::Primary, true, _) => Fate::Take,
            (Class::Primary, false, Contested::Move) if self.may_move(by, leads.to, together, moved) => Fate::Take,
            (Class::Primary, false, _) => Fate::Stays,
        }
    }

    fn may_move(&self, by: usize, from: usize, together: &[usize], moved: &[RowHash]) -> bool {
        let same = self.record[by].same;
        let apart = !together.is_empty() && (self.may_meet)(together, from) == Err(Why::Apart);
        let mut left = self.people[from].holds.iter().filter(|held| held.same != same && !moved.contains(&held.same));
        apart || moved.contains(&same) || left.next().is_some()
    }

    /// Whether the record carries a former value together with a current identifier of that profile listed before it.
    fn restored(&self, by: usize, together: &[usize]) -> bool {
        let named = &self.record[by];
        let current = |other: &usize| {
            let leads = self.record[*other].leads;
            leads.is_some_and(|leads| !leads.former && together.contains(&leads.to))
                && self.listed(*other, by) == Ordering::Less
        };
        if named.was_current {
            return true;
        }
        let by_ucid = self.ucid.and_then(|ucid| self.best_held(ucid));
        let named_by_ucid = by_ucid
            .is_some_and(|best| listed((&best.rule, &best.family), (&named.rule, &named.family)) == Ordering::Less);
        named_by_ucid || self.order.iter().any(current)
    }

    /// Whether the record would replace the value of the best kind of the profile that it names by UCID.
    fn replaces_best(&self, ucid: usize) -> bool {
        let Some(best) = self.best_held(ucid).filter(|best| best.rule.keeps_one()) else { return false };
        let carried = (0..self.record.len()).filter(|by| self.takes_part(*by)).map(|by| &self.record[by]);
        carried.into_iter().any(|named| named.family == best.family && named.same != best.same)
    }
}
