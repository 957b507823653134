//! Rows come back as they were written, are read in place as they are read whole, are never a reason to panic however
//! damaged, and stay readable for good.

use super::*;
use crate::id::Ucid;
use crate::profile::attribute::Said;
use crate::profile::fold::Tiles;
use crate::profile::fold::arbitrary::{carried, fact, fold, hash, live, rendered_hashes, row_ops, source, tiles, ucid};
use crate::profile::render::{Name, render};
use crate::profile::tile::Tile;
use crate::profile::{Erased, Forward, Pending, RowOp, Sealed, Suppressing};
use crate::value::{Number, Scalar, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn rendered() -> impl Strategy<Value = Rendered> {
    (vec(any::<u8>(), 0..200), any::<u64>(), any::<u64>(), any::<(u64, u64)>()).prop_map(
        |(answer, valid_until, model, etag)| Rendered {
            answer: answer.into(),
            valid_until,
            model,
            etag,
            hashes: Vec::new(),
        },
    )
}

fn ended() -> impl Strategy<Value = Profile> {
    let to = || any::<u128>().prop_map(Ucid::from_u128);
    let hash = || any::<[u8; 16]>().prop_map(RowHash);
    let aliases = vec(hash(), 0..5);
    let writings = vec(("[a-z]{0,9}".prop_map(Box::<str>::from), hash()), 0..3);
    let suppressing = (hash(), "[a-z]{0,9}".prop_map(Box::<str>::from), writings);
    let suppress = vec(suppressing.prop_map(|(same, kind, writings)| Suppressing { same, kind, writings }), 0..3);
    prop_oneof![
        (to(), tiles(), row_ops()).prop_map(|(to, tiles, ops)| Profile::Sealed(Sealed { to, tiles, ops })),
        to().prop_map(|to| Profile::Forward(Forward { to })),
        (any::<u64>(), any::<u128>(), aliases, vec(to(), 0..5), any::<bool>(), suppress).prop_map(
            |(at, deletion, aliases, tiles, cleaned, suppress)| {
                Profile::Erased(Erased { at, deletion, aliases, tiles, cleaned, suppress })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_live_row_comes_back_as_it_was_written(live in live(), rendered in rendered()) {
        prop_assert_eq!(decode(&encode_live(&live, &rendered)), Ok(Profile::Live(live)));
    }

    #[test]
    fn any_other_row_comes_back_as_it_was_written(profile in ended()) {
        let row = encode_ended(&profile).unwrap();
        prop_assert!(!View::is_live(&row));
        prop_assert_eq!(decode(&row), Ok(profile));
    }

    #[test]
    fn a_row_read_in_place_says_what_the_row_read_whole_says(
        live in live(),
        rendered in rendered(),
        others in vec(any::<[u8; 16]>().prop_map(RowHash), 0..8),
    ) {
        let rendered = Rendered { hashes: rendered_hashes(&live.tiles), ..rendered };
        let row = encode_live(&live, &rendered);
        prop_assert!(View::is_live(&row));
        let view = View::new(&row).unwrap();
        let read = Rendered {
            answer: view.answer(),
            valid_until: view.valid_until(),
            model: view.model(),
            etag: view.etag(),
            hashes: rendered.hashes.clone(),
        };
        prop_assert_eq!(read, rendered);
        prop_assert_eq!(view.is_busy(), live.is_busy());
        for hash in live.hashes() {
            prop_assert!(view.lists(hash), "lists what it holds");
        }
        for hash in (0..=255).map(hash).chain(others) {
            prop_assert_eq!(view.lists(hash), live.holder(hash).is_some());
        }
    }

    #[test]
    fn bytes_that_are_no_row_never_panic(bytes in vec(any::<u8>(), 0..300), state in 0..7_u8) {
        look_at_all_of(&Bytes::from(bytes.clone()));
        look_at_all_of(&Bytes::from([vec![VERSION, state], bytes].concat()));
    }
}

#[test]
fn a_live_row_is_not_encoded_without_its_answer() {
    assert_eq!(encode_ended(&Profile::Live(Live::default())), None);
}

#[test]
fn a_later_version_and_an_unknown_state_are_refused() {
    let message = |bytes: &'static [u8]| decode(&Bytes::from_static(bytes)).unwrap_err().0;
    assert_eq!(message(&[VERSION + 1, LIVE, 0]), "unknown version of a profile row");
    assert_eq!(message(&[]), "unknown version of a profile row");
    assert_eq!(message(&[VERSION]), "unknown version of a profile row");
    assert_eq!(message(&[VERSION, 9]), "unknown state of a profile row");
    assert_eq!(message(&[VERSION, LIVE]), "the head of a live row is damaged");
    assert_eq!(message(&[VERSION, FORWARD]), "the body of a profile row is damaged");
}

#[test]
fn the_head_stands_where_it_is_documented() {
    let live = Live { releasing: vec![hash(9)], tiles: Tiles::from([(ucid(1), holding([3, 2]))]), ..Live::default() };
    let row = encode_live(&live, &sample_answer(&live));
    assert_eq!(row[..8], [1, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(row[8..16], 1_800_000_000_000_u64.to_be_bytes());
    assert_eq!(row[16..24], 7_u64.to_be_bytes());
    assert_eq!(row[24..32], 0x1111_u64.to_be_bytes());
    assert_eq!(row[32..40], 0x2222_u64.to_be_bytes());
    assert_eq!(row[40..44], 2_u32.to_be_bytes());
    let mut hashes = [hash(2).0, hash(3).0];
    hashes.sort_unstable();
    assert_eq!(row[44..76], hashes.concat());
    let answer = sample_answer(&live).answer;
    assert_eq!(row[76..80], u32::try_from(answer.len()).unwrap().to_be_bytes());
    assert_eq!(row[80..80 + answer.len()], answer);
}

// Damage.

/// Whatever can be done with a row that was read. Only a panic is wrong.
fn look_at_all_of(row: &Bytes) {
    if View::is_live(row)
        && let Ok(view) = View::new(row)
    {
        let _ = (view.answer(), view.is_busy(), view.valid_until(), view.model(), view.etag());
        assert!((0..20).filter(|n| view.lists(hash(*n))).count() <= 20);
    }
    if let Ok(Profile::Live(Live { tiles, .. }) | Profile::Sealed(Sealed { tiles, .. })) = decode(row) {
        render(Name { region: "EU".parse().unwrap(), ucid: ucid(0) }, &tiles, &fold(&tiles));
    }
}

#[test]
fn a_row_cut_short_anywhere_never_panics_and_is_never_taken_for_whole() {
    for (name, row) in samples() {
        for length in 0..row.len() {
            let cut = row.slice(..length);
            look_at_all_of(&cut);
            assert!(decode(&cut).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn a_row_with_something_behind_it_is_not_taken_for_whole() {
    for (name, row) in samples() {
        let longer = Bytes::from([&*row, &[0]].concat());
        assert!(decode(&longer).is_err(), "{name}");
    }
}

#[test]
fn a_row_with_any_one_byte_changed_never_panics() {
    for (_, row) in samples() {
        for at in 0..row.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                let mut bytes = row.to_vec();
                bytes[at] ^= flip;
                look_at_all_of(&bytes.into());
            }
        }
    }
}

// Rows that were kept.

fn holding<const N: usize>(identifiers: [u8; N]) -> Tile {
    let mut tile = Tile { created: 1_704_067_200_456, updated: 1_735_689_600_123, ..Tile::default() };
    for n in identifiers {
        tile.hold(&carried(n), 1_735_689_600_000 + u64::from(n), 1_735_689_600_100, 1_735_689_600_100);
    }
    tile
}

/// A tile in which every kind of saying has left something.
fn sample_tile() -> Tile {
    use crate::patch::{GroupPatch, Patch};
    let number = |n: f64| Number::from_f64(n).unwrap();
    let list = |of: [&str; 2]| of.map(Scalar::from).to_vec();
    let mut tile = holding([1, 2, 3]);
    let mut say = |ts: Ms, name: &str, said: Said| {
        let members = GroupPatch::Members(BTreeMap::from([(name.into(), said)]));
        let group = if name == "gone" { "removed" } else { "g" };
        let groups = BTreeMap::from([(group.into(), members)]);
        tile.apply(&Patch { groups, ..Patch::default() }, ts, &source(ts));
    };
    say(1, "text", Said::Plain("ü \"quoted\"".into()));
    say(2, "whole", Said::Plain(Scalar::Integer(-5)));
    say(3, "half", Said::Plain(Scalar::Double(0.5)));
    say(4, "truth", Said::Plain(Scalar::Boolean(true)));
    say(5, "nothing", Said::Unset);
    (6..40).for_each(|ts| say(ts, "sum", Said::Add(number(1.0))));
    say(41, "least", Said::Min(number(1.5)));
    say(42, "greatest", Said::Max(number(7.0)));
    say(43, "once", Said::SetOnce(Value::List(list(["x", "y"]))));
    say(44, "list", Said::Set(Value::List(list(["a", "b"]))));
    say(45, "list", Said::Remove(list(["b", "c"])));
    say(46, "gone", Said::Plain("x".into()));
    let groups = BTreeMap::from([("removed".into(), GroupPatch::Unset)]);
    let preferences = BTreeMap::from([("sms_optin".into(), Some("yes".into())), ("call".into(), None)]);
    let consents = BTreeMap::from([("gdpr".into(), true), ("other".into(), false)]);
    tile.apply(&Patch { groups, preferences, consents }, 47, &source(47));
    tile.remember(1);
    tile.remember(u64::MAX);
    tile
}

fn sample_live() -> Live {
    let merged = Tile { link: Some(fact(1)), ..holding([4]) };
    Live { tiles: Tiles::from([(ucid(1), sample_tile()), (ucid(2), merged)]), ..Live::default() }
}

fn sample_busy() -> Live {
    Live {
        pending: Some(Pending { loser: ucid(5), fact: fact(5) }),
        releasing: vec![hash(8), hash(9)],
        ops: vec![RowOp { hash: hash(7), op: 1, tile: ucid(2) }],
        ..sample_live()
    }
}

fn sample_answer(live: &Live) -> Rendered {
    let name = Name { region: "EU".parse().unwrap(), ucid: ucid(1) };
    let answer = [b"[", &*render(name, &live.tiles, &fold(&live.tiles)), b"]"].concat();
    let hashes = rendered_hashes(&live.tiles);
    Rendered { answer: answer.into(), valid_until: 1_800_000_000_000, model: 7, etag: (0x1111, 0x2222), hashes }
}

fn sample_profiles() -> [(&'static str, Profile); 6] {
    let tiles = Tiles::from([(ucid(5), sample_tile())]);
    let ops = vec![RowOp { hash: hash(7), op: 1, tile: ucid(5) }];
    let erased = Erased {
        at: 1_735_689_600_000,
        deletion: 77,
        aliases: vec![hash(1), hash(2)],
        tiles: vec![ucid(1), ucid(2)],
        cleaned: false,
        suppress: Vec::new(),
    };
    let writings = vec![("email".into(), hash(1)), ("email_sha256_lowercase".into(), hash(2))];
    let suppress = vec![Suppressing { same: hash(2), kind: "email".into(), writings }];
    let suppressing = Erased { suppress, ..erased.clone() };
    [
        ("live", Profile::Live(sample_live())),
        ("busy", Profile::Live(sample_busy())),
        ("sealed", Profile::Sealed(Sealed { to: ucid(1), tiles, ops })),
        ("forward", Profile::Forward(Forward { to: ucid(1) })),
        ("erased", Profile::Erased(erased)),
        ("suppressing", Profile::Erased(suppressing)),
    ]
}

fn encode(profile: &Profile) -> Bytes {
    match profile {
        Profile::Live(live) => encode_live(live, &sample_answer(live)),
        ended => encode_ended(ended).unwrap(),
    }
}

fn samples() -> impl Iterator<Item = (&'static str, Bytes)> {
    sample_profiles().into_iter().map(|(name, profile)| (name, encode(&profile)))
}

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/rows/v{VERSION}-{name}.bin"))
}

/// The files under `tests/rows/` are rows that some version of this code wrote. They stay readable for good: a change
/// of what a row holds raises [`VERSION`], reads the earlier one too, and adds files of its own.
///
/// Until the first release version 1 may still change. Then write its files anew:
/// `ONEFOLD_KEEP_ROWS=1 cargo test -p onefold-core kept_rows`
#[test]
fn kept_rows_of_version_1_are_read() {
    let rewrite = std::env::var_os("ONEFOLD_KEEP_ROWS").is_some();
    for (name, profile) in sample_profiles() {
        if rewrite {
            std::fs::write(kept(name), encode(&profile)).unwrap();
        }
        let row = Bytes::from(std::fs::read(kept(name)).unwrap());
        assert_eq!(decode(&row).as_ref(), Ok(&profile), "{name}");
        assert_eq!(row, encode(&profile), "{name}: what is written has changed, but not its version");
    }
}
