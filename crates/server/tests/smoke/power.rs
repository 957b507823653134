//! The power fails under load: the file system is cut off, so that what was not synced is lost with the page cache.
//!
//! A kill cannot show whether anything is synced, since the kernel goes on and keeps what was written. This can.

use crate::disk::{Disk, or_skip};
use crate::site::{Site, rounds, serve, serve_after};
use crate::util::Server;
use rand::random_range;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Room for the data, the reserve that the engine keeps free, and a journal.
const DISK_MIB: u64 = 1024;

/// The server on this disk, and its process.
fn start(site: &Site, disk: &Disk) -> (Server, String) {
    let file = disk.place().join("pid");
    let server = Server::started(serve_after(&format!("echo $$ > {}", file.display()), &site.dir), &site.dir);
    (server, std::fs::read_to_string(file).unwrap().trim().into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_power_cut() {
    let Some(disk) = or_skip(Disk::ext4(DISK_MIB)) else { return };
    let (mut site, server) = Site::open(&disk.top()).await;
    assert!(server.stop().success());
    let (cuts, mut running) = (rounds(), start(&site, &disk));
    for _ in 0..cuts {
        let (server, process) = running;
        let load = site.load(&server, 16).await;
        tokio::time::sleep(Duration::from_millis(random_range(50..=1_500))).await;
        disk.cut(Some(&process)).unwrap();
        drop(server);
        load.ended().await;
        disk.power_up().unwrap();
        running = start(&site, &disk);
        site.check(&running.0).await;
    }
    assert!(running.0.stop().success());
    site.doctor();
    site.report(&format!("{cuts} power cuts"));
}

/// Killed while the disk stands still: who is answered before the write began is answered now, and what it waits for
/// never comes. At any other moment a write follows its answer too soon for a kill to come between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_the_disk_stands_still() {
    let Some(disk) = or_skip(Disk::ext4(DISK_MIB)) else { return };
    let (mut site, server) = Site::open(&disk.top()).await;
    assert!(server.stop().success());
    let mut running = start(&site, &disk);
    for _ in 0..rounds() {
        let (server, process) = running;
        let load = site.load(&server, 16).await;
        tokio::time::sleep(Duration::from_millis(random_range(50..=500))).await;
        disk.freeze().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // It cannot end before the disk goes on, so that this is not waited for here.
        assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
        disk.thaw().unwrap();
        drop(server);
        load.ended().await;
        running = start(&site, &disk);
        site.check(&running.0).await;
    }
    assert!(running.0.stop().success());
    site.doctor();
    site.report(&format!("{} kills while the disk stood still", rounds()));
}

/// The first start, cut off early and often: the directory it leaves is one to start on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_while_the_directory_is_made_leaves_one_to_start_on() {
    let Some(disk) = or_skip(Disk::ext4(DISK_MIB)) else { return };
    for _ in 0..4 {
        let mut child = serve(&disk.top()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random_range(5..=150))).await;
        disk.cut(None).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        disk.power_up().unwrap();
    }
    let (mut site, server) = Site::open(&disk.top()).await;
    let load = site.load(&server, 4).await;
    site.until(|ledger| ledger.figures.writes > 50).await;
    load.finish().await;
    site.check(&server).await;
    assert!(server.stop().success());
    site.report("after power cuts at the first start");
}

/// The rig itself: were nothing lost by a cut, the tests above would show nothing.
#[test]
fn a_power_cut_loses_what_was_not_synced_and_that_alone() {
    let Some(disk) = or_skip(Disk::ext4(64)) else { return };
    let (synced, unsynced) = (disk.top().join("synced"), disk.top().join("unsynced"));
    let mut file = File::create(&synced).unwrap();
    file.write_all(b"kept").unwrap();
    file.sync_all().unwrap();
    File::open(disk.top()).unwrap().sync_all().unwrap();
    OpenOptions::new().append(true).open(&synced).unwrap().write_all(b", lost").unwrap();
    std::fs::write(&unsynced, "lost").unwrap();
    drop(file);
    disk.cut(None).unwrap();
    disk.power_up().unwrap();
    assert_eq!(std::fs::read_to_string(&synced).unwrap(), "kept");
    assert!(!unsynced.exists());
}
