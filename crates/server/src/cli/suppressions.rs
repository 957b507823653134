//! `onefold suppression list|lift`: what may not be written again.

use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use super::{At, Common, lift};
use clap::{Args, Subcommand};
use onefold_api::admin::ListView;
use onefold_api::identity::SuppressionView;
use onefold_core::time;

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
    #[command(group = lift::which())]
    Lift {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// Its id, as the list shows it
        #[arg(long, value_name = "ID")]
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
        let list = |org: u64| format!("/admin/v1/orgs/{org}/suppressions");
        match self.command {
            SuppressionCommand::List { org } => {
                let items: Vec<SuppressionView> = all(&client, &list(org))?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            SuppressionCommand::Lift { org, id: Some(id), .. } => {
                lift::by_id(&client, &list(org), "suppressionId", &id, output)
            }
            SuppressionCommand::Lift { org, value, region, .. } => {
                lift::by_value(&client, &list(org), value.as_deref(), region.as_deref(), output)
            }
        }
    }
}

fn rows(items: &[SuppressionView]) -> String {
    let row = |item: &SuppressionView| {
        let at = time::utc(item.suppressed_at);
        vec![item.suppression_id.clone(), item.region.clone(), item.kind.clone(), at, item.deletion_id.clone()]
    };
    table(&["ID", "REGION", "KIND", "SUPPRESSED AT", "DELETION"], &items.iter().map(row).collect::<Vec<_>>())
}
