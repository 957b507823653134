//! The catalogue of an organisation: what it knows of kinds of identifier, attributes, groups and consents (contract
//! sections 1, 4, 5, 11). Pure: storing it is in [`crate::service::catalogue`].
//!
//! [`Definition`] is what an administrator sets and what is stored; [`Catalogue`] is the same made ready for use, with
//! what follows from it: a kind that some other kind derives has the group and the marks of that one. Kinds and
//! attributes without an entry work all the same; one look in one map finds that out.
//!
//! One identifier can come in several writings: `Jane@x.com`, `jane@x.com`, and the hash of it that a CRM holds. The
//! catalogue makes them one in two steps: [`Catalogue::normalise`] gives a value the form of its kind, and
//! [`Catalogue::expand`] says by which other identifiers the same thing is known.
//!
//! What is changed here applies to what arrives afterwards. A value that was stored under another form, or before its
//! kind derived a hash, is found only as it was written then, until it is communicated again.

mod check;
mod definition;
mod digest;
mod form;
mod phone;
mod standard;
mod types;

pub use definition::{
    Algorithm, AttributeEntry, ConsentEntry, Cookie, Definition, Derivation, Form, GroupEntry, KindEntry, Type, Writing,
};

use crate::error::Fault;
use crate::id::{BadName, Identifier};
use crate::profile::attribute::Said;
use crate::time::Ms;
use rustc_hash::FxBuildHasher;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

const DAY_MS: Ms = 24 * 3_600 * 1_000;

/// What an organisation knows of its kinds, attributes, groups and consents, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    definition: Definition,
    /// Callers look kinds up and never add any, so that a fast hash does.
    rules: HashMap<Box<str>, Rule, FxBuildHasher>,
}

/// What holds for the identifiers of one kind, with what it has from the kind that it derives from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    group: Box<str>,
    family: Box<str>,
    form: Form,
    derives: Vec<Derivation>,
    device: bool,
    pii: bool,
    keep_raw: bool,
    cookie: Option<Cookie>,
}

/// An identifier as a caller gave it, and the others by which the same thing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The one given, unless only its hashes are kept; then each that derives from it, in the order of the catalogue.
    /// Never empty.
    pub identifiers: Vec<Identifier>,
    /// The kind from which its kind derives, or else its own: the kind whose rule of the strategy it has.
    pub family: Box<str>,
    canonical: usize,
}

impl Named {
    /// What the given value and the first of its hashes have in common: that hash, or else the value itself.
    ///
    /// Somebody who gives another of the hashes alone gets that hash: nothing tells which value it was made from. Such
    /// writings meet by the identifiers that they share.
    pub fn canonical(&self) -> &Identifier {
        &self.identifiers[self.canonical]
    }
}

impl Catalogue {
    /// From what an administrator sets. Every fault is found, with a pointer into the definition.
    pub fn new(definition: Definition) -> Result<Self, Vec<Fault>> {
        let faults = check::faults(&definition);
        if faults.is_empty() { Ok(Self::compile(definition)) } else { Err(faults) }
    }

    /// From what was stored. It was checked when it was set; rules that came later do not make it unreadable.
    pub(crate) fn compile(definition: Definition) -> Self {
        let mut rules: HashMap<_, _, FxBuildHasher> =
            definition.kinds.iter().map(|(kind, entry)| (kind.clone(), Rule::new(kind, entry))).collect();
        for (kind, entry) in &definition.kinds {
            let base = Rule::new(kind, entry);
            for derivation in &entry.derives {
                let own = definition.kinds.get(&derivation.kind);
                rules.insert(derivation.kind.clone(), base.derived(own));
            }
        }
        Self { definition, rules }
    }

    /// The catalogue of an organisation that never changed it.
    pub fn standard() -> Arc<Self> {
        static STANDARD: LazyLock<Arc<Catalogue>> =
            LazyLock::new(|| Arc::new(Catalogue::compile(Definition::default())));
        STANDARD.clone()
    }

    /// What it was made from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// An identifier with the value in the form of its kind. Does nothing to one that was already in it.
    pub fn normalise(&self, kind: &str, value: &str) -> Result<Identifier, BadName> {
        let given = Identifier::new(kind, value)?;
        match self.rules.get(kind) {
            Some(rule) => rule.normalise(given),
            None => Ok(given),
        }
    }

    /// An identifier in its form, and the others by which the same thing is known.
    pub fn expand(&self, kind: &str, value: &str) -> Result<Named, BadName> {
        let given = Identifier::new(kind, value)?;
        match self.rules.get(kind) {
            Some(rule) => rule.expand(given),
            None => Ok(Named { identifiers: vec![given], family: kind.into(), canonical: 0 }),
        }
    }

    /// Whether an identifier is known by this writing alone, and in its form: what [`Catalogue::expand`] would give back.
    pub fn is_alone(&self, identifier: &Identifier) -> bool {
        self.rules.get(identifier.kind()).is_none_or(|rule| {
            let in_form = || matches!(form::normal(rule.form, identifier.value()), Cow::Borrowed(_));
            rule.keep_raw && rule.derives.is_empty() && in_form()
        })
    }

    /// What the strategy asks of a kind, in one look: its family, whether it is a device kind, and the days
    /// from receipt after which its values leave where the strategy does not say (`None`: never).
    pub fn traits_of<'a>(&'a self, kind: &'a str) -> (&'a str, bool, Option<u32>) {
        match self.rules.get(kind) {
            Some(rule) => (&rule.family, rule.device, rule.cookie.map(Cookie::ttl_days)),
            None => (kind, false, None),
        }
    }

    /// In which group identifiers of a kind are shown.
    pub fn group_of_kind<'a>(&'a self, kind: &'a str) -> &'a str {
        self.rules.get(kind).map_or(kind, |rule| &rule.group)
    }

    /// The kind from which this one derives, or else itself. A hash kind that is known but that nothing derives stands
    /// alone: whose hash its values are cannot be said.
    pub fn family<'a>(&'a self, kind: &'a str) -> &'a str {
        self.rules.get(kind).map_or(kind, |rule| &rule.family)
    }

    /// Whether identifiers of a kind name a device rather than a person.
    pub fn is_device(&self, kind: &str) -> bool {
        self.rules.get(kind).is_some_and(|rule| rule.device)
    }

    /// Whether identifiers of a kind are marked as personal.
    pub fn is_personal_kind(&self, kind: &str) -> bool {
        self.rules.get(kind).is_some_and(|rule| rule.pii)
    }

    /// Whether an attribute is marked as personal.
    pub fn is_personal_attribute(&self, attribute: &str) -> bool {
        self.definition.attributes.get(attribute).is_some_and(|entry| entry.pii)
    }

    /// To which group an attribute belongs that a write names without one.
    pub fn group_of_attribute<'a>(&'a self, attribute: &'a str) -> &'a str {
        let entry = self.definition.attributes.get(attribute);
        entry.and_then(|entry| entry.group.as_deref()).unwrap_or(attribute)
    }

    /// Whether a group is shown and folded only as a whole.
    pub fn is_atomic(&self, group: &str) -> bool {
        self.definition.groups.get(group).is_some_and(|entry| entry.atomic)
    }

    /// For how many milliseconds a consent that was given is shown; `None`: for ever.
    pub fn consent_ttl(&self, consent: &str) -> Option<Ms> {
        self.definition.consents.get(consent).map(|entry| Ms::from(entry.ttl_days) * DAY_MS)
    }

    /// Whether this may be said of an attribute, in whatever group it stands; else why not. See [`Type::accepts`].
    pub fn check_type(&self, attribute: &str, said: &Said) -> Result<(), &'static str> {
        match self.type_of(attribute) {
            Some(kind) => kind.accepts(said),
            None => Ok(()),
        }
    }

    /// What is to be stored of something that [`Catalogue::check_type`] let pass: sent to a list, a plain value is an
    /// entry of it, also where the list does not exist yet (contract section 5).
    pub fn as_typed(&self, attribute: &str, said: Said) -> Said {
        match (said, self.type_of(attribute)) {
            (Said::Plain(value), Some(Type::List)) => Said::Entries(vec![value]),
            (said, _) => said,
        }
    }

    fn type_of(&self, attribute: &str) -> Option<Type> {
        self.definition.attributes.get(attribute)?.kind
    }
}

impl Rule {
    fn new(kind: &str, entry: &KindEntry) -> Self {
        Self {
            group: entry.group.as_deref().unwrap_or(kind).into(),
            family: kind.into(),
            form: entry.form,
            derives: entry.derives.clone(),
            device: entry.device,
            pii: entry.pii,
            keep_raw: entry.keep_raw,
            cookie: entry.cookie,
        }
    }

    /// The rule of a kind that derives from this one. Its own entry, if there is one, can only add marks: a hash of a
    /// personal value does not cease to be personal.
    fn derived(&self, own: Option<&KindEntry>) -> Self {
        Self {
            group: self.group.clone(),
            family: self.family.clone(),
            form: Form::Hash,
            derives: Vec::new(),
            device: self.device || own.is_some_and(|own| own.device),
            pii: self.pii || own.is_some_and(|own| own.pii),
            keep_raw: true,
            cookie: self.cookie,
        }
    }

    fn normalise(&self, given: Identifier) -> Result<Identifier, BadName> {
        match form::normal(self.form, given.value()) {
            Cow::Borrowed(_) => Ok(given),
            Cow::Owned(value) => Identifier::new(given.kind(), &value),
        }
    }

    fn expand(&self, given: Identifier) -> Result<Named, BadName> {
        let given = self.normalise(given)?;
        let hashes = self.hashes(given.value())?;
        if !self.keep_raw && hashes.is_empty() {
            return Err(BadName("is not an international telephone number, and of this kind only hashes are kept"));
        }
        let canonical = usize::from(self.keep_raw && !hashes.is_empty());
        let raw = self.keep_raw.then_some(given);
        Ok(Named { identifiers: raw.into_iter().chain(hashes).collect(), family: self.family.clone(), canonical })
    }

    fn hashes(&self, value: &str) -> Result<Vec<Identifier>, BadName> {
        if self.derives.is_empty() {
            return Ok(Vec::new());
        }
        let Some(writings) = form::Writings::of(self.form, value) else {
            return Ok(Vec::new());
        };
        let hash = |derivation: &Derivation| {
            let text = writings.get(derivation.writing);
            Identifier::new(&derivation.kind, &digest::hex(derivation.algorithm, &text))
        };
        self.derives.iter().map(hash).collect()
    }
}

#[cfg(test)]
mod tests;
