//! The first run: a demo organisation with a key, and calls to paste that show what this is for (contract section 12).
//! And what a later run says instead.

use onefold_api::profiles::{DeleteBody, SearchBody, Upsert, WriteBody};
use onefold_core::error::Error;
use onefold_core::id::{OrgId, Region};
use onefold_core::org::{OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::NewKey;
use onefold_core::service::orgs::NewOrg;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the first run made.
pub struct Demo {
    org: OrgId,
    region: Region,
    key: String,
}

/// One call to paste, and what it shows.
#[derive(Serialize)]
pub struct Call {
    /// In a line.
    pub what: &'static str,
    /// For `sh`, on one line.
    pub curl: String,
}

/// Makes the demo if there is no organisation at all; else nothing.
pub async fn make_once(service: &Service, regions: &[Region]) -> Result<Option<Demo>, Error> {
    let Some(&region) = regions.first() else { return Ok(None) };
    if !service.orgs(None, 1).await?.items.is_empty() {
        return Ok(None);
    }
    let org = service.create_org(new_org(regions)).await?.id;
    let key = service.create_key(org, new_key()).await?.secret;
    Ok(Some(Demo { org, region, key }))
}

fn new_org(regions: &[Region]) -> NewOrg {
    NewOrg {
        id: None,
        name: "Demo".into(),
        regions: regions.to_vec(),
        limits: OrgLimits::default(),
        write_answer: WriteAnswer::Profile,
    }
}

fn new_key() -> NewKey {
    let scopes = [Scope::ProfileRead, Scope::ProfileWrite, Scope::ProfileDelete];
    NewKey { name: "demo".into(), scopes: Scopes::from_iter(scopes), expires: None, rate: None }
}

impl Demo {
    /// What the first run prints, after the line with the address.
    pub fn text(&self, url: &str, program: &str) -> String {
        let mut text = format!(
            "\nFirst run: made the organisation Demo (orgId {}) and a key for it, shown only now:\n\n  {}\n\n\
             Paste these, one after the other.\n",
            self.org, self.key
        );
        for call in self.calls(url) {
            // Writing into a string cannot fail.
            let _written = writeln!(text, "\n# {}\n{}", call.what, call.curl);
        }
        text + &format!("\nMore keys, and an end to this one: {program} key --help\n")
    }

    /// The same for machines.
    pub fn json(&self, url: &str) -> Value {
        json!({ "orgId": self.org.get(), "apikey": self.key, "calls": self.calls(url) })
    }

    /// In the order in which they are to be run.
    fn calls(&self, url: &str) -> [Call; 5] {
        let (web, app, jane) = (("anonymous_id", "web-7f3a"), ("device_id", "phone-c41d"), ("user_id", "jane"));
        let looked = json!({ "last_viewed": "trail shoes", "interests": ["running"] });
        let opened = json!({ "app_version": "5.2", "city": "Lisbon", "interests": ["hiking"] });
        let signed_in = json!({ "name": "Jane", "loyalty": { "tier": "gold", "points": 1280 } });
        [
            Call {
                what: "Somebody looks at shoes on the web site: a first profile.",
                curl: self.write(url, &[web], looked),
            },
            Call {
                what: "Somebody opens the app: a second one, for nobody knows yet that it is the same person.",
                curl: self.write(url, &[app], opened),
            },
            Call {
                what: "Jane logs in: both are one now, with the traits of both. linkedUcid names the other.",
                curl: self.write(url, &[jane, web, app], signed_in),
            },
            Call {
                what: "It is found by any of its identifiers: here by the telephone; try anonymous_id or user_id.",
                curl: self.fetch(url, app),
            },
            Call {
                what: "Jane asks to be forgotten. Fetch her again afterwards, by whatever you like: 404.",
                curl: self.delete(url, jane),
            },
        ]
    }

    fn write(&self, url: &str, ids: &[(&str, &str)], profile: Value) -> String {
        let profile = profile.as_object().cloned().unwrap_or_default();
        let body = WriteBody {
            org_id: self.org.get(),
            region: self.region.to_string(),
            ids: ids.iter().map(|(kind, value)| (kind.to_string(), value.to_string())).collect(),
            upsert: Upsert { profile, ..Upsert::default() },
            ..WriteBody::default()
        };
        self.call(url, "/cdp/v1/users", &body)
    }

    fn fetch(&self, url: &str, (kind, value): (&str, &str)) -> String {
        let search = BTreeMap::from([(kind.to_owned(), vec![value.to_owned()])]);
        let body = SearchBody { org_id: self.org.get(), search, ..SearchBody::default() };
        self.call(url, "/cdp/v1/users/_search", &body)
    }

    fn delete(&self, url: &str, (kind, value): (&str, &str)) -> String {
        let ids = BTreeMap::from([(kind.to_owned(), vec![value.to_owned()])]);
        let (org_id, region) = (self.org.get(), self.region.to_string());
        self.call(url, "/cdp/v1/users/_delete", &DeleteBody { org_id, region, ids, ..DeleteBody::default() })
    }

    /// Nothing in it needs more quoting than single quotes give.
    fn call(&self, url: &str, path: &str, body: &impl Serialize) -> String {
        let body = serde_json::to_string(body).unwrap_or_default();
        let headers = format!("-H 'apikey: {}' -H 'content-type: application/json'", self.key);
        format!("curl -sS -w '\\n' {url}{path} {headers} -d '{body}'")
    }
}

/// What a run with organisations prints, after the line with the address.
pub async fn reminder(service: &Service, program: &str) -> Result<String, Error> {
    let first = service.orgs(None, 1).await?.items.into_iter().next();
    Ok(match first {
        Some(org) => format!("keys are managed with: {program} key list --org {}\n", org.id),
        None => format!("no organisation yet; make one with: {program} org create --name NAME\n"),
    })
}
