//! A process that is killed while it writes: whatever it acknowledged is there, and nothing is half there.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const DIR: &str = "ONEFOLD_TEST_KILL_DIR";

/// What the killed process does: eight tasks write as fast as they can, and say each acknowledged row on standard output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only as the process that is killed by the test below"]
async fn child() {
    let dir = std::env::var(DIR).expect("started by the test below");
    let store = Arc::new(Embedded::open(dir.as_ref(), EmbeddedOptions::default()).expect("opened"));
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write_for_ever(Arc::clone(&store), writer))).collect();
    for writer in writers {
        writer.await.expect("killed before");
    }
}

async fn write_for_ever(store: Arc<Embedded>, writer: u8) {
    let mut version = put(&*store, &key(writer, 0), Guard::Any, value(0)).await;
    for number in 1_u64.. {
        let row = partition(writer).row(&number.to_be_bytes());
        put(&*store, &row, Guard::Any, value(number)).await;
        version = put(&*store, &key(writer, 0), Guard::At(version), value(number)).await;
        println!("ack {writer} {number} {}", version.0);
    }
}

fn value(number: u64) -> Bytes {
    Bytes::from(number.to_be_bytes().repeat(100))
}

fn start(dir: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "embedded::tests::kill::child", "--ignored", "--nocapture"];
    let mut command = Command::new(program);
    command.args(arguments).env(DIR, dir).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("started")
}

/// Kills a writing process after some acknowledgements; returns the last number and version that each writer got.
fn kill_after(dir: &Path, acknowledgements: usize) -> [Option<(u64, u64)>; 8] {
    let mut child = start(dir);
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (mut last, mut seen) = ([None; 8], 0);
    for line in lines.map_while(Result::ok) {
        let mut words = line.split_once("ack ").map_or("", |(_, rest)| rest).split(' ').flat_map(str::parse::<u64>);
        let (Some(writer), Some(number), Some(version)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        last[writer as usize] = Some((number, version));
        seen += 1;
        if seen == acknowledgements {
            child.kill().expect("killed"); // What it wrote to the pipe before is still read.
        }
    }
    child.wait().expect("ended");
    assert!(seen >= acknowledgements);
    last
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    for acknowledgements in [1, 100, 333] {
        let last = kill_after(dir.path(), acknowledgements);
        let store = open(dir.path());
        for (writer, last) in last.into_iter().enumerate() {
            let Some((number, version)) = last else { continue };
            let head = get(&*store, &key(writer as u8, 0)).await.expect("acknowledged");
            assert!(head.version.0 >= version);
            for number in 1..=number {
                let row = get(&*store, &partition(writer as u8).row(&number.to_be_bytes())).await;
                assert_eq!(row.expect("acknowledged").value, value(number));
            }
        }
        assert!(store.check().expect("checked").iter().all(|table| table.damaged == 0));
        store.close().await;
    }
}
