//! Organisations and API keys over a store that stops, loses answers and applies writes late: a key that works is
//! always listed, a revoked one never works again, and a call that failed can be made again.
//!
//! These rules live in `onefold-core`; they are tested here because the stores to test them on are here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use onefold_core::error::{Code, Error};
use onefold_core::id::OrgId;
use onefold_core::limits;
use onefold_core::org::{KeyId, Org, OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::{KeyFacts, KeyPatch, NewKey, PREFIX, ShownKey};
use onefold_core::service::orgs::{NewOrg, OrgPatch};
use onefold_core::time::{Clock, Entropy, Ms};
use onefold_engines::Memory;
use onefold_engines::faulty::{Call, Edge, Fault, FaultPlan, Faulty};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that is set, and dice that count.
#[derive(Default)]
struct World {
    now: AtomicU64,
    dice: AtomicU64,
}

impl Clock for World {
    fn now(&self) -> Ms {
        self.now.load(Ordering::SeqCst)
    }
}

impl Entropy for World {
    fn bits(&self) -> u128 {
        let throw = self.dice.fetch_add(1, Ordering::SeqCst);
        u128::from(throw) << 64 | u128::from(throw.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

struct Bench {
    service: Service,
    store: Faulty,
    memory: Arc<Memory>,
    world: Arc<World>,
}

impl Bench {
    async fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let store = Faulty::new(memory.clone(), 1, FaultPlan::default());
        let world = Arc::new(World::default());
        world.now.store(1_000_000, Ordering::SeqCst);
        let service = Service::open(Arc::new(store.clone()), world.clone(), world.clone()).await.unwrap();
        Self { service, store, memory, world }
    }

    async fn org(&self) -> OrgId {
        self.service.create_org(new_org(None)).await.unwrap().id
    }

    async fn key(&self, org: OrgId) -> ShownKey {
        self.service.create_key(org, new_key("web")).await.unwrap()
    }

    async fn opens(&self, secret: &str) -> Option<KeyFacts> {
        self.service.look_up_key(self.service.secret().api_key(secret)).await.unwrap()
    }

    fn pass(&self, ms: Ms) {
        self.world.now.fetch_add(ms, Ordering::SeqCst);
    }
}

fn new_org(id: Option<u64>) -> NewOrg {
    NewOrg {
        id: id.map(|id| OrgId::new(id).unwrap()),
        name: "Acme".into(),
        regions: vec!["EU".parse().unwrap(), "US".parse().unwrap()],
        limits: OrgLimits::default(),
        write_answer: WriteAnswer::Profile,
    }
}

fn new_key(name: &str) -> NewKey {
    NewKey {
        name: name.into(),
        scopes: Scopes::NONE.with(Scope::ProfileRead).with(Scope::ProfileWrite),
        expires: None,
        rate: None,
    }
}

fn code<T>(result: Result<T, Error>) -> Option<Code> {
    result.err().map(|error| error.code)
}

#[tokio::test]
async fn organisations_get_the_next_number_or_the_chosen_one() {
    let bench = Bench::new().await;
    let mut given = Vec::new();
    for id in [None, None, Some(3), None, Some(900), None] {
        given.push(bench.service.create_org(new_org(id)).await.unwrap().id.get());
    }
    assert_eq!(given, [1, 2, 3, 4, 900, 5]);
    assert_eq!(code(bench.service.create_org(new_org(Some(3))).await), Some(Code::OrgTaken));
}

#[tokio::test]
async fn the_next_number_is_found_in_few_reads() {
    let bench = Bench::new().await;
    for expected in 1..=200 {
        assert_eq!(bench.org().await.get(), expected);
    }
    let before = bench.store.calls();
    bench.org().await;
    assert!(bench.store.calls() - before < 30, "{} calls", bench.store.calls() - before);
}

#[tokio::test]
async fn organisations_are_listed_in_pages_and_changed_in_part() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.org().await;
    }
    let first = bench.service.orgs(None, 2).await.unwrap();
    let ids = |orgs: &[Org]| orgs.iter().map(|org| org.id.get()).collect::<Vec<_>>();
    assert_eq!((ids(&first.items), first.more), (vec![1, 2], true));
    let rest = bench.service.orgs(Some(first.items[1].id), 3).await.unwrap();
    assert_eq!((ids(&rest.items), rest.more), (vec![3, 4, 5], false));

    let patch = OrgPatch { ids_per_fetch: Some(50), name: Some("Other".into()), ..OrgPatch::default() };
    let id = OrgId::new(2).unwrap();
    let after = bench.service.patch_org(id, &patch).await.unwrap();
    assert_eq!((after.name.as_ref(), after.limits.ids_per_fetch, after.limits.per_second), ("Other", 50, 200));
    assert_eq!(bench.service.org(id).await.unwrap(), after);
    let unknown = OrgId::new(77).unwrap();
    assert_eq!(code(bench.service.patch_org(unknown, &patch).await), Some(Code::OrgUnknown));
    assert_eq!(code(bench.service.org(unknown).await), Some(Code::OrgUnknown));
}

#[tokio::test]
async fn a_key_opens_its_organisation_and_is_stored_as_a_hash_alone() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let shown = bench.key(org).await;
    let facts = bench.opens(&shown.secret).await.unwrap();
    assert_eq!((facts.org, facts.key, facts.name.as_ref(), facts.until), (org, shown.key.id, "web", Ms::MAX));
    assert!(facts.scopes.has(Scope::ProfileRead) && !facts.scopes.has(Scope::OrgAdmin));
    assert!(bench.opens("of_nothing").await.is_none());

    let digits = shown.secret.strip_prefix(PREFIX).unwrap();
    assert!(digits.len() >= 27 && digits.bytes().all(|b| b.is_ascii_alphanumeric()), "160 bits in base 62");
    assert_ne!(shown.secret, bench.key(org).await.secret);
    assert!(!format!("{shown:?}").contains(digits), "a secret is not for logs");
    for (_, row) in bench.memory.dump() {
        assert!(!contains(&row.value, &digits.as_bytes()[..8]), "no row holds the secret");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn rotation_leaves_the_old_secret_for_its_overlap() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let old = bench.key(org).await;
    let new = bench.service.rotate_key(org, old.key.id, 5_000).await.unwrap();
    assert_eq!(new.key.id, old.key.id);
    assert_eq!(bench.opens(&old.secret).await.unwrap().until, 1_005_000);
    assert!(bench.opens(&new.secret).await.is_some());
    bench.pass(4_999);
    assert!(bench.opens(&old.secret).await.is_some());
    bench.pass(1);
    assert!(bench.opens(&old.secret).await.is_none());
    assert_eq!(bench.opens(&new.secret).await.unwrap().key, old.key.id);

    let third = bench.service.rotate_key(org, old.key.id, 0).await.unwrap();
    assert!(bench.opens(&new.secret).await.is_none(), "no overlap, no grace");
    assert!(bench.opens(&third.secret).await.is_some());
}

#[tokio::test]
async fn a_later_rotation_never_lengthens_an_earlier_overlap() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let old = bench.key(org).await;
    bench.service.rotate_key(org, old.key.id, 100).await.unwrap();
    bench.service.rotate_key(org, old.key.id, 9_000).await.unwrap();
    bench.pass(100);
    assert!(bench.opens(&old.secret).await.is_none());
}

#[tokio::test]
async fn secrets_that_are_valid_at_once_are_bounded() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let key = bench.key(org).await.key.id;
    for _ in 1..limits::KEY_SECRETS {
        bench.service.rotate_key(org, key, 60_000).await.unwrap();
    }
    let rows = bench.memory.dump().len();
    assert_eq!(code(bench.service.rotate_key(org, key, 60_000).await), Some(Code::TooManySecrets));
    assert_eq!(bench.memory.dump().len(), rows, "a refused rotation leaves no row");
    bench.pass(60_000);
    assert!(bench.service.rotate_key(org, key, 60_000).await.is_ok());
}

#[tokio::test]
async fn a_revoked_or_expired_key_opens_nothing_and_stays_listed() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let revoked = bench.key(org).await;
    let both = bench.service.rotate_key(org, revoked.key.id, 60_000).await.unwrap();
    bench.service.revoke_key(org, revoked.key.id).await.unwrap();
    assert!(bench.opens(&revoked.secret).await.is_none() && bench.opens(&both.secret).await.is_none());
    bench.pass(7);
    bench.service.revoke_key(org, revoked.key.id).await.expect("again is well");

    let brief = NewKey { expires: Some(1_000_100), ..new_key("brief") };
    let brief = bench.service.create_key(org, brief).await.unwrap();
    assert_eq!(bench.opens(&brief.secret).await.unwrap().until, 1_000_100);
    bench.pass(93);
    assert!(bench.opens(&brief.secret).await.is_none());

    for key in [revoked.key.id, brief.key.id] {
        assert_eq!(code(bench.service.rotate_key(org, key, 0).await), Some(Code::KeyEnded));
        assert_eq!(code(bench.service.patch_key(org, key, &KeyPatch::default()).await), Some(Code::KeyEnded));
    }
    let listed = bench.service.keys(org, None, 10).await.unwrap().items;
    assert_eq!(listed.iter().map(|key| key.id).collect::<Vec<_>>(), [revoked.key.id, brief.key.id]);
    assert_eq!(listed[0].revoked, Some(1_000_000), "the first revocation counts");
}

#[tokio::test]
async fn keys_of_another_organisation_are_unknown() {
    let bench = Bench::new().await;
    let (mine, other) = (bench.org().await, bench.org().await);
    let key = bench.key(mine).await.key.id;
    assert_eq!(code(bench.service.revoke_key(other, key).await), Some(Code::KeyUnknown));
    assert_eq!(code(bench.service.rotate_key(other, key, 0).await), Some(Code::KeyUnknown));
    assert_eq!(code(bench.service.patch_key(other, key, &KeyPatch::default()).await), Some(Code::KeyUnknown));
    assert!(bench.service.keys(other, None, 10).await.unwrap().items.is_empty());
    let nobody = OrgId::new(99).unwrap();
    assert_eq!(code(bench.service.create_key(nobody, new_key("x")).await), Some(Code::OrgUnknown));
    assert_eq!(code(bench.service.revoke_key(mine, KeyId::from_u128(1)).await), Some(Code::KeyUnknown));
}

#[tokio::test]
async fn an_organisation_has_at_most_a_thousand_keys_in_force() {
    let bench = Bench::new().await;
    let org = bench.org().await;
    let first = bench.key(org).await.key.id;
    for _ in 1..limits::ORG_KEYS {
        bench.pass(1);
        bench.key(org).await;
    }
    assert_eq!(code(bench.service.create_key(org, new_key("x")).await), Some(Code::TooManyKeys));
    bench.service.revoke_key(org, first).await.unwrap();
    assert!(bench.service.create_key(org, new_key("x")).await.is_ok());
}

/// What must hold whenever everything has stopped: what works is listed and not revoked.
async fn check(bench: &Bench, org: OrgId, secrets: &[String]) {
    let listed = bench.service.keys(org, None, 100).await.unwrap().items;
    for secret in secrets {
        let Some(facts) = bench.opens(secret).await else {
            continue;
        };
        let key = listed.iter().find(|key| key.id == facts.key).expect("what works is listed");
        assert_eq!(key.revoked, None, "what is revoked does not work");
    }
}

/// Stops each operation before and after every call of the store, looks, and does it again.
#[tokio::test]
async fn stopping_anywhere_leaves_only_listed_keys_and_a_second_try_succeeds() {
    for edge in [Edge::Before, Edge::After] {
        for at in 0..12 {
            let bench = Bench::new().await;
            let org = bench.org().await;
            let old = bench.key(org).await;
            let mut secrets = vec![old.secret.clone()];
            let service = &bench.service;

            bench.store.stop_at(at, edge);
            let created = service.create_key(org, new_key("new")).await;
            bench.store.resume();
            check(&bench, org, &secrets).await;
            let created = match created {
                Ok(shown) => shown,
                Err(_) => bench.key(org).await,
            };
            secrets.push(created.secret.clone());

            bench.store.stop_at(at, edge);
            let rotated = service.rotate_key(org, old.key.id, 1_000).await;
            bench.store.resume();
            secrets.extend(rotated.into_iter().map(|shown| shown.secret));
            assert!(bench.opens(&old.secret).await.is_some(), "the old secret stays through its overlap");
            check(&bench, org, &secrets).await;

            bench.store.stop_at(at, edge);
            let revoked = service.revoke_key(org, old.key.id).await;
            bench.store.resume();
            check(&bench, org, &secrets).await;
            if revoked.is_err() {
                service.revoke_key(org, old.key.id).await.unwrap();
            }
            assert!(bench.opens(&old.secret).await.is_none());
            assert!(bench.opens(&created.secret).await.is_some());
        }
    }
}

/// Every write does not answer at first: some are lost, some done, some come late. What is answered must still hold.
#[tokio::test]
async fn lost_answers_neither_double_nor_undo_anything() {
    for fault in [Fault::LoseAnswer, Fault::Forget, Fault::Late] {
        let bench = Bench::new().await;
        let mut turn = 0;
        bench.store.choose_by(move |call: &Call<'_>| {
            turn += u32::from(call.kind.changes());
            if call.kind.changes() && turn % 2 == 1 { fault } else { Fault::None }
        });
        let org = bench.org().await;
        let (first, second) = (bench.key(org).await, bench.key(org).await);
        let rotated = bench.service.rotate_key(org, first.key.id, 0).await.unwrap();
        bench.service.revoke_key(org, second.key.id).await.unwrap();
        bench.store.settle_limbo().await.unwrap();

        assert_eq!(bench.service.orgs(None, 10).await.unwrap().items.len(), 1, "{fault:?}");
        assert_eq!(bench.service.keys(org, None, 10).await.unwrap().items.len(), 2, "{fault:?}");
        assert!(bench.opens(&rotated.secret).await.is_some(), "{fault:?}");
        assert!(bench.opens(&first.secret).await.is_none() && bench.opens(&second.secret).await.is_none(), "{fault:?}");
    }
}
