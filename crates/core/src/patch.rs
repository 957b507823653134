//! What a write asks for, already checked for form: which attributes, preferences and consents are said to be what.

use crate::profile::attribute::Said;
use std::collections::BTreeMap;

/// What is said of one group of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupPatch {
    /// `null` or `$unset` on the group's name: all of it goes.
    Unset,
    /// Some of its members; the others stay.
    Members(BTreeMap<Box<str>, Said>),
}

/// The `upsert` of a write (contract section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// By group. An attribute without a group is the only member of the group of its own name.
    pub groups: BTreeMap<Box<str>, GroupPatch>,
    /// Preferences by normalised name; `None` removes.
    pub preferences: BTreeMap<Box<str>, Option<Box<str>>>,
    /// Consents by name: given or withdrawn.
    pub consents: BTreeMap<Box<str>, bool>,
}

impl Patch {
    /// Whether it says nothing of attributes, preferences or consents.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.preferences.is_empty() && self.consents.is_empty()
    }
}

/// A preference's name as it is kept: lower case, every run of other characters one `_`.
pub fn normalise_preference(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
            gap = false;
        } else if !gap {
            out.push('_');
            gap = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preference_names_are_lower_case_with_one_underscore_for_a_run() {
        assert_eq!(normalise_preference("Call Center Calls"), "call_center_calls");
        assert_eq!(normalise_preference("sms_optin"), "sms_optin");
        assert_eq!(normalise_preference("E-Mail / News"), "e_mail_news");
    }
}
