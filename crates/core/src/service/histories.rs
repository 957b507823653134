//! What holds after any history under any strategy (contract section 6): the invariants of identity, on real rows.

use super::identity::Root;
use super::testing::{World, ready, record, region};
use super::upsert::{Write, Written};
use crate::error::Code;
use crate::id::Ucid;
use crate::profile::{Profile, codec};
use crate::rules::Rules;
use crate::strategy::{Class, Contested, KindRule, Mode, Strategy as Rule};
use crate::tables::{RowHash, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const KINDS: [&str; 6] = ["user_id", "email", "email_sha256_lowercase", "anonymous_id", "loyalty", "tv"];
/// Of these `email_sha256_lowercase` derives from `email`, and has its rule.
const RULED: [&str; 5] = ["user_id", "email", "anonymous_id", "loyalty", "tv"];

fn kind_rule(kind: &'static str) -> impl Strategy<Value = KindRule> {
    let class = prop_oneof![4 => Just(Class::Primary), 2 => Just(Class::Secondary), 1 => Just(Class::Disabled)];
    let keep = prop_oneof![2 => Just(None), 3 => Just(Some(1)), 1 => Just(Some(2))];
    let contested = select(vec![Contested::Stay, Contested::Move]);
    (class, 1..4_u8, keep, contested).prop_map(move |(class, priority, keep, contested)| KindRule {
        kind: kind.into(),
        class,
        priority,
        keep,
        contested,
        ttl_days: None,
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    let exclusive = vec(select(RULED.to_vec()), 0..3).prop_map(|kinds| {
        let exclusive: BTreeSet<Box<str>> = kinds.into_iter().map(Box::from).collect();
        Mode::Default { exclusive: exclusive.into_iter().collect() }
    });
    let custom = RULED.map(kind_rule).prop_shuffle_kinds();
    prop_oneof![1 => exclusive, 3 => custom]
}

trait Shuffled {
    fn prop_shuffle_kinds(self) -> BoxedStrategy<Mode>;
}

impl<S: Strategy<Value = KindRule> + 'static> Shuffled for [S; 5] {
    fn prop_shuffle_kinds(self) -> BoxedStrategy<Mode> {
        let kinds: Vec<BoxedStrategy<KindRule>> = self.into_iter().map(Strategy::boxed).collect();
        (kinds.prop_shuffle(), 0..6_usize)
            .prop_map(|(kinds, listed)| Mode::Custom { kinds: kinds.into_iter().take(listed).collect() })
            .boxed()
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A record: kinds and the number of the value of each.
    Record(BTreeMap<usize, u8>),
    /// The record before this one again.
    Again,
    /// Some merge of some person is undone.
    Split(Index, Index),
}

fn event() -> impl Strategy<Value = Event> {
    let record = proptest::collection::btree_map(0..KINDS.len(), 0..3_u8, 1..4).prop_map(Event::Record);
    let split = (any::<Index>(), any::<Index>()).prop_map(|(person, part)| Event::Split(person, part));
    prop_oneof![8 => record, 2 => Just(Event::Again), 1 => split]
}

/// An address, its hash, or a value of another kind.
fn identifier(kind: usize, number: u8) -> String {
    const HASHES: [&str; 3] = [
        "2e9f9e7e3d4e0e5c1c0a4f3b6d0c1e8f5a7b9c2d4e6f80123456789abcdef012",
        "3e9f9e7e3d4e0e5c1c0a4f3b6d0c1e8f5a7b9c2d4e6f80123456789abcdef012",
        "4e9f9e7e3d4e0e5c1c0a4f3b6d0c1e8f5a7b9c2d4e6f80123456789abcdef012",
    ];
    match KINDS[kind] {
        kind @ "email_sha256_lowercase" => format!("{kind}={}", HASHES[usize::from(number)]),
        kind => format!("{kind}=value {number}"),
    }
}

fn write(ids: &BTreeMap<usize, u8>) -> Write {
    let identifiers: Vec<String> = ids.iter().map(|(kind, number)| identifier(*kind, *number)).collect();
    record(&identifiers.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A world under a strategy, and what was done to it.
struct History {
    world: World,
    has_split: bool,
}

impl History {
    fn new(mode: Mode) -> Self {
        let mut world = World::new();
        world.rules = Arc::new(Rules { strategy: Rule { version: 2, mode }, ..Rules::default() });
        Self { world, has_split: false }
    }

    fn put(&self, write: &Write) -> Option<Written> {
        match self.world.upsert(write) {
            Ok(written) => Some(written),
            Err(error) => {
                assert_eq!(error.code, Code::NoUsableIdentifier, "no other reason to refuse a record");
                None
            }
        }
    }

    /// Who a person is by now: what kept two apart may have been displaced by the record itself.
    fn leads_to(&self, ucid: Ucid) -> Ucid {
        let tenant = self.world.tenant();
        let found = ready(tenant.identity(region()).show(ucid)).expect("the map never fails");
        found.expect("nobody was deleted").0
    }

    fn people(&self) -> Vec<Root> {
        let rows = self.world.store.rows();
        let profiles = rows.iter().filter(|(key, _)| key.partition.table == Table::Profile);
        let live = profiles.filter_map(|(key, row)| {
            let ucid = key.partition.bytes[key.partition.bytes.len() - 16..].try_into().expect("a UCID ends the key");
            match codec::decode(&row.value).expect("rows are readable") {
                Profile::Live(live) => Some(Root {
                    ucid: Ucid::from_u128(u128::from_be_bytes(ucid)),
                    version: Some(row.version),
                    live: live.into(),
                }),
                _ => None,
            }
        });
        live.collect()
    }

    fn split(&mut self, person: Index, part: Index) {
        let people = self.people();
        let merged: Vec<&Root> = people.iter().filter(|root| root.live.tiles.len() > 1).collect();
        if merged.is_empty() {
            return;
        }
        let root = person.get(&merged);
        let parts: Vec<Ucid> = root.live.tiles.keys().copied().filter(|tile| *tile != root.ucid).collect();
        let tenant = self.world.tenant();
        ready(tenant.split(region(), root.ucid, *part.get(&parts))).expect("what is linked can be split");
        self.has_split = true;
    }

    /// The invariants, on the rows as they are.
    fn check(&self) {
        let (rules, tenant) = (self.world.rules.clone(), self.world.tenant());
        let identity = tenant.identity(region());
        let mut primaries: BTreeMap<RowHash, Ucid> = BTreeMap::new();
        for root in self.people() {
            assert!(!root.live.is_busy(), "nothing is under way at rest");
            let held = identity.holdings(&root.live);
            assert!(!held.is_empty() || self.has_split, "nothing leads to a profile");
            let mut kept: BTreeMap<&str, BTreeSet<RowHash>> = BTreeMap::new();
            for holding in &held {
                if holding.rule.is_primary() {
                    let other = primaries.insert(holding.held.hash, root.ucid).filter(|other| *other != root.ucid);
                    assert_eq!(other, None, "a primary value, current or former, leads to one profile");
                    let lead = ready(identity.resolve(holding.held.hash)).expect("the map never fails");
                    assert_eq!(lead.holder().map(|holder| holder.root.ucid), Some(root.ucid), "the alias leads there");
                }
                if holding.rule.keeps_one() && !holding.former {
                    kept.entry(rules.family(holding.held.identifier.kind())).or_default().insert(holding.held.same);
                }
            }
            assert!(kept.values().all(|values| values.len() == 1), "two values of a kind that is kept at one");
        }
    }
}

/// What an answer shows, without stamps.
fn shown(history: &History, write: &Write) -> Vec<serde_json::Value> {
    write.identifiers.iter().map(|id| without_stamps(history.world.fetch(id.kind(), id.value()))).collect()
}

fn without_stamps(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Object(members) => {
            members.retain(|name, _| name != "_ts" && name != "updated_ts");
            members.values_mut().for_each(|member| *member = without_stamps(member.take()));
        }
        serde_json::Value::Array(items) => {
            items.iter_mut().for_each(|item| *item = without_stamps(item.take()));
            items.sort_by_key(ToString::to_string);
        }
        _ => {}
    }
    value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_of_identity_hold_after_any_history(mode in mode(), events in vec(event(), 1..24)) {
        let mut history = History::new(mode);
        let mut last = None;
        for event in events {
            match event {
                Event::Record(ids) => last = Some(ids),
                Event::Again => {}
                Event::Split(person, part) => {
                    history.split(person, part);
                    history.check();
                    continue;
                }
            }
            let Some(write) = last.as_ref().map(write) else { continue };
            let Some(first) = history.put(&write) else { continue };
            history.check();
            let again = history.put(&write).expect("it was taken before");
            prop_assert_eq!(again.ucid, history.leads_to(first.ucid), "the same record again finds the same person");
            history.check();
            let after_two = (again.not_attached, shown(&history, &write));
            let third = history.put(&write).expect("it was taken before");
            prop_assert_eq!(third.ucid, again.ucid);
            prop_assert_eq!((third.not_attached, shown(&history, &write)), after_two, "a third time changes nothing");
        }
    }
}
