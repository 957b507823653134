//! After a restart: looks everybody up, repeats what got no answer, and looks again.

use crate::client::{Client, Id, NoAnswer, Org, search, write};
use crate::judge::{Found, Profile, judge, settle};
use crate::ledger::{Deed, Intent, Ledger, Wrong};
use std::sync::Mutex;

/// Values of one search.
const AT_ONCE: usize = 5;

/// What all these identifiers lead to; none where the server is gone.
pub async fn look(client: &mut Client, org: &Org, ids: &[Id]) -> Option<Found> {
    let mut found = Found::default();
    for ids in ids.chunks(AT_ONCE) {
        match client.call(&search(org, ids)).await {
            Ok(answer) if answer.status == 200 => found.add(&answer.json),
            Ok(answer) if answer.code() == "server.shutting_down" || answer.status == 504 => return None,
            Ok(answer) => panic!("a fetch of {ids:?}: {answer:?}"),
            Err(NoAnswer::NotSent | NoAnswer::Lost) => return None,
        }
    }
    Some(found)
}

/// Compares all of the ledger with the server. What is open in the ledger is decided afterwards.
pub async fn everything(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>) {
    let unanswered = ledger.lock().unwrap().unanswered.clone();
    for intent in &unanswered {
        if let Deed::Merge(into, from) = intent.deed {
            touch(client, org, ledger, &intent.marker, [into, from]).await;
        }
    }
    everybody(client, org, ledger).await;
    for intent in unanswered.iter().filter(|intent| intent.call.key.is_some()) {
        repeat(client, org, ledger, intent).await;
    }
    // Of those who are still there after that.
    let answered = ledger.lock().unwrap().answered_all();
    for intent in &answered {
        repeat(client, org, ledger, intent).await;
    }
    ledger.lock().unwrap().unanswered.clear();
}

/// Looks everybody up, and does no more than that.
pub async fn everybody(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>) {
    let unanswered = ledger.lock().unwrap().unanswered.clone();
    for intent in &unanswered {
        if let Deed::Merge(into, from) = intent.deed {
            join_if_one(client, org, ledger, (into, from), &intent.marker).await;
        }
    }
    let everybody = ledger.lock().unwrap().everybody();
    for at in everybody {
        one(client, org, ledger, at).await;
    }
}

fn people(deed: Deed) -> Vec<usize> {
    match deed {
        Deed::Write(at) | Deed::Delete(at) => vec![at],
        Deed::Merge(into, from) => vec![into, from],
    }
}

/// Writes to the two of a merge without an answer. If it had begun, it is finished by that, and not at some later time.
async fn touch(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>, name: &str, two: [usize; 2]) {
    for (side, at) in two.into_iter().enumerate() {
        let id = ledger.lock().unwrap().people[at].ids[0].clone();
        let marker = format!("touch-{name}-{side}");
        let call = write(org, [&id], &marker);
        let intent = Intent { deed: Deed::Write(at), marker, call };
        let answer = client.done(&intent.call).await;
        ledger.lock().unwrap().done(&intent, &answer);
    }
}

/// A merge without an answer: whether it happened. If it did not, neither did the write that came with it.
async fn join_if_one(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>, (into, from): (usize, usize), mark: &str) {
    let ids = {
        let ledger = ledger.lock().unwrap();
        [into, from].map(|at| ledger.people[at].ids[0].clone())
    };
    let found = look(client, org, &ids).await.expect("the server answers");
    let both = |profile: &Profile| ids.iter().all(|id| profile.matched.contains(id));
    if found.0.values().any(both) {
        let mut ledger = ledger.lock().unwrap();
        ledger.unite(into, from);
        let root = ledger.root(into);
        ledger.people[root].perhaps.insert(mark.to_owned());
    }
}

/// Looks one up, notes what is wrong, decides what was open.
async fn one(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>, at: usize) {
    let person = ledger.lock().unwrap().people[at].clone();
    let found = look(client, org, &person.ids).await.expect("the server answers");
    let mut ledger = ledger.lock().unwrap();
    judge(&person, &found).into_iter().for_each(|(wrong, what)| ledger.fault(wrong, what));
    settle(&mut ledger.people[at], &found);
}

/// Makes a call again, under its key: from now on it is done, once.
async fn repeat(client: &mut Client, org: &Org, ledger: &Mutex<Ledger>, intent: &Intent) {
    let answer = client.call(&intent.call).await.expect("the server answers");
    {
        let mut ledger = ledger.lock().unwrap();
        ledger.figures.repeats += 1;
        match answer.is_done() {
            true => ledger.done(intent, &answer),
            false => ledger.fault(Wrong::Answer, format!("repeated: {intent:?}: {answer:?}")),
        }
    }
    for at in people(intent.deed) {
        let at = ledger.lock().unwrap().root(at);
        one(client, org, ledger, at).await;
    }
}
