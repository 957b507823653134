//! Says of one person whether what the server shows is what it acknowledged. Pure: what is found comes in, faults go out.

use crate::client::Id;
use crate::ledger::{Person, Presence, Wrong};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One profile of the answers to a search by all identifiers of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// By which of them it was found.
    pub matched: BTreeSet<Id>,
    pub markers: Vec<String>,
    pub count: u64,
}

/// What such a search found, by UCID.
#[derive(Clone, Debug, Default)]
pub struct Found(pub BTreeMap<String, Profile>);

impl Found {
    /// Adds the answer to a part of the search.
    pub fn add(&mut self, answer: &Value) {
        for found in answer.as_array().unwrap() {
            let profile = self.0.entry(text(&found["ucid"])).or_default();
            let matched = found["matched"].as_array().unwrap().iter();
            profile.matched.extend(matched.map(|id| (text(&id["kind"]), text(&id["value"]))));
            let said = &found["profile"];
            let markers = said["markers"]["markers"].as_array().map_or(&[][..], Vec::as_slice);
            profile.markers = markers.iter().map(text).collect();
            profile.count = said["count"]["count"].as_u64().unwrap_or(0);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

type Faults = Vec<(Wrong, String)>;

/// What is wrong, if anything.
pub fn judge(person: &Person, found: &Found) -> Faults {
    let profiles: Vec<&Profile> = found.0.values().collect();
    match (person.presence, profiles.as_slice()) {
        (Presence::Planned | Presence::PartOf(_), _) => vec![],
        (Presence::Gone, []) | (Presence::PerhapsThere | Presence::PerhapsGone, []) => vec![],
        (Presence::Gone, _) => vec![(Wrong::Back, format!("{} are found: {found:?}", name(person)))],
        (Presence::There, []) => vec![(Wrong::Lost, format!("{} are not found", name(person)))],
        (presence, [profile]) => judge_profile(person, presence, profile),
        (_, several) => vec![(Wrong::Lost, format!("{} are {} people", name(person), several.len()))],
    }
}

fn judge_profile(person: &Person, presence: Presence, profile: &Profile) -> Faults {
    let mut faults = vec![];
    // Who may be there or not may not be there for some identifiers alone.
    let wrong = if presence == Presence::There { Wrong::Lost } else { Wrong::Half };
    for (kind, value) in person.ids.iter().filter(|id| !profile.matched.contains(*id)) {
        faults.push((wrong, format!("{} are not found by {kind} {value}", name(person))));
    }
    let shown: BTreeSet<&String> = profile.markers.iter().collect();
    for lost in person.markers.iter().filter(|marker| !shown.contains(marker)) {
        faults.push((Wrong::Lost, format!("{lost} of {}", name(person))));
    }
    for other in shown.iter().filter(|marker| !person.markers.contains(**marker) && !person.perhaps.contains(**marker))
    {
        faults.push((Wrong::Back, format!("{other} at {}", name(person))));
    }
    faults.extend(judge_count(person, profile, shown.len()));
    faults
}

/// Each write adds one marker and one to the counter, in one step.
fn judge_count(person: &Person, profile: &Profile, different: usize) -> Faults {
    let mut faults = vec![];
    if profile.markers.len() > different {
        faults.push((Wrong::Twice, format!("a marker of {}: {:?}", name(person), profile.markers)));
    }
    let (count, markers) = (profile.count, different as u64);
    if count != markers {
        let wrong = if count > markers { Wrong::Twice } else { Wrong::Half };
        faults.push((wrong, format!("{} count {count} with {markers} markers", name(person))));
    }
    faults
}

fn name(person: &Person) -> String {
    let (kind, value) = &person.ids[0];
    format!("those with {kind} {value}")
}

/// Adopts what was found where it was open, so that it may not change any more.
pub fn settle(person: &mut Person, found: &Found) {
    if matches!(person.presence, Presence::PerhapsThere | Presence::PerhapsGone) {
        person.presence = if found.0.is_empty() { Presence::Gone } else { Presence::There };
    }
    let perhaps = std::mem::take(&mut person.perhaps);
    let shown: BTreeSet<&String> = found.0.values().flat_map(|profile| &profile.markers).collect();
    person.markers.extend(perhaps.into_iter().filter(|marker| shown.contains(marker)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(values: &[&str]) -> Vec<Id> {
        values.iter().map(|value| ("crm".to_owned(), (*value).to_owned())).collect()
    }

    fn person(presence: Presence, markers: &[&str], perhaps: &[&str]) -> Person {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Person { owner: None, presence, ids: ids(&["a", "b"]), markers: set(markers), perhaps: set(perhaps) }
    }

    fn profile(matched: &[&str], markers: &[&str], count: u64) -> Profile {
        let markers = markers.iter().map(|name| (*name).to_owned()).collect();
        Profile { matched: ids(matched).into_iter().collect(), markers, count }
    }

    fn verdict(person: &Person, profiles: Vec<Profile>) -> Vec<Wrong> {
        let profiles = profiles.into_iter().enumerate().map(|(number, profile)| (number.to_string(), profile));
        judge(person, &Found(profiles.collect())).into_iter().map(|(wrong, _)| wrong).collect()
    }

    #[test]
    fn the_judge_is_content_with_what_was_promised() {
        let there = person(Presence::There, &["m", "n"], &["p"]);
        assert_eq!(verdict(&there, vec![profile(&["a", "b"], &["m", "n"], 2)]), []);
        assert_eq!(verdict(&there, vec![profile(&["a", "b"], &["m", "n", "p"], 3)]), []);
        assert_eq!(verdict(&person(Presence::Gone, &["m"], &[]), vec![]), []);
        for open in [Presence::PerhapsThere, Presence::PerhapsGone] {
            assert_eq!(verdict(&person(open, &["m"], &[]), vec![]), []);
            assert_eq!(verdict(&person(open, &["m"], &[]), vec![profile(&["a", "b"], &["m"], 1)]), []);
        }
    }

    #[test]
    fn the_judge_notices_what_was_not() {
        use Wrong::*;
        let there = person(Presence::There, &["m", "n"], &["p"]);
        let both = &["a", "b"];
        assert_eq!(verdict(&there, vec![]), [Lost], "a person");
        assert_eq!(verdict(&there, vec![profile(&["a"], &["m", "n"], 2)]), [Lost], "an identifier");
        assert_eq!(verdict(&there, vec![profile(both, &["m"], 1)]), [Lost], "a write");
        assert_eq!(verdict(&there, vec![profile(&["a"], &["m"], 1), profile(&["b"], &["n"], 1)]), [Lost], "a merge");
        assert_eq!(verdict(&there, vec![profile(both, &["m", "n"], 3)]), [Twice], "an increment");
        assert_eq!(verdict(&there, vec![profile(both, &["m", "n", "n"], 2)]), [Twice], "an entry");
        assert_eq!(verdict(&there, vec![profile(both, &["m", "n", "p"], 2)]), [Half], "one of two attributes");
        assert_eq!(verdict(&there, vec![profile(both, &["m", "n", "x"], 3)]), [Back], "what nobody said of them");
        assert_eq!(verdict(&person(Presence::Gone, &["m"], &[]), vec![profile(both, &["m"], 1)]), [Back]);
        assert_eq!(verdict(&person(Presence::PerhapsGone, &["m"], &[]), vec![profile(&["a"], &["m"], 1)]), [Half]);
    }
}
