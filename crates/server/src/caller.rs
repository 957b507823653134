//! Who calls, and what they may do. A handler names the permission that it needs in its signature: [`Reader`],
//! [`Writer`], [`Deleter`] and so on. Finding out who calls is `auth.rs`.

use crate::app::App;
use crate::audit;
use crate::auth::{self, Last};
use crate::limit::Pace;
use crate::note::Note;
use crate::problem::{Problem, ServerCode};
use axum::extract::FromRequestParts;
use http::request::Parts;
use onefold_core::id::OrgId;
use onefold_core::org::{KeyId, Org, Scope, Scopes};
use onefold_core::rules::Rules;
use onefold_core::service::Tenant;
use onefold_core::service::audit::Who;
use onefold_core::time::Ms;
use onefold_core::value::Source;
use std::sync::Arc;

/// What a valid key or token stands for, as it was at most a second ago. Shared by the requests of one connection.
#[derive(Clone, Debug)]
pub struct Key {
    /// The organisation.
    pub org: Org,
    /// Its id; of a token, what stands for its holder in this organisation.
    pub id: KeyId,
    /// Whether it is a bearer token.
    pub is_token: bool,
    /// The definitions by which its records are resolved.
    pub rules: Arc<Rules>,
    /// Its name: the default `source` of what it writes.
    pub source: Source,
    /// What it grants.
    pub scopes: Scopes,
    /// From when on it is no longer valid.
    pub until: Ms,
    /// How much it may call.
    pub pace: Pace,
    /// Whether the answers to its organisation's fetches are larger than they should be.
    pub heavy: bool,
}

impl Key {
    /// Its holder, as the audit log names them.
    pub fn who(&self) -> Who {
        if self.is_token { Who::Token(self.id) } else { Who::Key(self.id) }
    }
}

/// A caller with valid credentials of one organisation.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the credentials stand for.
    pub key: Arc<Key>,
    /// What the key grants, narrowed by the request's header `scopes`.
    pub scopes: Scopes,
}

impl Caller {
    /// The organisation.
    pub fn org(&self) -> &Org {
        &self.key.org
    }

    /// The caller's organisation, as the way to its profiles. The body may not name another: see [`Caller::check_org`].
    pub fn tenant<'a>(&self, app: &'a App) -> Tenant<'a> {
        app.service.tenant(self.key.org.id, self.key.rules.clone())
    }

    /// 403 `auth.org` unless the body names the caller's own organisation. The last check of all, so that no answer
    /// tells whether another organisation exists (contract section 2).
    pub fn check_org(&self, org: OrgId) -> Result<(), Problem> {
        if org == self.key.org.id { Ok(()) } else { Err(ServerCode::AuthOrg.into()) }
    }

    /// Takes one call from what the caller may make, and writes down who it was: 403 `auth.scope` unless the caller has
    /// the scope, 429 if there is no call left. Before the body (contract section 2).
    pub fn admit(&self, app: &App, note: &Note, scope: Scope) -> Result<(), Problem> {
        if let Err(problem) = self.check_scope(scope) {
            note.known(&self.key, None);
            return Err(problem);
        }
        let standing = self.key.pace.take(app.limiter.at(note.began()));
        note.known(&self.key, standing);
        standing.and_then(|standing| standing.refused()).map_or(Ok(()), |code| Err(code.into()))
    }

    /// 403 `auth.scope` unless the caller has this scope.
    fn check_scope(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.has(scope) { Ok(()) } else { Err(ServerCode::AuthScope.into()) }
    }
}

/// A caller who has the scope with this number. 401 and 403 come from here, before the body is looked at.
#[derive(Clone, Debug)]
pub struct Allowed<const SCOPE: u8>(pub Caller);

/// May fetch profiles.
pub type Reader = Allowed<{ Scope::ProfileRead as u8 }>;
/// May write profiles.
pub type Writer = Allowed<{ Scope::ProfileWrite as u8 }>;
/// May delete profiles.
pub type Deleter = Allowed<{ Scope::ProfileDelete as u8 }>;
/// May send events.
pub type Sender = Allowed<{ Scope::EventsWrite as u8 }>;
/// May administer the organisation.
pub type OrgAdmin = Allowed<{ Scope::OrgAdmin as u8 }>;

impl<const SCOPE: u8> Allowed<SCOPE> {
    /// The caller of a request on a connection of which it is known which key it presented last.
    pub async fn on(last: &Last, parts: &Parts, (app, note): (&App, &Note)) -> Result<Self, Problem> {
        let Some(scope) = Scope::ALL.into_iter().find(|scope| *scope as u8 == SCOPE) else {
            return Err(Problem::fault("a route asks for a scope that does not exist"));
        };
        let caller = auth::authenticate(app, parts, (last, note), scope).await?;
        caller.admit(app, note, scope)?;
        Ok(Self(caller))
    }
}

impl<const SCOPE: u8> FromRequestParts<Arc<App>> for Allowed<SCOPE> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let allowed = Self::on(&Last::of(parts), parts, (app, &Note::of(parts))).await?;
        let key = &allowed.0.key;
        audit::begin(app, parts, key.who(), Some(key.org.id)).await?;
        Ok(allowed)
    }
}
