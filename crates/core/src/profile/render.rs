//! The bytes of an answer: one profile in the shape of contract section 4.

use super::fold::{Element, Shown, Tiles};
use super::tile::Tile;
use crate::id::{Region, Ucid};
use crate::time::Ms;
use crate::value::{Scalar, Stamped, Value};
use std::collections::BTreeSet;
use std::io::Write;

/// Which names of each section an answer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Kinds of identifier and their groups.
    pub ids: BTreeSet<Box<str>>,
    /// Attributes and groups.
    pub profile: BTreeSet<Box<str>>,
    /// Consents.
    pub consent: BTreeSet<Box<str>>,
    /// Preferences, normalised.
    pub mkt_preferences: BTreeSet<Box<str>>,
}

/// What an answer shows beyond the profile itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// Which identifiers of the request found this profile, as kind and value.
    pub matched: Option<Vec<(&'a str, &'a str)>>,
    /// Where each value came from.
    pub sources: bool,
    /// Kinds of a write that stayed with another profile.
    pub not_attached: &'a [Box<str>],
    /// Kinds of a write whose profile was not joined.
    pub not_linked: &'a [Box<str>],
}

/// Who a profile is.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// Its region.
    pub region: Region,
    /// Its UCID.
    pub ucid: Ucid,
}

/// A whole profile, without projection.
pub fn render(name: Name, tiles: &Tiles, shown: &Shown) -> Vec<u8> {
    render_part(name, tiles, shown, None, &Extras::default())
}

/// A profile with only what the projection names, and the extras.
pub fn render_part(
    name: Name,
    tiles: &Tiles,
    shown: &Shown,
    only: Option<&Projection>,
    extras: &Extras<'_>,
) -> Vec<u8> {
    let mut out = Json(Vec::with_capacity(1024));
    out.open('{');
    out.key("updated_ts").raw(shown.updated);
    out.key("created_ts").raw(shown.created);
    render_groups(out.key("profile"), shown, only);
    render_identifiers(out.key("ids"), name, tiles, shown, only);
    let preferences = shown.preferences.iter().filter(|(n, _)| only.is_none_or(|p| p.mkt_preferences.contains(*n)));
    out.key("mkt_preferences").stamped(preferences.map(|(name, said)| (name, &*said.value, said.ts)));
    let consents = shown.consents.iter().filter(|(n, _)| only.is_none_or(|p| p.consent.contains(*n)));
    out.key("consent").stamped(consents.map(|(name, said)| (name, yes_no(said.value), said.ts)));
    if let Some(matched) = &extras.matched {
        render_matched(out.key("matched"), matched);
    }
    if extras.sources {
        render_sources(out.key("sources"), shown, only);
    }
    for (key, kinds) in [("notAttached", extras.not_attached), ("notLinked", extras.not_linked)] {
        if !kinds.is_empty() {
            out.key(key).open('[');
            kinds.iter().for_each(|kind| out.item().text(kind));
            out.close(']');
        }
    }
    out.key("region").text(name.region.as_str());
    out.key("ucid").text(&name.ucid.to_string());
    out.close('}');
    out.0
}

/// How a consent is written.
pub fn yes_no(given: bool) -> &'static str {
    if given { "yes" } else { "no" }
}

fn render_groups(out: &mut Json, shown: &Shown, only: Option<&Projection>) {
    out.open('{');
    for (group, members) in &shown.groups {
        let whole = only.is_none_or(|only| only.profile.contains(group));
        let wanted: Vec<_> =
            members.iter().filter(|(name, _)| whole || only.is_some_and(|only| only.profile.contains(*name))).collect();
        let Some(newest) = wanted.iter().map(|(_, said)| said.ts).max() else {
            continue;
        };
        out.key(group).open('{');
        for (name, said) in wanted {
            out.key(name).value(&said.value);
        }
        out.stamp(newest);
        out.close('}');
    }
    out.close('}');
}

fn render_identifiers(out: &mut Json, name: Name, tiles: &Tiles, shown: &Shown, only: Option<&Projection>) {
    out.open('{');
    for (group, elements) in &shown.identifiers {
        let whole = only.is_none_or(|only| only.ids.contains(group));
        let wanted = |kind: &str| whole || only.is_some_and(|only| only.ids.contains(kind));
        let mut elements =
            elements.iter().filter(|element| element.writings.keys().any(|kind| wanted(kind))).peekable();
        if elements.peek().is_some() {
            out.key(group).open('[');
            elements.for_each(|element| render_element(out.item(), element, &wanted));
            out.close(']');
        }
    }
    let apart = |(ucid, tile): &(&Ucid, &Tile)| **ucid != name.ucid && tile.folded.is_none();
    let mut linked = tiles.iter().filter(apart).map(|(ucid, _)| ucid).peekable();
    if linked.peek().is_some() && only.is_none_or(|only| only.ids.contains("linkedUcid")) {
        out.key("linkedUcid").open('[');
        linked.for_each(|ucid| out.item().text(&ucid.to_string()));
        out.close(']');
    }
    out.close('}');
}

fn render_element(out: &mut Json, element: &Element, wanted: &dyn Fn(&str) -> bool) {
    out.open('{');
    for (kind, value) in element.writings.iter().filter(|(kind, _)| wanted(kind)) {
        out.key(kind).text(value);
    }
    out.stamp(element.ts);
    out.close('}');
}

fn render_matched(out: &mut Json, matched: &[(&str, &str)]) {
    out.open('[');
    for (kind, value) in matched {
        out.item().open('{');
        out.key("kind").text(kind);
        out.key("value").text(value);
        out.close('}');
    }
    out.close(']');
}

fn render_sources(out: &mut Json, shown: &Shown, only: Option<&Projection>) {
    out.open('{');
    for (group, members) in &shown.groups {
        for (name, said) in members {
            if only.is_some_and(|only| !only.profile.contains(group) && !only.profile.contains(name)) {
                continue;
            }
            let (group, name) = (escape(group), escape(name));
            let path = if group == name { format!("profile.{name}") } else { format!("profile.{group}.{name}") };
            render_source(out.key(&path), said);
        }
    }
    for (name, said) in &shown.preferences {
        if only.is_none_or(|only| only.mkt_preferences.contains(name)) {
            render_source(out.key(&format!("mkt_preferences.{}", escape(name))), said);
        }
    }
    for (name, said) in &shown.consents {
        if only.is_none_or(|only| only.consent.contains(name)) {
            render_source(out.key(&format!("consent.{}", escape(name))), said);
        }
    }
    out.close('}');
}

/// A name as a part of a path: dots in it are marked, so that no two paths are one.
fn escape(name: &str) -> String {
    name.replace('\\', r"\\").replace('.', r"\.")
}

fn render_source<V>(out: &mut Json, said: &Stamped<V>) {
    out.open('{');
    out.key("source").text(&said.source);
    out.stamp(said.ts);
    out.close('}');
}

/// A JSON writer that knows where commas go: none after an opening bracket or a colon.
struct Json(Vec<u8>);

impl Json {
    fn open(&mut self, bracket: char) {
        self.0.push(bracket as u8);
    }

    fn close(&mut self, bracket: char) {
        self.0.push(bracket as u8);
    }

    fn item(&mut self) -> &mut Self {
        if !matches!(self.0.last(), Some(b'{' | b'[' | b':') | None) {
            self.0.push(b',');
        }
        self
    }

    fn key(&mut self, name: &str) -> &mut Self {
        self.item().text(name);
        self.0.push(b':');
        self
    }

    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.0, text).expect("a string always serialises into memory");
    }

    fn raw(&mut self, number: impl std::fmt::Display) {
        write!(self.0, "{number}").expect("memory can always be written");
    }

    fn stamp(&mut self, ts: Ms) {
        self.key("_ts").raw(format_args!("\"{ts}\""));
    }

    fn scalar(&mut self, value: &Scalar) {
        match value {
            Scalar::Text(text) => self.text(text),
            Scalar::Integer(number) => self.raw(number),
            Scalar::Boolean(truth) => self.raw(truth),
            Scalar::Double(number) => {
                serde_json::to_writer(&mut self.0, number).expect("a finite double always serialises into memory");
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::One(scalar) => self.scalar(scalar),
            Value::List(values) => {
                self.open('[');
                values.iter().for_each(|value| self.item().scalar(value));
                self.close(']');
            }
        }
    }

    fn stamped<'a>(&mut self, said: impl Iterator<Item = (&'a Box<str>, &'a str, Ms)>) {
        self.open('{');
        for (name, value, ts) in said {
            self.key(name).open('{');
            self.key(name).text(value);
            self.stamp(ts);
            self.close('}');
        }
        self.close('}');
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
