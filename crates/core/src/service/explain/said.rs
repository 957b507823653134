//! Who said what of each attribute, preference and consent, and what of it counts.

use crate::catalogue::Catalogue;
use crate::id::Ucid;
use crate::profile::attribute::{Attribute, Base};
use crate::profile::fold::{base_of, fold, newest_teller};
use crate::profile::holding::Holding;
use crate::rules::Rules;
use crate::service::identity::Root;
use crate::time::Ms;
use crate::value::{Number, Scalar, Source, Stamped, Value};
use serde_json::{Map, Value as Json, json};

/// For every attribute: what each profile says of it, and what is shown.
pub(super) fn attributes(root: &Root, held: &[Holding<'_>], rules: &Rules, now: Ms) -> Json {
    let tiles = &root.live.tiles;
    let shown = fold(tiles, held, rules, now);
    let mut told = Map::new();
    for (ucid, tile) in tiles {
        for (group, said) in &tile.groups {
            for (name, attribute) in &said.members {
                let shown = shown.groups.get(group).and_then(|members| members.get(name));
                let counts = Counts {
                    shown,
                    base: base_of(tiles, group, name),
                    heard: !is_silenced(&rules.catalogue, root, group, *ucid),
                };
                add(&mut told, path(group, name), shown.map(|shown| shown.with(value(&shown.value))), |list| {
                    list.extend(counts.lines(attribute, *ucid));
                });
            }
        }
    }
    Json::Object(told)
}

/// For every preference: what each profile says of it.
pub(super) fn preferences(root: &Root) -> Json {
    let tiles = &root.live.tiles;
    let all =
        || tiles.iter().flat_map(|(ucid, tile)| tile.preferences.iter().map(move |(name, said)| (*ucid, name, said)));
    let mut told = Map::new();
    for (ucid, name, said) in all() {
        let won = newest(all().filter(|(_, other, _)| *other == name).map(|(ucid, _, said)| (ucid, said.ts)));
        let shown = all().find(|(by, other, _)| *other == name && Some(*by) == won).map(|(_, _, said)| said);
        let shown = shown.and_then(|said| Some(said.with(json!(said.value.as_deref()?))));
        add(&mut told, name.to_string(), shown, |list| {
            list.push(line(ucid, "value", json!(said.value.as_deref()), said, Some(ucid) == won));
        });
    }
    Json::Object(told)
}

/// For every consent: what each profile says of it.
pub(super) fn consents(root: &Root, held: &[Holding<'_>], rules: &Rules, now: Ms) -> Json {
    let tiles = &root.live.tiles;
    let shown = fold(tiles, held, rules, now).consents;
    let all =
        || tiles.iter().flat_map(|(ucid, tile)| tile.consents.iter().map(move |(name, said)| (*ucid, name, said)));
    let yes = |given: bool| json!(if given { "yes" } else { "no" });
    let mut told = Map::new();
    for (ucid, name, said) in all() {
        let won = newest(all().filter(|(_, other, _)| *other == name).map(|(ucid, _, said)| (ucid, said.ts)));
        let shown = shown.get(name).map(|said| said.with(yes(said.value)));
        add(&mut told, name.to_string(), shown, |list| {
            list.push(line(ucid, "value", yes(said.value), said, Some(ucid) == won));
        });
    }
    Json::Object(told)
}

/// The newest teller; of several the first created.
fn newest(said: impl Iterator<Item = (Ucid, Ms)>) -> Option<Ucid> {
    said.min_by_key(|(ucid, ts)| (std::cmp::Reverse(*ts), *ucid)).map(|(ucid, _)| ucid)
}

fn path(group: &str, name: &str) -> String {
    if group == name { name.into() } else { format!("{group}.{name}") }
}

/// Adds lines to what is told under a name.
fn add(told: &mut Map<String, Json>, name: String, shown: Option<Stamped<Json>>, lines: impl FnOnce(&mut Vec<Json>)) {
    let entry = told.entry(name).or_insert_with(|| {
        json!({
            "shown": shown.as_ref().map(|shown| &shown.value),
            "from": shown.as_ref().map(|shown| json!({ "source": &*shown.source, "_ts": shown.ts.to_string() })),
            "said": [],
        })
    });
    if let Some(list) = entry.get_mut("said").and_then(Json::as_array_mut) {
        lines(list);
    }
}

fn line<V>(profile: Ucid, what: &str, said: Json, stamp: &Stamped<V>, won: bool) -> Json {
    let Stamped { ts, source, .. } = stamp;
    json!({
        "profile": profile.to_string(), "said": what, "value": said,
        "_ts": ts.to_string(), "source": &**source, "won": won,
    })
}

/// Of an atomic group one profile alone is heard.
fn is_silenced(catalogue: &Catalogue, root: &Root, group: &str, ucid: Ucid) -> bool {
    catalogue.is_atomic(group) && newest_teller(&root.live.tiles, group) != Some(ucid)
}

/// What of all that is said of one attribute makes the value that is shown.
struct Counts<'a> {
    shown: Option<&'a Stamped<Value>>,
    base: Option<Stamped<Base>>,
    heard: bool,
}

impl Counts<'_> {
    /// What one profile says, one line for each thing said.
    fn lines(&self, attribute: &Attribute, ucid: Ucid) -> Vec<Json> {
        let mut lines = Vec::new();
        if let Some(base) = &attribute.base {
            let what = if base.value.is_some() { "value" } else { "removed" };
            let said = base.value.as_ref().map_or(Json::Null, scalar);
            lines.push(line(ucid, what, said, base, self.heard && self.is_base(base)));
        }
        let mut numbers = |what: &str, said: &[Stamped<Number>], counts: &dyn Fn(Number) -> bool| {
            lines.extend(said.iter().map(|said| {
                let counts = self.heard && self.is_newer(said.ts) && counts(said.value);
                line(ucid, what, scalar(&said.value.into()), said, counts)
            }));
        };
        numbers("$add", &attribute.increments, &|_| true);
        numbers("$add, older ones together", attribute.older.as_slice(), &|_| true);
        numbers("$min", &attribute.least, &|bound| self.is_shown(bound));
        numbers("$max", &attribute.greatest, &|bound| self.is_shown(bound));
        if let Some(first) = &attribute.first {
            let wins = self.shown.is_some_and(|shown| (shown.ts, &shown.source) == (first.ts, &first.source));
            lines.push(line(ucid, "$set_once", value(&first.value), first, self.heard && self.base.is_none() && wins));
        }
        lines.extend(self.entries(attribute, ucid));
        lines
    }

    fn entries(&self, attribute: &Attribute, ucid: Ucid) -> Vec<Json> {
        let mut lines = Vec::new();
        for entry in &attribute.entries {
            let there = self.heard && self.lists(&entry.value);
            if let Some(added) = &entry.added {
                let stamp = Stamped { value: (), ts: added.last.0, source: added.source.clone() };
                lines.push(line(ucid, "entry", scalar(&entry.value), &stamp, there));
            }
            if let Some(removed) = entry.removed {
                let stamp = Stamped { value: (), ts: removed, source: Source::from("") };
                lines.push(line(ucid, "entry removed", scalar(&entry.value), &stamp, self.heard && !there));
            }
        }
        lines
    }

    fn is_base(&self, base: &Stamped<Base>) -> bool {
        self.base.as_ref().is_some_and(|newest| (newest.ts, &newest.source) == (base.ts, &base.source))
    }

    fn is_newer(&self, ts: Ms) -> bool {
        self.base.as_ref().is_none_or(|base| ts > base.ts)
    }

    fn is_shown(&self, number: Number) -> bool {
        matches!(self.shown, Some(Stamped { value: Value::One(one), .. }) if one.number() == Some(number))
    }

    fn lists(&self, entry: &Scalar) -> bool {
        matches!(self.shown, Some(Stamped { value: Value::List(list), .. }) if list.contains(entry))
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
