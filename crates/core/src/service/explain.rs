//! Explain: why a person is who they are (contract section 6).
//!
//! For each person that a search finds: the story of how they came about, the identifiers, the merges with what caused
//! each, the links that were refused, the blocked values that were met, and for everything said who said what, and who
//! won. For people to read, not a wire format of the store. Who said what is in `said.rs`, the story in `story.rs`.

mod said;
mod story;

use super::Tenant;
use super::fetch::{Search, Sought};
use super::identity::{Identity, Root};
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::profile::holding::Holding;
use crate::profile::tile::{LinkFact, RefusedLink, Tile};
use crate::strategy::Why;
use crate::tables::RowHash;
use serde_json::{Value as Json, json};

impl Tenant<'_> {
    /// An explanation of each person that these values lead to, in the order in which they were first matched.
    pub async fn explain(&self, search: &Search) -> Result<Vec<Json>, Error> {
        let mut explained: Vec<Json> = Vec::new();
        for sought in &search.sought {
            for region in &search.regions {
                let identity = self.identity(*region);
                for root in identity.find_people(sought).await? {
                    let told = identity.explain(&root).await?;
                    if !explained.contains(&told) {
                        explained.push(told);
                    }
                }
            }
        }
        Ok(explained)
    }
}

impl Identity<'_> {
    /// The people that a value leads to in any of its writings, blocked values and all: explain is for looking closely.
    async fn find_people(&self, sought: &Sought) -> Result<Vec<Root>, Error> {
        let mut people: Vec<Root> = Vec::new();
        for writing in self.writings_of(sought) {
            for root in self.people_of(&writing).await? {
                if people.iter().all(|known| known.ucid != root.ucid) {
                    people.push(root);
                }
            }
        }
        people.truncate(limits::SHARED_FOUND);
        Ok(people)
    }

    fn writings_of(&self, sought: &Sought) -> Vec<Sought> {
        match sought {
            Sought::Ucid(ucid) => vec![Sought::Ucid(*ucid)],
            Sought::Identifier(one) => self.rules.expand(one).into_iter().map(Sought::Identifier).collect(),
        }
    }

    async fn people_of(&self, sought: &Sought) -> Result<Vec<Root>, Error> {
        for _ in 0..limits::ROUNDS {
            let lead = self.resolve_sought(sought).await?;
            let roots: Vec<Root> =
                lead.holders.iter().map(|holder| holder.root.clone()).take(limits::SHARED_FOUND).collect();
            let busy = lead.roots().find(|root| root.live.is_busy()).map(|root| root.ucid);
            match busy {
                None => return Ok(roots),
                Some(ucid) => self.settle(ucid).await?,
            }
        }
        Err(Code::Contention.into())
    }

    async fn explain(&self, root: &Root) -> Result<Json, Error> {
        let held = self.holdings(&root.live);
        let mut identifiers = Vec::with_capacity(held.len());
        for holding in &held {
            let blocked =
                self.alias(holding.held.hash).await?.1.blocked.is_some() || self.rules.blocks(&holding.held.identifier);
            identifiers.push(identifier(holding, self.rules.family(holding.held.identifier.kind()), blocked));
        }
        let person = Person::new(root, &held);
        let apart = root.live.tiles.iter().flat_map(|(ucid, tile)| {
            tile.apart.iter().map(|from| json!({ "profile": ucid.to_string(), "from": from.to_string() }))
        });
        Ok(json!({
            "ucid": root.ucid.to_string(),
            "region": self.region.as_str(),
            "strategyVersion": self.rules.strategy.version,
            "story": story::tell(&person),
            "profiles": root.live.tiles.iter().map(|(ucid, tile)| profile(*ucid, tile)).collect::<Json>(),
            "identifiers": identifiers,
            "merges": person.merges.iter().map(|(ucid, link)| person.merge(*ucid, link)).collect::<Json>(),
            "refusedLinks": person.refused.iter().map(|link| person.refusal(link)).collect::<Json>(),
            "blockedValues": person.blocked.iter().map(|value| blocked_value(value)).collect::<Json>(),
            "keptApart": apart.collect::<Json>(),
            "attributes": said::attributes(root, &held, self.rules, self.now()),
            "preferences": said::preferences(root),
            "consents": said::consents(root, &held, self.rules, self.now()),
        }))
    }
}

/// What there is to tell of a person, in order of time.
pub(super) struct Person<'a> {
    root: &'a Root,
    held: &'a [Holding<'a>],
    merges: Vec<(Ucid, &'a LinkFact)>,
    refused: Vec<&'a RefusedLink>,
    blocked: Vec<&'a RefusedLink>,
}

impl<'a> Person<'a> {
    fn new(root: &'a Root, held: &'a [Holding<'a>]) -> Self {
        let tiles = &root.live.tiles;
        let mut merges: Vec<_> = tiles.iter().filter_map(|(ucid, tile)| Some((*ucid, tile.link.as_ref()?))).collect();
        merges.sort_by_key(|(ucid, link)| (link.at, *ucid));
        let mut all: Vec<&RefusedLink> = tiles.values().flat_map(|tile| &tile.refused).collect();
        all.sort_by_key(|link| link.at);
        let (blocked, refused) = all.into_iter().partition(|link| matches!(link.why, Why::Blocked | Why::Suppressed));
        Self { root, held, merges, refused, blocked }
    }

    /// An identifier of this person by its hash; one that is not theirs, or no longer, has no name here.
    fn named(&self, hash: RowHash) -> Option<(&'a str, &'a str)> {
        let holding = self.held.iter().find(|holding| holding.held.hash == hash)?;
        Some((holding.held.identifier.kind(), holding.held.identifier.value()))
    }

    /// What all writings of an identifier of this person have in common.
    fn same(&self, hash: RowHash) -> RowHash {
        let holding = self.held.iter().find(|holding| holding.held.hash == hash);
        holding.map_or(hash, |holding| holding.held.same)
    }

    fn name(&self, hash: RowHash) -> Json {
        self.named(hash).map_or(Json::Null, |(kind, value)| json!({ "kind": kind, "value": value }))
    }

    fn merge(&self, ucid: Ucid, link: &LinkFact) -> Json {
        json!({
            "profile": ucid.to_string(),
            "joined": link.via.to_string(),
            "at_ts": link.at,
            "by": self.name(link.by),
            "record": link.identifiers.iter().map(|hash| self.name(*hash)).collect::<Json>(),
            "rule": "2",
            "because": story::why_merged(self, link),
            "strategyVersion": link.grounds.strategy,
            "request": &*link.request,
            "source": &*link.source,
        })
    }

    fn refusal(&self, link: &RefusedLink) -> Json {
        json!({
            "leftAlone": link.other.to_string(),
            "kind": &*link.kind,
            "by": self.name(link.identifier),
            "rule": link.why.rule(),
            "reason": link.why.name(),
            "because": link.why.sentence(),
            "at_ts": link.at,
            "request": &*link.request,
            "source": &*link.source,
        })
    }
}

fn profile(ucid: Ucid, tile: &Tile) -> Json {
    json!({
        "ucid": ucid.to_string(),
        "created_ts": tile.created,
        "updated_ts": tile.updated,
        "mergedInto": tile.link.as_ref().map(|link| link.via.to_string()),
        "foldedForGoodInto": tile.folded.map(|into| into.to_string()),
    })
}

fn identifier(holding: &Holding<'_>, family: &str, blocked: bool) -> Json {
    let held = holding.held;
    let derived = family != held.identifier.kind();
    json!({
        "kind": held.identifier.kind(),
        "value": held.identifier.value(),
        "derivesFrom": derived.then_some(family),
        "profile": holding.tile.to_string(),
        "state": if holding.former { "former" } else { "current" },
        "class": holding.rule.class.name(),
        "priority": holding.rule.priority,
        "blocked": blocked,
        "_ts": held.ts.to_string(),
        "received_ts": held.received,
        "expires_ts": held.expires,
    })
}

/// A value that names nobody is not kept, so it is not told either.
fn blocked_value(value: &RefusedLink) -> Json {
    json!({
        "kind": &*value.kind,
        "because": value.why.sentence(),
        "at_ts": value.at,
        "request": &*value.request,
        "source": &*value.source,
    })
}
