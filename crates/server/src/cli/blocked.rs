//! `onefold blocked list|lift|show|set` and `onefold refused list`: what names nobody, and what was refused.

use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use super::{At, Common, input, lift};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::admin::ListView;
use onefold_api::identity::{BlockedView, Blocklist, RefusedView};
use onefold_core::time;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct BlockedArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: BlockedCommand,
}

#[derive(Debug, Subcommand)]
enum BlockedCommand {
    /// List the values that were blocked because too many people share them
    List {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Let a value name people again: by its id in the list, or by itself
    #[command(group = lift::which())]
    Lift {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// Its id, as the list shows it
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// The value itself, as KIND=VALUE
        #[arg(long, value_name = "KIND=VALUE", requires = "region")]
        value: Option<String>,
        /// Where it is blocked
        #[arg(long, value_name = "CODE", requires = "value")]
        region: Option<String>,
    },
    /// Show which values and patterns the organisation blocks itself
    Show {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Replace those
    Set {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// A file like {"values": ["test@example.org"], "patterns": ["^test-"]}; - is standard input
        file: PathBuf,
    },
}

impl BlockedArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.at.server.as_deref())?;
        let path = |org: u64, what: &str| format!("/admin/v1/orgs/{org}/{what}");
        match self.command {
            BlockedCommand::List { org } => {
                let items: Vec<BlockedView> = all(&client, &path(org, "blocked"))?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            BlockedCommand::Lift { org, id: Some(id), .. } => {
                lift::by_id(&client, &path(org, "blocked"), "blockedId", &id, output)
            }
            BlockedCommand::Lift { org, value, region, .. } => {
                lift::by_value(&client, &path(org, "blocked"), value.as_deref(), region.as_deref(), output)
            }
            BlockedCommand::Show { org } => show(client.ask(Method::GET, &path(org, "blocklist"), &())?, output),
            BlockedCommand::Set { org, file } => {
                show(client.ask(Method::PUT, &path(org, "blocklist"), &input::json(&file)?)?, output)
            }
        }
    }
}

fn rows(items: &[BlockedView]) -> String {
    let row = |item: &BlockedView| {
        let (at, profiles) = (time::utc(item.blocked_at), item.profiles.to_string());
        vec![item.blocked_id.clone(), item.region.clone(), item.kind.clone(), profiles, at]
    };
    table(&["ID", "REGION", "KIND", "PROFILES", "BLOCKED AT"], &items.iter().map(row).collect::<Vec<_>>())
}

fn show(list: Blocklist, output: Output) -> Result<(), Failure> {
    let row = |what: &str, text: &String| vec![what.to_owned(), text.clone()];
    let values = list.values.iter().map(|value| row("value", value));
    let rows: Vec<Vec<String>> = values.chain(list.patterns.iter().map(|pattern| row("pattern", pattern))).collect();
    output.done(&table(&["BLOCKS", "WHAT"], &rows), &list)
}

#[derive(Debug, Args)]
pub(super) struct RefusedArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: RefusedCommand,
}

#[derive(Debug, Subcommand)]
enum RefusedCommand {
    /// List records and links that were refused, the newest first
    List {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// How many, 1 to 100
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u16,
        /// What the last page gave as next
        #[arg(long)]
        cursor: Option<String>,
    },
}

impl RefusedArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.at.server.as_deref())?;
        let RefusedCommand::List { org, limit, cursor } = self.command;
        let cursor = cursor.map(|cursor| form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>());
        let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let path = format!("/admin/v1/orgs/{}/refused?limit={limit}{cursor}", org);
        let page: ListView<RefusedView> = client.ask(Method::GET, &path, &())?;
        let more = page.next.as_ref().map_or(String::new(), |next| format!("\n\nMore with --cursor {next}"));
        output.done(&(refusals(&page.items) + &more), &page)
    }
}

fn refusals(items: &[RefusedView]) -> String {
    let row = |item: &RefusedView| {
        let alone = item.left_alone.iter().map(|alone| format!("{} of {}", alone.kind, alone.ucid));
        let alone = alone.collect::<Vec<_>>().join(", ");
        let at = time::utc(item.at);
        vec![at, item.region.clone(), item.reason.clone(), item.kinds.join(","), alone, item.source.clone()]
    };
    let head = ["AT", "REGION", "REASON", "KINDS", "LEFT ALONE", "SOURCE"];
    table(&head, &items.iter().map(row).collect::<Vec<_>>())
}
