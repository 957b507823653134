//! Killed with SIGKILL while it counts: calls of the last second may be missing afterwards, and no other, and none is
//! counted twice. After a stop in good order none is missing.

use crate::client::{Client, search};
use crate::site::{Site, rounds};
use crate::util::{Server, directory};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CALLERS: usize = 4;
const LOAD: Duration = Duration::from_millis(2_500);
/// What a crash may lose.
const SECOND: Duration = Duration::from_secs(1);
/// Rounds in which a machine that is too busy to write twice a second may lose more, before that is a fault.
const SLOW_ROUNDS: usize = 4;

/// Callers who fetch nobody, one call after another, until the server is gone.
struct Callers {
    sent: Arc<AtomicU64>,
    /// When each answer came.
    answers: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Callers {
    async fn start(site: &Site, server: &Server) -> Self {
        let (sent, answers) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<Instant>>>::default());
        let (stop, mut tasks) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for _ in 0..CALLERS {
            let mut client = site.client(server).await;
            let call = search(&site.org, &[("crm".into(), "nobody".into())]);
            let (sent, answers, stop) = (sent.clone(), answers.clone(), stop.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    sent.fetch_add(1, Ordering::SeqCst);
                    match client.call(&call).await {
                        Ok(_) => answers.lock().unwrap().push(Instant::now()),
                        Err(_) => return,
                    }
                }
            });
        }
        Self { sent, answers, stop, tasks }
    }

    /// How many calls were made, and when they were answered.
    async fn ended(self) -> (u64, Vec<Instant>) {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await;
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        (self.sent.load(Ordering::SeqCst), answers)
    }
}

/// What the server counted of fetches, and how many profiles the organisation's key has read.
async fn counted(site: &Site, server: &Server) -> u64 {
    let root_key = std::fs::read_to_string(site.dir.join("data/root.key")).unwrap();
    let mut root = Client::connect(&server.url, root_key.trim()).await;
    let usage = root.get("/admin/v1/orgs/1/usage?by=operation").await;
    assert_eq!(usage.status, 200, "{usage:?}");
    usage.json["total"]["calls"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_at_most_the_calls_of_the_last_second_and_counts_none_twice() {
    let dir = directory();
    let (site, mut server) = Site::open(dir.path()).await;
    let (mut before, mut slow, mut round) = (0, 0, 0);
    while round < rounds() {
        let callers = Callers::start(&site, &server).await;
        tokio::time::sleep(LOAD).await;
        let killed = Instant::now();
        drop(server);
        let (sent, answers) = callers.ended().await;
        server = site.start();
        let now = counted(&site, &server).await;
        let certain = answers.iter().filter(|at| **at + SECOND < killed).count() as u64;
        eprintln!(
            "{sent} calls, {} answered, {certain} before the last second, {} counted",
            answers.len(),
            now - before
        );
        assert!(now - before <= sent, "counted twice: {} of {sent}", now - before);
        assert!(certain > 0 && now > before, "nothing was done");
        if now - before < certain {
            slow += 1;
            assert!(slow <= SLOW_ROUNDS, "more than the last second is missing, again and again");
        } else {
            round += 1;
        }
        before = now;
    }
    let callers = Callers::start(&site, &server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (sent, answers) = callers.ended().await;
    assert_eq!(sent, answers.len() as u64);
    assert!(server.stop().success());
    let server = site.start();
    assert_eq!(counted(&site, &server).await, before + sent, "a stop in good order loses nothing");
    assert!(server.stop().success());
    site.doctor();
}
