//! `onefold receipt verify`: offline, with public keys that were kept; or with those of a running server.

use super::Common;
use super::client::Client;
use super::output::{Failure, Output, counted};
use crate::receipts;
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::receipts::{PublicKeys, SignedReceipt};
use onefold_core::time;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a file that can be a receipt or a set of keys.
const FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Debug, Subcommand)]
enum ReceiptCommand {
    /// Verify that a receipt was signed by the server and is unchanged
    Verify {
        /// What GET /cdp/v1/deletions/{deletionId} answered
        file: PathBuf,
        /// What GET /.well-known/onefold-keys.json answered [default: asks the running server]
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// Where the server answers, where there is no --keys [env: ONEFOLD_SERVER]
        #[arg(long, value_name = "URL", conflicts_with = "keys")]
        server: Option<String>,
    },
}

impl ReceiptArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let ReceiptCommand::Verify { file, keys, server } = self.command;
        let signed: SignedReceipt = read(&file, "a receipt")?;
        let keys: PublicKeys = match keys {
            Some(file) => read(&file, "a set of public keys")?,
            None => {
                let client = Client::find(common, server.as_deref())?;
                client.ask(Method::GET, "/.well-known/onefold-keys.json", &Value::Null)?
            }
        };
        let key = receipts::verify(&signed, &keys).map_err(|why| Failure::new("receipt.not_valid", why))?;
        let receipt = &signed.receipt;
        let text = format!(
            "valid: organisation {}, region {}, delete {}, {} deleted at {}; signed with {}",
            receipt.org_id,
            receipt.region,
            receipt.deletion_id,
            counted(receipt.deleted_profiles.len() as u64, "profile"),
            time::utc(receipt.at),
            key.key_id
        );
        output.done(&text, &json!({ "valid": true, "keyId": key.key_id, "receipt": receipt }))
    }
}

fn read<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let failed = |why: String| Failure::new("receipt.unreadable", &format!("{}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
    // What is wrong in it is not shown: it may be some other file.
    serde_json::from_slice(&text).map_err(|_| failed(format!("is not {what}")))
}
