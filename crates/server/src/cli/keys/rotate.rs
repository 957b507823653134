//! `onefold key rotate`: a key of an organisation, or with `--root` or `--receipts` one of the server itself.

use super::super::client::Client;
use super::super::output::{Failure, Output};
use super::{Which, show};
use clap::Args;
use http::Method;
use onefold_api::admin::{RotateBody, ServerKeyBody, ServerKeyView};

#[derive(Debug, Args)]
#[group(skip)]
#[command(override_usage = "onefold key rotate --org <N> --key <KEYID> --overlap-seconds <N>
       onefold key rotate --root
       onefold key rotate --receipts")]
pub(super) struct RotateArgs {
    /// The organisation
    #[arg(long, value_name = "N", required_unless_present_any = ["root", "receipts"])]
    org: Option<u64>,
    /// The key's id, as `onefold key list` shows it
    #[arg(long, value_name = "KEYID", required_unless_present_any = ["root", "receipts"])]
    key: Option<String>,
    /// For how many seconds more the old secret works, 0 to 7776000
    #[arg(long, value_name = "N", required_unless_present_any = ["root", "receipts"])]
    overlap_seconds: Option<u64>,
    /// The root key: the old one stops working at once, and the new one is kept in the data directory
    #[arg(long, conflicts_with_all = ["org", "key", "overlap_seconds", "receipts"])]
    root: bool,
    /// The key that signs receipts: the public half of the old one stays, so that what it signed still verifies
    #[arg(long, conflicts_with_all = ["org", "key", "overlap_seconds"])]
    receipts: bool,
}

impl RotateArgs {
    pub(super) fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        if self.root || self.receipts {
            return rotate_server_key(client, if self.root { "root" } else { "receipts" }, output);
        }
        let missing =
            || Failure::usage("key rotate needs --org, --key and --overlap-seconds, or --root, or --receipts");
        let which = Which { org: self.org.ok_or_else(missing)?, key: self.key.ok_or_else(missing)? };
        let overlap_seconds = self.overlap_seconds.ok_or_else(missing)?;
        let path = which.path() + "/rotate";
        show(client.ask(Method::POST, &path, &RotateBody { overlap_seconds })?, output)
    }
}

fn rotate_server_key(client: &Client, key: &str, output: Output) -> Result<(), Failure> {
    let body = ServerKeyBody { key: key.into() };
    let rotated: ServerKeyView = client.ask(Method::POST, "/admin/v1/server-keys/rotate", &body)?;
    let text = match (&rotated.apikey, &rotated.key_id) {
        (Some(key), _) => format!(
            "root key  {key}\n\nThe old one no longer works. It is also in root.key in the data directory of the server."
        ),
        (None, id) => format!("receipts are now signed with {}", id.as_deref().unwrap_or_default()),
    };
    output.done(&text, &rotated)
}
