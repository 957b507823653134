//! `GET /metrics`, and the documents that speak of it.

use crate::util::*;
use onefold::metrics::{FAMILIES, Kind};
use onefold_core::tables::Table;
use onefold_engines::faulty::Fault;
use onefold_engines::{Memory, Metered};
use std::collections::BTreeSet;
use std::sync::Arc;

async fn figures(world: &World) -> String {
    let answer = world.get("/metrics").without("apikey").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    String::from_utf8(answer.bytes.to_vec()).unwrap()
}

/// The value on the line that begins so.
fn value(figures: &str, line: &str) -> u64 {
    let found = figures.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in {figures}")).parse().unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status_and_never_by_what_a_caller_sent() {
    let world = world().await;
    world.say("jane", json!({"age": 34})).await.ok();
    for _ in 0..3 {
        world.profile("jane").await;
    }
    world.find("user_id", "nobody").await.refused(404, "profile.not_found");
    world.get("/hidden/jane?apikey=of_1").await.refused(404, "request.no_such_url");
    let figures = figures(&world).await;
    let route = |method, path, status| {
        format!("onefold_request_seconds_count{{method=\"{method}\",route=\"{path}\",status=\"{status}\"}}")
    };
    assert_eq!(value(&figures, &route("POST", SEARCH, 200)), 3);
    assert_eq!(value(&figures, &route("POST", SEARCH, 404)), 1);
    assert_eq!(value(&figures, &route("POST", USERS, 200)), 1);
    assert_eq!(value(&figures, &route("any", "none", 404)), 1);
    assert_eq!(value(&figures, "onefold_problems_total{code=\"profile.not_found\"}"), 1);
    assert_eq!(value(&figures, "onefold_problems_total{code=\"request.no_such_url\"}"), 1);
    assert!(!figures.contains("jane") && !figures.contains("hidden") && !figures.contains("of_1"), "{figures}");
}

#[tokio::test]
async fn merges_and_splits_are_counted() {
    let world = world().await;
    world.write(json!({"ids": {"email": "a@x.com"}})).await.ok();
    world.write(json!({"ids": {"user_id": "u"}})).await.ok();
    let counts = async || {
        let figures = figures(&world).await;
        ["onefold_merges_total", "onefold_splits_total"].map(|name| value(&figures, name))
    };
    assert_eq!(counts().await, [0, 0]);
    let joined = world.write(json!({"ids": {"email": "a@x.com", "user_id": "u"}})).await.ok()[0].clone();
    assert_eq!(counts().await, [1, 0]);
    let (ucid, linked) = (&joined["ucid"], &joined["ids"]["linkedUcid"][0]);
    let body = json!({"orgId": ORG, "region": "EU", "ucid": ucid, "linkedUcid": linked});
    world.post(SPLIT, body).await.ok();
    assert_eq!(counts().await, [1, 1]);
}

#[tokio::test]
async fn what_a_limit_refuses_is_counted_by_the_limit_and_names_nobody() {
    let world = world_with("[limits]\nperson_per_second = 1\nperson_burst = 1").await;
    world.say("jane", json!({"age": 34})).await.ok();
    world.say("jane", json!({"age": 35})).await.refused(429, "limit.profile");
    let limits = json!({"limits": {"perSecond": 0, "perMinute": 2}});
    world.call(http::Method::PATCH, "/admin/v1/orgs/7").key(ROOT_KEY).body(limits.to_string()).await.ok();
    let mut over = 0;
    for _ in 0..6 {
        over += u64::from(world.find("user_id", "jane").await.status == 429);
    }
    assert!(over >= 3, "{over}");
    let figures = figures(&world).await;
    let refused = |policy| value(&figures, &format!("onefold_limited_total{{policy=\"{policy}\"}}"));
    let policies = ["org-second", "org-minute", "key-second", "key-minute", "profile"];
    assert_eq!(policies.map(refused), [0, over, 0, 0, 1]);
    let of_whom = ["jane".to_owned(), format!("\"{ORG}\""), world.key.clone()];
    assert!(of_whom.iter().all(|whose| !figures.contains(whose)), "{figures}");
}

#[tokio::test]
async fn the_store_is_measured_by_table_and_outcome() {
    let memory = Arc::new(Memory::new());
    let store = Arc::new(Metered::new(memory.clone(), 1));
    let times = store.times();
    let world = world_over(store, memory, "").await;
    world.app.metrics.watch(times, None);
    world.say("jane", json!({"age": 34})).await.ok();
    let figures = figures(&world).await;
    let calls = |call| format!("onefold_store_seconds_count{{table=\"profile\",call=\"{call}\",outcome=\"done\"}}");
    assert_eq!(value(&figures, &calls("write")), 1);
    assert!(value(&figures, &calls("read")) > 0);
}

#[tokio::test]
async fn they_are_shown_also_when_the_store_is_gone_and_the_server_stops() {
    let (world, trouble) = world_in_trouble().await;
    trouble.with(Table::Profile, Fault::Refuse);
    world.say("jane", json!({})).await.refused(503, "store.unavailable");
    world.app.gate.close();
    assert_eq!(value(&figures(&world).await, "onefold_problems_total{code=\"store.unavailable\"}"), 1);
}

#[tokio::test]
async fn on_an_address_that_others_reach_they_take_the_root_key() {
    let public = world_with("[server]\nlisten = '0.0.0.0:0'").await;
    public.get("/metrics").without("apikey").await.refused(401, "auth.missing");
    public.get("/metrics").key("nonsense").await.refused(401, "auth.invalid");
    public.get("/metrics").await.refused(403, "auth.scope");
    assert_eq!(public.get("/metrics").key(ROOT_KEY).await.status, 200);
    for section in ["tls", "mtls"] {
        let files = "certificate_file = 'c'\nprivate_key_file = 'k'";
        let authority = if section == "mtls" { "client_ca_file = 'a'" } else { "" };
        let at = |address: &str| format!("[{section}]\nlisten = '{address}'\n{files}\n{authority}");
        let reached = world_with(&at("0.0.0.0:0")).await;
        reached.get("/metrics").without("apikey").await.refused(401, "auth.missing");
        let local = world_with(&at("[::1]:0")).await;
        assert_eq!(local.get("/metrics").without("apikey").await.status, 200);
    }
    let open = world_with("[server]\nlisten = '0.0.0.0:0'\n[metrics]\naccess = 'open'").await;
    assert_eq!(open.get("/metrics").without("apikey").await.status, 200);
    let closed = world_with("[metrics]\naccess = 'root'").await;
    closed.get("/metrics").without("apikey").await.refused(401, "auth.missing");
}

/// Every name that a metric has in queries.
fn names() -> BTreeSet<String> {
    let of = |family: &onefold::metrics::Family| match family.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", family.name)).to_vec(),
        _ => vec![family.name.to_owned()],
    };
    FAMILIES.iter().flat_map(of).collect()
}

/// The words of a text that look like names of metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("onefold_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[test]
fn every_expression_of_the_dashboard_names_metrics_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/grafana/onefold.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let known = names();
    let mut used = BTreeSet::new();
    for target in targets {
        let expression = target["expr"].as_str().unwrap();
        let metrics = metrics_in(expression);
        assert!(!metrics.is_empty(), "{expression}");
        assert!(metrics.is_subset(&known), "{expression} names what is not there");
        used.extend(metrics);
    }
    let shown = |family: &&onefold::metrics::Family| used.iter().any(|name| name.starts_with(family.name));
    let missing: Vec<_> = FAMILIES.iter().filter(|family| !shown(family)).map(|family| family.name).collect();
    assert_eq!(missing, [""; 0], "metrics that the dashboard does not show");
}

#[test]
fn operations_md_explains_every_metric_and_no_other() {
    let told = metrics_in(include_str!("../../../../docs/operations.md"));
    let families: BTreeSet<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    let known = names().into_iter().chain(families.iter().cloned()).collect();
    assert!(told.is_subset(&known), "{:?}", told.difference(&known));
    assert!(families.is_subset(&told), "{:?}", families.difference(&told));
}
