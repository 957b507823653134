//! Killed with SIGKILL under load, again and again, on one directory: whatever was acknowledged outlives it.
//!
//! `ONEFOLD_KILLS=20 cargo test -p onefold --test smoke -- --nocapture kill` is the long run; it ends with its figures.

use crate::ledger::Wrong;
use crate::site::{Site, rounds, serve};
use crate::util::{Server, directory};
use rand::random_range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const WORKERS: usize = 16;

/// Milliseconds of load before a kill.
const LOAD_MS: std::ops::RangeInclusive<u64> = 50..=1_500;

/// SIGKILL: the process gets to do nothing any more.
fn kill(server: Server) {
    drop(server);
}

/// One that is killed while it reads the journal, or before, or just after.
fn kill_at_start(site: &Site) {
    let mut child = serve(&site.dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(random_range(2..=80)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill_and_nothing_comes_back() {
    let dir = directory();
    let (mut site, mut server) = Site::open(dir.path()).await;
    let (kills, mut at_start) = (rounds(), 0);
    for number in 1..=kills {
        let load = site.load(&server, WORKERS).await;
        tokio::time::sleep(Duration::from_millis(random_range(LOAD_MS))).await;
        kill(server);
        load.ended().await;
        if number % 3 == 0 {
            kill_at_start(&site);
            at_start += 1;
        }
        server = site.start();
        site.check(&server).await;
    }
    assert!(server.stop().success());
    site.doctor();
    site.report(&format!("{kills} kills under load, {at_start} more during a start"));
}

/// A disk that forgets is noticed: were the checks blind, this would be as quiet as the test above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_test_notices_a_disk_that_is_older_than_what_was_acknowledged() {
    let dir = directory();
    let (mut site, server) = Site::open(dir.path()).await;
    let load = site.load(&server, WORKERS).await;
    site.until(|ledger| ledger.figures.writes > 200).await;
    load.finish().await;
    assert!(server.stop().success());
    copy(dir.path(), "data", "older");

    let server = site.start();
    let (deletes, merges) = {
        let ledger = site.ledger.lock().unwrap();
        (ledger.figures.deletes, ledger.figures.merges)
    };
    let load = site.load(&server, WORKERS).await;
    site.until(|ledger| ledger.figures.deletes > deletes + 20 && ledger.figures.merges > merges + 20).await;
    kill(server);
    load.ended().await;
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    copy(dir.path(), "older", "data");

    let server = site.start();
    eprintln!("what follows is as it should be: the disk is an older one");
    site.check(&server).await;
    let ledger = site.ledger.lock().unwrap();
    assert!(ledger.count(Wrong::Lost) > 0 && ledger.count(Wrong::Back) > 0, "{:?}", ledger.figures);
}

fn copy(dir: &Path, from: &str, to: &str) {
    assert!(Command::new("cp").current_dir(dir).args(["-a", from, to]).status().unwrap().success());
}
