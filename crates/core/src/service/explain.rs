//! Explain: why a person is who they are (contract section 6).
//!
//! For each person that a search finds: the identifiers, the merges with what caused each, the links that were refused,
//! and for every attribute who said what, and who won. A map of the row for people, not a wire format of the store.

use super::Tenant;
use super::fetch::{Search, Sought};
use super::identity::{Identity, Root};
use crate::error::{Code, Error};
use crate::limits;
use crate::profile::attribute::Attribute;
use crate::profile::holding::Holding;
use crate::profile::tile::{LinkFact, RefusedLink, Tile};
use crate::strategy::Class;
use crate::tables::RowHash;
use crate::value::{Scalar, Value};
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
    /// The people that a value leads to, blocked values and all: explain is for looking closely.
    async fn find_people(&self, sought: &Sought) -> Result<Vec<Root>, Error> {
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
            identifiers.push(explain_identifier(holding, blocked));
        }
        let tiles = &root.live.tiles;
        let merges: Vec<Json> =
            tiles.iter().filter_map(|(ucid, tile)| Some(explain_merge(*ucid, tile.link.as_ref()?, &held))).collect();
        let refused: Vec<Json> =
            tiles.iter().flat_map(|(_, tile)| &tile.refused).map(|link| explain_refused(link, &held)).collect();
        let apart = tiles.iter().flat_map(|(ucid, tile)| {
            tile.apart.iter().map(|from| json!({ "profile": ucid.to_string(), "from": from.to_string() }))
        });
        Ok(json!({
            "ucid": root.ucid.to_string(),
            "region": self.region.as_str(),
            "strategyVersion": self.rules.strategy.version,
            "profiles": tiles.iter().map(|(ucid, tile)| explain_tile(*ucid, tile)).collect::<Vec<_>>(),
            "identifiers": identifiers,
            "merges": merges,
            "refusedLinks": refused,
            "keptApart": apart.collect::<Vec<_>>(),
            "attributes": self.explain_attributes(root, &held),
        }))
    }

    /// For every attribute: what each profile says of it, and what is shown.
    fn explain_attributes(&self, root: &Root, held: &[Holding<'_>]) -> Json {
        let shown = crate::profile::fold::fold(&root.live.tiles, held, self.rules, self.now());
        let mut attributes = serde_json::Map::new();
        for (ucid, tile) in &root.live.tiles {
            for (group, said) in &tile.groups {
                for (name, attribute) in &said.members {
                    let path = if group == name { name.to_string() } else { format!("{group}.{name}") };
                    let told = attributes.entry(path).or_insert_with(|| {
                        let shown = shown.groups.get(group).and_then(|members| members.get(name));
                        json!({
                            "shown": shown.map(|shown| value(&shown.value)),
                            "from": shown.map(|shown| json!({ "source": &*shown.source, "_ts": shown.ts.to_string() })),
                            "said": [],
                        })
                    });
                    let won = shown.groups.get(group).and_then(|members| members.get(name));
                    let said = explain_said(attribute, ucid.to_string(), won.map(|won| (won.ts, &*won.source)));
                    if let Some(list) = told.get_mut("said").and_then(Json::as_array_mut) {
                        list.extend(said);
                    }
                }
            }
        }
        Json::Object(attributes)
    }
}

fn explain_tile(ucid: crate::id::Ucid, tile: &Tile) -> Json {
    json!({
        "ucid": ucid.to_string(),
        "created_ts": tile.created,
        "updated_ts": tile.updated,
        "mergedInto": tile.link.as_ref().map(|link| link.via.to_string()),
        "foldedForGoodInto": tile.folded.map(|into| into.to_string()),
    })
}

fn explain_identifier(holding: &Holding<'_>, blocked: bool) -> Json {
    let held = holding.held;
    json!({
        "kind": held.identifier.kind(),
        "value": held.identifier.value(),
        "profile": holding.tile.to_string(),
        "state": if holding.former { "former" } else { "current" },
        "class": class(holding.rule.class),
        "priority": holding.rule.priority,
        "blocked": blocked,
        "_ts": held.ts.to_string(),
        "received_ts": held.received,
        "expires_ts": held.expires,
    })
}

fn explain_merge(ucid: crate::id::Ucid, link: &LinkFact, held: &[Holding<'_>]) -> Json {
    let grounds = &link.grounds;
    json!({
        "profile": ucid.to_string(),
        "joined": link.via.to_string(),
        "at_ts": link.at,
        "by": name(link.by, held),
        "record": link.identifiers.iter().map(|hash| name(*hash, held)).collect::<Vec<_>>(),
        "rule": "2",
        "because": format!(
            "A record named both: its {} identifier of priority {} led to the other profile, and nothing kept the two apart.",
            class(grounds.rank.0), grounds.rank.1,
        ),
        "strategyVersion": grounds.strategy,
        "request": &*link.request,
        "source": &*link.source,
    })
}

fn explain_refused(link: &RefusedLink, held: &[Holding<'_>]) -> Json {
    json!({
        "leftAlone": link.other.to_string(),
        "kind": &*link.kind,
        "by": name(link.identifier, held),
        "rule": link.why.rule(),
        "reason": link.why.name(),
        "because": link.why.sentence(),
        "at_ts": link.at,
        "request": &*link.request,
        "source": &*link.source,
    })
}

/// An identifier of this person by its hash; one that is not theirs, or no longer, has no name here.
fn name(hash: RowHash, held: &[Holding<'_>]) -> Json {
    let holding = held.iter().find(|holding| holding.held.hash == hash);
    holding.map_or(
        Json::Null,
        |holding| json!({ "kind": holding.held.identifier.kind(), "value": holding.held.identifier.value() }),
    )
}

/// What one profile says of one attribute, one line for each thing said.
fn explain_said(attribute: &Attribute, profile: String, won: Option<(u64, &str)>) -> Vec<Json> {
    let line = |what: &str, said: Json, ts: u64, source: &str| {
        let wins = won.is_some_and(|(at, by)| at == ts && by == source);
        json!({ "profile": &profile, "said": what, "value": said, "_ts": ts.to_string(), "source": source, "won": wins })
    };
    let mut lines = Vec::new();
    if let Some(base) = &attribute.base {
        let what = if base.value.is_some() { "value" } else { "removed" };
        lines.push(line(what, base.value.as_ref().map_or(Json::Null, scalar), base.ts, &base.source));
    }
    for (what, said) in [("$add", &attribute.increments), ("$min", &attribute.least), ("$max", &attribute.greatest)] {
        lines.extend(said.iter().map(|said| line(what, scalar(&said.value.into()), said.ts, &said.source)));
    }
    lines.extend(
        attribute
            .older
            .iter()
            .map(|sum| line("$add, older ones together", scalar(&sum.value.into()), sum.ts, &sum.source)),
    );
    lines.extend(attribute.first.iter().map(|first| line("$set_once", value(&first.value), first.ts, &first.source)));
    for entry in &attribute.entries {
        lines.extend(entry.added.iter().map(|added| line("entry", scalar(&entry.value), added.last.0, &added.source)));
        lines.extend(entry.removed.iter().map(|removed| line("entry removed", scalar(&entry.value), *removed, "")));
    }
    lines
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Primary => "primary",
        Class::Secondary => "secondary",
        Class::Disabled => "disabled",
    }
}

fn scalar(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Text(text) => json!(&**text),
        Scalar::Integer(number) => json!(number),
        Scalar::Double(number) => json!(number),
        Scalar::Boolean(truth) => json!(truth),
    }
}

fn value(shown: &Value) -> Json {
    match shown {
        Value::One(one) => scalar(one),
        Value::List(list) => list.iter().map(scalar).collect(),
    }
}
