//! `onefold catalogue show|set`.

use super::client::Client;
use super::output::{Failure, Output, table};
use super::{At, Common, input};
use clap::{Args, Subcommand};
use http::Method;
use onefold_api::identity::{CatalogueView, KindView};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct CatalogueArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: CatalogueCommand,
}

#[derive(Debug, Subcommand)]
enum CatalogueCommand {
    /// Show what an organisation knows of its kinds, attributes, groups and consents
    Show {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
    },
    /// Replace it, or with --merge change what the file names
    Set {
        /// The organisation
        #[arg(long, value_name = "N")]
        org: u64,
        /// Change what the file names and leave the rest; null takes an entry out
        #[arg(long)]
        merge: bool,
        /// A file with the catalogue as JSON; - is standard input
        file: PathBuf,
    },
}

impl CatalogueArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = || Client::find(common, self.at.server.as_deref());
        let catalogue: CatalogueView = match self.command {
            CatalogueCommand::Show { org } => client()?.ask(Method::GET, &catalogue_of(org), &())?,
            CatalogueCommand::Set { org, merge, file } => {
                let method = if merge { Method::PATCH } else { Method::PUT };
                client()?.ask(method, &catalogue_of(org), &input::json(&file)?)?
            }
        };
        output.done(&text(&catalogue), &catalogue)
    }
}

/// Where the catalogue of an organisation is.
pub(super) fn catalogue_of(org: u64) -> String {
    format!("/admin/v1/orgs/{org}/catalogue")
}

fn text(catalogue: &CatalogueView) -> String {
    let mut parts = vec![format!("Version {}.", catalogue.version)];
    let yes = |truth: bool| if truth { "yes" } else { "-" }.to_owned();
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let kinds: Vec<Vec<String>> = catalogue.kinds.iter().map(|(name, kind)| kind_row(name, kind)).collect();
    parts.push(table(&["KIND", "GROUP", "FORM", "DERIVES", "DEVICE", "PII", "RAW KEPT", "COOKIE"], &kinds));
    let attributes: Vec<Vec<String>> = catalogue
        .attributes
        .iter()
        .map(|(name, of)| vec![name.clone(), or(&of.kind), or(&of.group), yes(of.pii)])
        .collect();
    if !attributes.is_empty() {
        parts.push(table(&["ATTRIBUTE", "TYPE", "GROUP", "PII"], &attributes));
    }
    let groups: Vec<Vec<String>> =
        catalogue.groups.iter().map(|(name, of)| vec![name.clone(), yes(of.atomic)]).collect();
    parts.push(table(&["GROUP", "ATOMIC"], &groups));
    let consents: Vec<Vec<String>> =
        catalogue.consents.iter().map(|(name, of)| vec![name.clone(), of.ttl_days.to_string()]).collect();
    if !consents.is_empty() {
        parts.push(table(&["CONSENT", "TTL DAYS"], &consents));
    }
    parts.join("\n\n")
}

fn kind_row(name: &str, kind: &KindView) -> Vec<String> {
    let yes = |truth: bool| if truth { "yes" } else { "-" }.to_owned();
    let derives: Vec<&str> = kind.derives.iter().map(|derivation| derivation.kind.as_str()).collect();
    vec![
        name.into(),
        kind.group.clone().unwrap_or_else(|| "-".into()),
        kind.form.clone(),
        if derives.is_empty() { "-".into() } else { derives.join(" ") },
        yes(kind.device),
        yes(kind.pii),
        yes(kind.keep_raw),
        kind.cookie.clone().unwrap_or_else(|| "-".into()),
    ]
}
