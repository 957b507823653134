//! `onefold suppression list|lift`: what may not be written again.

use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use super::{At, Common};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::admin::ListView;
use onefold_api::identity::SuppressionView;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct SuppressionArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: SuppressionCommand,
}

#[derive(Debug, Subcommand)]
enum SuppressionCommand {
    /// List the identifiers of deleted people that may not be written again, without their values
    List {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Let an identifier be written again: by its id in the list, or by itself
    Lift {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// Its id, as the list shows it
        #[arg(long, value_name = "ID", required_unless_present = "value", conflicts_with = "value")]
        id: Option<String>,
        /// The value itself, as KIND=VALUE
        #[arg(long, value_name = "KIND=VALUE")]
        value: Option<String>,
        /// In which region [default: in all of the organisation]
        #[arg(long, value_name = "CODE", requires = "value")]
        region: Option<String>,
    },
}

impl SuppressionArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.at.server.as_deref())?;
        let path = |org: u64, what: &str| format!("/admin/v1/orgs/{org}/suppressions{what}");
        match self.command {
            SuppressionCommand::List { org } => {
                let items: Vec<SuppressionView> = all(&client, &path(org, ""))?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            SuppressionCommand::Lift { org, id: Some(id), .. } => {
                let escaped: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
                client.tell(Method::DELETE, &path(org, &format!("/{escaped}")))?;
                output.done(&format!("lifted {id}"), &json!({"suppressionId": id, "lifted": true}))
            }
            SuppressionCommand::Lift { org, value, region, .. } => {
                let Some((kind, value)) = value.as_deref().and_then(|value| value.split_once('=')) else {
                    return Err(Failure::usage("say which value as KIND=VALUE, such as email=jane@example.org"));
                };
                let body = json!({"region": region, "kind": kind, "value": value});
                client.do_with(Method::POST, &path(org, "/_lift"), &body)?;
                output.done("lifted", &json!({"kind": kind, "lifted": true}))
            }
        }
    }
}

fn rows(items: &[SuppressionView]) -> String {
    let row = |item: &SuppressionView| {
        let at = item.suppressed_at.to_string();
        vec![item.suppression_id.clone(), item.region.clone(), item.kind.clone(), at, item.deletion_id.clone()]
    };
    table(&["ID", "REGION", "KIND", "SUPPRESSED AT", "DELETION"], &items.iter().map(row).collect::<Vec<_>>())
}
