//! `onefold strategy test`: which people some records would make, and why.
//!
//! The records go through the service as they would on a server, over a store in memory that ends with the command. A
//! second step looks from outside, as a fetch and an explanation do, and puts what it sees into words.

mod records;
mod words;

use super::Common;
use super::catalogue::catalogue_of;
use super::client::Client;
use super::input;
use super::output::{Failure, Output};
use super::strategy::strategy_of;
use crate::http::{catalogue as catalogues, strategy as strategies};
use crate::json;
use crate::problem::Problem;
use crate::system::SystemEntropy;
use clap::Args;
use http::Method;
use onefold_core::id::{OrgId, Region};
use onefold_core::org::{Org, OrgLimits, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::orgs::NewOrg;
use onefold_core::time::{Clock, Ms};
use onefold_engines::Memory;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The records, in order: one JSON object a line, or an array of them; each as the body of a write, of which only
    /// ids is needed. - is standard input
    file: PathBuf,
    /// A file with the strategy to try [default: that of --org, else the default strategy]
    #[arg(long, value_name = "FILE")]
    strategy: Option<PathBuf>,
    /// A file with the catalogue [default: that of --org, else the one from the start]
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Try the stored strategy, catalogue and blocked values of this organisation of a running server
    #[arg(long, value_name = "N")]
    org: Option<u64>,
}

/// The organisation that the records are given to.
const ORG: u64 = 1;

/// A file of records, read as the fuzzer gives it.
pub(super) fn fuzz(text: &[u8]) {
    let _read = records::read(text);
}

/// Tries a strategy.
pub(super) fn run(
    args: &TestArgs,
    common: &Common,
    client: impl Fn() -> Result<Client, Failure>,
    output: Output,
) -> Result<(), Failure> {
    let bytes = input::bytes(&args.file)?;
    let records = records::read(&bytes)?;
    let definitions = Definitions::of(args, client)?;
    let regions = common.load(&[])?.regions();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
    let tried = runtime.block_on(async {
        let stage = Stage::set(&definitions, regions).await?;
        words::tell(&stage, records).await
    })?;
    output.done(&tried.text(), &tried.json())
}

/// Strategy, catalogue and blocked values, as the API gives and takes them.
struct Definitions {
    strategy: Option<Value>,
    catalogue: Option<Value>,
    blocklist: Option<Value>,
}

impl Definitions {
    fn of(args: &TestArgs, client: impl Fn() -> Result<Client, Failure>) -> Result<Self, Failure> {
        let stored = |path: fn(u64) -> String| -> Result<Option<Value>, Failure> {
            args.org.map(|org| client()?.ask(Method::GET, &path(org), &())).transpose()
        };
        let given = |file: &Option<PathBuf>, path| match file {
            Some(file) => input::json(file).map(Some),
            None => stored(path),
        };
        Ok(Self {
            strategy: given(&args.strategy, strategy_of)?.map(without_version),
            catalogue: given(&args.catalogue, catalogue_of)?.map(without_version),
            blocklist: stored(|org| format!("/admin/v1/orgs/{org}/blocklist"))?,
        })
    }
}

/// What is tried replaces nothing, so that it does not matter which version it is.
fn without_version(mut definition: Value) -> Value {
    if let Some(members) = definition.as_object_mut() {
        members.remove("version");
    }
    definition
}

/// A clock that starts now and goes on by a millisecond with each record, so that people are numbered in their order.
struct Steps(AtomicU64);

impl Clock for Steps {
    fn now(&self) -> Ms {
        self.0.load(Ordering::Relaxed)
    }
}

/// A service over nothing but memory.
struct Stage {
    service: Service,
    clock: Arc<Steps>,
    org: Org,
}

impl Stage {
    async fn set(definitions: &Definitions, regions: Vec<Region>) -> Result<Self, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let clock = Arc::new(Steps(AtomicU64::new(u64::try_from(now).unwrap_or(0))));
        let memory = Arc::new(Memory::new());
        let service = Service::open(memory, clock.clone(), Arc::new(SystemEntropy)).await.map_err(failed)?;
        let id = OrgId::new(ORG).map_err(|error| Failure::new("cli.failed", error.0))?;
        let (name, limits) = ("tried".into(), OrgLimits::default());
        let new = NewOrg { id: Some(id), name, regions, limits, write_answer: WriteAnswer::Profile };
        let org = service.create_org(new).await.map_err(failed)?;
        let stage = Self { service, clock, org };
        stage.define(definitions).await?;
        Ok(stage)
    }

    async fn define(&self, definitions: &Definitions) -> Result<(), Failure> {
        let (service, id) = (&self.service, self.org.id);
        if let Some(strategy) = &definitions.strategy {
            let text = strategy.to_string();
            let read = json::parse(text.as_bytes()).and_then(|body| strategies::read(&body));
            let (mode, _) = read.map_err(|problem| refused(&problem).about("the strategy"))?;
            service.set_strategy(id, mode).await.map_err(failed)?;
        }
        if let Some(catalogue) = &definitions.catalogue {
            let text = catalogue.to_string();
            let body = json::parse(text.as_bytes()).map_err(|problem| refused(&problem))?;
            let change = catalogues::Change { body: &body, whole: true };
            let made = catalogues::apply(service, id, &change).await;
            made.map_err(|problem| refused(&problem).about("the catalogue"))?;
        }
        if let Some(blocklist) = &definitions.blocklist {
            let text = blocklist.to_string();
            let read = json::parse(text.as_bytes()).and_then(|body| crate::http::blocked::blocklist(&body));
            service.set_blocked_values(id, &read.map_err(|problem| refused(&problem))?).await.map_err(failed)?;
        }
        Ok(())
    }

    fn tick(&self) {
        self.clock.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A problem, told as a server would tell it.
fn refused(problem: &Problem) -> Failure {
    Failure::problem(problem_json(problem))
}

fn problem_json(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.body("strategy-test")).unwrap_or_default()
}

fn failed(error: onefold_core::error::Error) -> Failure {
    refused(&Problem::from(error))
}
