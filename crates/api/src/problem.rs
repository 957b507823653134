//! What an answer says when a request was not done (contract section 3): RFC 9457.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A problem, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The page of its code.
    #[serde(rename = "type")]
    pub page: String,
    /// The status in words.
    pub title: Cow<'static, str>,
    /// The status.
    pub status: u16,
    /// What is wrong, in a sentence.
    pub detail: Cow<'static, str>,
    /// The status in words, for older clients.
    pub error: Cow<'static, str>,
    /// What is wrong, for older clients.
    pub message: Cow<'static, str>,
    /// What is wrong, for programs. Stable.
    pub code: Cow<'static, str>,
    /// The request, for whoever looks into the server's log.
    pub request_id: String,
    /// Whether to repeat the request.
    pub retry: Retry,
    /// Every fault that was found.
    #[serde(default)]
    pub errors: Vec<Fault>,
    /// Whether people were linked before the request failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub linked: bool,
}

/// Whether to repeat a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// It fails again.
    No,
    /// Nothing was done; it may work later.
    Later,
    /// It may have been done: repeat it with the same `Idempotency-Key`.
    Same,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// Where in the body, as a JSON pointer; `#Name` for a header.
    pub pointer: String,
    /// What.
    pub detail: Cow<'static, str>,
}
