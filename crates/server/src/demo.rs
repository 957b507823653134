//! The first run: a demo organisation with a key, and calls to paste that show what this is for (contract section 12).
//! And what a later run says instead.

use onefold_core::error::Error;
use onefold_core::id::{OrgId, Region};
use onefold_core::org::{OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::NewKey;
use onefold_core::service::orgs::NewOrg;
use serde::Serialize;
use serde_json::{Value, json};
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
        let web = json!({ "anonymous_id": "web-7f3a" });
        let app = json!({ "device_id": "phone-c41d" });
        let all = json!({ "user_id": "jane", "anonymous_id": "web-7f3a", "device_id": "phone-c41d" });
        [
            Call {
                what: "Somebody looks at shoes on the web site. A first profile.",
                curl: self.write(url, &web, json!({ "last_viewed": "trail shoes", "interests": ["running"] })),
            },
            Call {
                what: "Somebody opens the app. A second profile: nobody knows that it is the same person.",
                curl: self.write(url, &app, json!({ "app_version": "5.2", "interests": ["hiking"], "city": "Lisbon" })),
            },
            Call {
                what: "Jane logs in, and both become one profile: all traits, and linkedUcid names the other.",
                curl: self.write(url, &all, json!({ "name": "Jane", "loyalty": { "tier": "gold", "points": 1280 } })),
            },
            Call {
                what: "One profile, found by any of its identifiers: here by the telephone, try user_id jane too.",
                curl: self.call(url, "/cdp/v1/users/_search", json!({ "search": { "device_id": ["phone-c41d"] } })),
            },
            Call {
                what: "Jane wants to be forgotten. Fetch again afterwards: 404, by every identifier.",
                curl: self.call(url, "/cdp/v1/users/_delete", self.here(json!({ "ids": { "user_id": ["jane"] } }))),
            },
        ]
    }

    fn write(&self, url: &str, ids: &Value, profile: Value) -> String {
        self.call(url, "/cdp/v1/users", self.here(json!({ "ids": ids, "upsert": { "profile": profile } })))
    }

    fn here(&self, mut body: Value) -> Value {
        body["region"] = self.region.as_str().into();
        body
    }

    /// Nothing in it needs more quoting than single quotes give.
    fn call(&self, url: &str, path: &str, mut body: Value) -> String {
        body["orgId"] = self.org.get().into();
        let key = &self.key;
        format!("curl -sS -w '\\n' {url}{path} -H 'apikey: {key}' -H 'content-type: application/json' -d '{body}'")
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
