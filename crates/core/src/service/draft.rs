//! What a person would be after a write, checked against every bound before anything is changed.

use super::upsert::Write;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::patch::{GroupPatch, Patch};
use crate::profile::attribute::Said;
use crate::profile::fold::{Tiles, base_of, fold, list_length};
use crate::profile::render::{Name, render};
use crate::tables::RowHash;
use crate::time::Ms;

/// A person with a write taken in.
pub(crate) struct Draft {
    /// The person's tiles.
    pub(crate) tiles: Tiles,
    /// The tile that took the write in.
    pub(crate) tile: Ucid,
}

/// What the stamp of a write depends on.
#[derive(Clone, Copy)]
pub(crate) struct Stamps {
    /// The node's clock.
    pub(crate) now: Ms,
    /// When the last of the people known by these identifiers was erased.
    pub(crate) erased: Option<Ms>,
}

impl Draft {
    /// Takes a write into a tile of these people. Each identifier goes to the tile that its alias names. Refuses what is older than an erasure, and what passes a bound.
    pub(crate) fn new(
        mut tiles: Tiles,
        tile: Ucid,
        homes: Vec<(RowHash, Ucid)>,
        stamps: Stamps,
        write: &Write,
    ) -> Result<Self, Error> {
        if write.timestamp.zip(stamps.erased).is_some_and(|(given, erased)| given <= erased) {
            return Err(Code::Erased.into());
        }
        let newest = tiles.values().map(|tile| tile.newest()).chain(stamps.erased).max();
        let ts = write
            .timestamp
            .unwrap_or_else(|| newest.map_or(stamps.now, |newest| stamps.now.max(newest.saturating_add(1))));
        for (identifier, (hash, home)) in write.identifiers.iter().zip(homes) {
            tiles.entry(home).or_default().hold(identifier, hash, ts, stamps.now);
        }
        let own = tiles.entry(tile).or_default();
        own.apply(&write.patch, ts, &write.source);
        own.created = if own.created == 0 { stamps.now } else { own.created };
        own.updated = own.updated.max(stamps.now);
        let draft = Self { tiles, tile };
        draft.check(write)?;
        Ok(draft)
    }

    fn check(&self, write: &Write) -> Result<(), Error> {
        let shown = fold(&self.tiles);
        let first = self.tiles.keys().next().copied().unwrap_or(self.tile);
        let refuse = |code: Code| Err(code.into());
        if shown.attributes() > limits::PROFILE_ATTRIBUTES {
            return refuse(Code::TooManyAttributes);
        }
        if shown.identifiers() > limits::PROFILE_IDENTIFIERS {
            return refuse(Code::TooManyIdentifiers);
        }
        if self.tiles.len() > limits::PERSON_TILES {
            return refuse(Code::TooManyProfiles);
        }
        if render(Name { region: write.region, ucid: first }, &self.tiles, &shown).len() > limits::PROFILE_SHOWN_BYTES {
            return refuse(Code::ProfileTooLarge);
        }
        if postcard::experimental::serialized_size(&self.tiles).is_ok_and(|size| size > limits::PROFILE_SAID_BYTES) {
            return refuse(Code::ProfileSaysTooMuch);
        }
        self.check_attributes(&write.patch)
    }

    /// Lists within their bounds, and operators on numbers only where there are numbers.
    fn check_attributes(&self, patch: &Patch) -> Result<(), Error> {
        let mut faults = Vec::new();
        for (group, said) in &patch.groups {
            let GroupPatch::Members(members) = said else { continue };
            for (member, said) in members {
                if let Some(code) = self.fault(group, member, said) {
                    faults.push((code, pointer(group, member)));
                }
            }
        }
        let Some((code, _)) = faults.first() else { return Ok(()) };
        let mut error = Error::from(*code);
        error.faults = faults.into_iter().flat_map(|(code, pointer)| Error::at(code, pointer).faults).collect();
        Err(error)
    }

    fn fault(&self, group: &str, member: &str, said: &Said) -> Option<Code> {
        let attribute = self.tiles.get(&self.tile)?.groups.get(group)?.members.get(member)?;
        if attribute.entries.len() > limits::LIST_MARKS {
            return Some(Code::ListTooManyMarks);
        }
        let entries = list_length(&self.tiles, group, member);
        if entries > limits::LIST_ENTRIES {
            return Some(Code::ListTooLong);
        }
        if !matches!(said, Said::Add(_) | Said::Min(_) | Said::Max(_)) {
            return None;
        }
        let base = base_of(&self.tiles, group, member).and_then(|base| base.value);
        let numbers = entries == 0 && base.is_none_or(|base| base.number().is_some());
        if numbers { None } else { Some(Code::NotANumber) }
    }
}

fn pointer(group: &str, member: &str) -> String {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let path = format!("/upsert/profile/{}", escape(group));
    if group == member { path } else { format!("{path}/{}", escape(member)) }
}
