//! How a person came about, as somebody would tell it who knows neither the code nor the store.

use super::Person;
use crate::id::Ucid;
use crate::profile::tile::{LinkFact, RefusedLink};
use crate::tables::RowHash;
use crate::time::{Ms, utc};

/// Line by line, in order of time; what holds now comes last.
pub(super) fn tell(person: &Person<'_>) -> Vec<String> {
    let root = person.root.ucid;
    let mut events: Vec<(Ms, String)> = Vec::new();
    for (ucid, tile) in &person.root.live.tiles {
        let first = if *ucid == root { ", the first created, whose UCID the person has" } else { "" };
        events.push((tile.created, format!("{} began: profile {ucid}{first}.", short(person, *ucid))));
    }
    for (ucid, link) in &person.merges {
        let (one, other) = (short(person, *ucid), short(person, link.via));
        events.push((link.at, format!("{one} and {other} became one. {}", why_merged(person, link))));
    }
    events.extend(person.refused.iter().map(|link| (link.at, left_alone(person, link))));
    events.extend(person.blocked.iter().map(|link| {
        let (kind, by) = (&link.kind, by(&link.request, &link.source));
        (link.at, format!("{by} carried a blocked value of the kind {kind}: it names nobody, and was left out."))
    }));
    events.sort_by_key(|(at, _)| *at);
    let mut story: Vec<String> = events.into_iter().map(|(at, text)| format!("{}  {text}", utc(at))).collect();
    story.extend(now(person));
    story
}

/// Why two profiles became one.
pub(super) fn why_merged(person: &Person<'_>, link: &LinkFact) -> String {
    let (class, priority) = link.grounds.rank;
    let others: Vec<RowHash> =
        link.identifiers.iter().copied().filter(|hash| person.same(*hash) != person.same(link.by)).collect();
    let mut others = names(person, &others);
    let other = if others.len() == 1 { others.remove(0) } else { "what is listed before it".into() };
    format!(
        "{} carried {}. {other} led to the one, {} ({}, priority {priority}) to the other, and nothing kept the two apart.",
        by(&link.request, &link.source),
        listed(names(person, &link.identifiers)),
        named(person, link.by),
        class.name(),
    )
}

fn left_alone(person: &Person<'_>, link: &RefusedLink) -> String {
    let own = person.named(link.identifier).map(|(kind, value)| format!("{kind} {value}"));
    format!(
        "Profile {} was left alone. {} carried {} that led there. {} (Rule {}.)",
        link.other,
        by(&link.request, &link.source),
        own.unwrap_or_else(|| format!("a value of the kind {}", link.kind)),
        link.why.sentence(),
        link.why.rule(),
    )
}

/// What the person holds now, and whom they are kept from.
fn now(person: &Person<'_>) -> Vec<String> {
    let of = |former: bool| -> Vec<RowHash> {
        person.held.iter().filter(|holding| holding.former == former).map(|holding| holding.held.hash).collect()
    };
    let tiles = &person.root.live.tiles;
    let made_of = if tiles.len() == 1 { "one profile".into() } else { format!("{} profiles", tiles.len()) };
    let mut lines = vec![format!("Now one person, made of {made_of}, with {}.", listed(names(person, &of(false))))];
    let former = names(person, &of(true));
    if !former.is_empty() {
        lines
            .push(format!("Former values, not shown, which still lead here when they come alone: {}.", listed(former)));
    }
    for (ucid, tile) in tiles {
        let who = short(person, *ucid);
        lines.extend(tile.folded.map(|into| {
            let into = short(person, into);
            format!("{who} was folded into {into} for good, to make room, and can no longer be split out.")
        }));
        lines.extend(tile.apart.iter().map(|from| {
            format!("{who} was split from {}: the two are kept apart until that is lifted.", short(person, *from))
        }));
    }
    lines
}

/// A profile of the person, by its place in order of creation; of another, by its UCID.
fn short(person: &Person<'_>, ucid: Ucid) -> String {
    let place = person.root.live.tiles.keys().position(|tile| *tile == ucid);
    place.map_or_else(|| format!("profile {ucid}"), |place| format!("P{}", place + 1))
}

/// Which record did it.
fn by(request: &str, source: &str) -> String {
    format!("A record of {source} (request {request})")
}

fn named(person: &Person<'_>, hash: RowHash) -> String {
    let named = person.named(hash);
    named.map_or_else(|| "an identifier that has left since".into(), |(kind, value)| format!("{kind} {value}"))
}

/// The names of identifiers; a value and the hashes of it are one.
fn names(person: &Person<'_>, hashes: &[RowHash]) -> Vec<String> {
    let mut told: Vec<RowHash> = Vec::new();
    let mut names = Vec::new();
    for hash in hashes {
        let same = person.same(*hash);
        if !told.contains(&same) {
            told.push(same);
            names.push(named(person, *hash));
        }
    }
    names
}

fn listed(mut names: Vec<String>) -> String {
    match names.pop() {
        None => "nothing".into(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}
