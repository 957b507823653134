//! The catalogue from the start (contract section 1).
//!
//! The names of hash kinds are those that clients of Zeotap already send. All of them are known, so that they stand in
//! their group and meet in whatever case their digits come; only `email_sha256_lowercase` is derived until an
//! organisation asks for more.

use super::definition::{Algorithm, Cookie, Definition, Derivation, Form, GroupEntry, KindEntry, Writing};
use std::collections::BTreeMap;

const EMAIL: &str = "email";
const CELLPHONE: &str = "cellphone";

const EMAIL_HASHES: [&str; 6] = [
    "email_sha256_lowercase",
    "email_sha256_uppercase",
    "email_md5_lowercase",
    "email_md5_uppercase",
    "email_sha1_lowercase",
    "email_sha1_uppercase",
];

const CELLPHONE_HASHES: [&str; 9] = [
    "cellphone_number_e164_sha256",
    "cellphone_number_e164_md5",
    "cellphone_number_e164_sha1",
    "cellno_with_country_code_sha256",
    "cellno_with_country_code_md5",
    "cellno_with_country_code_sha1",
    "cellno_without_country_code_sha256",
    "cellno_without_country_code_md5",
    "cellno_without_country_code_sha1",
];

impl Default for Definition {
    fn default() -> Self {
        let email_hashes = EMAIL_HASHES.iter().map(|kind| ((*kind).into(), hash_in(EMAIL)));
        let cellphone_hashes = CELLPHONE_HASHES.iter().map(|kind| ((*kind).into(), hash_in(CELLPHONE)));
        Self {
            kinds: raw_kinds().into_iter().chain(cookies()).chain(email_hashes).chain(cellphone_hashes).collect(),
            attributes: BTreeMap::new(),
            groups: [EMAIL, CELLPHONE].map(|group| (group.into(), GroupEntry { atomic: false })).into(),
            consents: BTreeMap::new(),
        }
    }
}

fn raw_kinds() -> [(Box<str>, KindEntry); 5] {
    let person = |form, derives| KindEntry { form, derives, pii: true, ..KindEntry::default() };
    let device = |form| KindEntry { form, device: true, ..KindEntry::default() };
    let lowercase = Derivation { kind: EMAIL_HASHES[0].into(), algorithm: Algorithm::Sha256, writing: Writing::Lower };
    [
        (EMAIL.into(), person(Form::Email, vec![lowercase])),
        (CELLPHONE.into(), person(Form::Phone, Vec::new())),
        ("AdId".into(), device(Form::Uuid)),
        ("device_id".into(), device(Form::Uuid)),
        ("anonymous_id".into(), KindEntry { cookie: Some(Cookie::FirstParty), ..device(Form::None) }),
    ]
}

/// Cookies by the names under which they are usually sent: Google Analytics; the Trade Desk, Google's marketing platform.
fn cookies() -> [(Box<str>, KindEntry); 4] {
    let cookie = |kind: &str, whose| (kind.into(), KindEntry { cookie: Some(whose), ..KindEntry::default() });
    [
        cookie("ga", Cookie::FirstParty),
        cookie("ga_client_id", Cookie::FirstParty),
        cookie("ttd", Cookie::ThirdParty),
        cookie("google_gid", Cookie::ThirdParty),
    ]
}

fn hash_in(group: &str) -> KindEntry {
    KindEntry { group: Some(group.into()), form: Form::Hash, pii: true, ..KindEntry::default() }
}
