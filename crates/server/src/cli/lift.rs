//! Lifting what stands against a value: by the id that the list shows, or by the value itself.

use super::client::Client;
use super::output::{Failure, Output};
use clap::ArgGroup;
use http::Method;
use serde_json::json;

/// What is lifted is named by one of the two.
pub(super) fn which() -> ArgGroup {
    ArgGroup::new("which").args(["id", "value"]).required(true)
}

/// By its id. `list` is the path of the list, `member` what the list calls the id.
pub(super) fn by_id(client: &Client, list: &str, member: &str, id: &str, output: Output) -> Result<(), Failure> {
    let escaped: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    client.tell(Method::DELETE, &format!("{list}/{escaped}"))?;
    output.done(&format!("lifted {id}"), &json!({member: id, "lifted": true}))
}

/// By the value, as `KIND=VALUE`; without a region where the call allows that.
pub(super) fn by_value(
    client: &Client,
    list: &str,
    value: Option<&str>,
    region: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let Some((kind, value)) = value.and_then(|value| value.split_once('=')) else {
        return Err(Failure::usage("say which value as KIND=VALUE, such as email=info@example.org"));
    };
    let body = json!({"region": region, "kind": kind, "value": value});
    client.do_with(Method::POST, &format!("{list}/_lift"), &body)?;
    output.done("lifted", &json!({"kind": kind, "lifted": true}))
}
