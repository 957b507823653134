//! From what a plan says to a call of the service, and from its answer to what the client knows then.

use crate::check::Answer;
use crate::config::Config;
use crate::ops::{Asked, Asking, BEGIN, Condition, Id, Op, Realm, Sought, Target, Upsert, What, identifier, mark_of};
use onefold_core::error::Kind;
use onefold_core::id::Ucid;
use onefold_core::patch::{GroupPatch, Patch};
use onefold_core::profile::attribute::Said;
use onefold_core::service::Service;
use onefold_core::service::erase::Delete;
use onefold_core::service::fetch::{self, Search};
use onefold_core::service::upsert::{Idempotency, Precondition, Write};
use onefold_core::time::Ms;
use onefold_core::value::{Number, Scalar};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a client learnt from an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learnt {
    pub(crate) ucid: Option<Ucid>,
    pub(crate) etag: Option<u64>,
}

impl Learnt {
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Upsert(Ok(written)) => {
                Self { ucid: Some(written.ucid), etag: written.etag.map(|etag| etag.writes) }
            }
            Answer::Fetch(Ok(found)) => Self { ucid: None, etag: found.etag.map(|etag| etag.writes) },
            Answer::Delete(Ok(deleted)) => Self { ucid: deleted.deleted.first().copied(), etag: None },
            _ => Self::default(),
        }
    }
}

/// The request of an operation, with what has been learnt by now. A repeat asks what was asked first.
pub(crate) fn ask(
    plan: &[Op],
    op: usize,
    learnt: &[Learnt],
    before: &BTreeMap<usize, Asked>,
    config: &Config,
) -> Asked {
    let first = if let What::Repeat(first) = plan[op].what { first } else { op };
    if let Some(asked) = before.get(&first) {
        return asked.clone();
    }
    let realm = plan[first].realm;
    let sought = |targets: &[Target]| targets.iter().map(|target| seek(*target, learnt)).collect();
    let what = match &plan[first].what {
        What::Upsert(upsert) => filled_in(upsert, learnt),
        What::Fetch(targets, everywhere) => {
            let regions = if *everywhere { 0..config.regions as u8 } else { realm.region..realm.region + 1 };
            let realms = regions.map(|region| Realm { region, ..realm }).collect();
            Asking::Fetch(sought(targets), realms, config.shared && first % 2 == 1)
        }
        What::Delete(targets, keyed, suppress) => Asking::Delete(sought(targets), *keyed, *suppress),
        What::Split(one, other) => both(learnt, *one, *other).map_or(Asking::Sweep, |(a, b)| Asking::Split(a, b)),
        What::Lift(one, other) => both(learnt, *one, *other).map_or(Asking::Sweep, |(a, b)| Asking::Lift(a, b)),
        What::Allow(id) => Asking::Allow(*id),
        What::Repeat(_) | What::Sweep => Asking::Sweep,
    };
    Asked { first, realm, what }
}

/// The UCIDs that two operations answered with, if they are two.
fn both(learnt: &[Learnt], one: usize, other: usize) -> Option<(Ucid, Ucid)> {
    learnt[one].ucid.zip(learnt[other].ucid).filter(|(one, other)| one != other)
}

fn filled_in(upsert: &Upsert, learnt: &[Learnt]) -> Asking {
    let etag = if let Condition::EtagOf(op) = upsert.condition { Some(learnt[op].etag.unwrap_or(0)) } else { None };
    Asking::Upsert {
        plan: upsert.clone(),
        ucid: upsert.ucid.and_then(|op| learnt[op].ucid),
        timestamp: upsert.timestamp.map(|after| BEGIN + after),
        etag,
    }
}

fn seek(target: Target, learnt: &[Learnt]) -> Sought {
    match target {
        Target::Id(id) => Sought::Id(id),
        Target::UcidOf(op) => learnt[op].ucid.map_or(Sought::Id(0), Sought::Ucid),
    }
}

/// Makes the call.
pub(crate) async fn perform(service: Arc<Service>, asked: Asked, config: Config) -> Answer {
    let kinds = config.kinds;
    let tenant = service.tenant(asked.realm.org_id(), config.rules);
    match &asked.what {
        Asking::Upsert { plan, ucid, timestamp, etag } => {
            let write = write_of(&service, &asked, plan, (*ucid, *timestamp, *etag), kinds);
            Answer::Upsert(tenant.upsert(&write).await)
        }
        Asking::Fetch(sought, realms, allow_shared) => {
            let regions = realms.iter().map(|realm| realm.code()).collect();
            let sought = sought.iter().map(|sought| to_core(*sought, kinds)).collect();
            let search = Search { regions, sought, allow_shared: *allow_shared, ..Search::default() };
            Answer::Fetch(tenant.fetch(&search).await)
        }
        Asking::Delete(sought, keyed, suppress) => {
            let idempotency = keyed.then(|| idempotency(&service, &asked, "delete", asked.first));
            let sought = sought.iter().map(|sought| to_core(*sought, kinds)).collect();
            let delete = Delete { region: asked.realm.code(), sought, idempotency, suppress: *suppress };
            Answer::Delete(tenant.delete(&delete).await)
        }
        Asking::Sweep => Answer::Sweep(service.sweep().await),
        Asking::Split(ucid, linked) => Answer::Fetch(tenant.split(asked.realm.code(), *ucid, *linked).await),
        Asking::Lift(one, other) => Answer::Lift(tenant.lift(asked.realm.code(), *one, *other).await),
        Asking::Allow(id) => {
            let lifted = tenant.lift_suppression_of(asked.realm.code(), &identifier(*id, kinds)).await;
            Answer::Lift(lifted.map(drop))
        }
    }
}

/// A value of a search or a delete.
pub(crate) fn to_core(sought: Sought, kinds: usize) -> fetch::Sought {
    match sought {
        Sought::Id(id) => fetch::Sought::Identifier(identifier(id, kinds)),
        Sought::Ucid(ucid) => fetch::Sought::Ucid(ucid),
    }
}

fn idempotency(service: &Service, asked: &Asked, operation: &str, key: usize) -> Idempotency {
    Idempotency {
        key: service.secret().operation(asked.realm.org_id(), operation, &format!("key {key}")),
        body: service.secret().body(format!("body {}", asked.first).as_bytes()),
    }
}

fn write_of(
    service: &Service,
    asked: &Asked,
    plan: &Upsert,
    (ucid, timestamp, etag): (Option<Ucid>, Option<Ms>, Option<u64>),
    kinds: usize,
) -> Write {
    let precondition = match plan.condition {
        Condition::None => Precondition::None,
        Condition::Exists => Precondition::Exists,
        Condition::Absent => Precondition::Absent,
        Condition::EtagOf(_) => Precondition::Matches(etag.into_iter().collect()),
    };
    Write {
        region: asked.realm.code(),
        identifiers: plan.ids.iter().map(|id| identifier(*id, kinds)).collect(),
        ucid,
        patch: patch_of(asked.first, plan),
        timestamp,
        source: "sim".into(),
        request: asked.first.to_string().into(),
        idempotency: plan.key.map(|key| idempotency(service, asked, "upsert", key)),
        precondition,
        strict: false,
    }
}

/// A write of one identifier that says nothing.
pub(crate) fn bare(realm: Realm, id: Id, kinds: usize) -> Write {
    Write {
        region: realm.code(),
        identifiers: vec![identifier(id, kinds)],
        ucid: None,
        patch: Patch::default(),
        timestamp: None,
        source: "sim".into(),
        request: "probe".into(),
        idempotency: None,
        precondition: Precondition::None,
        strict: false,
    }
}

/// Every write leaves its mark in a list and counts itself; some set what others set too.
fn patch_of(first: usize, plan: &Upsert) -> Patch {
    let mark = Scalar::from(mark_of(first).as_str());
    let mut patch = Patch::default();
    let mut say = |name: &str, said: Said| {
        let members = BTreeMap::from([(Box::from(name), said)]);
        patch.groups.insert(name.into(), GroupPatch::Members(members));
    };
    say("marks", Said::Entries(vec![mark.clone()]));
    say("count", Said::Add(Number::Integer(crate::model::increment(first))));
    if plan.scalar {
        say("scalar", Said::Plain(mark));
    }
    if let Some(given) = plan.consent {
        patch.consents.insert("consent".into(), given);
    }
    patch
}

/// Whether what was asked for was done, as the client understands the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    NotDone,
    Unknown,
}

pub(crate) fn fate(answer: &Answer) -> Fate {
    let error = match answer {
        Answer::Upsert(Err(error)) | Answer::Fetch(Err(error)) => error,
        Answer::Delete(Err(error)) | Answer::Sweep(Err(error)) | Answer::Lift(Err(error)) => error,
        _ => return Fate::Done,
    };
    if error.code.kind() == Kind::Unknown { Fate::Unknown } else { Fate::NotDone }
}

/// An answer for a reader of the trace.
pub(crate) fn in_words(answer: &Answer) -> String {
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    match answer {
        Answer::Upsert(Ok(written)) => text(&written.body),
        Answer::Fetch(Ok(found)) => text(&found.body),
        Answer::Delete(Ok(deleted)) => format!("{deleted:?}"),
        Answer::Sweep(Ok(swept)) => format!("{swept:?}"),
        Answer::Upsert(Err(error)) | Answer::Fetch(Err(error)) => error.to_string(),
        Answer::Delete(Err(error)) | Answer::Sweep(Err(error)) | Answer::Lift(Err(error)) => error.to_string(),
        Answer::Lift(Ok(())) => "lifted".into(),
    }
}
