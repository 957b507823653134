//! Administration: organisations and keys (contract section 11). Moments are milliseconds since the Unix epoch, as
//! numbers. Members that may be missing from a request are `None` here and left out.

use crate::shapes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of `POST /admin/v1/orgs` and, with every member optional and without `orgId`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["name"]))]
pub struct OrgBody {
    /// What people call it: 1 to 128 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), extend("type" = "string"))]
    pub name: Option<String>,
    /// Its number, where it is chosen: 1 to 2^53 − 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub org_id: Option<u64>,
    /// Where its profiles may live, in the order in which a fetch looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), extend("type" = "array", "uniqueItems" = true))]
    pub regions: Option<Vec<String>>,
    /// How much it may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shapes::limits")]
    pub limits: Option<LimitsBody>,
    /// What a write answers where the caller does not say: `profile` or `minimal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(profile|minimal)$"), extend("type" = "string"))]
    pub write_answer: Option<String>,
    /// Where its administrator is told of deletes that ask for it; null: nowhere. Only of `PATCH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub admin_email: Option<Option<String>>,
}

/// The body of `PATCH …/orgs/{orgId}`: what is missing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgPatchBody {
    /// What people call it: 1 to 128 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), extend("type" = "string"))]
    pub name: Option<String>,
    /// Where its profiles may live, in the order in which a fetch looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), extend("type" = "array", "uniqueItems" = true))]
    pub regions: Option<Vec<String>>,
    /// How much it may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shapes::limits")]
    pub limits: Option<LimitsBody>,
    /// What a write answers where the caller does not say: `profile` or `minimal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(profile|minimal)$"), extend("type" = "string"))]
    pub write_answer: Option<String>,
    /// Days after which a profile that nothing was heard of is erased; null: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub profile_ttl_days: Option<Option<u32>>,
    /// Where its administrator is told of deletes that ask for it; null: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 254), regex(pattern = shapes::EMAIL))]
    pub admin_email: Option<Option<String>>,
}

/// Limits in a request; what is missing stays as it is, or has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsBody {
    /// Requests a second; 0 means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4_294_967_295_u64), extend("type" = "integer"))]
    pub per_second: Option<u32>,
    /// Requests a minute; 0 means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4_294_967_295_u64), extend("type" = "integer"))]
    pub per_minute: Option<u32>,
    /// Values in one search: 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500), extend("type" = "integer"))]
    pub ids_per_fetch: Option<u16>,
    /// Writes of one person a second, up to 1 000 000; 0 means no limit, null what the settings of the server say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    pub person_per_second: Option<Option<u32>>,
    /// Writes of one person at once, 1 to 1 000 000; null: what the settings of the server say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub person_burst: Option<Option<u32>>,
}

/// An organisation, as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgView {
    /// Its number.
    pub org_id: u64,
    /// What people call it.
    pub name: String,
    /// Where its profiles may live, in the order in which a fetch looks.
    pub regions: Vec<String>,
    /// How much it may call.
    pub limits: LimitsView,
    /// What a write answers where the caller does not say: `profile` or `minimal`.
    pub write_answer: String,
    /// Days after which a profile that nothing was heard of is erased; not there: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_ttl_days: Option<u32>,
    /// Where its administrator is told of deletes that ask for it; not there: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_email: Option<String>,
    /// When it was made.
    pub created_at: u64,
}

/// The limits of an organisation; 0 means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsView {
    /// Requests a second.
    pub per_second: u32,
    /// Requests a minute.
    pub per_minute: u32,
    /// Values in one search.
    pub ids_per_fetch: u16,
    /// Writes of one person a second; not there: what the settings of the server say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_per_second: Option<u32>,
    /// Writes of one person at once; not there: what the settings of the server say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_burst: Option<u32>,
}

/// The body of `POST …/keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    /// What people call it: 1 to 64 bytes; the default `source` of what it writes.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it may do.
    #[schemars(length(min = 1), inner(regex(pattern = shapes::SCOPE)))]
    pub scopes: Vec<String>,
    /// From when on it no longer works: a moment to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// How much it may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

/// How much a key may call; 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimit {
    /// Requests a second.
    #[schemars(range(max = 4_294_967_295_u64))]
    pub per_second: u32,
    /// Requests a minute.
    #[schemars(range(max = 4_294_967_295_u64))]
    pub per_minute: u32,
}

/// The body of `PATCH …/keys/{keyId}`: what is missing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyPatchBody {
    /// What people call it: 1 to 64 bytes; the default `source` of what it writes from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), extend("type" = "string"))]
    pub name: Option<String>,
    /// How much it may call; null: as much as its organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Option<RateLimitPatchBody>>,
}

/// What changes of how much a key may call; what is missing stays. 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitPatchBody {
    /// Requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4_294_967_295_u64), extend("type" = "integer"))]
    pub per_second: Option<u32>,
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4_294_967_295_u64), extend("type" = "integer"))]
    pub per_minute: Option<u32>,
}

/// The body of `POST …/keys/{keyId}/rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotateBody {
    /// For how many seconds more the old secret works: 0 to 7 776 000 (90 days).
    #[schemars(range(max = 7_776_000))]
    pub overlap_seconds: u64,
}

/// A key, as answered. `apikey` is there only in the answer that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Its id; stays when it is rotated.
    pub key_id: String,
    /// The secret: what callers send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apikey: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// How much it may call.
    pub rate_limit: Option<RateLimit>,
    /// When it was made.
    pub created_at: u64,
    /// From when on it no longer works.
    pub expires_at: Option<u64>,
    /// When it got its newest secret, if it was rotated.
    pub rotated_at: Option<u64>,
    /// Until when the secrets before the newest one work, the longest of them.
    pub old_secret_until: Option<u64>,
    /// When it was revoked.
    pub revoked_at: Option<u64>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListView<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next: Option<String>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    /// Its chain and its number in it.
    pub entry: String,
    /// When.
    pub at: u64,
    /// Who: `root`, `key`, `token`, `nobody` (refused credentials) or `server`.
    pub who: String,
    /// Which key, where it was one; where it was a token, what stands for its holder in this organisation.
    pub key_id: Option<String>,
    /// What: method and route of the call, or `authentication`.
    pub what: String,
    /// Upon what: ids.
    pub about: String,
    /// The request's id.
    pub request_id: String,
    /// `begun`, `done`, or the code of the error.
    pub outcome: String,
    /// How many times, where one entry tells of several.
    pub count: u64,
}

/// What verifying a chain of the audit log came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainView {
    /// The chain.
    pub chain: String,
    /// When it began.
    pub begun_at: u64,
    /// Entries in it.
    pub entries: u64,
    /// The first entry that is not as it was written; 0 is the end of the chain, or its connection to an earlier one.
    pub broken_at: Option<u64>,
    /// `missing`, `changed`, `damaged`, `end_changed` or `earlier_chain_missing`.
    pub broken: Option<String>,
}

/// The body of `POST /admin/v1/server-keys/rotate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerKeyBody {
    /// `root` or `receipts`.
    #[schemars(regex(pattern = "^(root|receipts)$"))]
    pub key: String,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerKeyView {
    /// Which was replaced.
    pub key: String,
    /// The new root key, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apikey: Option<String>,
    /// The id of the new key of receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// The body of `POST …/certificates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateBody {
    /// SHA-256 of the certificate's DER: 64 hexadecimal digits, with or without colons.
    #[schemars(regex(pattern = shapes::FINGERPRINT))]
    pub fingerprint: String,
    /// What people call it: 1 to 64 bytes.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
}

/// A client certificate that is bound to an organisation, as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateView {
    /// SHA-256 of the certificate's DER: 64 hexadecimal digits.
    pub fingerprint: String,
    /// What people call it.
    pub name: String,
    /// When it was bound.
    pub bound_at: u64,
}
