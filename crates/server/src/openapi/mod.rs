//! The description of the API, OpenAPI 3.1, made from the route table, the table of operations and the wire types. It is
//! checked in as `/openapi.json`; a test fails where that differs.

mod answers;
mod audit;
mod bodies;
mod identity;
mod operations;
mod page;
mod usage;

use crate::http::{Needs, ROUTES, Route};
use answers::{failed, headers, responses};
use audit::AUDIT;
use identity::IDENTITY;
use onefold_api::problem::Problem;
use operations::{OPERATIONS, Operation};
pub use page::page;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use usage::{READS, USAGE};

/// The document, as it is served and checked in.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
/// The document to be read.
pub static PAGE: LazyLock<String> = LazyLock::new(|| page(&document()));

/// Schemas of types, each once.
pub(crate) struct Schemas(SchemaGenerator);

impl Schemas {
    fn new() -> Self {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self(settings.into_generator())
    }

    fn reference<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// In place, not by reference.
    fn written_out<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(&mut self.0).to_value()
    }

    /// All of them. What is sent refuses members that it does not know.
    fn take(mut self) -> Map<String, Value> {
        let mut schemas = self.0.take_definitions(true);
        let sent = |name: &str| name.ends_with("Body") || matches!(name, "Upsert" | "RateLimit");
        for (_, schema) in schemas.iter_mut().filter(|(name, _)| sent(name)) {
            schema["additionalProperties"] = false.into();
        }
        schemas
    }
}

const IF_MATCH: &str = r#"^(\*|"[0-9a-f]{16}\.[0-9a-f]{16}")$"#;
const MOMENT: &str = r"^(\d{1,15}|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z)?)$";
const TOKEN: &str = "Where the server accepts them: docs/tokens.md. With the header `orgId`.";
const SCOPES: &str = r"^(profile\.(read|write|delete)|events\.write|org\.admin)(,(profile\.(read|write|delete)|events\.write|org\.admin))*$";

/// The header that names the organisation of a token; there is a parameter of that name in paths too.
const OF_TOKEN: &str = "orgId of a token";

/// Parameters that some operations have: where, and their schema.
fn parameter(name: &str) -> Value {
    let (place, schema, about) = match name {
        "orgId" => {
            ("path", json!({"type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64}), "The organisation")
        }
        "keyId" => ("path", json!({"type": "string", "format": "uuid"}), "The key"),
        "fingerprint" => ("path", json!({"type": "string"}), "SHA-256 of the certificate, 64 hexadecimal digits"),
        "deletionId" => {
            ("path", json!({"type": "string", "format": "uuid"}), "What the delete answered as `deletionId`")
        }
        "suppressionId" => ("path", json!({"type": "string"}), "What the list gave as `suppressionId`"),
        "blockedId" => ("path", json!({"type": "string"}), "What the list gave as `blockedId`"),
        "limit" => ("query", json!({"type": "integer", "minimum": 1, "maximum": 100}), "Items on the page"),
        READS => ("query", json!({"type": "integer", "minimum": 1, "maximum": 1000}), "Items on the page"),
        "from" => ("query", moment(), "The hour that it is in is the first; not more than 31 days before `to`"),
        "to" => ("query", moment(), "The hour that ends at it, or that it is in, is the last; now if missing"),
        "by" => ("query", json!({"enum": ["key", "operation", "hour"]}), "By what it is told apart"),
        "cursor" => ("query", json!({"type": "string"}), "What the page before gave as `next`"),
        "Prefer" => ("header", json!({"type": "string"}), "`return=minimal` for 204 without a body; `handling=strict`"),
        "Idempotency-Key" => (
            "header",
            json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
            "A repeat under it within a day does nothing",
        ),
        "If-Match" => (
            "header",
            json!({"type": "string", "pattern": IF_MATCH}),
            "ETags: only if the person is still one of these",
        ),
        "If-None-Match" => ("header", json!({"type": "string", "const": "*"}), "Only if there is no such person"),
        "X-Request-Id" => (
            "header",
            json!({"type": "string"}),
            "Names the request, 1 to 64 of `A-Za-z0-9._-`, and is echoed; else one is made",
        ),
        OF_TOKEN => {
            ("header", json!({"type": "string"}), "With a bearer token: for which of its organisations the call is")
        }
        "scopes" => {
            ("header", json!({"type": "string", "pattern": SCOPES}), "Narrows what the key grants, separated by commas")
        }
        other => ("path", json!({"type": "string"}), if other.is_empty() { "" } else { "Part of the path" }),
    };
    let name = match name {
        OF_TOKEN => "orgId",
        READS => "limit",
        name => name,
    };
    json!({"name": name, "in": place, "required": place == "path", "schema": schema, "description": about})
}

/// As `moment.rs` reads them.
fn moment() -> Value {
    json!({"type": "string", "pattern": MOMENT, "examples": ["1735689600000", "2025-01-31", "2025-01-31T14:00:00Z"]})
}

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let failures = failed(&schemas.reference::<Problem>());
    let mut paths = Map::new();
    for (route, operation) in ROUTES.iter().filter_map(|route| Some((route, described(route)?))) {
        let at = paths.entry(route.path).or_insert_with(|| json!({}));
        at[route.method.as_str().to_ascii_lowercase()] = described_as(route, operation, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Onefold", "version": env!("CARGO_PKG_VERSION"),
            "summary": "A customer Profile API: one person from many records",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Errors are RFC 9457 problems with a stable `code`. The rules behind every member are in docs/conventions.md, limits of calls in docs/limits.md."
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.take(),
            "responses": failures,
            "headers": headers(),
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "apikey"},
                "parameter": {"type": "apiKey", "in": "query", "name": "apikey"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN}
            }
        }
    })
}

/// The operation of a route, if it is described.
fn described(route: &Route) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .chain(IDENTITY)
        .chain(AUDIT)
        .chain(USAGE)
        .find(|operation| operation.route == (route.method.as_str(), route.path))
}

fn described_as(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Value {
    let tag = match route.path.split('/').nth(1) {
        Some("admin") => "Administration",
        Some("cdp") => "Profiles",
        _ => "The server",
    };
    let mut described = json!({
        "operationId": operation.id, "tags": [tag], "summary": operation.summary, "description": needs(route),
        "parameters": parameters(route, operation),
        "responses": responses(route, operation, schemas),
    });
    if let Some(body) = operation.body {
        described["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body(schemas)}}});
    }
    described["security"] = match route.needs {
        Needs::Nothing => json!([]),
        Needs::Root => json!([{"header": []}, {"parameter": []}]),
        Needs::Scope(_) | Needs::Admin => json!([{"header": []}, {"parameter": []}, {"token": []}]),
    };
    described
}

fn needs(route: &Route) -> String {
    match route.needs {
        Needs::Nothing => "Needs no key, unless its summary says so.".into(),
        Needs::Scope(scope) => format!("Needs a key or token with the scope `{}`.", scope.as_str()),
        Needs::Admin => "Needs the root key, or a key or token of this organisation with `org.admin`.".into(),
        Needs::Root => "Needs the root key.".into(),
    }
}

fn parameters(route: &Route, operation: &Operation) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let guarded: &[&str] = match route.needs {
        Needs::Nothing => &["X-Request-Id"],
        Needs::Root => &["scopes", "X-Request-Id"],
        Needs::Scope(_) | Needs::Admin => &["scopes", OF_TOKEN, "X-Request-Id"],
    };
    in_path.chain(operation.takes.iter().copied()).chain(guarded.iter().copied()).map(parameter).collect()
}
