//! Workers that write, merge, delete and fetch as fast as they are answered, and note in the ledger what they were told.
//!
//! Each has people of its own, of whom it knows everything, so it also checks its own fetches; some people are written by
//! all. A worker ends when it is told to, or with its first call that gets no answer.

use crate::check::look;
use crate::client::{self, Answer, Call, Client, Id, NoAnswer, Org};
use crate::judge::judge;
use crate::ledger::{Deed, Intent, Ledger, REUSED, Wrong};
use rand::random_range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinSet;

/// Writes that one worker makes to one person of all before it goes on to the next: lists have an end.
const SHARED_WRITES: usize = 20;

/// Workers at work.
pub struct Load {
    over: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Starts the workers, each on a connection of its own. `load` and number of workers.
    pub async fn start(url: &str, org: &Org, ledger: Arc<Mutex<Ledger>>, (load, workers): (usize, usize)) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        ledger.lock().unwrap().answered = vec![None; workers];
        let mut started = JoinSet::new();
        for number in 0..workers {
            let client = Client::connect(url, &org.key).await;
            let names = Names { load, worker: number, made: 0 };
            let (ledger, over, mine) = (ledger.clone(), over.clone(), ledger.lock().unwrap().people_of(number));
            let worker = Worker { names, client, org: org.clone(), ledger, over, mine, gone: vec![], shared: 0 };
            started.spawn(worker.run());
        }
        Self { over, workers: started }
    }

    /// Lets them finish what they are doing.
    pub async fn finish(self) {
        self.over.store(true, Ordering::Relaxed);
        self.ended().await;
    }

    /// Waits for those whose server is gone, or says that it goes.
    pub async fn ended(mut self) {
        while let Some(ended) = self.workers.join_next().await {
            ended.unwrap();
        }
    }
}

/// Makes names that no other has.
struct Names {
    load: usize,
    worker: usize,
    made: usize,
}

impl Names {
    fn next(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}-{}-{}", self.load, self.worker, self.made)
    }

    /// Two or three identifiers.
    fn ids(&mut self) -> Vec<Id> {
        let name = self.next("p");
        let all = [("email", format!("{name}@example.com")), ("crm", name.clone()), ("card", name)];
        all.into_iter().take(random_range(2..=3)).map(|(kind, value)| (kind.to_owned(), value)).collect()
    }
}

struct Worker {
    names: Names,
    client: Client,
    org: Org,
    ledger: Arc<Mutex<Ledger>>,
    over: Arc<AtomicBool>,
    /// Its own people.
    mine: Vec<usize>,
    /// Those of them whom it deleted.
    gone: Vec<usize>,
    /// Writes to people of all.
    shared: usize,
}

/// Nothing comes of going on.
struct Ended;

impl Worker {
    async fn run(mut self) {
        while !self.over.load(Ordering::Relaxed) && self.step().await.is_ok() {}
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    async fn step(&mut self) -> Result<(), Ended> {
        let enough = self.mine.len() > 3;
        match random_range(0..100) {
            0..35 if enough => self.update(pick(&self.mine)).await,
            35..50 => self.write_shared().await,
            50..60 if enough => self.merge(pick(&self.mine), pick(&self.mine)).await,
            60..68 if enough => self.delete(pick(&self.mine)).await,
            68..72 => self.repeat().await,
            72..85 if enough => self.fetch(pick(&self.mine)).await,
            _ => self.create().await,
        }
    }

    /// Somebody new; now and then under an identifier of somebody who was deleted.
    async fn create(&mut self) -> Result<(), Ended> {
        let mut ids = self.names.ids();
        let freed = self.gone.pop().and_then(|at| self.ledger().take_freed(at));
        if freed.is_some() || random_range(0..2) == 0 {
            ids.push(freed.unwrap_or_else(|| (REUSED.to_owned(), self.names.next("l"))));
        }
        let at = self.ledger().plan(Some(self.names.worker), ids.clone());
        self.write(Deed::Write(at), &ids).await
    }

    async fn update(&mut self, at: usize) -> Result<(), Ended> {
        let id = self.some_id(at);
        self.write(Deed::Write(at), &[id]).await
    }

    /// Somebody whom the other workers write at the same time.
    async fn write_shared(&mut self) -> Result<(), Ended> {
        let id = ("crm".to_owned(), format!("all-{}-{}", self.names.load, self.shared / SHARED_WRITES));
        self.shared += 1;
        let at = self.ledger().shared(&id);
        self.write(Deed::Write(at), &[id]).await
    }

    /// Makes two people one.
    async fn merge(&mut self, into: usize, from: usize) -> Result<(), Ended> {
        let ids = [self.some_id(into), self.some_id(from)];
        // A write has one identifier of a kind.
        if ids[0].0 == ids[1].0 || into == from {
            return Ok(());
        }
        self.write(Deed::Merge(into, from), &ids).await
    }

    async fn delete(&mut self, at: usize) -> Result<(), Ended> {
        let call = client::delete(&self.org, &self.some_id(at));
        self.make(Deed::Delete(at), String::new(), call).await
    }

    async fn write(&mut self, deed: Deed, ids: &[Id]) -> Result<(), Ended> {
        let marker = self.names.next("m");
        let mut call = client::write(&self.org, ids, &marker);
        call.minimal = random_range(0..3) == 0;
        self.make(deed, marker, call).await
    }

    /// Makes a call, under an idempotency key or without, and notes what became of it.
    async fn make(&mut self, deed: Deed, marker: String, mut call: Call) -> Result<(), Ended> {
        call.key = (random_range(0..2) == 0).then(|| self.names.next("key"));
        let intent = Intent { deed, marker, call };
        match self.client.call(&intent.call).await {
            Ok(answer) if answer.is_done() => {
                self.acknowledged(intent, &answer);
                Ok(())
            }
            Ok(answer) if answer.status == 503 => self.refused(&answer),
            Ok(answer) if !answer.is_open() => self.surprised(&intent, &answer),
            Ok(_) | Err(NoAnswer::Lost) => self.unanswered(intent),
            Err(NoAnswer::NotSent) => Err(Ended),
        }
    }

    fn acknowledged(&mut self, intent: Intent, answer: &Answer) {
        let mut ledger = self.ledger.lock().unwrap();
        ledger.done(&intent, answer);
        match intent.deed {
            Deed::Write(at) if ledger.people[at].owner.is_some() && !self.mine.contains(&at) => self.mine.push(at),
            Deed::Write(_) => {}
            Deed::Merge(_, from) => self.mine.retain(|at| *at != from),
            Deed::Delete(gone) => {
                self.mine.retain(|at| *at != gone);
                self.gone.push(gone);
            }
        }
        ledger.count_done(intent.deed);
        if intent.call.key.is_some() && !matches!(intent.deed, Deed::Delete(_)) {
            ledger.answered[self.names.worker] = Some(intent);
        }
    }

    /// Nothing was done. Whoever stops says so, and needs not be asked again.
    fn refused(&mut self, answer: &Answer) -> Result<(), Ended> {
        self.ledger().figures.refused += 1;
        if answer.headers.get("retry-after").is_none() {
            self.ledger().fault(Wrong::Answer, format!("503 without Retry-After: {answer:?}"));
        }
        if answer.code() == "server.shutting_down" { Err(Ended) } else { Ok(()) }
    }

    fn unanswered(&mut self, intent: Intent) -> Result<(), Ended> {
        self.ledger().unknown(intent);
        Err(Ended)
    }

    fn surprised(&mut self, intent: &Intent, answer: &Answer) -> Result<(), Ended> {
        self.ledger().fault(Wrong::Answer, format!("{intent:?}: {answer:?}"));
        Err(Ended)
    }

    /// The last write with a key, once more: it must do nothing.
    async fn repeat(&mut self) -> Result<(), Ended> {
        let Some(intent) = self.ledger().answered_and_there(self.names.worker) else { return Ok(()) };
        match self.client.call(&intent.call).await {
            Ok(answer) if answer.is_done() => {
                self.ledger().figures.repeats += 1;
                Ok(())
            }
            Ok(answer) if answer.status == 503 => self.refused(&answer),
            Ok(answer) if !answer.is_open() => self.surprised(&intent, &answer),
            _ => Err(Ended),
        }
    }

    /// Looks somebody up by everything that leads to them; nobody else writes them meanwhile.
    async fn fetch(&mut self, at: usize) -> Result<(), Ended> {
        let person = self.ledger().people[at].clone();
        let Some(found) = look(&mut self.client, &self.org, &person.ids).await else { return Err(Ended) };
        let mut ledger = self.ledger();
        ledger.figures.fetches += 1;
        judge(&person, &found).into_iter().for_each(|(wrong, what)| ledger.fault(wrong, what));
        Ok(())
    }

    fn some_id(&self, at: usize) -> Id {
        let ledger = self.ledger();
        let ids: Vec<&Id> = ledger.people[at].ids.iter().filter(|(kind, _)| kind != "ucid").collect();
        ids[random_range(0..ids.len())].clone()
    }
}

fn pick(people: &[usize]) -> usize {
    people[random_range(0..people.len())]
}
