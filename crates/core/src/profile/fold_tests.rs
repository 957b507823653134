//! The fold against what it must not depend on, and against a model that keeps everything ever said and reads the
//! answer off the contract's table.

use super::super::absorb::fold_for_good;
use super::arbitrary::{carried, fold};
use super::*;
use crate::id::Identifier;
use crate::limits;
use crate::patch::{GroupPatch, Patch};
use crate::profile::attribute::Said;
use crate::profile::tile::Carried;
use arbitrary::{said, source, tile, tiles, ucid};
use proptest::collection::vec;
use proptest::prelude::*;

// What a fold does not depend on.

proptest! {
    #[test]
    fn the_order_the_grouping_and_the_repetition_of_tiles_do_not_matter(
        tiles in tiles(),
        arrivals in vec((any::<prop::sample::Index>(), 0..3_usize), 0..12),
    ) {
        let all: Vec<_> = tiles.iter().map(|(ucid, tile)| (*ucid, tile.clone())).collect();
        // Each tile comes to one of three profiles, some to several; then these are absorbed, the last first.
        let mut profiles = [Tiles::new(), Tiles::new(), Tiles::new()];
        for (index, to) in arrivals {
            profiles[to].extend([index.get(&all).clone()]);
        }
        profiles[0].extend(all.iter().rev().cloned());
        let absorbed = profiles.into_iter().rev().fold(Tiles::new(), |mut winner, loser| {
            winner.extend(loser);
            winner
        });
        prop_assert_eq!(fold(&absorbed), fold(&tiles));
    }

    #[test]
    fn a_tile_alone_shows_what_the_profile_that_never_merged_would(tile in tile(), others in tiles()) {
        let alone = fold(&Tiles::from([(ucid(0), tile.clone())]));
        prop_assert_eq!(&fold(&Tiles::from([(ucid(9), tile.clone())])), &alone, "whatever its name");
        prop_assert_eq!(&fold(&Tiles::from([(ucid(0), tile.clone()), (ucid(9), Tile::default())])), &alone);
        let mut merged = others.clone();
        merged.insert(ucid(7), tile.clone());
        merged.retain(|ucid, _| !others.contains_key(ucid));
        prop_assert_eq!(fold(&merged), alone, "after a split");
    }

    #[test]
    fn a_value_said_alone_in_a_tile_shows_in_the_fold_if_nothing_newer_was_said(tiles in tiles(), value in "[a-z]{1,5}") {
        let mut tiles = tiles;
        let said = Said::Set(Value::One(Scalar::from(&*value)));
        tiles.entry(ucid(3)).or_default().apply(&patch_of(What::Member("g", said)), 1_000, &source(1));
        let expected = Value::One(Scalar::from(&*value));
        prop_assert_eq!(&fold(&tiles).groups["g"]["g"].value, &expected);
    }
}

// Consents.

proptest! {
    #[test]
    fn a_withdrawn_consent_never_shows_yes(
        said in vec((0..4_u8, 0..10_u64, any::<bool>()), 1..12)
    ) {
        let mut tiles = Tiles::new();
        for (tile, ts, given) in &said {
            let patch = Patch { consents: BTreeMap::from([("gdpr".into(), *given)]), ..Patch::default() };
            tiles.entry(ucid(*tile)).or_default().apply(&patch, *ts, &source(*ts));
        }
        let newest = said.iter().map(|(_, ts, _)| *ts).max().unwrap();
        // Ties: the first created profile; within it the later arrival.
        let first = said.iter().filter(|(_, ts, _)| *ts == newest).map(|(tile, _, _)| *tile).min().unwrap();
        let last = said.iter().rfind(|(tile, ts, _)| (*tile, *ts) == (first, newest)).unwrap();
        let shown = &fold(&tiles).consents["gdpr"];
        prop_assert_eq!((shown.value, shown.ts), (last.2, newest));
        if said.iter().all(|(_, ts, given)| *ts < newest || !given) {
            prop_assert!(!shown.value);
        }
    }
}

// The model.

/// What one write said of the group `g`.
#[derive(Clone, Debug)]
enum What {
    Member(&'static str, Said),
    WholeGroup,
}

/// One write, in order of arrival. Stamps are distinct: which of two equal ones wins is told case by case elsewhere.
#[derive(Clone, Debug)]
struct Saying {
    tile: Ucid,
    ts: Ms,
    what: What,
}

fn patch_of(what: What) -> Patch {
    let said = match what {
        What::Member(name, said) => GroupPatch::Members(BTreeMap::from([(name.into(), said)])),
        What::WholeGroup => GroupPatch::Unset,
    };
    Patch { groups: BTreeMap::from([("g".into(), said)]), ..Patch::default() }
}

fn tiles_of(log: &[Saying]) -> Tiles {
    let mut tiles = Tiles::new();
    for saying in log {
        let tile = tiles.entry(saying.tile).or_default();
        tile.apply(&patch_of(saying.what.clone()), saying.ts, &source(saying.ts));
    }
    tiles
}

/// One thing said of one attribute. A removal of its group is a removal of it.
type One = (Ucid, Ms, Said);

fn of_member(log: &[Saying], member: &str) -> Vec<One> {
    let of = |saying: &Saying| match &saying.what {
        What::Member(name, said) if *name == member => Some((saying.tile, saying.ts, said.clone())),
        What::Member(..) => None,
        What::WholeGroup => Some((saying.tile, saying.ts, Said::Unset)),
    };
    log.iter().filter_map(of).collect()
}

/// The whole log of one attribute, and the answers that can be read off it.
struct Model {
    log: Vec<One>,
    /// Values added to the list: the value, when, its place as sent, by which tile.
    additions: Vec<(Scalar, Ms, usize, Ucid)>,
    /// Plain values and removals.
    bases: Vec<(Ms, Option<Scalar>)>,
}

impl Model {
    /// Reads the log as it came: a plain value that finds a list in its tile is an entry of it.
    fn new(log: Vec<One>) -> Self {
        let mut model = Self { log: Vec::new(), additions: Vec::new(), bases: Vec::new() };
        for (tile, ts, said) in log {
            let entries = match &said {
                Said::Plain(value) if model.tile_is_list(tile) => vec![value.clone()],
                Said::Entries(values) | Said::Set(Value::List(values)) => values.clone(),
                _ => vec![],
            };
            match &said {
                Said::Plain(value) if entries.is_empty() => model.bases.push((ts, Some(value.clone()))),
                Said::Set(Value::One(value)) => model.bases.push((ts, Some(value.clone()))),
                Said::Set(Value::List(_)) | Said::Unset => model.bases.push((ts, None)),
                _ => {}
            }
            let places = entries.into_iter().enumerate();
            model.additions.extend(places.map(|(place, value)| (value, ts, place, tile)));
            model.log.push((tile, ts, said));
        }
        model
    }

    fn tile_is_list(&self, tile: Ucid) -> bool {
        let absent = |value: &Scalar| {
            let own = self.log.iter().filter(|(of, ..)| *of == tile);
            own.filter(|(_, _, said)| hides(said, value)).map(|(_, ts, _)| *ts).max()
        };
        let mut own = self.additions.iter().filter(|(.., of)| *of == tile);
        own.any(|(value, ts, ..)| absent(value).is_none_or(|absent| absent <= *ts))
    }

    /// When this value was last made absent by anyone.
    fn absent(&self, value: &Scalar) -> Ms {
        self.log.iter().filter(|(_, _, said)| hides(said, value)).map(|(_, ts, _)| *ts).max().unwrap_or(0)
    }

    fn base(&self) -> Option<(Ms, Option<Scalar>)> {
        self.bases.iter().max_by_key(|(ts, _)| *ts).cloned()
    }

    /// Entries that were added since they were last absent, by the first such addition; and the newest addition.
    fn list(&self) -> Option<(Vec<Scalar>, Ms)> {
        let mut additions = self.additions.clone();
        additions.retain(|(value, ts, ..)| *ts >= self.absent(value));
        if additions.is_empty() {
            return None;
        }
        if let Some((ts, Some(value))) = self.base()
            && ts >= self.absent(&value)
        {
            additions.push((value, ts, 0, ucid(0)));
        }
        additions.sort_by_key(|(_, ts, place, _)| (*ts, *place));
        let newest = additions.iter().map(|(_, ts, ..)| *ts).max()?;
        let mut values: Vec<Scalar> = Vec::new();
        for (value, ..) in additions {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Some((values, newest))
    }

    /// What is shown, its stamp, and the stamp of who is named as the source.
    fn shown(&self) -> Option<(Value, Ms, Ms)> {
        if let Some((values, newest)) = self.list() {
            let removals = self.log.iter().filter(|(_, _, said)| names_something(said));
            let touched = removals.map(|(_, ts, _)| *ts).chain([newest]).max()?;
            return Some((Value::List(values), touched, newest));
        }
        let (since, base) = self.base().unzip();
        let base = base.flatten().filter(|value| since >= Some(self.absent(value)));
        if let Some(text) = base.as_ref().filter(|base| base.number().is_none()) {
            return Some((Value::One(text.clone()), since?, since?));
        }
        let number = base.and_then(|base| base.number()).map(Number::as_f64);
        if let Some((number, ts)) = self.number(since, number) {
            return Some((Value::One(Scalar::from_f64(number).unwrap()), ts, ts));
        }
        if since.is_some() { None } else { self.first() }
    }

    fn number(&self, since: Option<Ms>, base: Option<f64>) -> Option<(f64, Ms)> {
        let (mut number, mut stamps) = (base, since.into_iter().collect::<Vec<_>>());
        let operators: [Operator; 3] = [
            |said| if let Said::Add(n) = said { Some((*n, |a, b| a + b)) } else { None },
            |said| if let Said::Min(n) = said { Some((*n, f64::min)) } else { None },
            |said| if let Said::Max(n) = said { Some((*n, f64::max)) } else { None },
        ];
        for operator in operators {
            for (_, ts, said) in self.log.iter().filter(|(_, ts, _)| since.is_none_or(|since| *ts > since)) {
                if let Some((n, combine)) = operator(said) {
                    number = Some(number.map_or(n.as_f64(), |number| combine(number, n.as_f64())));
                    stamps.push(*ts);
                }
            }
        }
        Some((number?, stamps.into_iter().max()?))
    }

    fn first(&self) -> Option<(Value, Ms, Ms)> {
        let once = |(_, ts, said): &One| match said {
            Said::SetOnce(value) => Some((*ts, value.clone())),
            _ => None,
        };
        let (ts, value) = self.log.iter().filter_map(once).min_by_key(|(ts, _)| *ts)?;
        Some((without_duplicates(value), ts, ts))
    }
}

/// The number that an operator brings, and how it joins what is there.
type Operator = fn(&Said) -> Option<(Number, fn(f64, f64) -> f64)>;

fn without_duplicates(value: Value) -> Value {
    let Value::List(values) = value else { return value };
    let first = |(at, value): &(usize, &Scalar)| values.iter().position(|other| other == *value) == Some(*at);
    Value::List(values.iter().enumerate().filter(first).map(|(_, value)| value.clone()).collect())
}

/// Whether this hides older additions of the value.
fn hides(said: &Said, value: &Scalar) -> bool {
    match said {
        Said::Set(_) | Said::Unset => true,
        Said::Remove(values) => values.contains(value),
        _ => false,
    }
}

fn names_something(said: &Said) -> bool {
    matches!(said, Said::Remove(values) if !values.is_empty())
}

/// Values that this may add to a list.
fn may_add(said: &Said) -> Vec<Scalar> {
    match said {
        Said::Plain(value) => vec![value.clone()],
        Said::Entries(values) | Said::Set(Value::List(values)) => values.clone(),
        _ => vec![],
    }
}

/// Of one entry a tile keeps its first and its newest addition since it was last absent *as far as the tile knew*. If it
/// learns of a removal later (a late arrival, or from another tile after a merge), and that removal lies between the
/// first and several newer additions, the entry stands where the newest put it, not where the first after the removal
/// would have. To know better it would have to keep every addition. So here each tile adds a value at most twice.
fn at_most_two_additions(log: &mut Vec<Saying>) {
    let mut seen: BTreeMap<(Ucid, &str, Scalar), BTreeSet<Ms>> = BTreeMap::new();
    log.retain(|saying| {
        let What::Member(name, said) = &saying.what else { return true };
        let added = may_add(said);
        let stamps = |value: &Scalar| seen.get(&(saying.tile, *name, value.clone())).map_or(0, BTreeSet::len);
        if added.iter().any(|value| stamps(value) == 2) {
            return false;
        }
        for value in added {
            seen.entry((saying.tile, name, value)).or_default().insert(saying.ts);
        }
        true
    });
}

fn what() -> impl Strategy<Value = What> {
    let member = (prop::sample::select(vec!["x", "x", "x", "y"]), said());
    prop_oneof![20 => member.prop_map(|(name, said)| What::Member(name, said)), 1 => Just(What::WholeGroup)]
}

/// Writes to one tile, with stamps in the order of arrival.
fn in_order() -> impl Strategy<Value = Vec<Saying>> {
    vec(what(), 0..limits::INCREMENTS)
        .prop_map(|said| (1..).zip(said).map(|(ts, what)| Saying { tile: ucid(0), ts, what }).collect())
}

/// Writes to one to four tiles, arriving in any order, as those with a client's timestamp do.
fn in_any_order() -> impl Strategy<Value = Vec<Saying>> {
    vec((0..4_u8, 1..100_u64, what()), 0..limits::INCREMENTS).prop_map(|said| {
        let mut stamps = BTreeSet::new();
        let distinct = said.into_iter().filter(|(_, ts, _)| stamps.insert(*ts));
        let mut log = distinct.map(|(tile, ts, what)| Saying { tile: ucid(tile), ts, what }).collect();
        at_most_two_additions(&mut log);
        log
    })
}

fn agrees_with_the_model(log: &[Saying]) -> Result<(), TestCaseError> {
    let shown = fold(&tiles_of(log)).groups.remove("g").unwrap_or_default();
    for member in ["x", "y"] {
        let expected = Model::new(of_member(log, member)).shown();
        let expected = expected.map(|(value, ts, by)| Stamped { value, ts, source: source(by) });
        prop_assert_eq!(shown.get(member), expected.as_ref(), "{}", member);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_profile_that_never_merged_shows_what_the_contract_says(log in in_order()) {
        agrees_with_the_model(&log)?;
    }

    #[test]
    fn a_person_of_several_profiles_shows_what_the_contract_says(log in in_any_order()) {
        agrees_with_the_model(&log)?;
    }

    #[test]
    fn a_split_shows_what_the_contract_says_of_each_part(log in in_any_order()) {
        let mut tiles = tiles_of(&log);
        let parted = tiles.split_off(&ucid(2));
        for (tiles, part) in [(tiles, 0..2), (parted, 2..4)] {
            let of_part = |saying: &&Saying| part.contains(&((saying.tile.as_u128() & 0xff) as u8));
            let log: Vec<_> = log.iter().filter(of_part).cloned().collect();
            prop_assert_eq!(fold(&tiles), fold(&tiles_of(&log)));
            agrees_with_the_model(&log)?;
        }
    }
}

// Where the contract decides between equal stamps of several profiles.

fn person<const N: usize>(said: [(u8, Ms, What); N]) -> Shown {
    let log: Vec<_> = said.into_iter().map(|(tile, ts, what)| Saying { tile: ucid(tile), ts, what }).collect();
    fold(&tiles_of(&log))
}

fn x(said: Said) -> What {
    What::Member("x", said)
}

fn shows(shown: &Shown) -> Option<&Value> {
    Some(&shown.groups.get("g")?.get("x")?.value)
}

fn plain(text: &str) -> Said {
    Said::Plain(text.into())
}

fn entries<const N: usize>(of: [&str; N]) -> Said {
    Said::Entries(of.map(Scalar::from).to_vec())
}

#[test]
fn of_equal_stamps_the_first_created_profile_wins() {
    let first = person([(2, 5, x(plain("second"))), (1, 5, x(plain("first")))]);
    assert_eq!(shows(&first), Some(&Value::One("first".into())));
    assert_eq!(shows(&person([(1, 5, x(Said::Unset)), (2, 5, x(plain("second")))])), None);
    let kept = person([(1, 5, x(plain("first"))), (2, 5, x(Said::Unset))]);
    assert_eq!(shows(&kept), Some(&Value::One("first".into())));
    let once = |text: &str| x(Said::SetOnce(Value::One(text.into())));
    assert_eq!(shows(&person([(2, 5, once("second")), (1, 5, once("first"))])), Some(&Value::One("first".into())));
}

#[test]
fn of_a_value_and_a_removal_of_its_group_with_equal_stamps_the_first_created_profiles_wins() {
    assert_eq!(shows(&person([(1, 5, What::WholeGroup), (2, 5, x(plain("second")))])), None);
    let kept = person([(1, 5, x(plain("first"))), (2, 5, What::WholeGroup)]);
    assert_eq!(shows(&kept), Some(&Value::One("first".into())));
}

#[test]
fn an_increment_or_a_bound_of_the_stamp_of_another_profiles_value_is_not_newer() {
    let ten = || x(Said::Plain(Scalar::Integer(10)));
    for said in [Said::Add(Number::Integer(1)), Said::Min(Number::Integer(1)), Said::Max(Number::Integer(99))] {
        let ten_stays = Some(Value::One(Scalar::Integer(10)));
        assert_eq!(shows(&person([(1, 5, ten()), (2, 5, x(said.clone()))])).cloned(), ten_stays);
        assert_eq!(shows(&person([(1, 5, x(said)), (2, 5, ten())])).cloned(), ten_stays);
    }
}

#[test]
fn entries_with_equal_stamps_stand_as_sent_then_by_the_age_of_their_profile() {
    let joined = person([(2, 5, x(entries(["b", "d"]))), (1, 5, x(entries(["c", "a"])))]);
    assert_eq!(shows(&joined), Some(&Value::List(["c", "b", "a", "d"].map(Scalar::from).to_vec())));
}

#[test]
fn an_entry_removed_by_another_profile_when_it_was_added_stays() {
    let joined = person([(1, 5, x(entries(["a"]))), (2, 5, x(Said::Remove(vec!["a".into()])))]);
    assert_eq!(shows(&joined), Some(&Value::List(vec!["a".into()])));
}

#[test]
fn what_newer_increments_would_apply_to_is_the_newest_value_that_was_not_removed() {
    let of = |said: &[(u8, Ms, Said)]| {
        let log = said.iter().map(|(tile, ts, s)| Saying { tile: ucid(*tile), ts: *ts, what: x(s.clone()) });
        base_of(&tiles_of(&log.collect::<Vec<_>>()), "g", "x").map(|base| (base.ts, base.value))
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[(1, 5, plain("old")), (2, 6, plain("new"))]), Some((6, Some("new".into()))));
    assert_eq!(of(&[(1, 5, plain("old")), (2, 6, Said::Remove(vec!["old".into()]))]), Some((5, None)));
}

#[test]
fn the_length_of_a_list_is_counted_beyond_what_is_shown() {
    let many = |from: i64| Said::Entries((from..from + 700).map(Scalar::Integer).collect());
    let log = [(1, many(0)), (2, many(600))].map(|(tile, said)| Saying { tile: ucid(tile), ts: 1, what: x(said) });
    assert_eq!(list_length(&tiles_of(&log), "g", "x"), 1_300);
    assert_eq!(list_length(&tiles_of(&log), "g", "y"), 0);
}

#[test]
fn a_sum_of_doubles_does_not_depend_on_who_said_which() {
    let add = |n: f64| x(Said::Add(Number::from_f64(n).unwrap()));
    let parts = [(1, 1e16), (2, 0.1), (3, -1e16), (4, 0.3)];
    let sum = |tiles: [u8; 4]| {
        let said = parts.iter().zip(tiles).map(|((ts, n), tile)| Saying { tile: ucid(tile), ts: *ts, what: add(*n) });
        shows(&fold(&tiles_of(&said.collect::<Vec<_>>()))).cloned()
    };
    assert_eq!(sum([1, 2, 3, 4]), sum([4, 3, 2, 1]));
    assert_eq!(sum([1, 2, 3, 4]), sum([1, 1, 1, 1]));
}

#[test]
fn preferences_are_the_newest_and_a_removed_one_is_not_shown() {
    let say = |tiles: &mut Tiles, tile: u8, ts: Ms, value: Option<&str>| {
        let patch =
            Patch { preferences: BTreeMap::from([("sms_optin".into(), value.map(Box::from))]), ..Patch::default() };
        tiles.entry(ucid(tile)).or_default().apply(&patch, ts, &source(ts));
    };
    let mut tiles = Tiles::new();
    say(&mut tiles, 1, 5, Some("yes"));
    say(&mut tiles, 2, 5, Some("second"));
    assert_eq!(&*fold(&tiles).preferences["sms_optin"].value, "yes");
    say(&mut tiles, 2, 6, Some("later"));
    assert_eq!(&*fold(&tiles).preferences["sms_optin"].value, "later");
    say(&mut tiles, 1, 7, None);
    assert!(fold(&tiles).preferences.is_empty());
}

#[test]
fn identifiers_stand_the_last_communicated_first_and_one_that_two_profiles_hold_comes_once() {
    let held = |value: &str, n: u8| Carried { identifier: Identifier::new("email", value).unwrap(), ..carried(n) };
    let mut tiles = Tiles::new();
    tiles.entry(ucid(1)).or_default().hold(&held("old", 1), 5, 5, 5);
    tiles.entry(ucid(1)).or_default().hold(&held("new", 2), 6, 6, 6);
    tiles.entry(ucid(2)).or_default().hold(&held("old", 1), 7, 7, 7);
    let shown = fold(&tiles);
    let emails: Vec<_> =
        shown.identifiers["email"].iter().map(|element| (&*element.writings["email"], element.ts)).collect();
    assert_eq!(emails, [("old", 7), ("new", 6)]);
    assert_eq!(shown.identifiers(), 2);
}

#[test]
fn created_is_the_first_and_updated_the_last_of_all() {
    let tile = |created, updated| Tile { created, updated, ..Tile::default() };
    let shown = fold(&Tiles::from([(ucid(1), tile(5, 6)), (ucid(2), tile(3, 9))]));
    assert_eq!((shown.created, shown.updated), (3, 9));
    assert_eq!(fold(&Tiles::new()), Shown { valid_until: Ms::MAX, ..Shown::default() });
}

#[path = "fold_tests/for_good.rs"]
mod for_good;
