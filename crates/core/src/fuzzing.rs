//! The parsers of this crate, as the fuzzer and the replay of its corpus call them. Each takes any bytes, and panics
//! where something does not hold that must hold for all of them. No part of the interface: for `fuzz/` alone.

use crate::catalogue::Catalogue;
use crate::certificate::{Certificate, Fingerprint, Listed};
use crate::id::{Identifier, Region, Ucid, check_kind, check_name};
use crate::org::{ApiKey, KeyId, Org, OrgKey, Scope};
use crate::patch::normalise_preference;
use crate::profile::Profile;
use crate::profile::codec::{self, Rendered, View};
use crate::records::Record;
use crate::service::{
    SecretRow, audit, blocked, catalogue, erase, identity, operation, reads, strategy, suppress, sweep, usage,
};
use crate::tables::RowHash;
use bytes::Bytes;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// A profile row: what is read of it is written as something that is read again.
pub fn profile_row(data: &[u8]) {
    let row = Bytes::copy_from_slice(data);
    if View::is_live(&row)
        && let Ok(view) = View::new(&row)
    {
        let _seen = (view.is_busy(), view.valid_until(), view.model(), view.etag(), view.lists(RowHash([0; 16])));
        assert!(view.answer().len() <= row.len());
    }
    if let Ok(profile) = codec::decode(&row) {
        let written = encoded(&profile);
        let again = codec::decode(&written).expect("what was written can be read");
        assert_eq!(encoded(&again), written);
    }
}

fn encoded(profile: &Profile) -> Bytes {
    let rendered =
        Rendered { answer: Bytes::new(), valid_until: 0, model: 0, etag: (0, 0), hashes: vec![RowHash([0; 16])] };
    match profile {
        Profile::Live(live) => codec::encode_live(live, &rendered),
        ended => codec::encode_ended(ended).expect("all but a live row have ended"),
    }
}

/// The rows of all other tables: the first byte says of which, the rest is the row.
pub fn record_row(data: &[u8]) {
    const READERS: [fn(&[u8]); 22] = [
        record::<Org>,
        record::<OrgKey>,
        record::<ApiKey>,
        record::<Certificate>,
        record::<Listed>,
        record::<sweep::Ticket>,
        record::<sweep::Lease>,
        record::<identity::Alias>,
        record::<strategy::StrategyRow>,
        record::<strategy::BlockedValues>,
        record::<catalogue::CatalogueRow>,
        record::<audit::Entry>,
        record::<audit::Chain>,
        record::<operation::Op>,
        record::<blocked::BlockedValue>,
        record::<blocked::Refused>,
        record::<SecretRow>,
        record::<erase::Deletion>,
        profile_row,
        record::<suppress::Suppression>,
        record::<reads::KeyReads>,
        record::<usage::UsageRow>,
    ];
    if let Some((which, row)) = data.split_first() {
        READERS[usize::from(*which) % READERS.len()](row);
    }
}

fn record<T: Record>(row: &[u8]) {
    if let Ok(record) = T::decode(row) {
        let written = record.encode();
        let again = T::decode(&written).unwrap_or_else(|_| unreachable!("what was written can be read"));
        assert_eq!(again.encode(), written);
    }
}

/// Names and values as callers write them; a kind comes first, then a line break and the rest.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (kind, value) = text.split_once('\n').unwrap_or(("email", text));
    let _checked = (check_kind(kind), check_name(value), value.parse::<Scope>().ok());
    comes_back::<Ucid>(value);
    comes_back::<KeyId>(value);
    comes_back::<Region>(value);
    comes_back::<Fingerprint>(value);
    comes_back::<audit::read::At>(value);
    let preference = normalise_preference(value);
    assert_eq!(normalise_preference(&preference), preference);
    identifier(kind, value);
}

/// What was read is written as something that is read as the same.
fn comes_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let again = read.to_string().parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&read));
    }
}

/// A form that was given is kept, and what was derived from a value is an identifier, too.
fn identifier(kind: &str, value: &str) {
    let catalogue = Catalogue::standard();
    let Ok(named) = catalogue.expand(kind, value) else { return };
    let first: &Identifier = named.canonical();
    let again = catalogue.normalise(first.kind(), first.value());
    assert_eq!(again.as_ref(), Ok(first));
    assert!(Identifier::new(first.kind(), first.value()).as_ref() == Ok(first));
}
