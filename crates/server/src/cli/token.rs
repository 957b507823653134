//! `onefold token check`: what the settings that hold make of a bearer token, and why. It asks no server; the token comes
//! from a file or standard input, since arguments stand in lists of processes and in histories of shells.

use super::output::{Failure, Output};
use super::{Common, input};
use crate::system::SystemClock;
use crate::token::{Claims, Refusal, Tokens};
use clap::{Args, Subcommand};
use onefold_core::org::Scope;
use onefold_core::time;
use onefold_core::time::Clock;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Verify a token by the settings, reading the keys anew
    Check {
        /// The token; - is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

impl TokenArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let TokenCommand::Check { file } = self.command;
        let tokens = Tokens::open(&common.load(&[])?.token).map_err(|why| Failure::new("config.invalid", &why))?;
        let tokens = tokens.ok_or_else(|| Failure::new("token.off", "no tokens are accepted: token.jwks is empty"))?;
        let text = input::bytes(&file)?;
        let token = std::str::from_utf8(&text).unwrap_or_default().trim();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
        match runtime.block_on(tokens.judge(token, SystemClock.now())) {
            Ok(claims) => output.done(&text_of(&claims), &json_of(&claims)),
            Err(Refusal::Invalid(why)) => Err(Failure::new("token.invalid", &format!("the token {why}"))),
            Err(Refusal::NoKeys) => {
                let why = tokens.fault().unwrap_or_default();
                Err(Failure::new("token.no_keys", &format!("the issuer's keys cannot be read: {why}")))
            }
        }
    }
}

fn text_of(claims: &Claims) -> String {
    let orgs: Vec<String> = claims.orgs.iter().map(ToString::to_string).collect();
    let scopes: Vec<&str> = claims.scopes.iter().map(Scope::as_str).collect();
    let or_none = |names: String| if names.is_empty() { "none, so it opens nothing".into() } else { names };
    format!(
        "valid until {}, leeway included\norganisations: {}\nscopes: {}\nsource: {}",
        time::utc(claims.until),
        or_none(orgs.join(", ")),
        or_none(scopes.join(", ")),
        claims.source
    )
}

fn json_of(claims: &Claims) -> Value {
    let orgs: Vec<u64> = claims.orgs.iter().map(|org| org.get()).collect();
    let scopes: Vec<&str> = claims.scopes.iter().map(Scope::as_str).collect();
    json!({ "valid": true, "until": claims.until, "orgIds": orgs, "scopes": scopes, "source": claims.source })
}
