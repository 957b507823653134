//! Usage: what the keys of an organisation called, and whom a key read (contract section 8). Moments are milliseconds
//! since the Unix epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer about usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageView {
    /// The organisation.
    pub org_id: u64,
    /// The beginning of the first hour.
    pub from: u64,
    /// The end of the last hour.
    pub to: u64,
    /// By what it is told apart: `key`, `operation` or `hour`.
    pub by: String,
    /// Hours in their order; keys and operations with the most calls first. At most 1,000.
    pub items: Vec<UsageItem>,
    /// What does not fit into `items`, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<UsageOthers>,
    /// All together.
    pub total: UsageSums,
}

/// How much of one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageItem {
    /// By `key`: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// By `key`: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// By `operation`: method and route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// By `hour`: its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u64>,
    /// How much.
    #[serde(flatten)]
    pub sums: UsageSums,
}

/// Items that are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageOthers {
    /// How many they are, at least.
    pub items: u64,
    /// How much they come to.
    #[serde(flatten)]
    pub sums: UsageSums,
}

/// How much was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageSums {
    /// Calls that were let in, whatever became of them.
    pub calls: u64,
    /// Calls that were not (403, 429, 503): nothing was done.
    pub refused: u64,
    /// Identifiers that they looked up.
    pub identifiers: u64,
    /// Bytes of the bodies of answers, as sent.
    pub bytes: u64,
    /// Fetches that showed somebody.
    pub fetches: u64,
    /// Bytes of the average answer to these; not there if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_fetch_bytes: Option<u64>,
    /// Calls and refused ones by status. 499 are those whose caller hung up before the answer.
    pub statuses: BTreeMap<String, u64>,
}

/// A part of what a key read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadsView {
    /// The organisation.
    pub org_id: u64,
    /// The key.
    pub key_id: String,
    /// The beginning of the first hour.
    pub from: u64,
    /// The end of the last hour.
    pub to: u64,
    /// In order of hours, each profile once in an hour.
    pub items: Vec<ReadItem>,
    /// Reads that were not written down, in the hours that begin in this part.
    pub missed: u64,
    /// Where to go on; null at the end.
    pub next: Option<String>,
}

/// That a key was shown a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadItem {
    /// The profile.
    pub ucid: String,
    /// The beginning of the hour.
    pub hour: u64,
}
