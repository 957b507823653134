//! The operations by which people are made and taken apart, and certificates bound: the further half of the table in
//! [`super::operations`].

use super::operations::{LIST, Operation, of};
use super::{Schemas, bodies};
use onefold_api::admin::{CertificateBody, CertificateView, ListView};
use onefold_api::identity::{
    BlockedView, Blocklist, CatalogueView, ExplainBody, LiftBody, RefusedView, SplitBody, StrategyView, SuppressionView,
};
use onefold_api::profiles::Profile;
use schemars::JsonSchema;
use serde_json::{Value, json};

/// The body of a call whose URL names the organisation.
fn without_org<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    let mut schema = schemas.written_out::<T>();
    if let Some(members) = schema["properties"].as_object_mut() {
        members.remove("orgId");
    }
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != "orgId");
    }
    schema["additionalProperties"] = false.into();
    schema
}

/// Explanations are for people to read: only what every one has is described.
fn explained(_: &mut Schemas) -> Value {
    let text = json!({ "type": "string" });
    let list = json!({ "type": "array" });
    json!({ "type": "array", "items": {
        "type": "object",
        "required": ["ucid", "region", "strategyVersion", "story", "profiles", "identifiers"],
        "properties": {
            "ucid": text, "region": text, "strategyVersion": { "type": "integer" },
            "profiles": list, "identifiers": list
        }
    } })
}

/// They.
pub(super) const IDENTITY: &[Operation] = &[
    Operation {
        route: ("POST", "/cdp/v1/users/_explain"),
        id: "explain",
        summary: "Tells why people are as they are: what joined them, what was refused, where each value comes from",
        body: Some(of::<ExplainBody>),
        answers: &[(200, "An explanation of each person found", Some(explained))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("POST", "/cdp/v1/users/_split"),
        id: "split",
        summary: "Undoes a merge, and keeps the two apart",
        body: Some(of::<SplitBody>),
        answers: &[(200, "The people as they now are", Some(of::<Vec<Profile>>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/strategy"),
        id: "showStrategy",
        summary: "Shows by which rules identifiers make people",
        body: None,
        answers: &[(200, "It", Some(of::<StrategyView>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("PUT", "/admin/v1/orgs/{orgId}/strategy"),
        id: "replaceStrategy",
        summary: "Replaces the strategy; `version` makes sure that it is still the one that was read",
        body: Some(bodies::strategy),
        answers: &[(200, "As it is now", Some(of::<StrategyView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/catalogue"),
        id: "showCatalogue",
        summary: "Shows what is said of kinds, attributes, groups and consents",
        body: None,
        answers: &[(200, "It", Some(of::<CatalogueView>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("PUT", "/admin/v1/orgs/{orgId}/catalogue"),
        id: "replaceCatalogue",
        summary: "Replaces the catalogue; `version` makes sure that it is still the one that was read",
        body: Some(bodies::catalogue),
        answers: &[(200, "As it is now", Some(of::<CatalogueView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("PATCH", "/admin/v1/orgs/{orgId}/catalogue"),
        id: "changeCatalogue",
        summary: "Changes entries of the catalogue; null takes one out, what is not named stays",
        body: Some(bodies::catalogue_patch),
        answers: &[(200, "As it is now", Some(of::<CatalogueView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/blocklist"),
        id: "showBlocklist",
        summary: "Shows the values that name nobody here, beside those from the start",
        body: None,
        answers: &[(200, "It", Some(of::<Blocklist>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("PUT", "/admin/v1/orgs/{orgId}/blocklist"),
        id: "replaceBlocklist",
        summary: "Replaces the values that name nobody here",
        body: Some(bodies::blocklist),
        answers: &[(200, "As it is now", Some(of::<Blocklist>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/blocked"),
        id: "listBlocked",
        summary: "Lists the values that were blocked because too many people share them, without the values",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<BlockedView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/blocked/_lift"),
        id: "liftBlockedValue",
        summary: "Lets a blocked value name people again, by the value",
        body: Some(bodies::lifted),
        answers: &[(204, "It does", None)],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("DELETE", "/admin/v1/orgs/{orgId}/blocked/{blockedId}"),
        id: "liftBlocked",
        summary: "Lets a blocked value name people again, by its entry in the list",
        body: None,
        answers: &[(204, "It does", None)],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/refused"),
        id: "listRefused",
        summary: "Lists records and links that were refused, the newest first",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<RefusedView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/suppressions"),
        id: "listSuppressions",
        summary: "Lists the identifiers of deleted people that may not be written again, without the values",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<SuppressionView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/suppressions/_lift"),
        id: "liftSuppressedValue",
        summary: "Lets an identifier be written again, by its value; without `region` in all of them",
        body: Some(bodies::lifted_anywhere),
        answers: &[(204, "It may", None)],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("DELETE", "/admin/v1/orgs/{orgId}/suppressions/{suppressionId}"),
        id: "liftSuppression",
        summary: "Lets an identifier be written again, by its entry in the list",
        body: None,
        answers: &[(204, "It may", None)],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/identity/_explain"),
        id: "explainAdministered",
        summary: "Explains people, for administrators",
        body: Some(without_org::<ExplainBody>),
        answers: &[(200, "An explanation of each person found", Some(explained))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/identity/_split"),
        id: "splitAdministered",
        summary: "Undoes a merge, for administrators",
        body: Some(without_org::<SplitBody>),
        answers: &[(200, "The people as they now are", Some(of::<Vec<Profile>>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/identity/_lift"),
        id: "liftSplit",
        summary: "Lets two people who were split meet again, with the next record that names both",
        body: Some(of::<LiftBody>),
        answers: &[(204, "They may", None)],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("POST", "/admin/v1/orgs/{orgId}/certificates"),
        id: "bindCertificate",
        summary: "Binds a client certificate to the organisation; again gives it the new name",
        body: Some(of::<CertificateBody>),
        answers: &[(201, "Bound", Some(of::<CertificateView>))],
        takes: &[],
        fails: &[404, 409],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/certificates"),
        id: "listCertificates",
        summary: "Lists the client certificates of an organisation",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<CertificateView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("DELETE", "/admin/v1/orgs/{orgId}/certificates/{fingerprint}"),
        id: "unbindCertificate",
        summary: "Unbinds a client certificate",
        body: None,
        answers: &[(204, "It is known no longer", None)],
        takes: &[],
        fails: &[404],
    },
];
