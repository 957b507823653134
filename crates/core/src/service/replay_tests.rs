//! A store that is put back to an older state and told what was deleted since; and deletes that are not written down.

use super::Service;
use super::erase::{Delete, Deleted};
use super::fetch::Sought;
use super::replay::Again;
use super::testing::{World, ready, record, region};
use crate::error::{Code, Error};
use crate::gone::{DeletionLog, Gone};
use crate::limits;
use crate::store::StoreError;
use async_trait::async_trait;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A log on paper.
#[derive(Default)]
struct Paper {
    lines: Mutex<Vec<Gone>>,
    full: AtomicBool,
}

#[async_trait]
impl DeletionLog for Paper {
    async fn append(&self, gone: Gone) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the paper is full".into()));
        }
        self.lines.lock().unwrap().push(gone);
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<Gone> {
        self.lines.lock().unwrap().clone()
    }
}

fn noting(world: World) -> (World, Arc<Paper>) {
    let paper = Arc::new(Paper::default());
    let service: Service = world.service.clone().with_deletion_log(paper.clone());
    (World { service, ..world }, paper)
}

impl World {
    fn deletes(&self, identifier: &str) -> Result<Deleted, Error> {
        self.watch.advance(10);
        let sought = vec![Sought::Identifier(record(&[identifier]).identifiers.remove(0))];
        ready(self.tenant().delete(&Delete { region: region(), sought, idempotency: None, suppress: false }))
    }

    fn finds(&self, identifier: &str) -> bool {
        let (kind, value) = identifier.split_once('=').unwrap();
        self.fetch(kind, value) != json!([])
    }

    fn told(&self, lines: &[Gone]) -> Again {
        let mut all = Again::default();
        for gone in lines {
            let again = ready(self.service.delete_again(gone)).unwrap();
            all.people += again.people;
            all.with_them += again.with_them;
        }
        all
    }
}

#[test]
fn who_was_put_together_and_deleted_since_is_gone_in_all_parts() {
    for backwards in [false, true] {
        let (world, paper) = noting(World::literal());
        world.upsert(&record(&["email=a", "ga=1"])).unwrap();
        world.upsert(&record(&["email=b", "ga=2"])).unwrap();
        world.upsert(&record(&["email=other"])).unwrap();
        let before = world.store.rows();
        world.upsert(&record(&["email=a", "email2=b2", "ga=2"])).unwrap();
        assert_eq!(world.deletes("ga=1").unwrap().deleted.len(), 1);
        world.store.put_back(before);
        assert!(world.finds("email=a") && world.finds("email=b"));

        let mut lines = paper.lines();
        if backwards {
            lines.reverse();
        }
        assert_eq!(world.told(&lines), Again { people: 2, with_them: 0 });
        for gone in ["email=a", "ga=1", "email=b", "ga=2", "email2=b2"] {
            assert!(!world.finds(gone), "{gone}");
            let late = crate::service::upsert::Write { timestamp: Some(super::testing::START), ..record(&[gone]) };
            assert_eq!(world.upsert(&late).map(drop).map_err(|error| error.code), Err(Code::Erased), "{gone}");
        }
        assert!(world.finds("email=other"));
        assert_eq!(world.told(&lines), Again::default(), "once more it finds nobody");
        world.watch.advance(limits::TICKET_MS);
        assert_eq!(ready(world.service.sweep()).unwrap().failed, 0);
        world.upsert(&record(&["email=a"])).unwrap();
        assert_eq!(world.told(&lines), Again::default(), "nor whoever is new under their name");
        assert!(world.finds("email=a"));
    }
}

#[test]
fn what_was_deleted_before_is_left_as_it_is() {
    let (world, paper) = noting(World::new());
    world.upsert(&record(&["email=a"])).unwrap();
    world.deletes("email=a").unwrap();
    world.upsert(&record(&["email=a"])).unwrap();
    let before = world.store.rows();
    assert_eq!(world.told(&paper.lines()), Again::default());
    assert_eq!(world.store.rows(), before);
}

#[test]
fn who_was_split_off_since_stays_whichever_of_the_two_was_deleted() {
    for (goes, stays) in [("email=b", "email=a"), ("email=a", "email=b")] {
        let (world, paper) = noting(World::literal());
        let older = world.upsert(&record(&["email=a"])).unwrap().ucid;
        let younger = world.upsert(&record(&["email=b"])).unwrap().ucid;
        world.upsert(&record(&["email=a", "ga=1"])).unwrap();
        world.upsert(&record(&["email=b", "ga=1"])).unwrap();
        let before = world.store.rows();
        assert_eq!(world.fetch("email", "a"), world.fetch("email", "b"), "one person");
        ready(world.tenant().split(region(), older, younger)).unwrap();
        assert_eq!(world.deletes(goes).unwrap().deleted.len(), 1);
        assert!(world.finds(stays));
        world.store.put_back(before);
        assert_eq!(world.told(&paper.lines()), Again { people: 1, with_them: 0 });
        assert!(!world.finds(goes) && world.finds(stays), "{goes}");
        assert_eq!(world.told(&paper.lines()), Again::default());
    }
}

#[test]
fn a_delete_that_cannot_be_written_down_is_not_acknowledged() {
    let (world, paper) = noting(World::new());
    world.upsert(&record(&["email=a"])).unwrap();
    paper.full.store(true, Ordering::Relaxed);
    assert_eq!(world.deletes("email=a").unwrap_err().code, Code::StoreUnknown);
    assert!(!world.finds("email=a"), "it is done, though");
    assert_ne!(world.deletes("email=a").map(drop).map_err(|error| error.code), Err(Code::AlreadyDeleted));
    assert_eq!(paper.lines(), []);
    paper.full.store(false, Ordering::Relaxed);
    assert_eq!(world.deletes("email=a").unwrap_err().code, Code::AlreadyDeleted);
    assert!(matches!(paper.lines().as_slice(), [Gone::Person(_)]));
}

#[test]
fn what_a_dead_process_did_not_write_down_the_sweeper_does() {
    let (world, paper) = noting(World::new());
    world.upsert(&record(&["email=a"])).unwrap();
    paper.full.store(true, Ordering::Relaxed);
    world.deletes("email=a").unwrap_err();
    world.watch.advance(limits::TICKET_MS);
    assert_eq!(ready(world.service.sweep()).unwrap().failed, 1);
    paper.full.store(false, Ordering::Relaxed);
    assert_eq!(ready(world.service.sweep()).unwrap().failed, 0);
    assert!(matches!(paper.lines().as_slice(), [Gone::Person(_)]));
}
