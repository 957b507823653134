//! From a bearer token to a caller (contract section 2).
//!
//! A token says what may be done and for which organisations; the header `orgId` says for which of them this call is.
//! The scope goes before the organisation: where the token is not of the organisation it is looked at here, else, as for a
//! key, by whoever lets the caller in, who counts the refusal. An organisation that
//! the token does not list and one that does not exist are refused alike, before anything is looked up of the first.

use super::{Auth, Last, Seen, presented};
use crate::app::App;
use crate::caller::Key;
use crate::problem::{Problem, ServerCode};
use crate::token::{Claims, Refusal, Tokens};
use http::request::Parts;
use onefold_core::id::OrgId;
use onefold_core::org::{KeyId, Scope};
use onefold_core::tables::{RowHash, RowSecret};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Keep the hashes of tokens and of their holders apart from others under the same secret.
const TOKEN: u8 = 25;
const HOLDER: u8 = 26;

impl Auth {
    /// What a token leads to for the organisation that the request names.
    pub(super) async fn bearer(
        &self,
        app: &App,
        parts: &Parts,
        (last, token): (&Last, &str),
        needs: Scope,
    ) -> Result<Seen, Problem> {
        let of_org = |seen: &Seen| seen.known.as_ref().map(|key| key.org.id) == presented::org(parts).ok();
        match last.get(token, true).filter(|seen| self.is_fresh(seen) && of_org(seen)) {
            Some(seen) => Ok(seen),
            None => {
                // Boxed: it must not make every fetch larger.
                let seen = Box::pin(self.judged(app, parts, token, needs)).await?;
                last.set(token, &seen);
                Ok(seen)
            }
        }
    }

    async fn judged(&self, app: &App, parts: &Parts, token: &str, needs: Scope) -> Result<Seen, Problem> {
        let refused = |why| Problem::because(ServerCode::AuthInvalid, why);
        let tokens = app.tokens.as_ref().ok_or_else(|| refused("tokens are not configured"))?;
        let (secret, now) = (app.service.secret(), app.service.clock().now());
        let claims = tokens.check(secret, token, now).await.map_err(|refusal| match refusal {
            Refusal::Invalid(why) => refused(why),
            Refusal::NoKeys => ServerCode::AuthNoKeys.into(),
        })?;
        let has_scope = presented::narrowed(parts, claims.scopes)?.has(needs);
        let refused_org = || Problem::from(if has_scope { ServerCode::AuthOrg } else { ServerCode::AuthScope });
        let org = match presented::org(parts) {
            Ok(org) if claims.orgs.contains(&org) => org,
            Err(problem) if has_scope => return Err(problem),
            _ => return Err(refused_org()),
        };
        let hash = secret.hash(TOKEN, &[token.as_bytes(), &org.get().to_be_bytes()]);
        match self.seen.get(&hash).filter(|seen| self.is_fresh(seen)) {
            Some(seen) => Ok(seen),
            None => self.look_up_org(app, tokens, claims, (org, hash)).await?.ok_or_else(refused_org),
        }
    }

    /// `None` if there is no such organisation.
    async fn look_up_org(
        &self,
        app: &App,
        tokens: &Tokens,
        claims: Claims,
        (org, hash): (OrgId, RowHash),
    ) -> Result<Option<Seen>, Problem> {
        let (read_at, changes) = (Instant::now(), self.changes.load(Ordering::SeqCst));
        let Some(org) = app.service.find_org(org).await? else { return Ok(None) };
        let rules = Arc::new(app.service.rules(org.id).await?);
        let id = holder(app.service.secret(), tokens, &claims, org.id);
        let known = Some(Arc::new(Key {
            id,
            is_token: true,
            rules,
            source: (*claims.source).into(),
            scopes: claims.scopes,
            until: claims.until,
            pace: app.limiter.pace((org.id, org.limits), (id, tokens.settings().rate())),
            heavy: app.meter.is_heavy(org.id),
            org,
        }));
        let seen = Seen { read_at, changes, known };
        self.seen.insert(hash, seen.clone());
        Ok(Some(seen))
    }
}

/// Whether an id stands for somebody who holds tokens, and is no key's.
pub(crate) fn is_holder(id: KeyId) -> bool {
    uuid::Uuid::from_u128(id.as_u128()).get_version_num() == 8
}

/// What stands for whoever holds a token, in limits and in the audit log of an organisation: a UUID of version 8, so that
/// it is no key's, from a keyed hash, so that it tells nothing about them.
fn holder(secret: &RowSecret, tokens: &Tokens, claims: &Claims, org: OrgId) -> KeyId {
    let issuer = tokens.settings().issuer.as_bytes();
    let RowHash(bytes) = secret.hash(HOLDER, &[issuer, claims.subject.as_bytes(), &org.get().to_be_bytes()]);
    KeyId::from_u128(uuid::Builder::from_custom_bytes(bytes).into_uuid().as_u128())
}
