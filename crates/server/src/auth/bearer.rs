//! From a bearer token to a caller (contract section 2).
//!
//! A token says what may be done and for which organisations; the header `orgId` says for which of them this call is.
//! The scope is checked first, as for a key. An organisation that the token does not list and one that does not exist
//! are refused alike, before anything is looked up of the first.

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
        if !presented::narrowed(parts, claims.scopes)?.has(needs) {
            return Err(ServerCode::AuthScope.into());
        }
        let org = presented::org(parts)?;
        if !claims.orgs.contains(&org) {
            return Err(ServerCode::AuthOrg.into());
        }
        let hash = secret.hash(TOKEN, &[token.as_bytes(), &org.get().to_be_bytes()]);
        match self.seen.get(&hash).filter(|seen| self.is_fresh(seen)) {
            Some(seen) => Ok(seen),
            None => self.look_up_org(app, tokens, claims, (org, hash)).await,
        }
    }

    async fn look_up_org(
        &self,
        app: &App,
        tokens: &Tokens,
        claims: Claims,
        (org, hash): (OrgId, RowHash),
    ) -> Result<Seen, Problem> {
        let (read_at, changes) = (Instant::now(), self.changes.load(Ordering::SeqCst));
        let org = app.service.find_org(org).await?.ok_or(ServerCode::AuthOrg)?;
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
        Ok(seen)
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
