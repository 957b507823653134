//! `onefold strategy show|set|test`.

use super::client::Client;
use super::output::{Failure, Output, table};
use super::{At, Common, input, rehearsal};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::identity::{KindRuleView, StrategyView};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct StrategyArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: StrategyCommand,
}

#[derive(Debug, Subcommand)]
enum StrategyCommand {
    /// Show how an organisation makes people of records
    Show {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Replace it; it holds for what arrives from now on
    Set {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// A file with the strategy as JSON; - is standard input
        file: PathBuf,
    },
    /// Show which people some records would make, and why. Stores nothing, and needs no server unless --org is given
    Test(rehearsal::TestArgs),
}

impl StrategyArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = || Client::find(common, self.at.server.as_deref());
        let strategy: StrategyView = match self.command {
            StrategyCommand::Test(args) => return rehearsal::run(&args, common, client, output),
            StrategyCommand::Show { org } => client()?.ask(Method::GET, &strategy_of(org), &())?,
            StrategyCommand::Set { org, file } => {
                client()?.ask(Method::PUT, &strategy_of(org), &input::json(&file)?)?
            }
        };
        output.done(&text(&strategy), &strategy)
    }
}

/// Where the strategy of an organisation is.
pub(super) fn strategy_of(org: u64) -> String {
    format!("/admin/v1/orgs/{org}/strategy")
}

/// A strategy for people.
pub(super) fn text(strategy: &StrategyView) -> String {
    let head = format!("Mode {}, version {}.", strategy.mode, strategy.version);
    match (&strategy.kinds, &strategy.exclusive) {
        (Some(kinds), _) => {
            let rows: Vec<Vec<String>> = kinds.iter().map(row).collect();
            let table = table(&["KIND", "CLASS", "PRIORITY", "KEEP", "CONTESTED", "TTL DAYS"], &rows);
            format!("{head} A kind that is not listed is secondary, priority 5.\n\n{table}")
        }
        (None, Some(exclusive)) if !exclusive.is_empty() => {
            format!("{head} Every identifier joins; kept apart by one value of each of: {}.", exclusive.join(", "))
        }
        _ => format!("{head} Every identifier joins."),
    }
}

fn row(rule: &KindRuleView) -> Vec<String> {
    let number = |number: Option<String>, none: &str| number.unwrap_or_else(|| none.into());
    vec![
        rule.kind.clone(),
        rule.class.clone(),
        rule.priority.to_string(),
        number(rule.keep.map(|keep| keep.to_string()), "any"),
        rule.contested.clone(),
        number(rule.ttl_days.map(|days| days.to_string()), "-"),
    ]
}
