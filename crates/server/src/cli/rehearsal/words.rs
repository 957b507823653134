//! What came of each record, and whom they made, in words and as JSON: seen from outside, by fetch and explain.

use super::super::output::{Failure, table};
use super::{Stage, failed, problem_json, refused};
use crate::http::upsert::Draft;
use crate::json::Json;
use crate::problem::{Problem, ServerCode};
use onefold_core::error::Error;
use onefold_core::id::{Region, Ucid};
use onefold_core::rules::Rules;
use onefold_core::service::Tenant;
use onefold_core::service::fetch::{Search, Sought};
use onefold_core::service::upsert::{Write, Written};
use onefold_core::strategy::Class;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of one record.
struct Outcome {
    carries: Vec<String>,
    /// The person's name, unless it was refused.
    person: Option<String>,
    what: &'static str,
    why: Vec<String>,
    /// Who merged into the person.
    joined: Vec<String>,
    not_attached: Vec<String>,
    not_linked: Vec<String>,
    problem: Option<Value>,
}

/// All that was tried.
pub(super) struct Tried {
    strategy: Value,
    outcomes: Vec<Outcome>,
    people: Vec<Value>,
}

/// Gives the records to the service, one after the other.
pub(super) async fn tell(stage: &Stage, records: Vec<Json<'_>>) -> Result<Tried, Failure> {
    let rules = Arc::new(stage.service.rules(stage.org.id).await.map_err(failed)?);
    let tenant = stage.service.tenant(stage.org.id, rules.clone());
    let mut teller = Teller { tenant, rules: &rules, names: BTreeMap::new(), outcomes: Vec::new() };
    for (at, record) in records.into_iter().enumerate() {
        stage.tick();
        let number = at + 1;
        let about = |problem: Problem| refused(&problem).about(&format!("record {number}"));
        if !matches!(record, Json::Object(_)) {
            return Err(about(Problem::at(ServerCode::Invalid, String::new())));
        }
        let draft = Draft::read(&complete(record, stage), &stage.org).map_err(about)?;
        teller.give(draft.write("strategy test".into(), &format!("record-{number}"))).await.map_err(failed)?;
    }
    let people = teller.people().await.map_err(failed)?;
    let strategy = crate::http::strategy::view(&rules.strategy);
    let strategy = serde_json::to_value(strategy).unwrap_or_default();
    Ok(Tried { strategy, outcomes: teller.outcomes, people })
}

/// A record with what every write has to have: the organisation, a region, and something said, be it nothing.
fn complete<'a>(record: Json<'a>, stage: &Stage) -> Json<'a> {
    let Json::Object(mut members) = record else { return record };
    let region = stage.org.regions.first().map(Region::to_string).unwrap_or_default();
    let number = i64::try_from(stage.org.id.get()).unwrap_or(i64::MAX);
    let defaults =
        [("orgId", Json::Integer(number)), ("region", Json::Text(region.into())), ("upsert", Json::Object(Vec::new()))];
    for (name, default) in defaults {
        if members.iter().all(|(known, _)| known != name) {
            members.push((name.into(), default));
        }
    }
    Json::Object(members)
}

struct Teller<'a> {
    tenant: Tenant<'a>,
    rules: &'a Rules,
    /// Everybody who was ever made, by their UCID, which is in the order of creation.
    names: BTreeMap<Ucid, (Region, String)>,
    outcomes: Vec<Outcome>,
}

impl Teller<'_> {
    async fn give(&mut self, write: Write) -> Result<(), Error> {
        let before = self.leads(&write).await?;
        let outcome = match self.tenant.upsert(&write).await {
            Ok(written) => self.done(&write, &before, written).await?,
            Err(error) => {
                let problem = problem_json(&Problem::from(error));
                let why = problem["detail"].as_str().unwrap_or_default().to_owned();
                Outcome { why: vec![why], problem: Some(problem), ..self.outcome(&write, "refused") }
            }
        };
        self.outcomes.push(outcome);
        Ok(())
    }

    fn outcome(&self, write: &Write, what: &'static str) -> Outcome {
        let named = write.ucid.map(|ucid| format!("ucid {}", self.name(ucid)));
        let carried = write.identifiers.iter().map(|one| format!("{} {}", one.kind(), one.value()));
        Outcome {
            carries: named.into_iter().chain(carried).collect(),
            person: None,
            what,
            why: Vec::new(),
            joined: Vec::new(),
            not_attached: Vec::new(),
            not_linked: Vec::new(),
            problem: None,
        }
    }

    /// Whom each identifier of the record leads to, those that are not looked up left out.
    async fn leads(&self, write: &Write) -> Result<Vec<(String, Ucid)>, Error> {
        let class = |kind: &str| self.rules.rule(kind).class;
        let best = write.identifiers.iter().map(|one| class(one.kind())).min().unwrap_or(Class::Disabled);
        let mut leads = Vec::new();
        for one in write.identifiers.iter().filter(|one| class(one.kind()) == best) {
            let sought = Sought::Identifier(one.clone());
            leads.extend(self.found(write.region, sought).await?.map(|ucid| (one.kind().to_owned(), ucid)));
        }
        if let Some(ucid) = write.ucid {
            let found = self.found(write.region, Sought::Ucid(ucid)).await?;
            leads.extend(found.map(|ucid| ("ucid".to_owned(), ucid)));
        }
        Ok(leads)
    }

    /// Who is found, the last to communicate it.
    async fn found(&self, region: Region, sought: Sought) -> Result<Option<Ucid>, Error> {
        let people = self.fetch(region, sought).await?;
        Ok(people.first().and_then(|person| person["ucid"].as_str()?.parse().ok()))
    }

    async fn fetch(&self, region: Region, sought: Sought) -> Result<Vec<Value>, Error> {
        let search = Search { regions: vec![region], sought: vec![sought], allow_shared: true, ..Search::default() };
        let found = self.tenant.fetch(&search).await?;
        Ok(serde_json::from_slice(&found.body).unwrap_or_default())
    }

    async fn done(&mut self, write: &Write, before: &[(String, Ucid)], written: Written) -> Result<Outcome, Error> {
        let person = written.ucid;
        let known = self.names.contains_key(&person);
        if !known {
            let name = format!("P{}", self.names.len() + 1);
            self.names.insert(person, (write.region, name));
        }
        let texts = |kinds: &[Box<str>]| kinds.iter().map(|kind| kind.to_string()).collect();
        let (joined, mut why) = self.why(write, before, person).await?;
        let here: Vec<&str> = before.iter().filter(|(_, to)| *to == person).map(|(kind, _)| &**kind).collect();
        let first = match (known, here.is_empty()) {
            (true, false) => format!("{} {} to {}", here.join(" and "), leads(here.len()), self.name(person)),
            (true, true) => format!("a record of {}", self.name(person)),
            (false, _) if before.is_empty() => "none of what it is looked up by was known".into(),
            (false, _) => "nobody whom it leads to may be used".into(),
        };
        why.insert(0, first);
        let what = match (known, joined.is_empty()) {
            (false, _) => "new",
            (true, true) => "known",
            (true, false) => "joined",
        };
        Ok(Outcome {
            person: Some(self.name(person)),
            why,
            joined: joined.iter().map(|ucid| self.name(*ucid)).collect(),
            not_attached: texts(&written.not_attached),
            not_linked: texts(&written.not_linked),
            ..self.outcome(write, what)
        })
    }

    /// Who merged into the person, and what is to be told beside the person themselves.
    async fn why(
        &self,
        write: &Write,
        before: &[(String, Ucid)],
        person: Ucid,
    ) -> Result<(Vec<Ucid>, Vec<String>), Error> {
        let others: BTreeSet<Ucid> = before.iter().map(|(_, to)| *to).filter(|to| *to != person).collect();
        let (mut joined, mut why) = (Vec::new(), Vec::new());
        for other in others {
            let kinds: Vec<&str> = before.iter().filter(|(_, to)| *to == other).map(|(kind, _)| &**kind).collect();
            let kinds = kinds.join(" and ");
            if self.found(write.region, Sought::Ucid(other)).await? == Some(person) {
                why.push(format!("{kinds} led to {}, who merged into {}", self.name(other), self.name(person)));
                joined.push(other);
            } else if self.found_by(write, &kinds).await? == Some(person) {
                why.push(format!("{kinds} moved here from {}", self.name(other)));
            }
        }
        why.extend(self.refusals(write, person).await?);
        Ok((joined, why))
    }

    async fn found_by(&self, write: &Write, kind: &str) -> Result<Option<Ucid>, Error> {
        match write.identifiers.iter().find(|one| one.kind() == kind) {
            Some(one) => self.found(write.region, Sought::Identifier(one.clone())).await,
            None => Ok(None),
        }
    }

    /// Whom this record left alone, and which of its values are blocked.
    async fn refusals(&self, write: &Write, person: Ucid) -> Result<Vec<String>, Error> {
        let told = self.explain(write.region, person).await?;
        let ours = |refused: &&Value| refused["request"].as_str() == Some(&*write.request);
        let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
        let alone = list("refusedLinks");
        let blocked = list("blockedValues");
        let text = |refused: &Value, name: &str| refused[name].as_str().unwrap_or_default().to_owned();
        let alone = alone.iter().filter(ours).map(|refused| {
            let other = refused["leftAlone"].as_str().and_then(|ucid| ucid.parse().ok()).map(|ucid| self.name(ucid));
            let (kind, because) = (text(refused, "kind"), text(refused, "because"));
            let because = because.trim_end_matches('.');
            format!("{kind} led to {}, who was left alone: {because}", other.unwrap_or_default())
        });
        let blocked = blocked.iter().filter(ours).map(|refused| format!("{} is blocked", text(refused, "kind")));
        Ok(alone.chain(blocked).collect())
    }

    async fn explain(&self, region: Region, ucid: Ucid) -> Result<Value, Error> {
        let search = Search { regions: vec![region], sought: vec![Sought::Ucid(ucid)], ..Search::default() };
        Ok(self.tenant.explain(&search).await?.pop().unwrap_or_default())
    }

    /// Everybody who there is in the end.
    async fn people(&self) -> Result<Vec<Value>, Error> {
        let mut people = Vec::new();
        for (ucid, (region, name)) in &self.names {
            let Some(mut person) = self.fetch(*region, Sought::Ucid(*ucid)).await?.pop() else { continue };
            if person["ucid"].as_str() == Some(&*ucid.to_string()) {
                person["person"] = json!(name);
                person["explanation"] = self.explain(*region, *ucid).await?;
                people.push(person);
            }
        }
        Ok(people)
    }

    fn name(&self, ucid: Ucid) -> String {
        self.names.get(&ucid).map_or_else(|| ucid.to_string(), |(_, name)| name.clone())
    }
}

fn leads(how_many: usize) -> &'static str {
    if how_many == 1 { "leads" } else { "lead" }
}

impl Tried {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let record = |(at, outcome): (usize, &Outcome)| {
            json!({
                "record": at + 1, "person": outcome.person, "outcome": outcome.what, "why": outcome.why,
                "joined": outcome.joined, "notAttached": outcome.not_attached, "notLinked": outcome.not_linked,
                "problem": outcome.problem,
            })
        };
        json!({
            "strategy": self.strategy,
            "records": self.outcomes.iter().enumerate().map(record).collect::<Value>(),
            "people": self.people,
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let record = |(at, outcome): (usize, &Outcome)| {
            let kept =
                |kinds: &[String], what: &str| (!kinds.is_empty()).then(|| format!("{what}: {}", kinds.join(", ")));
            let more = [kept(&outcome.not_attached, "notAttached"), kept(&outcome.not_linked, "notLinked")];
            let why = outcome.why.iter().cloned().chain(more.into_iter().flatten());
            vec![
                (at + 1).to_string(),
                outcome.carries.join(", "),
                outcome.person.clone().unwrap_or_else(|| "-".into()),
                outcome.what.into(),
                why.collect::<Vec<_>>().join("; "),
            ]
        };
        let records: Vec<Vec<String>> = self.outcomes.iter().enumerate().map(record).collect();
        let people: Vec<Vec<String>> = self.people.iter().map(|person| self.person_row(person)).collect();
        let records = table(&["RECORD", "CARRIES", "PERSON", "OUTCOME", "WHY"], &records);
        let people = table(&["PERSON", "IDENTIFIERS", "FORMER", "JOINED"], &people);
        format!("{records}\n\n{people}")
    }

    fn person_row(&self, person: &Value) -> Vec<String> {
        let name = person["person"].as_str().unwrap_or_default();
        let held = person["explanation"]["identifiers"].as_array().cloned().unwrap_or_default();
        let raw = |kind: &Value| held.iter().any(|held| held["kind"] == *kind);
        let of = |state: &str| {
            // A hash beside the value that it is of says nothing more.
            let of_state = held.iter().filter(|held| held["state"] == state && !raw(&held["derivesFrom"]));
            let text = |held: &Value| Some(format!("{} {}", held["kind"].as_str()?, held["value"].as_str()?));
            of_state.filter_map(text).collect::<Vec<_>>().join(", ")
        };
        let joined = self.outcomes.iter().filter(|outcome| outcome.person.as_deref() == Some(name));
        let joined: Vec<&str> = joined.flat_map(|outcome| &outcome.joined).map(String::as_str).collect();
        vec![name.into(), of("current"), of("former"), joined.join(", ")]
    }
}
