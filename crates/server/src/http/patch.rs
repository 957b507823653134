//! `upsert` of a write: what is said of attributes, preferences and consents (contract section 5).

use crate::json::{Faults, Json, Members, Place};
use crate::problem::ServerCode;
use onefold_core::error::Code as CoreCode;
use onefold_core::id::check_name;
use onefold_core::limits::LIST_ENTRIES;
use onefold_core::patch::{GroupPatch, Patch, normalise_preference};
use onefold_core::profile::attribute::Said;
use onefold_core::value::{Number, Scalar, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Reads `upsert`; what is wrong with it goes to `faults`.
pub(super) fn read(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Patch {
    let mut patch = Patch::default();
    for (section, values) in faults.object(json, place).map_or(&[][..], Vec::as_slice) {
        let place = &place.member(section);
        match (&**section, values) {
            ("profile" | "mkt_preferences" | "consent", Json::Null) => {}
            ("profile", values) => patch.groups = groups(faults, values, place),
            ("mkt_preferences", values) => patch.preferences = preferences(faults, values, place),
            ("consent", values) => patch.consents = consents(faults, values, place),
            _ => faults.unknown(place),
        }
    }
    patch
}

fn groups(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> BTreeMap<Box<str>, GroupPatch> {
    let mut groups = BTreeMap::new();
    for (name, value) in named(faults, json, place) {
        if let Some(group) = group(faults, name, value, &place.member(name)) {
            groups.insert(name.into(), group);
        }
    }
    groups
}

/// What is said under one name of `profile`: of a group, or of the attribute that is a group of its own.
fn group(faults: &mut Faults, name: &str, json: &Json<'_>, place: &Place<'_>) -> Option<GroupPatch> {
    match json {
        Json::Object(members) if !has_operator(members) => {
            let mut group = BTreeMap::new();
            for (name, value) in named(faults, json, place) {
                group.extend(said(faults, value, &place.member(name)).map(|said| (name.into(), said)));
            }
            // An object without members says nothing.
            (!group.is_empty()).then_some(GroupPatch::Members(group))
        }
        value => match said(faults, value, place)? {
            Said::Unset => Some(GroupPatch::Unset),
            said => Some(GroupPatch::Members(BTreeMap::from([(name.into(), said)]))),
        },
    }
}

/// What is said of one attribute.
fn said(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Said> {
    match json {
        Json::Null => Some(Said::Unset),
        Json::Array(items) => entries(faults, items, place).map(Said::Entries),
        Json::Object(members) if has_operator(members) => operator(faults, members, place),
        Json::Object(_) => {
            faults.add(ServerCode::WriteNested, place, "is an object within a group");
            None
        }
        value => scalar(faults, value, place).map(Said::Plain),
    }
}

fn has_operator(members: &Members<'_>) -> bool {
    members.iter().any(|(name, _)| name.starts_with('$'))
}

fn operator(faults: &mut Faults, members: &Members<'_>, place: &Place<'_>) -> Option<Said> {
    let [(name, json)] = members.as_slice() else {
        faults.add(ServerCode::WriteOperator, place, "an operator stands alone in its object");
        return None;
    };
    let place = &place.member(name);
    match &**name {
        "$set" => value(faults, json, place).map(Said::Set),
        "$set_once" => value(faults, json, place).map(Said::SetOnce),
        "$add" => number(faults, json, place).map(Said::Add),
        "$min" => number(faults, json, place).map(Said::Min),
        "$max" => number(faults, json, place).map(Said::Max),
        "$append" => one_or_many(faults, json, place).map(Said::Entries),
        "$remove" => one_or_many(faults, json, place).map(Said::Remove),
        "$unset" if *json == Json::Boolean(true) => Some(Said::Unset),
        "$unset" => refused(faults, place, "must be true"),
        _ => refused(faults, place, "is no operator"),
    }
}

fn refused<T>(faults: &mut Faults, place: &Place<'_>, detail: &'static str) -> Option<T> {
    faults.add(ServerCode::WriteOperator, place, detail);
    None
}

fn value(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Value> {
    match json {
        Json::Null => refused(faults, place, "must be a value; $unset removes"),
        Json::Array(items) => entries(faults, items, place).map(Value::List),
        value => scalar(faults, value, place).map(Value::One),
    }
}

fn one_or_many(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Vec<Scalar>> {
    match json {
        Json::Array(items) => entries(faults, items, place),
        value => scalar(faults, value, place).map(|scalar| vec![scalar]),
    }
}

fn number(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Number> {
    let number = match json {
        Json::Integer(number) => Some(Number::Integer(*number)),
        Json::Double(number) => Number::from_f64(*number),
        _ => None,
    };
    number.or_else(|| refused(faults, place, "must be a number"))
}

/// The entries of a list; one that comes again is dropped.
fn entries(faults: &mut Faults, items: &[Json<'_>], place: &Place<'_>) -> Option<Vec<Scalar>> {
    if items.len() > LIST_ENTRIES {
        faults.add(CoreCode::ListTooLong, place, "has more than 1000 entries");
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut entries = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let entry = scalar(faults, item, &place.item(index));
        entries.extend(entry.filter(|entry| seen.insert(entry.clone())));
    }
    Some(entries)
}

fn scalar(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Scalar> {
    match json {
        Json::Text(text) => Some(Scalar::from(&**text)),
        Json::Integer(number) => Some(Scalar::Integer(*number)),
        Json::Double(number) => Scalar::from_f64(*number),
        Json::Boolean(truth) => Some(Scalar::Boolean(*truth)),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            faults.add(ServerCode::WriteNested, place, "must be a string, a number or a boolean");
            None
        }
    }
}

fn preferences(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> BTreeMap<Box<str>, Option<Box<str>>> {
    let mut preferences = BTreeMap::new();
    for (name, value) in named(faults, json, place) {
        let place = &place.member(name);
        let value = match value {
            Json::Null => None,
            value => match faults.text(value, place) {
                Some(text) => Some(text.into()),
                None => continue,
            },
        };
        let name = normalise_preference(name);
        if faults.parsed(check_name(&name), place).is_none() {
            continue;
        }
        if preferences.insert(name.into_boxed_str(), value).is_some() {
            faults.invalid(place, "is the same preference as one before it");
        }
    }
    preferences
}

fn consents(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> BTreeMap<Box<str>, bool> {
    let mut consents = BTreeMap::new();
    for (name, value) in named(faults, json, place) {
        let given = match value {
            Json::Null => continue,
            Json::Boolean(given) => Some(*given),
            Json::Text(text) if text.eq_ignore_ascii_case("yes") => Some(true),
            Json::Text(text) if text.eq_ignore_ascii_case("no") => Some(false),
            _ => None,
        };
        match given {
            Some(given) => _ = consents.insert(name.into(), given),
            None => faults.invalid(&place.member(name), "must be yes, no, true or false"),
        }
    }
    consents
}

/// The members of an object whose names are within their bounds.
fn named<'j>(faults: &mut Faults, json: &'j Json<'_>, place: &Place<'_>) -> Vec<(&'j str, &'j Json<'j>)> {
    let members = faults.object(json, place).map_or(&[][..], Vec::as_slice);
    let fits = |(name, value): &'j (std::borrow::Cow<'_, str>, Json<'_>)| {
        faults.parsed(check_name(name), &place.member(name)).map(|()| (&**name, value))
    };
    members.iter().filter_map(fits).collect()
}
