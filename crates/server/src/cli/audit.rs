//! `onefold audit tail|verify`.

use super::Common;
use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::admin::{AuditView, ChainView, ListView, OrgView};
use onefold_core::time;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a follower asks.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Where the server answers [default: what a running server wrote into the data directory; env: ONEFOLD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show the last entries, the newest last
    Tail {
        /// The log of this organisation [default: that of the server itself]
        #[arg(long, value_name = "N")]
        org: Option<u64>,
        /// How many, 1 to 100
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
        lines: u16,
        /// Go on with what comes; with --json a document for each entry, one a line
        #[arg(long)]
        follow: bool,
    },
    /// Verify every chain, and name the first entry of each that is not as it was written
    Verify {
        /// Only the log of this organisation [default: that of the server and of all organisations]
        #[arg(long, value_name = "N")]
        org: Option<u64>,
    },
}

fn log_of(org: Option<u64>) -> String {
    org.map_or("/admin/v1/audit".into(), |org| format!("/admin/v1/orgs/{org}/audit"))
}

impl AuditArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.server.as_deref())?;
        match self.command {
            AuditCommand::Tail { org, lines, follow: false } => {
                let items = last(&client, org, lines)?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            AuditCommand::Tail { org, lines, follow: true } => follow(&client, org, lines, output),
            AuditCommand::Verify { org } => verify(&client, org, output),
        }
    }
}

fn page(client: &Client, org: Option<u64>, limit: u16, cursor: Option<&str>) -> Result<ListView<AuditView>, Failure> {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    client.ask(Method::GET, &format!("{}?limit={limit}{cursor}", log_of(org)), &Value::Null)
}

/// The newest last.
fn last(client: &Client, org: Option<u64>, lines: u16) -> Result<Vec<AuditView>, Failure> {
    let mut items = page(client, org, lines, None)?.items;
    items.reverse();
    Ok(items)
}

fn follow(client: &Client, org: Option<u64>, lines: u16, output: Output) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    let mut items = last(client, org, lines)?;
    loop {
        for item in &items {
            if !output.line(&cells(item).join("  "), item)? {
                return Ok(());
            }
            let (chain, number) = place(item);
            seen.insert(chain, number);
        }
        std::thread::sleep(FOLLOW_EVERY);
        items = unseen(client, org, &seen)?;
    }
}

fn place(item: &AuditView) -> (String, u64) {
    let (chain, number) = item.entry.split_once('.').unwrap_or((&item.entry, "0"));
    (chain.to_owned(), number.parse().unwrap_or(0))
}

/// What came since, the newest last: pages from the newest backwards, until one holds something that was shown.
fn unseen(client: &Client, org: Option<u64>, seen: &BTreeMap<String, u64>) -> Result<Vec<AuditView>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = page(client, org, 100, cursor.as_deref())?;
        let before = found.len() + page.items.len();
        found.extend(page.items.into_iter().filter(|item| {
            let (chain, number) = place(item);
            seen.get(&chain).is_none_or(|seen| number > *seen)
        }));
        cursor = page.next;
        if found.len() < before || cursor.is_none() {
            found.reverse();
            return Ok(found);
        }
    }
}

fn cells(item: &AuditView) -> Vec<String> {
    let who = item.key_id.as_ref().map_or(item.who.clone(), |id| format!("{} {id}", item.who));
    let times = if item.count > 1 { format!("{} times", item.count) } else { String::new() };
    let cells = [&item.what, &item.about, &item.outcome, &times, &item.request_id].map(String::clone);
    [time::utc(item.at), who].into_iter().chain(cells).collect()
}

fn rows(items: &[AuditView]) -> String {
    let head = ["AT", "WHO", "WHAT", "ABOUT", "OUTCOME", "", "REQUEST"];
    table(&head, &items.iter().map(cells).collect::<Vec<_>>())
}

/// Fails where a chain is broken.
fn verify(client: &Client, org: Option<u64>, output: Output) -> Result<(), Failure> {
    let logs = match org {
        Some(org) => vec![Some(org)],
        None => {
            let orgs: Vec<OrgView> = all(client, "/admin/v1/orgs")?;
            std::iter::once(None).chain(orgs.iter().map(|org| Some(org.org_id))).collect()
        }
    };
    let mut chains = Vec::new();
    for log in logs {
        let found: Vec<ChainView> = all(client, &(log_of(log) + "/verify"))?;
        chains.extend(found.into_iter().map(|chain| (log, chain)));
    }
    report(&chains, output)
}

fn report(chains: &[(Option<u64>, ChainView)], output: Output) -> Result<(), Failure> {
    let entries: u64 = chains.iter().map(|(_, chain)| chain.entries).sum();
    let broken = chains.iter().filter_map(|(log, chain)| {
        let (at, what) = (chain.broken_at?, chain.broken.as_deref()?);
        let log = log.map_or("the server".into(), |org| format!("organisation {org}"));
        Some(format!("broken: log of {log}, entry {}.{at}: {what}", chain.chain))
    });
    let mut text: Vec<String> = broken.collect();
    let status = if text.is_empty() { "good" } else { "broken" };
    let items: Vec<Value> = chains.iter().map(|(org, chain)| json!({ "orgId": org, "chain": chain })).collect();
    let json = json!({ "status": status, "chains": items, "entries": entries });
    text.push(format!("{entries} entries in {} chains", chains.len()));
    match status {
        "good" => output.done(&format!("{}: all as they were written", text.join("\n")), &json),
        _ => Err(Failure::with(text.join("\n"), json)),
    }
}
