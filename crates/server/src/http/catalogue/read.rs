//! The body of a catalogue: what it makes of the one that is there, with all that is wrong with it.

use super::super::fields;
use crate::json::{Faults, Json, Place};
use crate::problem::Problem;
use onefold_core::catalogue::{
    Algorithm, AttributeEntry, Catalogue, ConsentEntry, Cookie, Definition, Derivation, Form, GroupEntry, KindEntry,
    Type, Writing,
};
use onefold_core::error::{Code, Error};
use std::collections::BTreeMap;

/// Values and their names on the wire.
pub(super) type Names<T, const N: usize> = [(&'static str, T); N];

pub(super) const FORMS: Names<Form, 5> =
    [("none", Form::None), ("email", Form::Email), ("phone", Form::Phone), ("uuid", Form::Uuid), ("hash", Form::Hash)];
pub(super) const ALGORITHMS: Names<Algorithm, 3> =
    [("sha256", Algorithm::Sha256), ("md5", Algorithm::Md5), ("sha1", Algorithm::Sha1)];
pub(super) const WRITINGS: Names<Writing, 6> = [
    ("as_is", Writing::AsIs),
    ("lower", Writing::Lower),
    ("upper", Writing::Upper),
    ("e164", Writing::E164),
    ("with_country_code", Writing::WithCountryCode),
    ("without_country_code", Writing::WithoutCountryCode),
];
pub(super) const TYPES: Names<Type, 6> = [
    ("string", Type::String),
    ("integer", Type::Integer),
    ("double", Type::Double),
    ("boolean", Type::Boolean),
    ("timestamp", Type::Timestamp),
    ("list", Type::List),
];
pub(super) const COOKIES: Names<Cookie, 2> = [("first_party", Cookie::FirstParty), ("third_party", Cookie::ThirdParty)];

/// The name of a value; every value has one.
pub(super) fn name_of<T: PartialEq, const N: usize>(names: &Names<T, N>, value: &T) -> String {
    names.iter().find(|(_, named)| named == value).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

/// A change of a catalogue as it was sent.
pub(crate) struct Change<'a> {
    /// The body.
    pub(crate) body: &'a Json<'a>,
    /// Whether it is the whole catalogue, or says what changes of the one that is there.
    pub(crate) whole: bool,
}

/// A catalogue, if it is one; every fault otherwise.
pub(super) fn made(definition: Definition) -> Result<Catalogue, Problem> {
    Catalogue::new(definition).map_err(|faults| Error { faults, ..Code::BadCatalogue.into() }.into())
}

impl Change<'_> {
    /// What there is to be where this is what there was; and the version that was meant, if one is named.
    pub(crate) fn over(&self, before: &Definition) -> Result<(Definition, Option<u64>), Problem> {
        let mut faults = Faults::new();
        let mut version = None;
        let empty = Definition {
            kinds: BTreeMap::new(),
            attributes: BTreeMap::new(),
            groups: BTreeMap::new(),
            consents: BTreeMap::new(),
        };
        let mut to = if self.whole { empty } else { before.clone() };
        for (name, json) in faults.root(self.body) {
            let place = &Place::ROOT.member(name);
            match (&**name, json) {
                ("version", json) => version = fields::version(&mut faults, json, place),
                // As it stands in answers; nothing follows from it.
                ("changedAt", _) => {}
                ("kinds", json) => self.entries(&mut faults, json, place, &mut to.kinds, kind),
                ("attributes", json) => self.entries(&mut faults, json, place, &mut to.attributes, attribute),
                ("groups", json) => self.entries(&mut faults, json, place, &mut to.groups, group),
                ("consents", json) => self.entries(&mut faults, json, place, &mut to.consents, consent),
                (_, _) => faults.unknown(place),
            }
        }
        if let Err(said) = Catalogue::new(to.clone()) {
            said.into_iter().for_each(|fault| faults.add_beside(Code::BadCatalogue, fault.pointer, fault.detail));
        }
        faults.check()?;
        Ok((to, version))
    }

    fn entries<E: Clone>(
        &self,
        faults: &mut Faults,
        json: &Json<'_>,
        place: &Place<'_>,
        to: &mut BTreeMap<Box<str>, E>,
        read: fn(&mut Faults, &Json<'_>, &Place<'_>, Option<E>) -> E,
    ) {
        for (name, json) in faults.object(json, place).into_iter().flatten() {
            let place = &place.member(name);
            if *json == Json::Null && !self.whole {
                to.remove(&**name);
                continue;
            }
            let entry = read(faults, json, place, to.get(&**name).cloned());
            to.insert((&**name).into(), entry);
        }
    }
}

fn kind(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>, before: Option<KindEntry>) -> KindEntry {
    let mut entry = before.unwrap_or_default();
    for (name, json) in faults.object(json, place).into_iter().flatten() {
        let place = &place.member(name);
        match &**name {
            "group" => entry.group = text(faults, json, place),
            "form" => entry.form = one_of(faults, json, place, &FORMS).unwrap_or_default(),
            "derives" => entry.derives = derivations(faults, json, place),
            "device" => entry.device = faults.boolean(json, place).unwrap_or_default(),
            "pii" => entry.pii = faults.boolean(json, place).unwrap_or_default(),
            "keepRaw" => entry.keep_raw = faults.boolean(json, place).unwrap_or(true),
            "cookie" => entry.cookie = some_of(faults, json, place, &COOKIES),
            _ => faults.unknown(place),
        }
    }
    entry
}

fn derivations(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Vec<Derivation> {
    let items = faults.array(json, place).unwrap_or_default().iter().enumerate();
    items.map(|(at, json)| derivation(faults, json, &place.item(at))).collect()
}

fn derivation(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Derivation {
    let (mut kind, mut algorithm, mut writing) = (None, None, None);
    let nothing = Derivation { kind: "".into(), algorithm: Algorithm::Sha256, writing: Writing::Lower };
    let Some(members) = faults.object(json, place) else { return nothing };
    for (name, json) in members {
        match &**name {
            "kind" => kind = Some(json),
            "algorithm" => algorithm = Some(json),
            "writing" => writing = Some(json),
            _ => faults.unknown(&place.member(name)),
        }
    }
    let at = &place.member("kind");
    let kind = fields::required(faults, kind, at).and_then(|json| faults.text(json, at)).unwrap_or_default();
    let at = &place.member("algorithm");
    let algorithm = fields::required(faults, algorithm, at).and_then(|json| one_of(faults, json, at, &ALGORITHMS));
    let at = &place.member("writing");
    let writing = fields::required(faults, writing, at).and_then(|json| one_of(faults, json, at, &WRITINGS));
    Derivation {
        kind: kind.into(),
        algorithm: algorithm.unwrap_or(nothing.algorithm),
        writing: writing.unwrap_or(nothing.writing),
    }
}

fn attribute(
    faults: &mut Faults,
    json: &Json<'_>,
    place: &Place<'_>,
    before: Option<AttributeEntry>,
) -> AttributeEntry {
    let mut entry = before.unwrap_or_default();
    for (name, json) in faults.object(json, place).into_iter().flatten() {
        let place = &place.member(name);
        match &**name {
            "type" => entry.kind = some_of(faults, json, place, &TYPES),
            "group" => entry.group = text(faults, json, place),
            "pii" => entry.pii = faults.boolean(json, place).unwrap_or_default(),
            _ => faults.unknown(place),
        }
    }
    entry
}

fn group(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>, before: Option<GroupEntry>) -> GroupEntry {
    let mut entry = before.unwrap_or_default();
    for (name, json) in faults.object(json, place).into_iter().flatten() {
        let place = &place.member(name);
        match &**name {
            "atomic" => entry.atomic = faults.boolean(json, place).unwrap_or_default(),
            _ => faults.unknown(place),
        }
    }
    entry
}

fn consent(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>, before: Option<ConsentEntry>) -> ConsentEntry {
    let mut ttl_days = before.map(|entry| entry.ttl_days);
    let mut said = None;
    for (name, json) in faults.object(json, place).into_iter().flatten() {
        match &**name {
            "ttlDays" => said = Some(json),
            _ => faults.unknown(&place.member(name)),
        }
    }
    let at = &place.member("ttlDays");
    if said.is_some() || ttl_days.is_none() {
        let json = fields::required(faults, said, at);
        ttl_days = json.and_then(|json| faults.integer(json, at, 1..=36_500, "must be an integer from 1 to 36500"));
    }
    ConsentEntry { ttl_days: ttl_days.unwrap_or(1) }
}

/// A text, or null for none.
fn text(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Box<str>> {
    match json {
        Json::Null => None,
        json => faults.text(json, place).map(Box::from),
    }
}

fn some_of<T: Copy, const N: usize>(
    faults: &mut Faults,
    json: &Json<'_>,
    place: &Place<'_>,
    names: &Names<T, N>,
) -> Option<T> {
    match json {
        Json::Null => None,
        json => one_of(faults, json, place, names),
    }
}

fn one_of<T: Copy, const N: usize>(
    faults: &mut Faults,
    json: &Json<'_>,
    place: &Place<'_>,
    names: &Names<T, N>,
) -> Option<T> {
    let found = match json {
        Json::Text(text) => names.iter().find(|(name, _)| *name == &**text).map(|(_, value)| *value),
        _ => None,
    };
    if found.is_none() {
        let known = names.map(|(name, _)| name).join(", ");
        faults.invalid(place, format!("must be one of {known}"));
    }
    found
}
