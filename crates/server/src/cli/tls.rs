//! `onefold tls dev`: certificates for trying, the settings that use them, and calls to paste.

use super::output::{Failure, Output};
use super::{program, quoted};
use crate::tls::dev;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Where the printed settings listen.
const TLS: &str = "127.0.0.1:8443";
const MTLS: &str = "127.0.0.1:9443";

#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    #[command(subcommand)]
    command: TlsCommand,
}

#[derive(Debug, Subcommand)]
enum TlsCommand {
    /// Make an authority, a server and two client certificates (one revoked), for trying and nothing else
    Dev {
        /// Where to put them; nothing that is there is replaced
        #[arg(long, value_name = "DIR", default_value = "tls")]
        dir: PathBuf,
        /// A DNS name (also *.example.com) or an IP address of the server; may come several times
        #[arg(long, value_name = "NAME", value_parser = dev::name, default_values = ["localhost", "127.0.0.1", "::1"])]
        name: Vec<String>,
    },
}

impl TlsArgs {
    pub(super) fn run(self, output: Output) -> Result<(), Failure> {
        let TlsCommand::Dev { dir, name } = self.command;
        let failed = |error: &dyn std::fmt::Display| Failure::new("tls.dev", &error.to_string());
        // Settings are read relative to where the server starts.
        let dir = std::path::absolute(&dir).map_err(|error| failed(&error))?;
        let config = dir.join("onefold.toml");
        if config.exists() {
            return Err(failed(&dev::DevError::There(config)));
        }
        let files = dev::make(&dir, &name).map_err(|error| failed(&error))?;
        let made: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let (settings, calls) = (settings(&dir), calls(&dir, name.first().map_or("localhost", String::as_str)));
        std::fs::write(&config, &settings).map_err(|error| failed(&error))?;
        let text = format!(
            "Made, for trying and nothing else (good for a year; the authority's key lies beside them):\n\n{}\n\n\
             These settings are in {}:\n\n{settings}\nStart a server with them:\n\n{} serve --config {}\n\n\
             Then, from another terminal; the last of these is refused, its certificate is revoked:\n\n{}",
            indented(&made),
            config.display(),
            program(),
            quoted(&config.display().to_string()),
            calls.join("\n"),
        );
        output.done(&text, &json!({ "files": made, "config": config, "settings": settings, "calls": calls }))
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn settings(dir: &Path) -> String {
    let file = |name: &str| toml::Value::from(dir.join(name).display().to_string()).to_string();
    format!(
        "[tls]\nlisten = \"{TLS}\"\ncertificate_file = {}\nprivate_key_file = {}\n\n\
         [mtls]\nlisten = \"{MTLS}\"\nclient_ca_file = {}\ncrl_file = {}\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem"),
        file("crl.pem"),
    )
}

fn calls(dir: &Path, name: &str) -> Vec<String> {
    let file = |name: &str| quoted(&dir.join(name).display().to_string());
    // A call needs one of the names that a `*` stands for.
    let host = if name.contains(':') { format!("[{name}]") } else { name.replace('*', "www") };
    let (tls_port, mtls_port) = (port(TLS), port(MTLS));
    let client = |which: &str| {
        format!(
            "curl --cacert {} --cert {} --key {} https://{host}:{mtls_port}/healthz",
            file("ca.pem"),
            file(&format!("{which}.pem")),
            file(&format!("{which}.key")),
        )
    };
    vec![
        format!("curl --cacert {} https://{host}:{tls_port}/healthz", file("ca.pem")),
        client("client"),
        client("revoked"),
    ]
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}
