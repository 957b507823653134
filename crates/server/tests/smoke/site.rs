//! A data directory, the server on it that is started again and again, and what its clients know.

use crate::check;
use crate::client::{Client, Org};
use crate::ledger::{Ledger, Wrong};
use crate::load::Load;
use crate::util::{Server, onefold, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// See the module.
pub struct Site {
    pub dir: PathBuf,
    pub org: Org,
    pub ledger: Arc<Mutex<Ledger>>,
    /// How often load was put on it; names of one load are not those of another.
    loads: usize,
}

impl Site {
    /// A new data directory in this one, with an organisation, and the server running on it.
    pub async fn open(dir: &Path) -> (Self, Server) {
        let server = Server::started(serve(dir), dir);
        let root_key = std::fs::read_to_string(dir.join("data/root.key")).unwrap();
        let org = Org::make(&server.url, root_key.trim()).await;
        (Self { dir: dir.into(), org, ledger: Arc::default(), loads: 0 }, server)
    }

    /// The server, again.
    pub fn start(&self) -> Server {
        Server::started(serve(&self.dir), &self.dir)
    }

    /// A client of the organisation.
    pub async fn client(&self, server: &Server) -> Client {
        Client::connect(&server.url, &self.org.key).await
    }

    /// Lets so many workers loose on it.
    pub async fn load(&mut self, server: &Server, workers: usize) -> Load {
        self.loads += 1;
        Load::start(&server.url, &self.org, self.ledger.clone(), (self.loads, workers)).await
    }

    /// Compares everything that the clients know with what this server shows.
    pub async fn check(&self, server: &Server) {
        check::everything(&mut self.client(server).await, &self.org, &self.ledger).await;
    }

    /// Every row, after the server has stopped.
    pub fn doctor(&self) {
        let ran = run(onefold(&self.dir).arg("doctor"));
        assert_eq!(ran.status, 0, "{ran:?}");
    }

    /// Says what was done, and that nothing of it was wrong.
    #[track_caller]
    pub fn report(&self, what: &str) {
        let ledger = self.ledger.lock().unwrap();
        let did = ledger.figures;
        eprintln!(
            "{what}: {} writes, {} merges, {} deletes acknowledged, {} fetches; {} refused, {} without an answer, \
             {} repeated; lost: {}, brought back: {}, twice: {}, half: {}",
            did.writes,
            did.merges,
            did.deletes,
            did.fetches,
            did.refused,
            did.unanswered,
            did.repeats,
            ledger.count(Wrong::Lost),
            ledger.count(Wrong::Back),
            ledger.count(Wrong::Twice),
            ledger.count(Wrong::Half),
        );
        assert!(ledger.faults.is_empty(), "{} faults, the first: {:?}", ledger.faults.len(), ledger.faults[0]);
        assert!(did.writes > 0 && did.fetches > 0, "nothing was done: {did:?}");
    }

    /// Waits until the clients did this much.
    pub async fn until(&self, enough: impl Fn(&Ledger) -> bool) {
        let waiting = async {
            while !enough(&self.ledger.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::util::PATIENCE, waiting).await.expect("the load goes on");
    }
}

/// The command that serves `data` in this directory. It sweeps and purges often, so that some kills hit that, and takes
/// every call however slow the machine is that it is tested on.
pub fn serve(dir: &Path) -> Command {
    let mut command = onefold(dir);
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
    command.envs([("ONEFOLD__SWEEP__EVERY_MS", "150"), ("ONEFOLD__ENGINE__PURGE_SECONDS", "2")]);
    command.envs([("ONEFOLD__SERVER__PROCESSOR_QUEUE_MS", "0"), ("ONEFOLD__SERVER__WRITE_QUEUE_MS", "0")]);
    command
}

/// The same from a shell that does something first, and then becomes the server.
pub fn serve_after(first: &str, dir: &Path) -> Command {
    let serve = serve(dir);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]).current_dir(dir);
    command.arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// How often a test of many rounds kills its server, or cuts it off.
pub fn rounds() -> usize {
    std::env::var("ONEFOLD_KILLS").map_or(2, |rounds| rounds.parse().expect("ONEFOLD_KILLS is a number"))
}
