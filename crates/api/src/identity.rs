//! How people are made: strategy, catalogue, blocked values, refused records, explain, split (contract sections 6 and
//! 11). Moments are milliseconds since the Unix epoch, as numbers.

use crate::shapes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A strategy, as answered. What a request leaves out stands here with the value that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyView {
    /// `default` or `custom`.
    pub mode: String,
    /// The kinds that tell people apart, in the default mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive: Option<Vec<String>>,
    /// The kinds in order, in the custom mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<KindRuleView>>,
    /// Raised by every change.
    pub version: u64,
}

/// One kind of a custom strategy, as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindRuleView {
    /// The kind.
    pub kind: String,
    /// `primary`, `secondary` or `disabled`.
    pub class: String,
    /// 1 (best) to 5.
    pub priority: u8,
    /// How many values a profile shows; null: any number.
    pub keep: Option<u16>,
    /// `stay` or `move`.
    pub contested: String,
    /// Days from receipt after which a value leaves; null: never.
    pub ttl_days: Option<u32>,
}

/// A catalogue, as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogueView {
    /// Raised by every change; 0 is the one from the start.
    pub version: u64,
    /// When it was changed last.
    pub changed_at: Option<u64>,
    /// Kinds of identifier.
    pub kinds: BTreeMap<String, KindView>,
    /// Attributes.
    pub attributes: BTreeMap<String, AttributeView>,
    /// Groups.
    pub groups: BTreeMap<String, GroupView>,
    /// Consents.
    pub consents: BTreeMap<String, ConsentView>,
}

/// What is said of a kind of identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindView {
    /// In which group it is shown; null: in that of the kind it derives from, or else of its own name.
    pub group: Option<String>,
    /// `none`, `email`, `phone`, `uuid` or `hash`.
    pub form: String,
    /// The hashes by which a value is known as well.
    pub derives: Vec<DerivationView>,
    /// Whether it names a device.
    pub device: bool,
    /// Whether its values are marked as personal.
    pub pii: bool,
    /// Whether a value is kept as it is, beside its hashes.
    pub keep_raw: bool,
    /// `first_party` or `third_party` where its values are cookies, which leave after 180 or 90 days unless the strategy
    /// says when.
    pub cookie: Option<String>,
}

/// One hash by which values of a kind are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DerivationView {
    /// The kind of the hash.
    pub kind: String,
    /// `sha256`, `md5` or `sha1`.
    pub algorithm: String,
    /// `as_is`, `lower`, `upper`; of telephone numbers `e164`, `with_country_code`, `without_country_code`.
    pub writing: String,
}

/// What is said of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeView {
    /// `string`, `integer`, `double`, `boolean`, `timestamp` or `list`; null: anything.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// To which group it belongs; null: to that of its own name.
    pub group: Option<String>,
    /// Whether it is marked as personal.
    pub pii: bool,
}

/// What is said of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupView {
    /// Whether it is shown and folded only as a whole.
    pub atomic: bool,
}

/// What is said of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentView {
    /// For how many days a `yes` is shown.
    pub ttl_days: u32,
}

/// Values that an organisation blocks beside those from the start; the body of a request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocklist {
    /// Exact values.
    pub values: Vec<String>,
    /// Regular expressions.
    pub patterns: Vec<String>,
}

/// A value that was blocked because too many people share it. The value itself is not known to the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedView {
    /// Names it, to lift it.
    pub blocked_id: String,
    /// Where.
    pub region: String,
    /// The kind of the identifier.
    pub kind: String,
    /// When it was blocked.
    pub blocked_at: u64,
    /// How many profiles it had joined, sat on, or been refused to join by then.
    pub profiles: u32,
}

/// An identifier of somebody who was deleted, which may not be written again. The value itself is not known to the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuppressionView {
    /// Names it, to lift it: a keyed hash.
    pub suppression_id: String,
    /// Where.
    pub region: String,
    /// The kind of the identifier; of a hash that of the value which it is made from.
    pub kind: String,
    /// The kinds of all its writings that are refused: the value itself and what derives from it.
    pub writings: Vec<String>,
    /// When the person was deleted.
    pub suppressed_at: u64,
    /// The delete that asked for it.
    pub deletion_id: String,
}

/// A record, or a link, that was refused. No values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedView {
    /// When.
    pub at: u64,
    /// Where.
    pub region: String,
    /// Why: `identity.no_usable_identifier` for a record, else the rule by which a profile was left alone.
    pub reason: String,
    /// The kinds of the record.
    pub kinds: Vec<String>,
    /// For links: by which kind, and which profile was left alone.
    pub left_alone: Vec<LeftAloneView>,
    /// Who sent it.
    pub source: String,
    /// The request.
    pub request: String,
}

/// A profile that was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftAloneView {
    /// The kind that led to it.
    pub kind: String,
    /// The profile.
    pub ucid: String,
}

/// The body of a call that names two profiles of one region by their UCIDs: `_split`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplitBody {
    /// The organisation.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub org_id: u64,
    /// Where they live.
    #[schemars(regex(pattern = shapes::REGION))]
    pub region: String,
    /// The person.
    #[schemars(regex(pattern = shapes::UUID))]
    pub ucid: String,
    /// The profile that was merged into them.
    #[schemars(regex(pattern = shapes::UUID))]
    pub linked_ucid: String,
}

/// The body of `…/identity/_lift`: two profiles that were split and may meet again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiftBody {
    /// Where they live.
    #[schemars(regex(pattern = shapes::REGION))]
    pub region: String,
    /// The one.
    #[schemars(regex(pattern = shapes::UUID))]
    pub ucid: String,
    /// The other.
    #[schemars(regex(pattern = shapes::UUID))]
    pub other_ucid: String,
}

/// The body of `…/identity/_explain`, and with `orgId` of `_explain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["orgId", "search"]))]
pub struct ExplainBody {
    /// The organisation, where the URL does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64), extend("type" = "integer"))]
    pub org_id: Option<u64>,
    /// Where to look; all regions if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), inner(regex(pattern = shapes::REGION)))]
    pub regions: Option<Vec<String>>,
    /// Values by kind.
    #[schemars(schema_with = "shapes::search")]
    pub search: BTreeMap<String, Vec<Value>>,
}
