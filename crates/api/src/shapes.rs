//! Shapes of members that their types do not tell, for the description of the API. The server's own reader decides; a
//! test lets schemathesis compare the two.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A region's code.
pub(crate) const REGION: &str = "^[A-Za-z0-9-]{1,8}$";
/// An e-mail address, in ASCII.
pub(crate) const EMAIL: &str =
    "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$";
/// A UCID.
pub(crate) const UUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// SHA-256 of a certificate.
pub(crate) const FINGERPRINT: &str = "^([0-9a-fA-F]{64}|([0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})$";
/// A kind of identifier: those beginning with `_`, and the two that name profiles, are reserved.
const KIND: &str = "^[A-Za-z0-9.-][A-Za-z0-9_.-]{0,63}$";
/// A name of an attribute or group.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$";

/// A scope.
pub(crate) const SCOPE: &str = "^(profile\\.read|profile\\.write|profile\\.delete|events\\.write|org\\.admin)$";

/// A write names somebody: by identifiers, or by UCID.
pub(crate) fn named() -> serde_json::Value {
    serde_json::json!([
        { "required": ["ids"], "properties": { "ids": { "type": "object", "minProperties": 1 } } },
        { "required": ["ucid"], "properties": { "ucid": { "type": "string" } } }
    ])
}

/// Limits, never null.
pub(crate) fn limits(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<crate::admin::LimitsBody>()
}

fn values(most: u32) -> Schema {
    json_schema!({ "type": "array", "minItems": 1, "maxItems": most, "items": value() })
}

/// 1 to 512 bytes once spaces around are gone.
fn value() -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[!-~]+$" })
}

pub(crate) fn search(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "minProperties": 1, "maxProperties": 5,
        "description": "Values by kind; any of them is enough. 1 to 5 values in all, unless the organisation may send more. The kind `ucid` is one.",
        "propertyNames": { "pattern": KIND, "not": { "enum": ["linkedUcid"] } },
        "properties": { "ucid": { "type": "array", "minItems": 1, "items": { "type": "string", "pattern": UUID } } },
        "additionalProperties": values(500)
    })
}

pub(crate) fn fetch(_: &mut SchemaGenerator) -> Schema {
    let names = json_schema!({ "type": "array", "items": { "type": "string" } });
    json_schema!({
        "type": ["object", "null"], "additionalProperties": false,
        "description": "What to show, names of attributes or groups by section; everything if missing.",
        "properties": { "ids": names, "profile": names, "consent": names, "mkt_preferences": names }
    })
}

pub(crate) fn ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 10, "additionalProperties": value(),
        "description": "One value by kind; all name one person. Required unless `ucid` is given.",
        "propertyNames": { "pattern": KIND, "not": { "enum": ["ucid", "linkedUcid"] } }
    })
}

pub(crate) fn deleted(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "minProperties": 1, "maxProperties": 1,
        "description": "One kind and its values; the kind `ucid` is one.",
        "propertyNames": { "pattern": KIND, "not": { "enum": ["linkedUcid"] } },
        "properties": { "ucid": { "type": "array", "minItems": 1, "maxItems": 400, "items": { "type": "string", "pattern": UUID } } },
        "additionalProperties": values(400)
    })
}

pub(crate) fn said(_: &mut SchemaGenerator) -> Schema {
    let scalar = json_schema!({ "type": ["string", "number", "boolean"] });
    let list = json_schema!({ "type": "array", "maxItems": 1000, "items": scalar });
    let nothing = json_schema!({ "type": "null" });
    let either = json_schema!({ "anyOf": [scalar, list] });
    let number = json_schema!({ "type": "number" });
    let operator = json_schema!({
        "title": "operator", "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        "properties": {
            "$set": either, "$set_once": either, "$add": number, "$min": number, "$max": number,
            "$append": either, "$remove": either, "$unset": { "const": true }
        }
    });
    let group = json_schema!({
        "title": "group", "type": "object", "minProperties": 1, "propertyNames": { "pattern": NAME },
        "additionalProperties": { "anyOf": [scalar, list, nothing, operator] }
    });
    json_schema!({
        "type": "object", "propertyNames": { "pattern": NAME },
        "description": "Attributes: a scalar, an array of scalars, an object that writes members of a group, null to remove it, or an operator such as {\"$add\": 1}.",
        "additionalProperties": { "anyOf": [scalar, list, nothing, operator, group] }
    })
}

pub(crate) fn preferences(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "propertyNames": { "pattern": NAME }, "description": "Marketing preferences; null removes one.",
        "additionalProperties": { "type": ["string", "null"] }
    })
}

pub(crate) fn consents(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "propertyNames": { "pattern": NAME }, "description": "Consents: yes or no in any case, or a boolean; null is ignored.",
        "additionalProperties": { "anyOf": [ { "type": ["boolean", "null"] }, { "type": "string", "pattern": "^([yY][eE][sS]|[nN][oO])$" } ] }
    })
}
