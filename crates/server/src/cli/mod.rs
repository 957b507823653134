//! The command line (contract section 12). It is a client like any other: what it does to organisations and keys, it
//! asks a running server for. Only `serve`, `config`, `doctor`, `restore`, `tls` and `token` do something themselves.

mod audit;
mod backup;
mod blocked;
mod catalogue;
mod certificates;
mod chart;
mod client;
mod doctor;
mod identity;
mod input;
mod keys;
mod lift;
mod orgs;
mod output;
mod receipt;
mod rehearsal;
mod serve;
mod strategy;
mod suppressions;
mod tls;
mod token;
mod usage;

use crate::config::{Config, Layer};
use clap::{Args, Parser, Subcommand};
use output::{Failure, Output};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line as typed.
#[derive(Debug, Parser)]
#[command(name = "onefold", version, about = "The customer Profile API: one binary, one command", max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// A file of settings, over the defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print one JSON document and nothing else on standard output
    #[arg(long, global = true)]
    json: bool,
}

/// Where the server is that a command asks.
#[derive(Clone, Debug, Args)]
struct At {
    /// Where the server answers [default: what a running server wrote into the data directory; env: ONEFOLD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
}

/// What a server takes beside it.
#[derive(Clone, Debug, Args)]
struct Serve {
    /// Where to answer; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Do not make the demo organisation on the first start
    #[arg(long)]
    no_demo: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server (also what happens without a command)
    Serve(Serve),
    /// Make, change and list organisations
    Org(orgs::OrgArgs),
    /// Make, list, change, rotate and revoke API keys; and see what one read
    Key(keys::KeyArgs),
    /// Show what the keys of an organisation called, as a table and a small chart
    Usage(usage::UsageArgs),
    /// Read and verify the audit log
    Audit(audit::AuditArgs),
    /// Verify the receipt of a delete
    Receipt(receipt::ReceiptArgs),
    /// Show, replace and try out how people are made of records
    Strategy(strategy::StrategyArgs),
    /// Tell why a person is who they are, split a merge, lift what keeps two apart
    Identity(identity::IdentityArgs),
    /// Show and change what is known of kinds, attributes, groups and consents
    Catalogue(catalogue::CatalogueArgs),
    /// Values that name nobody
    Blocked(blocked::BlockedArgs),
    /// Identifiers of deleted people that may not be written again
    Suppression(suppressions::SuppressionArgs),
    /// Records and links that were refused
    Refused(blocked::RefusedArgs),
    /// Bind client certificates to organisations, list and unbind them
    Certificate(certificates::CertificateArgs),
    /// Make certificates for trying TLS
    Tls(tls::TlsArgs),
    /// Tell whether a bearer token would be accepted, and what for
    Token(token::TokenArgs),
    /// Print the settings that hold, secrets masked
    Config,
    /// Check a data directory that no server is using
    Doctor(doctor::DoctorArgs),
    /// Have a running server write everything into one file
    Backup(backup::BackupArgs),
    /// Make a data directory of a backup, and delete again what was deleted since
    Restore(backup::RestoreArgs),
}

/// Runs the command that the process was started with. Exit status: 0 done, 1 refused or failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return not_understood(&said),
    };
    let output = Output::new(cli.common.json);
    match cli.run(output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failed(&failure),
    }
}

/// Help, which was asked for, or what is wrong with the usage. What was typed cannot be told apart any more, so a
/// `--json` anywhere counts.
fn not_understood(said: &clap::Error) -> ExitCode {
    let wants_json = std::env::args().any(|arg| arg == "--json");
    if said.use_stderr() && wants_json {
        return Output::new(true).failed(&Failure::usage(said.to_string().trim_end()));
    }
    // Nobody is left to read it.
    let _printed = said.print();
    ExitCode::from(if said.use_stderr() { 2 } else { 0 })
}

impl Cli {
    fn run(self, output: Output) -> Result<(), Failure> {
        let common = self.common;
        match self.command {
            None => serve::run(&common, &self.serve, output),
            Some(command) if self.serve.is_given() => command.refuses_server_flags(),
            Some(Command::Serve(args)) => serve::run(&common, &args, output),
            Some(Command::Org(args)) => args.run(&common, output),
            Some(Command::Key(args)) => args.run(&common, output),
            Some(Command::Usage(args)) => args.run(&common, output),
            Some(Command::Audit(args)) => args.run(&common, output),
            Some(Command::Receipt(args)) => args.run(&common, output),
            Some(Command::Strategy(args)) => args.run(&common, output),
            Some(Command::Identity(args)) => args.run(&common, output),
            Some(Command::Catalogue(args)) => args.run(&common, output),
            Some(Command::Blocked(args)) => args.run(&common, output),
            Some(Command::Suppression(args)) => args.run(&common, output),
            Some(Command::Refused(args)) => args.run(&common, output),
            Some(Command::Certificate(args)) => args.run(&common, output),
            Some(Command::Tls(args)) => args.run(output),
            Some(Command::Token(args)) => args.run(&common, output),
            Some(Command::Config) => print_config(&common, output),
            Some(Command::Backup(args)) => args.run(&common, output),
            Some(Command::Restore(args)) => args.run(&common, output),
            Some(Command::Doctor(args)) => doctor::run(&args, &common.load(&[])?, output),
        }
    }
}

impl Command {
    /// `onefold --listen … org list` would ignore the flag; what we would ignore, we refuse.
    fn refuses_server_flags(self) -> Result<(), Failure> {
        Err(Failure::usage("--listen and --no-demo belong to serve, and after it: onefold serve --listen …"))
    }
}

impl Serve {
    fn is_given(&self) -> bool {
        self.listen.is_some() || self.no_demo
    }
}

impl Common {
    /// Those of these flags that another call needs to find the same data directory, as one would type them.
    fn pasted(&self) -> String {
        let flag = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(" --{name} {}", quoted(&path.display().to_string()))).unwrap_or_default()
        };
        flag("config", &self.config) + &flag("data", &self.data)
    }

    /// The settings that hold: defaults, file, environment, these flags, and some more.
    fn load(&self, more: &[Layer]) -> Result<Config, Failure> {
        let mut layers = Vec::from_iter(self.config.as_deref().map(Layer::file));
        layers.push(Layer::environment(variables()));
        layers.extend(self.data.as_ref().map(|data| Layer::flag("engine.data", &data.to_string_lossy())));
        layers.extend_from_slice(more);
        Config::load(&layers).map_err(|faults| Failure::new("config.invalid", &faults.to_string()))
    }
}

/// Those variables of the environment that are text; no setting is anything else.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// How this program was called, for calls of it that are printed.
fn program() -> String {
    quoted(&std::env::args().next().unwrap_or_else(|| "onefold".into()))
}

/// As a shell reads it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The file of records to try, as the fuzzer gives it.
pub(crate) fn fuzz_records(text: &[u8]) {
    rehearsal::fuzz(text);
}

fn print_config(common: &Common, output: Output) -> Result<(), Failure> {
    let text = common.load(&[])?.print();
    let json =
        toml::from_str::<serde_json::Value>(&text).map_err(|error| Failure::new("config.invalid", error.message()))?;
    output.done(text.trim_end(), &json)
}
