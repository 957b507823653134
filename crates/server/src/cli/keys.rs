//! `onefold key create|list|update|rotate|revoke|reads`.

mod reads;
mod rotate;

use super::Common;
use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::admin::{KeyBody, KeyPatchBody, KeyView, ListView, RateLimit, RateLimitPatchBody};
use onefold_core::time;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Where the server answers [default: what a running server wrote into the data directory; env: ONEFOLD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key and show it, this once
    Create {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// What people call it; also the default source of what it writes
        #[arg(long)]
        name: String,
        /// What it may do, with commas: profile.read, profile.write, profile.delete, events.write, org.admin
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// From when on it no longer works, in milliseconds since the epoch
        #[arg(long, value_name = "MS")]
        expires_at: Option<u64>,
        /// Requests a second; 0 means no limit
        #[arg(long, value_name = "N")]
        per_second: Option<u32>,
        /// Requests a minute; 0 means no limit
        #[arg(long, value_name = "N")]
        per_minute: Option<u32>,
    },
    /// List the keys of an organisation, revoked and expired ones too
    List {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Change one; what is not named stays
    Update {
        #[command(flatten)]
        which: Which,
        /// Another name; also the default source of what it writes from now on
        #[arg(long)]
        name: Option<String>,
        /// Requests a second; 0 means no limit
        #[arg(long, value_name = "N")]
        per_second: Option<u32>,
        /// Requests a minute; 0 means no limit
        #[arg(long, value_name = "N")]
        per_minute: Option<u32>,
        /// Take its limits away: as much as its organisation
        #[arg(long, conflicts_with_all = ["per_second", "per_minute"])]
        no_rate_limit: bool,
    },
    /// Give a key a new secret and show it, this once; or replace a key of the server itself
    Rotate(rotate::RotateArgs),
    /// List the profiles that a key read, for the day on which it leaks; kept for 30 days
    Reads(reads::ReadsArgs),
    /// End a key, for good
    Revoke {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The organisation
    #[arg(long, value_name = "N")]
    org: u64,
    /// The key's id, as `onefold key list` shows it
    #[arg(long, value_name = "KEYID")]
    key: String,
}

impl Which {
    fn path(&self) -> String {
        // An id holds nothing that a path would need escaped; anything else is refused by the server as unknown.
        let id: String = form_urlencoded::byte_serialize(self.key.as_bytes()).collect();
        format!("{}/{id}", keys_of(self.org))
    }
}

fn keys_of(org: u64) -> String {
    format!("/admin/v1/orgs/{org}/keys")
}

impl KeyArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.server.as_deref())?;
        match self.command {
            KeyCommand::Create { org, name, scopes, expires_at, per_second, per_minute } => {
                let rate_limit = rate(per_second, per_minute);
                let body = KeyBody { name, scopes, expires_at, rate_limit };
                show(client.ask(Method::POST, &keys_of(org), &body)?, output)
            }
            KeyCommand::List { org } => {
                let items: Vec<KeyView> = all(&client, &keys_of(org))?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            KeyCommand::Update { which, name, per_second, per_minute, no_rate_limit } => {
                let rate = RateLimitPatchBody { per_second, per_minute };
                let named = Some(rate).filter(|rate| *rate != RateLimitPatchBody::default());
                let rate_limit = if no_rate_limit { Some(None) } else { named.map(Some) };
                let key: KeyView = client.ask(Method::PATCH, &which.path(), &KeyPatchBody { name, rate_limit })?;
                output.done(&rows(std::slice::from_ref(&key)), &key)
            }
            KeyCommand::Rotate(args) => args.run(&client, output),
            KeyCommand::Reads(args) => args.run(&client, output),
            KeyCommand::Revoke { which } => {
                client.tell(Method::DELETE, &which.path())?;
                output.done(&format!("revoked {}", which.key), &json!({ "keyId": which.key, "revoked": true }))
            }
        }
    }
}

fn rate(per_second: Option<u32>, per_minute: Option<u32>) -> Option<RateLimit> {
    let rate = RateLimit { per_second: per_second.unwrap_or(0), per_minute: per_minute.unwrap_or(0) };
    (per_second.is_some() || per_minute.is_some()).then_some(rate)
}

fn show(key: KeyView, output: Output) -> Result<(), Failure> {
    let secret = key.apikey.as_deref().unwrap_or_default();
    let text = format!("{}\n\napikey  {secret}\n\nIt is shown only this once.", rows(std::slice::from_ref(&key)));
    output.done(&text, &key)
}

fn rows(keys: &[KeyView]) -> String {
    let row = |key: &KeyView| {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked at {}", time::utc(at)),
            (None, Some(at)) => format!("expires at {}", time::utc(at)),
            (None, None) => "valid".into(),
        };
        let [per_second, per_minute] =
            key.rate_limit.map(|rate| [rate.per_second, rate.per_minute].map(|n| n.to_string())).unwrap_or_default();
        vec![key.key_id.clone(), key.name.clone(), key.scopes.join(","), per_second, per_minute, state]
    };
    table(&["KEY", "NAME", "SCOPES", "PER SECOND", "PER MINUTE", "STATE"], &keys.iter().map(row).collect::<Vec<_>>())
}
