//! `onefold identity explain|split|lift`: why a person is who they are, and how a merge is undone.

use super::client::Client;
use super::output::{Failure, Output, table};
use super::{At, Common};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::identity::{ExplainBody, LiftBody};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct IdentityArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: IdentityCommand,
}

#[derive(Debug, Subcommand)]
enum IdentityCommand {
    /// Tell why a person is who they are: identifiers, merges, refused links, and who said what
    Explain {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// What leads to them, such as user_id=jane or ucid=…
        #[arg(required = true, value_name = "KIND=VALUE")]
        search: Vec<String>,
        /// Where to look [default: all regions of the organisation]
        #[arg(long, value_name = "CODES", value_delimiter = ',')]
        regions: Option<Vec<String>>,
    },
    /// Undo a merge: the linked profile is a person of its own again, and the two are kept apart
    Split {
        #[command(flatten)]
        person: Person,
        /// The profile that was merged into them
        #[arg(long, value_name = "UCID")]
        linked: String,
    },
    /// Let two people who were split meet again
    Lift {
        #[command(flatten)]
        person: Person,
        /// The other
        #[arg(long, value_name = "UCID")]
        other: String,
    },
}

#[derive(Debug, Args)]
struct Person {
    /// The organisation
    #[arg(long, value_name = "N")]
    org: u64,
    /// Where they live
    #[arg(long, value_name = "CODE")]
    region: String,
    /// The person
    #[arg(long, value_name = "UCID")]
    ucid: String,
}

impl IdentityArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = || Client::find(common, self.at.server.as_deref());
        let path = |org: u64, what: &str| format!("/admin/v1/orgs/{org}/identity/{what}");
        match self.command {
            IdentityCommand::Explain { org, search, regions } => {
                let body = ExplainBody { org_id: None, regions, search: searched(&search)? };
                let told: Vec<Value> = client()?.ask(Method::POST, &path(org, "_explain"), &body)?;
                output.done(&told.iter().map(story).collect::<Vec<_>>().join("\n\n"), &told)
            }
            IdentityCommand::Split { person: Person { org, region, ucid }, linked } => {
                let body = json!({"region": region, "ucid": ucid, "linkedUcid": linked});
                let both: Vec<Value> = client()?.ask(Method::POST, &path(org, "_split"), &body)?;
                output.done(&people(&both), &both)
            }
            IdentityCommand::Lift { person: Person { org, region, ucid }, other } => {
                let body = LiftBody { region, ucid, other_ucid: other };
                client()?.do_with(Method::POST, &path(org, "_lift"), &body)?;
                let text = "The two may meet again: the next record that names both joins them.";
                output.done(text, &json!({"ucid": body.ucid, "otherUcid": body.other_ucid, "lifted": true}))
            }
        }
    }
}

fn searched(search: &[String]) -> Result<BTreeMap<String, Vec<Value>>, Failure> {
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in search {
        let Some((kind, value)) = one.split_once('=') else {
            return Err(Failure::usage("say what leads to the person as KIND=VALUE, such as user_id=jane"));
        };
        kinds.entry(kind.into()).or_default().push(value.into());
    }
    Ok(kinds)
}

/// What an explanation tells people, line by line.
fn story(told: &Value) -> String {
    let lines = told["story"].as_array().into_iter().flatten();
    lines.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

fn people(both: &[Value]) -> String {
    let row = |person: &Value| {
        let ids = person["ids"].as_object().into_iter().flatten().filter(|(group, _)| *group != "linkedUcid");
        let values = ids.flat_map(|(group, elements)| {
            elements.as_array().into_iter().flatten().filter_map(move |element| {
                Some(format!(
                    "{group}={}",
                    element.get(group).or_else(|| element.as_object()?.values().next())?.as_str()?
                ))
            })
        });
        let linked = person["ids"]["linkedUcid"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let text = |name: &str| person[name].as_str().unwrap_or_default().to_owned();
        vec![text("ucid"), text("region"), values.collect::<Vec<_>>().join(" "), linked.collect::<Vec<_>>().join(" ")]
    };
    table(&["UCID", "REGION", "IDENTIFIERS", "LINKED"], &both.iter().map(row).collect::<Vec<_>>())
}
