//! Finding out who calls (contract section 2): what a request presents, what that opens, and a cache of it.
//!
//! What a caller may then do is `caller.rs`. The cache holds hits and misses for at most a second, counted from before
//! the read, so that a key which is revoked on any node stops within a second on this one; what is changed on this node
//! shows at once. When the store cannot be reached its entries run out into 503, never into acceptance.
//!
//! A presented key is hashed with the deployment's secret, and what is looked up is the hash, of which a caller can
//! neither choose nor learn a byte. The root key's hash is compared in constant time all the same, and so is a key with
//! the one that its connection presented last ([`Last`]), the only place where keys themselves are compared.
//!
//! A bearer token takes the same ways once it is judged (`bearer.rs`): what stands for a key then stands for a token and
//! the organisation that it is used for.

mod bearer;
mod presented;

pub(crate) use bearer::is_holder;

use crate::app::App;
use crate::audit;
use crate::caller::{Caller, Key};
use crate::note::Note;
use crate::problem::{Problem, ServerCode};
use crate::tls::Peer;
use axum::extract::FromRequestParts;
use http::request::Parts;
use onefold_core::error::Error;
use onefold_core::id::OrgId;
use onefold_core::limits;
use onefold_core::org::{Scope, Scopes};
use onefold_core::service::Service;
use onefold_core::service::audit::Who as Actor;
use onefold_core::tables::RowHash;
use onefold_core::time::Ms;
use presented::Presented;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// For how long what was read may be used, counted from before the read (contract section 2: one second). The rest of
/// the second is for the request that is just being answered.
pub(crate) const AGE: Duration = Duration::from_millis(limits::KEY_AGE_MS * 9 / 10);

/// Who calls a route of profiles that needs this scope: 401 without valid credentials, 403 with the root key, which opens
/// `/admin` alone. Whether they have the scope is for the caller to check, but for a token of no organisation that the call
/// names, which gets no further without it. Who is refused because of their certificate is in the note.
pub async fn authenticate(
    app: &App,
    parts: &Parts,
    (last, note): (&Last, &Note),
    needs: Scope,
) -> Result<Caller, Problem> {
    match app.auth.who(app, parts, last, needs).await? {
        Who::Caller(caller) => {
            last.check_caller(app, &caller, note).await?;
            Ok(caller)
        }
        Who::Root => Err(ServerCode::AuthScope.into()),
    }
}

/// Who calls a route of administration: 401 without a valid key, 403 without `org.admin`.
pub async fn administrator(app: &App, parts: &Parts) -> Result<Administrator, Problem> {
    let last = Last::of(parts);
    match app.auth.who(app, parts, &last, Scope::OrgAdmin).await? {
        Who::Root => {
            last.check_certificate(app, None).await?;
            audit::begin(app, parts, Actor::Root, None).await?;
            Ok(Administrator::Root)
        }
        Who::Caller(caller) => {
            let note = Note::of(parts);
            last.check_caller(app, &caller, &note).await?;
            caller.admit(app, &note, Scope::OrgAdmin)?;
            audit::begin(app, parts, caller.key.who(), Some(caller.org().id)).await?;
            Ok(Administrator::Of(caller.org().id))
        }
    }
}

/// The key that a connection presented last and what it led to, so that a client which keeps its connection is known by
/// a glance. Good for as long as an entry of the cache is, of which it holds a copy. And the certificate that the
/// connection was opened with, if its listener asks for one.
#[derive(Default)]
pub struct Last {
    key: Mutex<Option<(Box<str>, Seen)>>,
    peer: Option<Arc<Peer>>,
}

impl Last {
    /// Of a connection that begins, whose client showed this certificate.
    pub fn with(peer: Option<Arc<Peer>>) -> Self {
        Self { peer, ..Self::default() }
    }

    /// Of a request that came through the router: no key yet, and the certificate that the front noted.
    pub fn of(parts: &Parts) -> Self {
        Self::with(parts.extensions.get::<Arc<Peer>>().cloned())
    }

    /// The certificate that the connection was opened with.
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.peer.as_ref()
    }

    async fn check_certificate(&self, app: &App, caller: Option<OrgId>) -> Result<(), Problem> {
        match &self.peer {
            None => Ok(()),
            // Boxed: it must not make every fetch larger.
            Some(peer) => Box::pin(peer.check(app, caller)).await,
        }
    }

    async fn check_caller(&self, app: &App, caller: &Caller, note: &Note) -> Result<(), Problem> {
        let checked = self.check_certificate(app, Some(caller.org().id)).await;
        if checked.is_err() {
            note.known(&caller.key, None);
        }
        checked
    }

    fn get(&self, key: &str, is_token: bool) -> Option<Seen> {
        let last = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let (presented, seen) = last.as_ref()?;
        let fits = same(presented.as_bytes(), key.as_bytes()) && seen.is_of_token() == is_token;
        fits.then(|| seen.clone())
    }

    /// Keeps a copy: what all connections count the holders of, all processors wait for.
    fn set(&self, key: &str, seen: &Seen) {
        let seen = Seen { known: seen.known.as_deref().cloned().map(Arc::new), ..*seen };
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.into(), seen));
    }
}

/// Whether two keys are the same, in a time that depends on their lengths alone; eight bytes at a time, since this is
/// asked at every fetch.
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_end), (other, other_end)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let words = one.iter().zip(other).map(|(one, other)| u64::from_le_bytes(*one).ct_eq(&u64::from_le_bytes(*other)));
    one.len() == other.len() && bool::from(words.fold(one_end.ct_eq(other_end), |same, word| same & word))
}

/// A caller who may administer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrator {
    /// Everything: the holder of the root key.
    Root,
    /// One organisation: a key with `org.admin`.
    Of(OrgId),
}

impl Administrator {
    /// 403 unless this is the root key.
    pub fn check_root(self) -> Result<(), Problem> {
        match self {
            Administrator::Root => Ok(()),
            Administrator::Of(_) => Err(ServerCode::AuthScope.into()),
        }
    }

    /// 403 unless this organisation may be administered. It is the same whether there is such an organisation or not.
    pub fn check_org(self, org: OrgId) -> Result<(), Problem> {
        match self {
            Administrator::Of(own) if own != org => Err(ServerCode::AuthOrg.into()),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        administrator(app, parts).await
    }
}

enum Who {
    Root,
    Caller(Caller),
}

/// The root key's hash, and what was looked up of late.
pub struct Auth {
    root: Mutex<RowHash>,
    seen: quick_cache::sync::Cache<RowHash, Seen>,
    /// Counts what this node changed of keys and organisations: what was read before the last change no longer counts.
    changes: AtomicU64,
}

/// What a key's hash led to.
#[derive(Clone)]
struct Seen {
    read_at: Instant,
    changes: u64,
    known: Option<Arc<Key>>,
}

impl Seen {
    fn is_of_token(&self) -> bool {
        self.known.as_ref().is_some_and(|key| key.is_token)
    }
}

impl Auth {
    /// With this root key.
    pub fn new(service: &Service, root_key: &str) -> Self {
        Self {
            root: Mutex::new(service.secret().api_key(root_key)),
            seen: quick_cache::sync::Cache::new(crate::limits::KEYS_SEEN),
            changes: AtomicU64::new(0),
        }
    }

    /// From now on this root key opens `/admin`, and the one before no longer does.
    pub fn replace_root(&self, service: &Service, root_key: &str) {
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = service.secret().api_key(root_key);
    }

    fn is_root(&self, hash: RowHash) -> bool {
        let root = *self.root.lock().unwrap_or_else(PoisonError::into_inner);
        hash.0.ct_eq(&root.0).into()
    }

    /// To be called after every change of a key or an organisation, whether it is known to have happened or not.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// How often that was, so that what was read before a change can be told.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    async fn who(&self, app: &App, parts: &Parts, last: &Last, needs: Scope) -> Result<Who, Problem> {
        let service = &app.service;
        let seen = match presented::of(parts)? {
            Presented::Key(presented) => match last.get(&presented, false).filter(|seen| self.is_fresh(seen)) {
                Some(seen) => seen,
                None => match self.seen(app, &presented).await? {
                    None => return root(parts),
                    Some(seen) => {
                        last.set(&presented, &seen);
                        seen
                    }
                },
            },
            Presented::Token(token) => self.bearer(app, parts, (last, token), needs).await?,
        };
        let in_force = |key: &Arc<Key>| key.until == Ms::MAX || service.clock().now() < key.until;
        let key = seen.known.filter(in_force).ok_or(ServerCode::AuthInvalid)?;
        let scopes = presented::narrowed(parts, key.scopes)?;
        Ok(Who::Caller(Caller { key, scopes }))
    }

    /// What a key leads to, by the cache or by the store. `None` is the root key.
    async fn seen(&self, app: &App, presented: &str) -> Result<Option<Seen>, Problem> {
        if presented.len() > limits::API_KEY_BYTES {
            return Err(ServerCode::AuthInvalid.into());
        }
        let hash = app.service.secret().api_key(presented);
        match self.seen.get(&hash).filter(|seen| self.is_fresh(seen)) {
            Some(seen) => Ok(Some(seen)),
            None if self.is_root(hash) => Ok(None),
            None => self.look_up(app, hash).await.map(Some),
        }
    }

    /// Whether what was read may still be used.
    fn is_fresh(&self, seen: &Seen) -> bool {
        seen.read_at.elapsed() < AGE && seen.changes == self.changes.load(Ordering::SeqCst)
    }

    async fn look_up(&self, app: &App, hash: RowHash) -> Result<Seen, Problem> {
        let (read_at, changes) = (Instant::now(), self.changes.load(Ordering::SeqCst));
        let known = known(app, hash).await?.map(Arc::new);
        let seen = Seen { read_at, changes, known };
        self.seen.insert(hash, seen.clone());
        Ok(seen)
    }
}

/// What a key opens, as it stands in the store.
async fn known(app: &App, hash: RowHash) -> Result<Option<Key>, Error> {
    let service = &app.service;
    let Some(facts) = service.look_up_key(hash).await? else { return Ok(None) };
    let org = service.find_org(facts.org).await?;
    let rules = Arc::new(service.rules(facts.org).await?);
    Ok(org.map(|org| Key {
        id: facts.key,
        rules,
        is_token: false,
        source: facts.name.into(),
        scopes: facts.scopes,
        until: facts.until,
        pace: app.limiter.pace((org.id, org.limits), (facts.key, facts.rate)),
        heavy: app.meter.is_heavy(org.id),
        org,
    }))
}

/// The root key has no scopes, so there is nothing to narrow; a header that is malformed is refused as from anyone.
fn root(parts: &Parts) -> Result<Who, Problem> {
    presented::narrowed(parts, Scopes::NONE)?;
    Ok(Who::Root)
}
