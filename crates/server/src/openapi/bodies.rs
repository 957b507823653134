//! Bodies of administration that are read member by member and have no type of their own. The server's own reader decides.

use super::Schemas;
use serde_json::{Value, json};

const VERSION: &str = "What an answer gave: done only if it is still that one";

fn version() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "maximum": i64::MAX, "description": VERSION })
}

fn kind() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "description": "A kind of identifier" })
}

fn maybe_text() -> Value {
    json!({ "type": ["string", "null"] })
}

/// A strategy: which of the two modes, and what goes with it.
pub(super) fn strategy(_: &mut Schemas) -> Value {
    let rule = json!({
        "type": "object", "required": ["kind", "class"], "additionalProperties": false,
        "properties": {
            "kind": kind(), "class": { "enum": ["primary", "secondary", "disabled"] },
            "priority": { "type": ["integer", "null"], "minimum": 1, "maximum": 5 },
            "keep": { "type": ["integer", "null"], "minimum": 1, "maximum": 65_535 },
            "contested": { "enum": ["stay", "move", null] },
            "ttlDays": { "type": ["integer", "null"], "minimum": 1, "maximum": 36_500 }
        }
    });
    json!({ "oneOf": [
        {
            "type": "object", "required": ["mode"], "additionalProperties": false,
            "properties": {
                "mode": { "const": "default" }, "version": version(),
                "exclusive": { "type": "array", "maxItems": 200, "uniqueItems": true, "items": kind() }
            }
        },
        {
            "type": "object", "required": ["mode", "kinds"], "additionalProperties": false,
            "properties": {
                "mode": { "const": "custom" }, "version": version(),
                "kinds": { "type": "array", "maxItems": 200, "items": rule }
            }
        }
    ] })
}

/// A whole catalogue.
pub(super) fn catalogue(_: &mut Schemas) -> Value {
    let consent = json!({
        "type": "object", "required": ["ttlDays"], "additionalProperties": false, "properties": { "ttlDays": days() }
    });
    sections([catalogue_kind(), attribute(), group(), consent])
}

/// What changes of a catalogue.
pub(super) fn catalogue_patch(_: &mut Schemas) -> Value {
    let consent = json!({
        "type": "object", "additionalProperties": false, "properties": { "ttlDays": days() },
        "description": "`ttlDays` is required of a new one"
    });
    let or_out = |entry: Value| json!({ "anyOf": [entry, { "type": "null" }] });
    sections([catalogue_kind(), attribute(), group(), consent].map(or_out))
}

fn days() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 36_500 })
}

fn sections([kind, attribute, group, consent]: [Value; 4]) -> Value {
    let named = |entry: Value| json!({ "type": "object", "additionalProperties": entry });
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "version": version(), "changedAt": { "description": "As in answers; ignored" },
            "kinds": named(kind), "attributes": named(attribute), "groups": named(group), "consents": named(consent)
        }
    })
}

fn catalogue_kind() -> Value {
    let writings = ["as_is", "lower", "upper", "e164", "with_country_code", "without_country_code"];
    let derivation = json!({
        "type": "object", "required": ["kind", "algorithm", "writing"], "additionalProperties": false,
        "properties": {
            "kind": kind(), "algorithm": { "enum": ["sha256", "md5", "sha1"] }, "writing": { "enum": writings }
        }
    });
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "group": maybe_text(), "form": { "enum": ["none", "email", "phone", "uuid", "hash"] },
            "derives": { "type": "array", "items": derivation }, "device": { "type": "boolean" },
            "pii": { "type": "boolean" }, "keepRaw": { "type": "boolean" },
            "cookie": { "enum": ["first_party", "third_party", null] }
        }
    })
}

fn attribute() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "type": { "enum": ["string", "integer", "double", "boolean", "timestamp", "list", null] },
            "group": maybe_text(), "pii": { "type": "boolean" }
        }
    })
}

fn group() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "properties": { "atomic": { "type": "boolean" } }
    })
}

/// Values that name nobody.
pub(super) fn blocklist(_: &mut Schemas) -> Value {
    let texts = |about: &str| {
        let text = json!({ "type": "string", "minLength": 1, "maxLength": 512 });
        json!({ "type": "array", "items": text, "description": about })
    };
    json!({
        "type": "object", "additionalProperties": false,
        "properties": { "values": texts("Exact values"), "patterns": texts("Regular expressions") }
    })
}

/// A value of one region.
pub(super) fn lifted(_: &mut Schemas) -> Value {
    value_in("string", &["region", "kind", "value"])
}

/// A value of one region, or of all.
pub(super) fn lifted_anywhere(_: &mut Schemas) -> Value {
    value_in(["string", "null"], &["kind", "value"])
}

fn value_in(region: impl Into<Value>, required: &[&str]) -> Value {
    json!({
        "type": "object", "required": required, "additionalProperties": false,
        "properties": {
            "region": { "type": region.into(), "minLength": 1, "maxLength": 8 }, "kind": kind(),
            "value": { "type": "string", "minLength": 1, "maxLength": 512 }
        }
    })
}
