//! Finding out who calls (contract section 2): what a request presents, what that opens, and a cache of it.
//!
//! What a caller may then do is `caller.rs`. The cache holds hits and misses for at most a second, counted from before
//! the read, so that a key which is revoked on any node stops within a second on this one; what is changed on this node
//! shows at once. When the store cannot be reached its entries run out into 503, never into acceptance.
//!
//! Nothing here compares secrets byte by byte: a presented key is hashed with the deployment's secret, and what is
//! looked up is the hash, of which a caller can neither choose nor learn a byte. The root key's hash is compared in
//! constant time all the same.

mod presented;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, ServerCode};
use axum::extract::FromRequestParts;
use http::request::Parts;
use onefold_core::error::Error;
use onefold_core::id::OrgId;
use onefold_core::limits;
use onefold_core::org::{Scope, Scopes};
use onefold_core::service::Service;
use onefold_core::tables::RowHash;
use onefold_core::time::Ms;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// For how long what was read may be used, counted from before the read (contract section 2: one second). The rest of
/// the second is for the request that is just being answered.
const AGE: Duration = Duration::from_millis(limits::KEY_AGE_MS * 9 / 10);

/// Who calls a route of profiles: 401 without a valid key, 403 with the root key, which opens `/admin` alone.
pub async fn authenticate(app: &App, parts: &Parts) -> Result<Caller, Problem> {
    match app.auth.who(&app.service, parts).await? {
        Who::Caller(caller) => Ok(caller),
        Who::Root => Err(ServerCode::AuthScope.into()),
    }
}

/// Who calls a route of administration: 401 without a valid key, 403 without `org.admin`.
pub async fn administrator(app: &App, parts: &Parts) -> Result<Administrator, Problem> {
    match app.auth.who(&app.service, parts).await? {
        Who::Root => Ok(Administrator::Root),
        Who::Caller(caller) => {
            caller.check_scope(Scope::OrgAdmin)?;
            Ok(Administrator::Of(caller.org.id))
        }
    }
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
    root: RowHash,
    seen: quick_cache::sync::Cache<RowHash, Seen>,
    /// Counts what this node changed of keys and organisations: what was read before the last change no longer counts.
    changes: AtomicU64,
}

/// What a key's hash led to.
#[derive(Clone)]
struct Seen {
    read_at: Instant,
    changes: u64,
    known: Option<Arc<Known>>,
}

/// A caller with all that the key grants, and when that ends.
struct Known {
    caller: Caller,
    until: Ms,
}

impl Auth {
    /// With this root key.
    pub fn new(service: &Service, root_key: &str) -> Self {
        Self {
            root: service.secret().api_key(root_key),
            seen: quick_cache::sync::Cache::new(crate::limits::KEYS_SEEN),
            changes: AtomicU64::new(0),
        }
    }

    /// To be called after every change of a key or an organisation, whether it is known to have happened or not.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    async fn who(&self, service: &Service, parts: &Parts) -> Result<Who, Problem> {
        let key = presented::key(parts)?;
        if key.len() > limits::API_KEY_BYTES {
            return Err(ServerCode::AuthInvalid.into());
        }
        let hash = service.secret().api_key(&key);
        let known = match self.fresh(hash) {
            Some(known) => known,
            None if bool::from(hash.0.ct_eq(&self.root.0)) => return root(parts),
            None => self.look_up(service, hash).await?,
        };
        let known = known.filter(|known| service.clock().now() < known.until);
        let Known { caller, .. } = known.as_deref().ok_or(ServerCode::AuthInvalid)?;
        let scopes = presented::narrowed(parts, caller.scopes)?;
        Ok(Who::Caller(Caller { scopes, ..caller.clone() }))
    }

    /// What the cache knows, if it is young enough. The outer `None` says that it has to be looked up.
    fn fresh(&self, hash: RowHash) -> Option<Option<Arc<Known>>> {
        let seen = self.seen.get(&hash)?;
        let fresh = seen.read_at.elapsed() < AGE && seen.changes == self.changes.load(Ordering::SeqCst);
        fresh.then_some(seen.known)
    }

    async fn look_up(&self, service: &Service, hash: RowHash) -> Result<Option<Arc<Known>>, Problem> {
        let (read_at, changes) = (Instant::now(), self.changes.load(Ordering::SeqCst));
        let known = known(service, hash).await?.map(Arc::new);
        let seen = Seen { read_at, changes, known: known.clone() };
        self.seen.insert(hash, seen);
        Ok(known)
    }
}

/// What a key opens, as it stands in the store.
async fn known(service: &Service, hash: RowHash) -> Result<Option<Known>, Error> {
    let Some(facts) = service.look_up_key(hash).await? else { return Ok(None) };
    let org = service.find_org(facts.org).await?;
    let rules = Arc::new(service.rules(facts.org).await?);
    Ok(org.map(|org| Known {
        caller: Caller { org: Arc::new(org), rules, source: facts.name.into(), scopes: facts.scopes },
        until: facts.until,
    }))
}

/// The root key has no scopes, so there is nothing to narrow; a header that is malformed is refused as from anyone.
fn root(parts: &Parts) -> Result<Who, Problem> {
    presented::narrowed(parts, Scopes::NONE)?;
    Ok(Who::Root)
}
