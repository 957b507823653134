//! What one row holds: that it is well formed, that it says what the model says, and how it is told to a reader.

use super::{Check, Wrong, place_of};
use crate::model::{Person, increment};
use crate::ops::{Id, Realm, identifier};
use bytes::Bytes;
use onefold_core::id::Ucid;
use onefold_core::profile::codec::{self, View};
use onefold_core::profile::fold::{Tiles, fold};
use onefold_core::profile::holding::holdings;
use onefold_core::profile::render::{Name, render};
use onefold_core::profile::tile::Held;
use onefold_core::profile::{Live, Profile};
use onefold_core::rules::Rules;
use onefold_core::tables::{Key, RowHash};
use onefold_core::time::Ms;
use onefold_core::value::{Number, Scalar};
use std::collections::BTreeMap;

/// What tiles hold, in the words of the model.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) ids: BTreeMap<Id, Ucid>,
    /// Those that are no longer shown.
    pub(super) former: BTreeMap<Id, Ucid>,
    /// Each mark's profile and stamp.
    pub(super) marks: BTreeMap<usize, (Ucid, Ms)>,
    pub(super) sum: i64,
}

impl Content {
    /// `rules`: not the literal ones, and the time.
    pub(super) fn of(tiles: &Tiles, rules: Option<(&Rules, Ms)>) -> Result<Self, Wrong> {
        let mut content = Self::default();
        if let Some((rules, now)) = rules {
            content.hold(tiles, rules, now)?;
        }
        for (ucid, tile) in tiles {
            for held in tile.identifiers.iter().filter(|_| rules.is_none()) {
                if content.ids.insert(id_of(held)?, *ucid).is_some() {
                    return Err("an identifier is listed twice in one row".into());
                }
            }
            let attribute = |name: &str| tile.groups.get(name)?.members.get(name);
            for entry in attribute("marks").map_or(&[][..], |marks| &marks.entries) {
                let (Scalar::Text(text), Some(added)) = (&entry.value, &entry.added) else {
                    return Err("an entry without a mark".into());
                };
                let mark = number_in(text, "mk~").ok_or("a mark of nobody known")?;
                if content.marks.insert(mark, (*ucid, added.first.0)).is_some() {
                    return Err(format!("mark {mark} stands in two profiles of one person"));
                }
            }
            if let Some(count) = attribute("count") {
                let numbers = count.increments.iter().chain(&count.older).map(|said| said.value);
                content.sum += numbers.map(|number| if let Number::Integer(n) = number { n } else { 0 }).sum::<i64>();
            }
        }
        Ok(content)
    }

    fn hold(&mut self, tiles: &Tiles, rules: &Rules, now: Ms) -> Result<(), Wrong> {
        for holding in holdings(tiles, rules, now) {
            let of = if holding.former { &mut self.former } else { &mut self.ids };
            of.entry(id_of(holding.held)?).or_insert(holding.tile);
        }
        let ids = &self.ids;
        self.former.retain(|id, _| !ids.contains_key(id));
        Ok(())
    }

    /// Whether this is what the model says of a person.
    pub(super) fn is(&self, person: &Person) -> Result<(), Wrong> {
        if self.ids != person.ids {
            return Err(format!("lists identifiers {:?}, should be {:?}", self.ids, person.ids));
        }
        self.says_as(person)
    }

    /// Whether it says what was said by the writes that happened to a person.
    pub(super) fn says_as(&self, person: &Person) -> Result<(), Wrong> {
        let marks: BTreeMap<_, _> = person.writes.iter().map(|write| (write.op, (write.tile, write.stamp))).collect();
        if self.marks != marks {
            return Err(format!("holds marks {:?}, should be {:?}", self.marks, marks));
        }
        if self.sum != person.sum() {
            let twice: Vec<_> =
                (0..60).filter(|op| self.sum & increment(*op) != person.sum() & increment(*op)).collect();
            return Err(format!("counts {:b}, should be {:b}: see {twice:?}", self.sum, person.sum()));
        }
        Ok(())
    }
}

/// Which identifier of the pool this is.
pub(super) fn id_of(held: &Held) -> Result<Id, Wrong> {
    Ok(number_in(held.identifier.value(), "id~").ok_or("an identifier of nobody known")? as Id)
}

/// The number behind a word in a text.
pub(super) fn number_in(text: &str, word: &str) -> Option<usize> {
    text.strip_prefix(word)?.strip_suffix('~')?.parse().ok()
}

/// The numbers between a word and a `~`, wherever they stand in bytes.
pub(super) fn numbers_in(bytes: &[u8], word: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    for (place, window) in bytes.windows(word.len()).enumerate() {
        if window[0] == word[0] && window == word {
            let behind = &bytes[place + word.len()..];
            let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 && behind.get(digits) == Some(&b'~') {
                found.push(behind[..digits].iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')));
            }
        }
    }
    found
}

/// Rows other than profiles hold nothing personal.
pub(super) fn is_clean(bytes: &[u8]) -> Result<(), Wrong> {
    if !numbers_in(bytes, b"id~").is_empty() {
        return Err("an identifier stands".into());
    }
    if !numbers_in(bytes, b"mk~").is_empty() {
        return Err("a mark stands".into());
    }
    Ok(())
}

impl Check {
    /// That a row is what its encoding promises; its ETag's first half.
    pub(super) fn well_formed(&self, realm: Realm, ucid: Ucid, profile: &Profile, value: &Bytes) -> Result<u64, Wrong> {
        let Profile::Live(live) = profile else { return Ok(0) };
        let view = View::new(value).map_err(|bad| bad.to_string())?;
        let (rules, now) = (&*self.config.rules, self.now);
        let held = holdings(&live.tiles, rules, now);
        let shown = fold(&live.tiles, &held, rules, now);
        let shown = render(Name { region: realm.code(), ucid }, &live.tiles, &shown);
        if view.answer() != [b"[", shown.as_slice(), b"]"].concat() {
            return Err(format!("{ucid:?}: the answer in the row is not what its tiles say"));
        }
        if view.is_busy() != live.is_busy() {
            return Err(format!("{ucid:?}: the head does not know whether the row is busy"));
        }
        let hashes: Vec<RowHash> = held.iter().map(|holding| holding.held.hash).collect();
        let listed = value[40..44].try_into().map(u32::from_be_bytes).unwrap_or(0);
        if listed as usize != hashes.len() || !hashes.iter().all(|hash| view.lists(*hash)) {
            return Err(format!("{ucid:?}: the head does not list what the tiles hold"));
        }
        self.hashes_are_right(realm, live)?;
        Ok(view.etag().0)
    }

    fn hashes_are_right(&self, realm: Realm, live: &Live) -> Result<(), Wrong> {
        let Some(secret) = &self.secret else { return Ok(()) };
        for held in live.tiles.values().flat_map(|tile| &tile.identifiers) {
            if secret.identifier(realm.org_id(), realm.code(), &held.identifier) != held.hash {
                return Err("an identifier is held under another's hash".into());
            }
        }
        Ok(())
    }

    /// A live row as it was last written.
    pub(super) fn live(&self, realm: Realm, ucid: Ucid) -> Option<&Live> {
        self.rows.get(&(realm, ucid))?.profile.live()
    }

    /// The tiles that a reader of a live row sees: with those of a loser that is sealed and not yet absorbed, and without
    /// those that have a row of their own again.
    pub(super) fn visible_tiles(&self, realm: Realm, ucid: Ucid, live: &Live) -> Tiles {
        let mut tiles = live.tiles.clone();
        if let Some(pending) = &live.pending
            && let Some(known) = self.rows.get(&(realm, pending.loser))
            && let Profile::Sealed(sealed) = &known.profile
            && sealed.to == ucid
        {
            for (ucid, tile) in &sealed.tiles {
                tiles.entry(*ucid).or_insert_with(|| tile.clone());
            }
        }
        if let Some(out) = &live.split
            && let Some(first) = out.first()
            && self.live(realm, *first).is_some_and(|new| new.source == Some(ucid))
        {
            tiles.retain(|tile, _| !out.contains(tile));
        }
        tiles
    }

    /// What a reader of a live row sees.
    pub(super) fn visible(&self, realm: Realm, ucid: Ucid, live: &Live) -> Result<Content, Wrong> {
        Content::of(&self.visible_tiles(realm, ucid, live), self.rules())
    }

    /// The rules that are not the literal ones, and the time.
    pub(super) fn rules(&self) -> Option<(&Rules, Ms)> {
        (!self.config.literal).then_some((&*self.config.rules, self.now))
    }

    /// The hash of an identifier.
    pub(super) fn hash(&self, realm: Realm, id: Id) -> Option<RowHash> {
        let secret = self.secret.as_ref()?;
        Some(secret.identifier(realm.org_id(), realm.code(), &identifier(id, self.kinds)))
    }

    /// A row's key for a reader of the trace.
    pub(crate) fn name(&self, key: &Key) -> String {
        if let Some((realm, ucid)) = place_of(key) {
            return format!("profile {} of {}/{}", short(ucid), realm.org, realm.region);
        }
        let bytes = key.partition.bytes.as_slice();
        let tail = |bytes: &[u8]| bytes.iter().take(3).map(|byte| format!("{byte:02x}")).collect::<String>();
        for (realm, id) in self.realms().into_iter().flat_map(|realm| (0..8).map(move |id| (realm, id))) {
            let hash = self.hash(realm, id);
            if hash.is_some_and(|hash| bytes.ends_with(&hash.0)) {
                return format!("{} of identifier {id} in {}/{}", key.partition.table.name(), realm.org, realm.region);
            }
        }
        format!("{} {}", key.partition.table.name(), tail(&key.sort))
    }

    fn realms(&self) -> Vec<Realm> {
        (0..2).flat_map(|org| (0..2).map(move |region| Realm { org, region })).collect()
    }

    /// A row for a reader of the trace.
    pub(crate) fn describe(&self, key: &Key, value: &Bytes) -> String {
        if place_of(key).is_none() {
            return format!("{} bytes", value.len());
        }
        let said = |tiles: &Tiles| match Content::of(tiles, self.rules()) {
            Ok(content) => {
                let ids: Vec<_> = content.ids.iter().map(|(id, tile)| format!("{id}@{}", short(*tile))).collect();
                let marks: Vec<_> = content
                    .marks
                    .iter()
                    .map(|(mark, (t, ts))| format!("{mark}@{}:{}", short(*t), ts % 1_000_000))
                    .collect();
                format!("ids {ids:?} former {:?} marks {marks:?}", content.former.keys())
            }
            Err(wrong) => wrong,
        };
        match codec::decode(value) {
            Ok(Profile::Live(live)) => {
                let pending = live.pending.as_ref().map(|pending| short(pending.loser));
                let out = live.split.as_ref().map(|out| out.iter().map(|tile| short(*tile)).collect::<Vec<_>>());
                let source = live.source.map(short);
                format!(
                    "live {} pending {pending:?} releasing {:?} split {out:?} source {source:?} ops {}",
                    said(&live.tiles),
                    live.releasing,
                    live.ops.len()
                )
            }
            Ok(Profile::Sealed(sealed)) => format!("sealed to {} with {}", short(sealed.to), said(&sealed.tiles)),
            Ok(Profile::Forward(forward)) => format!("forward to {}", short(forward.to)),
            Ok(Profile::Erased(erased)) => format!("erased at {} cleaned {}", erased.at % 1_000_000, erased.cleaned),
            Err(bad) => bad.to_string(),
        }
    }
}

/// Enough of a UCID to tell it from the others of a history.
pub(crate) fn short(ucid: Ucid) -> String {
    let bits = ucid.as_u128();
    format!("{:05x}.{:03x}", (bits >> 80) & 0xf_ffff, bits & 0xfff)
}
