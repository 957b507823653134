//! Random sayings, tiles and rows for the property tests of this folder.
//!
//! Names, values and stamps come from small pools, so that sayings meet, collide and hide one another.

use super::{Shown, Tiles};
use crate::id::{Identifier, Ucid};
use crate::patch::{GroupPatch, Patch};
use crate::profile::attribute::Said;
use crate::profile::holding::holdings;
use crate::profile::tile::{Carried, LinkFact, Naming, Tile};
use crate::profile::{Live, Pending, RowOp};
use crate::rules::Rules;
use crate::strategy::{Class, Grounds};
use crate::tables::RowHash;
use crate::time::Ms;
use crate::value::{Number, Scalar, Source, Value};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The nth profile that was created.
pub(in crate::profile) fn ucid(n: u8) -> Ucid {
    Ucid::from_u128(0x0194_1f29_7c00_7c1d_9e02_7d5b_1a90_0000 + u128::from(n))
}

/// The hash of the nth identifier. Real ones are spread like this too.
pub(in crate::profile) fn hash(n: u8) -> RowHash {
    RowHash([n.wrapping_mul(97), n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

/// Who said what is stamped so.
pub(in crate::profile) fn source(ts: Ms) -> Source {
    format!("source {ts:02}").into()
}

pub(in crate::profile) fn number() -> impl Strategy<Value = Number> {
    let halves = select(vec![-1.5, 0.5, 2.5]).prop_map(|n| Number::from_f64(n).unwrap());
    prop_oneof![2 => (-3..=9_i64).prop_map(Number::Integer), 1 => halves]
}

/// A value that may well be in a list already.
pub(in crate::profile) fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        4 => select(vec!["a", "b", "c", "d"]).prop_map(Scalar::from),
        3 => number().prop_map(Scalar::from),
        1 => any::<bool>().prop_map(Scalar::Boolean),
    ]
}

pub(in crate::profile) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![scalar().prop_map(Value::One), vec(scalar(), 0..4).prop_map(Value::List)]
}

pub(in crate::profile) fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        3 => scalar().prop_map(Said::Plain),
        3 => vec(scalar(), 0..4).prop_map(Said::Entries),
        1 => value().prop_map(Said::Set),
        2 => value().prop_map(Said::SetOnce),
        4 => number().prop_map(Said::Add),
        2 => number().prop_map(Said::Min),
        2 => number().prop_map(Said::Max),
        2 => vec(scalar(), 0..3).prop_map(Said::Remove),
        1 => Just(Said::Unset),
    ]
}

/// A name within the bounds of the contract, often one that JSON must escape or that holds dots.
pub(in crate::profile) fn name() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        3 => select(vec!["age", "tier", "loyalty", "a", "a.b", "b", "a.b.c", "b.c", "c"]).prop_map(Box::from),
        1 => "[^$_\\p{Cc}][^\\p{Cc}]{0,12}".prop_map(Box::from),
    ]
}

fn group_patch() -> impl Strategy<Value = GroupPatch> {
    prop_oneof![
        1 => Just(GroupPatch::Unset),
        9 => btree_map(name(), said(), 0..3).prop_map(GroupPatch::Members),
    ]
}

pub(in crate::profile) fn patch() -> impl Strategy<Value = Patch> {
    let preference = option::of("\\PC{0,6}".prop_map(Box::from));
    (
        btree_map(name(), group_patch(), 0..3),
        btree_map(name(), preference, 0..2),
        btree_map(name(), any::<bool>(), 0..2),
    )
        .prop_map(|(groups, preferences, consents)| Patch { groups, preferences, consents })
}

/// An identifier of a number: the same number is the same identifier.
pub(in crate::profile) fn identifier(n: u8) -> Identifier {
    let kinds = ["user_id", "email", "AdId"];
    Identifier::new(kinds[usize::from(n) % kinds.len()], &format!("value {n} \"\\ü")).unwrap()
}

/// The same, as a record carries it.
pub(in crate::profile) fn carried(n: u8) -> Carried {
    Carried { identifier: identifier(n), hash: hash(n), same: hash(n), expires: None, former: false }
}

/// What these tiles show where every identifier identifies.
pub(in crate::profile) fn fold(tiles: &Tiles) -> Shown {
    let rules = Rules::literal();
    super::fold(tiles, &holdings(tiles, &rules, 0), &rules, 0)
}

/// The bytes of a live row with the head that its holdings make.
pub(in crate::profile) fn rendered_hashes(tiles: &Tiles) -> Vec<RowHash> {
    let rules = Rules::literal();
    let mut hashes: Vec<RowHash> = holdings(tiles, &rules, 0).iter().map(|h| h.held.hash).collect();
    hashes.sort_unstable();
    hashes
}

pub(in crate::profile) fn fact(via: u8) -> LinkFact {
    LinkFact {
        via: ucid(via),
        by: hash(1),
        to: Naming::Identifier(hash(2)),
        identifiers: vec![hash(1), hash(2)],
        grounds: Grounds {
            strategy: 1,
            rank: (Class::Primary, 2),
            below: false,
            no_primary: false,
            brings_loser: true,
        },
        request: "request".into(),
        source: source(3),
        at: 1_735_689_600_000,
    }
}

/// A tile that was written some times. Stamps collide.
pub(in crate::profile) fn tile() -> impl Strategy<Value = Tile> {
    let writes = vec((0..12_u64, patch()), 0..8);
    let identifiers = vec((any::<u8>(), 0..12_u64), 0..4);
    (writes, identifiers, option::of(0..4_u8), vec(any::<u64>(), 0..3)).prop_map(|(writes, identifiers, link, ops)| {
        let mut tile = Tile { created: 5, updated: 9, link: link.map(fact), ..Tile::default() };
        for (ts, patch) in &writes {
            tile.apply(patch, *ts, &source(*ts));
        }
        for (n, ts) in identifiers {
            tile.hold(&carried(n), ts, ts + 1, ts + 1);
        }
        ops.into_iter().for_each(|op| tile.remember(op));
        tile
    })
}

pub(in crate::profile) fn tiles() -> impl Strategy<Value = Tiles> {
    btree_map((0..6_u8).prop_map(ucid), tile(), 1..5)
}

pub(in crate::profile) fn row_ops() -> impl Strategy<Value = Vec<RowOp>> {
    vec((any::<u8>(), any::<u64>(), 0..6_u8), 0..3)
        .prop_map(|ops| ops.into_iter().map(|(n, op, tile)| RowOp { hash: hash(n), op, tile: ucid(tile) }).collect())
}

pub(in crate::profile) fn live() -> impl Strategy<Value = Live> {
    let pending = option::of((0..9_u8).prop_map(|loser| Pending { loser: ucid(loser), fact: fact(loser) }));
    let releasing = vec(any::<u8>().prop_map(hash), 0..2);
    (tiles(), pending, releasing, row_ops()).prop_map(|(tiles, pending, releasing, ops)| Live {
        tiles,
        pending,
        releasing,
        ops,
        ..Live::default()
    })
}
