//! `onefold key reads`: whom a key read, for the day on which it leaks.

use super::super::client::Client;
use super::super::orgs::all;
use super::super::output::{Failure, Output, counted, table};
use super::super::usage::{Span, minute};
use clap::Args;
use http::Method;
use onefold_api::admin::OrgView;
use onefold_api::usage::{ReadItem, ReadsView};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct ReadsArgs {
    /// The key's id, as `onefold key list` shows it; of a revoked one too
    #[arg(value_name = "KEYID")]
    key: String,
    /// The organisation [default: the one that has the key]
    #[arg(long, value_name = "N")]
    org: Option<u64>,
    #[command(flatten)]
    span: Span,
}

impl ReadsArgs {
    pub(super) fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        let org = match self.org {
            Some(org) => org,
            None => self.find_org(client)?,
        };
        let mut reads = self.page(client, org, None)?;
        while let Some(next) = reads.next.take() {
            let page = self.page(client, org, Some(&next))?;
            reads.items.extend(page.items);
            reads.missed += page.missed;
            reads.next = page.next;
        }
        output.done(&text(&reads), &reads)
    }

    fn page(&self, client: &Client, org: u64, cursor: Option<&str>) -> Result<ReadsView, Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = super::Which { org, key: self.key.clone() }.path();
        let path = format!("{path}/reads?limit=1000{}{cursor}", self.span.parameters());
        client.ask(Method::GET, &path, &Value::Null)
    }

    fn find_org(&self, client: &Client) -> Result<u64, Failure> {
        let orgs: Vec<OrgView> = all(client, "/admin/v1/orgs")?;
        for org in &orgs {
            match self.page(client, org.org_id, None) {
                Ok(_) => return Ok(org.org_id),
                Err(failure) if failure.code() == "key.unknown" => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::new("key.unknown", "no organisation has a key with this id (key.unknown)"))
    }
}

fn text(reads: &ReadsView) -> String {
    let head = format!(
        "key {} of organisation {}, {} to {} UTC",
        reads.key_id,
        reads.org_id,
        minute(reads.from),
        minute(reads.to)
    );
    let mut people: BTreeMap<&str, Vec<&ReadItem>> = BTreeMap::new();
    reads.items.iter().for_each(|item| people.entry(&item.ucid).or_default().push(item));
    let row = |(ucid, hours): (&&str, &Vec<&ReadItem>)| {
        let (first, last) = (hours.first().map_or(0, |item| item.hour), hours.last().map_or(0, |item| item.hour));
        vec![(*ucid).to_owned(), minute(first), minute(last), hours.len().to_string()]
    };
    let rows: Vec<_> = people.iter().map(row).collect();
    let mut parts = vec![head];
    if !rows.is_empty() {
        parts.push(table(&["UCID", "FIRST HOUR", "LAST HOUR", "HOURS"], &rows));
    }
    let missed = match reads.missed {
        0 => "none was left out".to_owned(),
        missed => format!("{missed} reads were not written down, of these or of others"),
    };
    parts.push(format!("{}; {missed}", counted(rows.len() as u64, "profile")));
    parts.join("\n\n")
}
