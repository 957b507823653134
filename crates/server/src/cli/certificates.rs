//! `onefold certificate bind|list|unbind`.

use super::Common;
use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use crate::limits;
use crate::tls::fingerprint;
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::admin::{CertificateBody, CertificateView, ListView};
use onefold_core::time;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct CertificateArgs {
    /// Where the server answers [default: what a running server wrote into the data directory; env: ONEFOLD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: CertificateCommand,
}

#[derive(Debug, Subcommand)]
enum CertificateCommand {
    /// Let a client certificate be used with keys of this organisation alone
    Bind {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// What people call it
        #[arg(long)]
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// List the certificates that are bound to an organisation
    List {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Let a certificate be used with any key again
    Unbind {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The certificate, in PEM
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Its fingerprint, as `onefold certificate list` and `openssl x509 -fingerprint -sha256` show it
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<String>,
}

impl Which {
    fn fingerprint(&self) -> Result<String, Failure> {
        match (&self.file, &self.fingerprint) {
            (Some(file), _) => of_file(file),
            (None, fingerprint) => Ok(fingerprint.clone().unwrap_or_default()),
        }
    }
}

/// The fingerprint of the first certificate of a file: a client's own comes before those of its authorities.
fn of_file(path: &Path) -> Result<String, Failure> {
    let failed = |why: &str| Failure::new("cli.certificate", &format!("{}: {why}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| failed(&error.to_string()))?;
    if about.len() > limits::PEM_BYTES {
        return Err(failed("is too large for a certificate"));
    }
    let text = std::fs::read(path).map_err(|error| failed(&error.to_string()))?;
    let certificate = CertificateDer::from_pem_slice(&text).map_err(|_| failed("holds no certificate in PEM"))?;
    Ok(fingerprint(&certificate).to_string())
}

fn certificates_of(org: u64) -> String {
    format!("/admin/v1/orgs/{org}/certificates")
}

impl CertificateArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        match &self.command {
            CertificateCommand::Bind { org, name, which } => {
                let body = CertificateBody { fingerprint: which.fingerprint()?, name: name.clone() };
                let client = Client::find(common, self.server.as_deref())?;
                let bound: CertificateView = client.ask(Method::POST, &certificates_of(*org), &body)?;
                output.done(&rows(std::slice::from_ref(&bound)), &bound)
            }
            CertificateCommand::List { org } => {
                let client = Client::find(common, self.server.as_deref())?;
                let items: Vec<CertificateView> = all(&client, &certificates_of(*org))?;
                output.done(&rows(&items), &ListView { items, next: None })
            }
            CertificateCommand::Unbind { org, which } => {
                let fingerprint = which.fingerprint()?;
                let part: String = form_urlencoded::byte_serialize(fingerprint.as_bytes()).collect();
                let client = Client::find(common, self.server.as_deref())?;
                client.tell(Method::DELETE, &format!("{}/{part}", certificates_of(*org)))?;
                let json = json!({ "fingerprint": fingerprint, "unbound": true });
                output.done(&format!("unbound {fingerprint}"), &json)
            }
        }
    }
}

fn rows(certificates: &[CertificateView]) -> String {
    let row = |it: &CertificateView| vec![it.fingerprint.clone(), it.name.clone(), time::utc(it.bound_at)];
    table(&["FINGERPRINT", "NAME", "BOUND AT"], &certificates.iter().map(row).collect::<Vec<_>>())
}
