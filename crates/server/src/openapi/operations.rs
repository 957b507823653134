//! What each route is for, what it takes and what it answers: the one place to describe a new operation. Who may call and
//! which errors every call can meet come from the route table.

use super::Schemas;
use onefold_api::admin::{KeyBody, KeyPatchBody, KeyView, ListView, OrgBody, OrgPatchBody, OrgView, RotateBody};
use onefold_api::profiles::{DeleteAnswer, DeleteBody, Profile, SearchBody, WriteBody};
use schemars::JsonSchema;
use serde_json::Value;

/// Gives the schema of a type, by reference.
pub(super) type Shape = fn(&mut Schemas) -> Value;

/// One operation.
pub(super) struct Operation {
    /// Method and path, as in the route table.
    pub(super) route: (&'static str, &'static str),
    /// Its name, for generated clients.
    pub(super) id: &'static str,
    /// In a few words.
    pub(super) summary: &'static str,
    /// The body that it takes.
    pub(super) body: Option<Shape>,
    /// What it answers when it is done: status, words, body.
    pub(super) answers: &'static [(u16, &'static str, Option<Shape>)],
    /// Parameters of its own, by their name in `PARAMETERS`; those in the path are seen by themselves.
    pub(super) takes: &'static [&'static str],
    /// Statuses of errors beside those that every call of its sort can meet.
    pub(super) fails: &'static [u16],
}

/// A wire type.
pub(super) fn of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    schemas.reference::<T>()
}

fn text(_: &mut Schemas) -> Value {
    serde_json::json!({ "type": "string" })
}

/// Parameters of a list.
pub(super) const LIST: &[&str] = &["limit", "cursor"];
const WRITES: &[&str] = &["Prefer", "Idempotency-Key", "If-Match", "If-None-Match"];

/// Those of the server, of profiles and of organisations; the others are in [`super::identity`] and [`super::audit`]. A test holds that every route
/// which does something is described.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        route: ("GET", "/healthz"),
        id: "alive",
        summary: "Whether the process answers",
        body: None,
        answers: &[(200, "It does", Some(text))],
        takes: &[],
        fails: &[],
    },
    Operation {
        route: ("GET", "/readyz"),
        id: "ready",
        summary: "Whether the store can be read and written, and requests are taken",
        body: None,
        answers: &[(200, "They are", Some(text))],
        takes: &[],
        fails: &[],
    },
    Operation {
        route: ("GET", "/metrics"),
        id: "metrics",
        summary: "Figures of this process for Prometheus; with the root key, unless the settings open them",
        body: None,
        answers: &[(200, "The text format of Prometheus", Some(text))],
        takes: &[],
        fails: &[400, 401, 403, 429],
    },
    Operation {
        route: ("GET", "/openapi.json"),
        id: "openapi",
        summary: "This document",
        body: None,
        answers: &[(200, "OpenAPI 3.1", Some(|_| serde_json::json!({ "type": "object" })))],
        takes: &[],
        fails: &[],
    },
    Operation {
        route: ("GET", "/docs"),
        id: "docs",
        summary: "This document, to be read",
        body: None,
        answers: &[(200, "HTML", Some(text))],
        takes: &[],
        fails: &[],
    },
    Operation {
        route: ("POST", "/cdp/v1/users/_search"),
        id: "fetch",
        summary: "Fetches people by any of their identifiers",
        body: Some(of::<SearchBody>),
        answers: &[
            (200, "The people found, in the order in which the request first matched each", Some(of::<Vec<Profile>>)),
            (204, "The answer would still be the one that `unless` names", None),
        ],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("POST", "/cdp/v1/users"),
        id: "upsert",
        summary: "Writes one person, and joins all whom the identifiers name",
        body: Some(of::<WriteBody>),
        answers: &[
            (200, "The person as it now is, the only element", Some(of::<Vec<Profile>>)),
            (204, "Done, and no body was asked for", None),
        ],
        takes: WRITES,
        fails: &[404, 409, 412],
    },
    Operation {
        route: ("POST", "/cdp/v1/users/_delete"),
        id: "erase",
        summary: "Deletes people for good, by one kind of identifier",
        body: Some(of::<DeleteBody>),
        answers: &[
            (200, "Done: no identifier finds them", Some(of::<DeleteAnswer>)),
            (204, "The same, without a body", None),
        ],
        takes: &["Prefer", "Idempotency-Key"],
        fails: &[409],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs"),
        id: "createOrg",
        summary: "Makes an organisation; `name` is required",
        body: Some(of::<OrgBody>),
        answers: &[(201, "Made", Some(of::<OrgView>))],
        takes: &[],
        fails: &[409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs"),
        id: "listOrgs",
        summary: "Lists organisations",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<OrgView>>))],
        takes: LIST,
        fails: &[],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}"),
        id: "showOrg",
        summary: "Shows an organisation",
        body: None,
        answers: &[(200, "It", Some(of::<OrgView>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("PATCH", "/admin/v1/orgs/{orgId}"),
        id: "changeOrg",
        summary: "Changes an organisation; what is not named stays",
        body: Some(of::<OrgPatchBody>),
        answers: &[(200, "As it is now", Some(of::<OrgView>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/keys"),
        id: "createKey",
        summary: "Makes a key; its secret is shown this once",
        body: Some(of::<KeyBody>),
        answers: &[(201, "Made, with its secret", Some(of::<KeyView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/keys"),
        id: "listKeys",
        summary: "Lists the keys of an organisation, without secrets",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<KeyView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("PATCH", "/admin/v1/orgs/{orgId}/keys/{keyId}"),
        id: "changeKey",
        summary: "Changes a key's name and limits; what is not named stays",
        body: Some(of::<KeyPatchBody>),
        answers: &[(200, "As it is now, without its secret", Some(of::<KeyView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/keys/{keyId}/rotate"),
        id: "rotateKey",
        summary: "Gives a key a new secret; the old one works for a while yet",
        body: Some(of::<RotateBody>),
        answers: &[(201, "The key with its new secret", Some(of::<KeyView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("DELETE", "/admin/v1/orgs/{orgId}/keys/{keyId}"),
        id: "revokeKey",
        summary: "Revokes a key at once",
        body: None,
        answers: &[(204, "It works no longer", None)],
        takes: &[],
        fails: &[404, 409],
    },
];
