//! Profiles: search, write, delete (contract sections 4, 5, 7). Members that may be missing are `None` and left out.

use crate::shapes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The body of `POST /cdp/v1/users/_search`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchBody {
    /// The organisation.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub org_id: u64,
    /// Values by kind; any of them is enough.
    #[schemars(schema_with = "shapes::search")]
    pub search: BTreeMap<String, Vec<String>>,
    /// Where to look; all regions if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), inner(regex(pattern = shapes::REGION)))]
    pub regions: Option<Vec<String>>,
    /// What to show, names by section; everything if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shapes::fetch")]
    pub fetch: Option<BTreeMap<String, Vec<String>>>,
    /// What to show besides: `matched`, `sources`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(regex(pattern = "^(matched|sources)$")))]
    pub include: Option<Vec<String>>,
    /// Whether a value that sits on several people finds them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_shared: bool,
    /// An ETag: 204 if the answer would still be that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!-~]*$"))]
    pub unless: Option<String>,
    /// `404` or `empty`: what nothing found is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(404|empty)$"))]
    pub on_missing: Option<String>,
}

/// One profile in an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// When it last changed, milliseconds.
    pub updated_ts: u64,
    /// When it was made, milliseconds.
    pub created_ts: u64,
    /// Groups of attributes.
    pub profile: Map<String, Value>,
    /// Identifiers by kind, and `linkedUcid`.
    pub ids: Map<String, Value>,
    /// Marketing preferences.
    pub mkt_preferences: Map<String, Value>,
    /// Consents.
    pub consent: Map<String, Value>,
    /// Where it lives.
    pub region: String,
    /// Its name.
    pub ucid: String,
}

/// The body of `POST /cdp/v1/users`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("anyOf" = shapes::named()))]
pub struct WriteBody {
    /// The organisation.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub org_id: u64,
    /// Where the profile lives.
    #[schemars(regex(pattern = shapes::REGION))]
    pub region: String,
    /// One value by kind; all name one person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "shapes::ids")]
    pub ids: BTreeMap<String, String>,
    /// What is said.
    pub upsert: Upsert,
    /// The profile meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = shapes::UUID))]
    pub ucid: Option<String>,
    /// When it was true, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<u64>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), regex(pattern = "^[ -~]{1,64}$"))]
    pub source: Option<String>,
}

/// What a write says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Upsert {
    /// Attributes and groups.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "shapes::said")]
    pub profile: Map<String, Value>,
    /// Marketing preferences.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "shapes::preferences")]
    pub mkt_preferences: Map<String, Value>,
    /// Consents.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "shapes::consents")]
    pub consent: Map<String, Value>,
}

/// The body of `POST /cdp/v1/users/_delete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteBody {
    /// The organisation.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub org_id: u64,
    /// Where the profiles live.
    #[schemars(regex(pattern = shapes::REGION))]
    pub region: String,
    /// One kind and its values; `ucid` is one.
    #[schemars(schema_with = "shapes::deleted")]
    pub ids: BTreeMap<String, Vec<String>>,
    /// Whether to tell the administrator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_email_notification: bool,
    /// Whether the people's identifiers may not be written again until that is lifted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppress: bool,
}

/// The answer to a delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAnswer {
    /// UCIDs of the people that it came to.
    pub ucids: Vec<String>,
    /// UCIDs of the people that it deleted.
    pub deleted_profiles: Vec<String>,
    /// Values that led to nobody, as sent.
    pub profiles_not_found: Vec<String>,
    /// Names the delete.
    pub deletion_id: String,
    /// Whether anybody was told.
    pub notification: Notification,
}

/// Whether anybody was told of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notification {
    /// It was not asked for.
    None,
    /// The mail server has taken the mail to the administrator.
    Sent,
    /// The server sends no mail, or the organisation has no address to send it to.
    NotConfigured,
    /// The mail server did not take the mail, or not in time. The delete is done.
    Failed,
}
