//! What a catalogue may say: every fault of one, with a pointer into it.

use super::definition::{Definition, Form, KindEntry, Writing};
use crate::error::{Fault, step};
use crate::id::{BadName, check_kind, check_name};
use crate::limits;
use std::collections::BTreeMap;

/// All faults, in the order of the definition.
pub(super) fn faults(definition: &Definition) -> Vec<Fault> {
    let mut faults = Faults::default();
    check_kinds(definition, &mut faults);
    check_attributes(definition, &mut faults);
    check_groups(definition, &mut faults);
    check_consents(definition, &mut faults);
    faults.0
}

/// Which step of a path is the number of an item, in paths that long; the rest are names.
const INDEX: usize = 3;

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, path: &[&str], detail: &'static str) {
        let one = |(place, name): (usize, &&str)| if place == INDEX { format!("/{name}") } else { step(name) };
        let pointer = path.iter().enumerate().map(one).collect();
        self.0.push(Fault { pointer, detail: detail.into() });
    }

    fn check(&mut self, path: &[&str], fits: bool, detail: &'static str) {
        if !fits {
            self.add(path, detail);
        }
    }

    fn name(&mut self, path: &[&str], checked: Result<(), BadName>) {
        if let Err(BadName(detail)) = checked {
            self.add(path, detail);
        }
    }
}

fn check_kinds(definition: &Definition, faults: &mut Faults) {
    faults.check(&["kinds"], definition.kinds.len() <= limits::CATALOGUE_KINDS, "has more than 256 entries");
    let mut bases = BTreeMap::new();
    for (kind, entry) in &definition.kinds {
        faults.name(&["kinds", kind], check_kind(kind));
        if let Some(group) = &entry.group {
            let path = ["kinds", kind, "group"];
            faults.name(&path, check_name(group));
            faults.check(&path, &**group != "linkedUcid", "is reserved");
        }
        let raw = entry.keep_raw || !entry.derives.is_empty();
        faults.check(&["kinds", kind, "keepRaw"], raw, "a kind without hashes keeps the value");
        check_derives(definition, kind, entry, &mut bases, faults);
    }
}

/// `bases` says of each kind of hash that was met from which kind it derives.
fn check_derives<'a>(
    definition: &'a Definition,
    kind: &'a str,
    entry: &'a KindEntry,
    bases: &mut BTreeMap<&'a str, &'a str>,
    faults: &mut Faults,
) {
    let path = ["kinds", kind, "derives"];
    faults.check(&path, entry.derives.len() <= limits::KIND_DERIVES, "has more than 9 entries");
    faults.check(&path, entry.form != Form::Hash || entry.derives.is_empty(), "a hash has no hashes");
    for (index, derivation) in entry.derives.iter().enumerate() {
        let index = index.to_string();
        let path = ["kinds", kind, "derives", &index, "kind"];
        faults.name(&path, check_kind(&derivation.kind));
        faults.check(&path, *derivation.kind != *kind, "a kind does not derive from itself");
        faults.check(&path, bases.insert(&derivation.kind, kind).is_none(), "derives from a kind already");
        if let Some(own) = definition.kinds.get(&derivation.kind) {
            check_derived(own, entry.group.as_deref().unwrap_or(kind), &path, faults);
        }
        let path = ["kinds", kind, "derives", &index, "writing"];
        faults.check(&path, suits(entry.form, derivation.writing), "does not suit the form of the kind");
    }
}

/// The entry of a kind that derives from another must not say what contradicts that.
fn check_derived(own: &KindEntry, group: &str, path: &[&str], faults: &mut Faults) {
    faults.check(path, own.derives.is_empty(), "has hashes of its own");
    faults.check(path, matches!(own.form, Form::None | Form::Hash), "has a form that is not of a hash");
    faults.check(path, own.group.as_deref().is_none_or(|own| own == group), "is in another group");
}

fn suits(form: Form, writing: Writing) -> bool {
    (form == Form::Phone) == writing.is_of_phone()
}

fn check_attributes(definition: &Definition, faults: &mut Faults) {
    let fits = definition.attributes.len() <= limits::CATALOGUE_ATTRIBUTES;
    faults.check(&["attributes"], fits, "has more than 2000 entries");
    for (attribute, entry) in &definition.attributes {
        faults.name(&["attributes", attribute], check_name(attribute));
        if let Some(group) = &entry.group {
            faults.name(&["attributes", attribute, "group"], check_name(group));
        }
    }
}

fn check_groups(definition: &Definition, faults: &mut Faults) {
    faults.check(&["groups"], definition.groups.len() <= limits::CATALOGUE_GROUPS, "has more than 256 entries");
    for group in definition.groups.keys() {
        faults.name(&["groups", group], check_name(group));
    }
}

fn check_consents(definition: &Definition, faults: &mut Faults) {
    faults.check(&["consents"], definition.consents.len() <= limits::CATALOGUE_CONSENTS, "has more than 256 entries");
    for (consent, entry) in &definition.consents {
        faults.name(&["consents", consent], check_name(consent));
        let fits = (1..=limits::CONSENT_TTL_DAYS).contains(&entry.ttl_days);
        faults.check(&["consents", consent, "ttlDays"], fits, "must be 1 to 36500");
    }
}
