//! `onefold org create|list|show|update`.

use super::Common;
use super::client::Client;
use super::output::{Failure, Output, table};
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use onefold_api::admin::{LimitsBody, ListView, OrgBody, OrgView};
use serde::de::DeserializeOwned;
use std::str::FromStr;

#[derive(Debug, Args)]
pub(super) struct OrgArgs {
    /// Where the server answers [default: what a running server wrote into the data directory; env: ONEFOLD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: OrgCommand,
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// Make an organisation
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
        /// Its number [default: the next free one]
        #[arg(long, value_name = "N")]
        id: Option<u64>,
        #[command(flatten)]
        settings: Settings,
    },
    /// List all organisations
    List,
    /// Show one
    Show {
        /// Its number
        #[arg(long, value_name = "N")]
        id: u64,
    },
    /// Change one; what is not named stays
    Update {
        /// Its number
        #[arg(long, value_name = "N")]
        id: u64,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// Where its administrator is told of deletes that ask for it; "" for nowhere
        #[arg(long, value_name = "ADDRESS")]
        admin_email: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Args)]
struct Settings {
    /// Where its profiles may live, in the order in which a fetch looks, such as EU,US
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    regions: Option<Vec<String>>,
    /// Requests a second; 0 means no limit
    #[arg(long, value_name = "N")]
    per_second: Option<u32>,
    /// Requests a minute; 0 means no limit
    #[arg(long, value_name = "N")]
    per_minute: Option<u32>,
    /// Values in one search, 1 to 500
    #[arg(long, value_name = "N")]
    ids_per_fetch: Option<u16>,
    /// Writes of one person a second, up to 1000000; 0 means no limit, default what the settings of the server say
    #[arg(long, value_name = "N|default")]
    person_per_second: Option<OwnOrDefault>,
    /// Writes of one person at once, 1 to 1000000; default is what the settings of the server say
    #[arg(long, value_name = "N|default")]
    person_burst: Option<OwnOrDefault>,
    /// What a write answers where the caller does not say
    #[arg(long, value_enum)]
    write_answer: Option<WriteAnswer>,
}

/// A number of the organisation's own, or none.
#[derive(Clone, Copy, Debug)]
struct OwnOrDefault(Option<u32>);

impl FromStr for OwnOrDefault {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self(None)),
            number => number.parse().map(|number| Self(Some(number))).map_err(|_| "must be a number or default"),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WriteAnswer {
    /// 200 and the profile
    Profile,
    /// 204
    Minimal,
}

impl OrgArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.server.as_deref())?;
        let (method, path, body) = match self.command {
            OrgCommand::List => return list(&client, output),
            OrgCommand::Show { id } => (Method::GET, of(id), OrgBody::default()),
            OrgCommand::Create { name, id, settings } => {
                let body = OrgBody { org_id: id, ..settings.body(Some(name)) };
                (Method::POST, "/admin/v1/orgs".into(), body)
            }
            OrgCommand::Update { id, name, admin_email, settings } => {
                let admin_email = admin_email.map(|address| Some(address).filter(|address| !address.is_empty()));
                (Method::PATCH, of(id), OrgBody { admin_email, ..settings.body(name) })
            }
        };
        let org: OrgView = client.ask(method, &path, &body)?;
        output.done(&rows(std::slice::from_ref(&org)), &org)
    }
}

fn of(id: u64) -> String {
    format!("/admin/v1/orgs/{id}")
}

fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let items: Vec<OrgView> = all(client, "/admin/v1/orgs")?;
    output.done(&rows(&items), &ListView { items, next: None })
}

/// Every item of a list, page by page.
pub(super) fn all<T: DeserializeOwned>(client: &Client, path: &str) -> Result<Vec<T>, Failure> {
    let (mut items, mut path_now) = (Vec::new(), path.to_owned());
    loop {
        let page: ListView<T> = client.ask(Method::GET, &path_now, &())?;
        items.extend(page.items);
        match page.next {
            Some(next) => path_now = format!("{path}?cursor={next}"),
            None => return Ok(items),
        }
    }
}

const HEAD: [&str; 10] = [
    "ORG",
    "NAME",
    "REGIONS",
    "PER SECOND",
    "PER MINUTE",
    "IDS PER FETCH",
    "PERSON PER SECOND",
    "PERSON BURST",
    "WRITE ANSWER",
    "ADMIN",
];

fn rows(orgs: &[OrgView]) -> String {
    let row = |org: &OrgView| {
        let limits = org.limits;
        let numbers = [limits.per_second, limits.per_minute, limits.ids_per_fetch.into()].map(|n| n.to_string());
        let mut cells = vec![org.org_id.to_string(), org.name.clone(), org.regions.join(",")];
        cells.extend(numbers);
        cells.extend(
            [limits.person_per_second, limits.person_burst].map(|n| n.map(|n| n.to_string()).unwrap_or_default()),
        );
        cells.push(org.write_answer.clone());
        cells.push(org.admin_email.clone().unwrap_or_default());
        cells
    };
    table(&HEAD, &orgs.iter().map(row).collect::<Vec<_>>())
}

impl Settings {
    fn body(self, name: Option<String>) -> OrgBody {
        let limits = LimitsBody {
            per_second: self.per_second,
            per_minute: self.per_minute,
            ids_per_fetch: self.ids_per_fetch,
            person_per_second: self.person_per_second.map(|OwnOrDefault(number)| number),
            person_burst: self.person_burst.map(|OwnOrDefault(number)| number),
        };
        let answer = |answer| match answer {
            WriteAnswer::Profile => "profile".to_owned(),
            WriteAnswer::Minimal => "minimal".to_owned(),
        };
        OrgBody {
            name,
            org_id: None,
            regions: self.regions,
            limits: Some(limits).filter(|limits| *limits != LimitsBody::default()),
            write_answer: self.write_answer.map(answer),
            admin_email: None,
        }
    }
}
