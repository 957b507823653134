//! Started, stopped in good order, started again; and the directories on which it does not start.

use crate::client::{Call, delete, search, write};
use crate::site::{Site, serve};
use crate::util::{Ran, directory, run};
use serde_json::json;
use std::time::{Duration, Instant};

/// For a server to stop that has nothing but quick requests under way.
const SOON: Duration = Duration::from_secs(10);

fn id(kind: &str, value: &str) -> (String, String) {
    (kind.into(), value.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stops_when_asked_and_starts_where_it_was() {
    let dir = directory();
    let (site, server) = Site::open(dir.path()).await;
    let mut client = site.client(&server).await;
    let (visit, login, friend) = (id("cookie", "c1"), id("email", "jane@example.com"), id("email", "joe@example.com"));
    client.done(&write(&site.org, [&visit], "visit")).await;
    client.done(&write(&site.org, [&login], "order")).await;
    let merged = client.done(&write(&site.org, [&visit, &login], "login")).await;
    client.done(&write(&site.org, [&friend], "secret")).await;
    client.done(&delete(&site.org, &friend)).await;
    assert!(server.stop().success());

    let server = site.start();
    let mut client = site.client(&server).await;
    let found = client.done(&search(&site.org, &[visit, login])).await.json;
    let person = &found[0];
    assert_eq!((found.as_array().unwrap().len(), person["ucid"].as_str()), (1, merged.ucid().as_deref()));
    assert_eq!(person["profile"]["markers"]["markers"], json!(["visit", "order", "login"]));
    assert_eq!(person["profile"]["count"]["count"], 3);
    assert_eq!(client.done(&search(&site.org, &[friend])).await.json, json!([]));
    assert!(server.stop().success());
    site.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_under_load_it_answers_everybody_first() {
    let dir = directory();
    let (mut site, server) = Site::open(dir.path()).await;
    let load = site.load(&server, 8).await;
    site.until(|ledger| ledger.figures.writes > 100).await;
    let asked = Instant::now();
    assert!(server.stop().success());
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    load.ended().await;
    let unanswered = site.ledger.lock().unwrap().figures.unanswered;
    assert_eq!(unanswered, 0, "done or refused, never left open");

    let server = site.start();
    site.check(&server).await;
    assert!(server.stop().success());
    site.report("stopped under load");
}

fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(words.iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_has_one_server() {
    let dir = directory();
    let (site, server) = Site::open(dir.path()).await;
    refused(&run(&mut serve(dir.path())), &["data directory", "in use by another process", "stop that one first"]);
    let mut client = site.client(&server).await;
    client.done(&write(&site.org, [&id("crm", "1")], "still served")).await;
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_another_format_is_left_as_it_is() {
    let dir = directory();
    let (site, server) = Site::open(dir.path()).await;
    site.client(&server).await.done(&write(&site.org, [&id("crm", "1")], "kept")).await;
    assert!(server.stop().success());
    let format = dir.path().join("data/FORMAT");
    let ours = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "onefold rows 999\n").unwrap();
    refused(&run(&mut serve(dir.path())), &["format 999", "this program reads format"]);

    std::fs::write(&format, ours).unwrap();
    let server = site.start();
    let mut client = site.client(&server).await;
    let kept = client.call(&Call { minimal: false, ..search(&site.org, &[id("crm", "1")]) }).await.unwrap();
    assert_eq!(kept.json[0]["profile"]["markers"]["markers"], json!(["kept"]));
}
