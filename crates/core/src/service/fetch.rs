//! Fetch: from identifiers to the profiles as shown.
//!
//! The common case reads two rows, the alias and the profile, sees in the profile's head that it lists the identifier,
//! and sends the answer that stands in it. Everything else (a merge under way, a projection) goes the long way round.

use super::identity::{Alias, End, Identity, Root};
use super::{Service, Tenant};
use crate::error::{Code, Error};
use crate::id::{Identifier, Region, Ucid};
use crate::limits;
use crate::profile::codec::{self, View};
use crate::profile::fold::fold;
use crate::profile::holding::holdings;
use crate::profile::render::{Extras, Name, Projection, render_part};
use crate::profile::{Live, Profile};
use crate::rules::Rules;
use crate::strategy::{Class, Rule};
use crate::tables::{self, RowHash};
use crate::time::Ms;
use bytes::Bytes;
use std::sync::Arc;

/// One value of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// An identifier.
    Identifier(Identifier),
    /// A UCID, linked ones too.
    Ucid(Ucid),
}

/// A search (contract section 4).
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The regions to look in, in order.
    pub regions: Vec<Region>,
    /// The values, in the order of the request.
    pub sought: Vec<Sought>,
    /// What to show; `None` shows everything, ready-made.
    pub only: Option<Projection>,
    /// Whether to say which of the values found each profile.
    pub matched: bool,
    /// Whether to say where each value came from.
    pub sources: bool,
    /// Whether a value that sits on several people finds them all, the last to communicate it first, at most five.
    pub allow_shared: bool,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// A JSON array, one element a profile.
    pub body: Bytes,
    /// How many profiles.
    pub count: usize,
    /// The ETag, without quotes, where one profile was found.
    pub etag: Option<ETag>,
    /// Whom it shows.
    pub shown: Shown,
}

/// The people that an answer shows. One of them, as most answers have, needs no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    first: Option<Ucid>,
    others: Vec<Ucid>,
}

impl Shown {
    /// One.
    pub fn one(ucid: Ucid) -> Self {
        Self { first: Some(ucid), others: Vec::new() }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Ucid> {
        self.first.iter().chain(&self.others).copied()
    }
}

impl FromIterator<Ucid> for Shown {
    fn from_iter<I: IntoIterator<Item = Ucid>>(ucids: I) -> Self {
        let mut ucids = ucids.into_iter();
        Self { first: ucids.next(), others: ucids.collect() }
    }
}

/// The two halves of an ETag: what writes set, and the whole unprojected answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    /// Hash of what writes set; what `If-Match` compares.
    pub writes: u64,
    /// Hash of the unprojected answer.
    pub answer: u64,
}

impl std::fmt::Display for ETag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}.{:016x}", self.writes, self.answer)
    }
}

/// One profile that was found.
struct Hit<'a> {
    region: Region,
    ucid: Ucid,
    etag: ETag,
    /// The ready-made answer, a JSON array with the one profile.
    answer: Bytes,
    /// The row itself, where the answer is not all that is wanted.
    live: Option<Arc<Live>>,
    /// Which values led here, where that is asked for.
    by: Vec<&'a Sought>,
}

impl Tenant<'_> {
    /// The profiles that these values lead to, in the order in which they were first matched, each once. Nothing found
    /// is an empty array, not an error.
    pub async fn fetch(&self, search: &Search) -> Result<Found, Error> {
        let mut hits: Vec<Hit<'_>> = Vec::with_capacity(1);
        for sought in &search.sought {
            for region in &search.regions {
                self.identity(*region).find(sought, search, &mut hits).await?;
            }
        }
        let etag = if let [hit] = hits.as_slice() { Some(hit.etag) } else { None };
        let (count, shown) = (hits.len(), hits.iter().map(|hit| hit.ucid).collect());
        Ok(Found { count, etag, shown, body: body(search, self.rules(), hits, self.service.clock.now()) })
    }
}

impl Search {
    /// Whether the ready-made answers are all that is wanted.
    fn is_whole(&self) -> bool {
        self.only.is_none() && !self.matched && !self.sources
    }
}

impl Identity<'_> {
    /// The whole profile that a tile has come to, under its name and ETag by then.
    pub(super) async fn show(&self, tile: Ucid) -> Result<Option<(Ucid, Option<ETag>, Bytes)>, Error> {
        let (sought, mut hits) = (Sought::Ucid(tile), Vec::new());
        self.find(&sought, &Search::default(), &mut hits).await?;
        Ok(hits.pop().map(|hit| (hit.ucid, Some(hit.etag), hit.answer)))
    }

    async fn find<'a>(&self, sought: &'a Sought, search: &Search, hits: &mut Vec<Hit<'a>>) -> Result<(), Error> {
        let identifier = match sought {
            Sought::Ucid(ucid) => return self.find_tile(*ucid, None, sought, search, hits).await,
            Sought::Identifier(identifier) => identifier,
        };
        let rule = self.rules.rule(identifier.kind());
        if rule.class == Class::Disabled || self.rules.blocks(identifier) {
            return Ok(());
        }
        if self.rules.catalogue.is_alone(identifier) {
            let hash = self.hash(identifier);
            let alias = self.alias(hash).await?.1;
            return if alias.blocked.is_some() {
                Ok(())
            } else {
                self.find_led(hash, &alias, rule, sought, search, hits).await
            };
        }
        let writings = self.rules.expand(identifier);
        if writings.iter().any(|writing| self.rules.blocks(writing)) {
            return Ok(());
        }
        let mut leads = Vec::with_capacity(writings.len());
        for writing in &writings {
            let hash = self.hash(writing);
            leads.push((hash, self.alias(hash).await?.1));
        }
        // A value and its hashes are one identifier, and blocked together.
        if leads.iter().all(|(_, alias)| alias.blocked.is_none()) {
            for (hash, alias) in &leads {
                self.find_led(*hash, alias, rule, sought, search, hits).await?;
            }
        }
        Ok(())
    }

    /// Whom an alias leads to.
    async fn find_led<'a>(
        &self,
        hash: RowHash,
        alias: &Alias,
        rule: Rule,
        sought: &'a Sought,
        search: &Search,
        hits: &mut Vec<Hit<'a>>,
    ) -> Result<(), Error> {
        match alias.owners.as_slice() {
            [] => Ok(()),
            [tile] => self.find_tile(*tile, Some(hash), sought, search, hits).await,
            _ => self.find_shared(hash, rule, sought, search, hits).await,
        }
    }

    /// A value that several tiles have claimed: a primary one leads to who communicated it last, another to nobody if it
    /// sits on several people, unless the search allows that.
    async fn find_shared<'a>(
        &self,
        hash: RowHash,
        rule: Rule,
        sought: &'a Sought,
        search: &Search,
        hits: &mut Vec<Hit<'a>>,
    ) -> Result<(), Error> {
        let most = if rule.is_primary() { 1 } else { limits::SHARED_FOUND };
        let holders = self.seen_holders(hash).await?;
        let one = holders.iter().all(|(_, root)| *root == holders[0].1);
        if !one && !rule.is_primary() && !search.allow_shared {
            return Ok(());
        }
        for (tile, _) in holders.iter().take(most) {
            self.find_tile(*tile, Some(hash), sought, search, hits).await?;
        }
        Ok(())
    }

    /// The tiles that hold an identifier, the last to communicate it first, and whose they are as a reader sees the rows:
    /// also a loser's that is sealed and not yet absorbed.
    async fn seen_holders(&self, hash: RowHash) -> Result<Vec<(Ucid, Ucid)>, Error> {
        let alias = self.alias(hash).await?.1;
        let mut holders = Vec::new();
        for tile in alias.owners.iter().rev() {
            if let Some(root) = self.seen(*tile).await?
                && self.shows(&root.live, *tile, Some(hash))
            {
                holders.push((*tile, root.ucid));
            }
        }
        Ok(holders)
    }

    /// The person that a tile has come to, as a reader sees the row.
    async fn seen(&self, tile: Ucid) -> Result<Option<Root>, Error> {
        for _ in 0..limits::ROUNDS {
            let End::Live(root) = self.follow(tile).await? else { return Ok(None) };
            if let Some(root) = self.as_seen_of(root, tile).await? {
                return Ok(Some(root));
            }
        }
        Err(Code::Contention.into())
    }

    /// A live row as a reader sees it, who came for a tile of it. `None` also where a split has taken that tile out since
    /// the row was read: it is somebody's all the same, so the way is walked again.
    async fn as_seen_of(&self, root: Root, tile: Ucid) -> Result<Option<Root>, Error> {
        let had = root.live.tiles.contains_key(&tile);
        Ok(self.as_seen(root).await?.filter(|seen| !had || seen.live.tiles.contains_key(&tile)))
    }

    /// The person that a tile has come to, if they hold the identifier.
    async fn find_tile<'a>(
        &self,
        tile: Ucid,
        hash: Option<RowHash>,
        sought: &'a Sought,
        search: &Search,
        hits: &mut Vec<Hit<'a>>,
    ) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (ucid, etag, answer, live) = match self.look(tile, hash, search.is_whole()).await? {
                Look::Nothing => return Ok(()),
                Look::Ready(ucid, etag, answer) => (ucid, etag, answer, None),
                Look::Row(root) => {
                    let Some(root) = self.as_seen_of(root, tile).await? else { continue };
                    if !self.shows(&root.live, tile, hash) {
                        return Ok(());
                    }
                    let made = self.render(root.ucid, &root.live);
                    (root.ucid, made.etag.into(), made.answer, Some(root.live))
                }
            };
            let by = search.matched.then_some(sought);
            match hits.iter_mut().find(|old| old.region == self.region && old.ucid == ucid) {
                // A value may lead there by each of its writings, and is told once.
                Some(old) => old.by.extend(by.filter(|by| !old.by.contains(by))),
                None => hits.push(Hit { region: self.region, ucid, etag, answer, live, by: Vec::from_iter(by) }),
            }
            return Ok(());
        }
        Err(Code::Contention.into())
    }

    fn shows(&self, live: &Live, tile: Ucid, hash: Option<RowHash>) -> bool {
        match hash {
            Some(hash) => self.holdings(live).iter().any(|holding| holding.held.hash == hash),
            None => live.tiles.contains_key(&tile),
        }
    }

    /// Follows a tile to its live row, and takes the answer from that row's head where it may.
    async fn look(&self, tile: Ucid, hash: Option<RowHash>, whole: bool) -> Result<Look, Error> {
        let mut ucid = tile;
        for _ in 0..limits::REDIRECTS {
            let Some(row) = self.service.records.row(&tables::profile(self.org, self.region, ucid)).await? else {
                return Ok(Look::Nothing);
            };
            if View::is_live(&row.value) {
                let view = View::new(&row.value).map_err(crate::store::StoreError::from)?;
                let current = !view.is_busy() && view.model() == self.rules.stamp() && is_valid(self.service, &view);
                let lists = hash.map(|hash| view.lists(hash));
                if current && lists == Some(false) && ucid == tile {
                    return Ok(Look::Nothing);
                }
                if current && whole && (lists == Some(true) || ucid == tile) {
                    return Ok(Look::Ready(ucid, view.etag().into(), view.answer()));
                }
            }
            ucid = match codec::decode(&row.value).map_err(crate::store::StoreError::from)? {
                // The tile was split out since the redirect was read: the way is walked again.
                Profile::Live(live) if ucid != tile && live.has_lost(tile) => tile,
                Profile::Live(live) => {
                    let root = Root { ucid, version: Some(row.version), live: Arc::new(live) };
                    return Ok(Look::Row(self.parted(&root, tile).await?.unwrap_or(root)));
                }
                Profile::Sealed(sealed) => sealed.to,
                Profile::Forward(forward) => forward.to,
                Profile::Erased(_) => return Ok(Look::Nothing),
            };
        }
        Err(crate::store::StoreError::Corrupt("redirects between profiles do not end".into()).into())
    }
}

enum Look {
    /// Nobody.
    Nothing,
    /// The answer as it stands in the row.
    Ready(Ucid, ETag, Bytes),
    /// The row, to be looked at more closely.
    Row(Root),
}

/// The clock is read only for a row whose answer does not hold for ever.
fn is_valid(service: &Service, view: &View<'_>) -> bool {
    let until = view.valid_until();
    until == u64::MAX || service.clock.now() < until
}

fn body(search: &Search, rules: &Rules, mut hits: Vec<Hit<'_>>, now: Ms) -> Bytes {
    let whole = search.is_whole();
    if whole && hits.len() == 1 {
        return hits.pop().map_or_else(Bytes::new, |hit| hit.answer);
    }
    let mut out = vec![b'['];
    for hit in hits {
        if out.len() > 1 {
            out.push(b',');
        }
        match &hit.live {
            Some(live) if !whole => out.extend(part(search, &hit, live, rules, now)),
            _ => out.extend_from_slice(&hit.answer[1..hit.answer.len() - 1]),
        }
    }
    out.push(b']');
    out.into()
}

fn part(search: &Search, hit: &Hit<'_>, live: &Live, rules: &Rules, now: Ms) -> Vec<u8> {
    let texts: Vec<String> = hit
        .by
        .iter()
        .filter_map(|sought| if let Sought::Ucid(ucid) = sought { Some(ucid.to_string()) } else { None })
        .collect();
    let mut ucids = texts.iter();
    let matched = hit.by.iter().map(|sought| match sought {
        Sought::Identifier(identifier) => (identifier.kind(), identifier.value()),
        Sought::Ucid(_) => ("ucid", ucids.next().map_or("", String::as_str)),
    });
    let shown = fold(&live.tiles, &holdings(&live.tiles, rules, now), rules, now);
    let extras =
        Extras { matched: search.matched.then(|| matched.collect()), sources: search.sources, ..Extras::default() };
    render_part(Name { region: hit.region, ucid: hit.ucid }, &live.tiles, &shown, search.only.as_ref(), &extras)
}
