//! A disk that is full, and one that fails a write: refused in plain words, reads go on, and nothing acknowledged is lost.

use crate::check;
use crate::client::{Client, Org, search, write};
use crate::disk::{Disk, or_skip};
use crate::site::{Site, serve_after};
use crate::util::{Server, directory};
use std::path::Path;

/// The reserve that the engine keeps free is 256 MiB.
const DISK_MIB: u64 = 400;

async fn a_write(client: &mut Client, org: &Org, value: &str) -> crate::client::Answer {
    client.call(&write(org, [&("crm".to_owned(), value.to_owned())], value)).await.unwrap()
}

async fn markers(client: &mut Client, org: &Org, value: &str) -> serde_json::Value {
    let found = client.done(&search(org, &[("crm".to_owned(), value.to_owned())])).await;
    found.json[0]["profile"]["markers"]["markers"].clone()
}

/// Refused with a problem that says that it may be repeated later, and not ready; but whoever reads is answered.
async fn writes_alone_are_refused(client: &mut Client, org: &Org) {
    let refused = a_write(client, org, "during").await;
    assert_eq!((refused.status, refused.code()), (503, "store.unavailable"), "{refused:?}");
    assert_eq!((&refused.json["retry"], refused.headers.contains_key("retry-after")), (&"later".into(), true));
    assert_eq!(markers(client, org, "before").await, serde_json::json!(["before"]));
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let Some(disk) = or_skip(Disk::in_memory(DISK_MIB)) else { return };
    let (mut site, server) = Site::open(&disk.top()).await;
    let (mut client, org) = (site.client(&server).await, site.org.clone());
    assert!(a_write(&mut client, &org, "before").await.is_done());
    let load = site.load(&server, 8).await;
    site.until(|ledger| ledger.figures.writes > 200).await;
    let filler = disk.fill(32);
    let refused = site.ledger.lock().unwrap().figures.refused;
    site.until(|ledger| ledger.figures.refused > refused + 50).await;
    load.finish().await;
    writes_alone_are_refused(&mut client, &org).await;
    check::everybody(&mut client, &org, &site.ledger).await;

    std::fs::remove_file(filler).unwrap();
    assert!(a_write(&mut client, &org, "after").await.is_done(), "without a restart");
    site.check(&server).await;
    assert!(server.stop().success());
    let server = site.start();
    site.check(&server).await;
    let mut client = site.client(&server).await;
    assert_eq!(markers(&mut client, &org, "after").await, serde_json::json!(["after"]));
    assert!(server.stop().success());
    site.doctor();
    site.report("a full disk");
}

/// No file may grow beyond so many blocks of 512 bytes: writing more fails, as it does on a disk that has no room left
/// although it said otherwise.
fn with_small_files(dir: &Path, blocks: u64) -> Server {
    Server::started(serve_after(&format!("trap '' XFSZ; ulimit -f {blocks}"), dir), dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_a_write_is_not_written_until_a_restart() {
    let dir = directory();
    let (mut site, server) = Site::open(dir.path()).await;
    let mut client = site.client(&server).await;
    assert!(a_write(&mut client, &site.org, "before").await.is_done());
    assert!(server.stop().success());

    let server = with_small_files(dir.path(), 600);
    let load = site.load(&server, 8).await;
    site.until(|ledger| ledger.figures.unanswered > 0 || ledger.figures.refused > 50).await;
    load.finish().await;
    let mut client = site.client(&server).await;
    writes_alone_are_refused(&mut client, &site.org.clone()).await;
    drop(server);

    let server = site.start();
    site.check(&server).await;
    let mut client = site.client(&server).await;
    assert!(a_write(&mut client, &site.org, "after").await.is_done());
    assert!(server.stop().success());
    site.doctor();
    site.report("a disk that failed a write");
}
