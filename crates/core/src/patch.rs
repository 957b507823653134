//! What a write asks for, already checked for form: which attributes, preferences and consents are said to be what.

use crate::catalogue::Catalogue;
use crate::error::{Code, Error, Fault, step};
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

impl Patch {
    /// The same patch with every attribute in the group that the catalogue gives it, and what is sent to a typed list as
    /// entries of it. [`Code::WrongType`] with every value that is not of its attribute's type.
    pub fn under(self, catalogue: &Catalogue) -> Result<Self, Error> {
        let mut faults = Vec::new();
        let mut groups: BTreeMap<Box<str>, GroupPatch> = BTreeMap::new();
        for (name, said) in self.groups {
            for (group, member, said) in spread(&name, said, catalogue) {
                let Some((member, said)) = member.zip(said) else {
                    groups.insert(group, GroupPatch::Unset);
                    continue;
                };
                if let Err(why) = catalogue.check_type(&member, &said) {
                    faults.push(Fault { pointer: pointer(&name, &member), detail: why.into() });
                }
                let said = catalogue.as_typed(&member, said);
                if let GroupPatch::Members(members) =
                    groups.entry(group).or_insert_with(|| GroupPatch::Members(BTreeMap::new()))
                {
                    members.insert(member, said);
                }
            }
        }
        if faults.is_empty() { Ok(Self { groups, ..self }) } else { Err(Error { faults, ..Code::WrongType.into() }) }
    }
}

type Spread = (Box<str>, Option<Box<str>>, Option<Said>);

/// What is said under one name, member by member, each in its group; a whole group's removal has no member.
fn spread(name: &str, said: GroupPatch, catalogue: &Catalogue) -> Vec<Spread> {
    let group = catalogue.group_of_attribute(name);
    match said {
        GroupPatch::Unset if group == name => vec![(name.into(), None, None)],
        GroupPatch::Unset => vec![(group.into(), Some(name.into()), Some(Said::Unset))],
        GroupPatch::Members(members) => {
            let place = |member: &str| if member == name { group.into() } else { name.into() };
            members.into_iter().map(|(member, said)| (place(&member), Some(member), Some(said))).collect()
        }
    }
}

/// Where an attribute stands in the body of a write.
pub(crate) fn pointer(group: &str, member: &str) -> String {
    let path = format!("/upsert/profile{}", step(group));
    if group == member { path } else { path + &step(member) }
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
