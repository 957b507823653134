//! API keys: make, list, change, rotate, revoke, look up (contract section 2).
//!
//! Two kinds of row. `OrgKey` is the key as its organisation lists it, and the truth: which hashes open it, until when,
//! whether it is revoked. `ApiKey` only leads from a secret's hash to that row. So a key that works is always listed,
//! and revoking is one write, whatever dies in between. The row that leads is written first: alone it opens nothing, so
//! a call that stops there has done nothing.

use super::Service;
use super::orgs::Page;
use crate::error::{Code, Error};
use crate::id::OrgId;
use crate::limits;
use crate::org::{ApiKey, KeyId, KeyRate, KeySecret, OrgKey, Scopes};
use crate::tables::{self, RowHash, Sort};
use crate::time::Ms;

/// What every key begins with, so that people and scanners recognise one.
pub const PREFIX: &str = "of_";

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits that hold 128 bits.
const DIGITS: usize = 22;

/// What a new key shall be. Whoever fills it in has checked the bounds that [`OrgKey`] names.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: Box<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// From when on it no longer works.
    pub expires: Option<Ms>,
    /// How much it may call.
    pub rate: Option<KeyRate>,
}

/// What shall change of a key; the rest stays. Whoever fills it in has checked the bounds that [`OrgKey`] names.
#[derive(Clone, Debug, Default)]
pub struct KeyPatch {
    /// Another name.
    pub name: Option<Box<str>>,
    /// Another limit of how much it may call; `Some(None)`: none.
    pub rate: Option<Option<RatePatch>>,
}

/// What shall change of how much a key may call; the rest stays. 0 means no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct RatePatch {
    /// Requests a second.
    pub per_second: Option<u32>,
    /// Requests a minute.
    pub per_minute: Option<u32>,
}

impl RatePatch {
    /// What it then is, where it was this.
    pub fn over(self, before: Option<KeyRate>) -> KeyRate {
        let before = before.unwrap_or(KeyRate { per_second: 0, per_minute: 0 });
        KeyRate {
            per_second: self.per_second.unwrap_or(before.per_second),
            per_minute: self.per_minute.unwrap_or(before.per_minute),
        }
    }
}

/// A key with its secret: the only time that the secret is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// What the caller sends.
    pub secret: String,
    /// What is stored.
    pub key: OrgKey,
}

/// What a secret opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The organisation.
    pub org: OrgId,
    /// The key in it.
    pub key: KeyId,
    /// The key's name.
    pub name: Box<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// How much it may call.
    pub rate: Option<KeyRate>,
    /// From when on it is no longer so, were nothing to change; [`Ms::MAX`] if nothing ends it.
    pub until: Ms,
}

/// Writes 256 random bits as a secret.
fn secret_of(bits: [u128; 2]) -> String {
    let mut secret = String::with_capacity(PREFIX.len() + 2 * DIGITS);
    secret.push_str(PREFIX);
    for mut half in bits {
        for _ in 0..DIGITS {
            secret.push(char::from(BASE62[(half % 62) as usize]));
            half /= 62;
        }
    }
    secret
}

impl Service {
    /// Makes a key. [`Code::OrgUnknown`], or [`Code::TooManyKeys`] where [`limits::ORG_KEYS`] are in force.
    pub async fn create_key(&self, org: OrgId, new: NewKey) -> Result<ShownKey, Error> {
        self.org(org).await?;
        self.room_for_a_key(org).await?;
        let created = self.clock.now();
        let id = KeyId::new(created, self.entropy.bits());
        let (secret, hash) = self.new_secret(org, id).await?;
        let key = OrgKey {
            id,
            name: new.name,
            scopes: new.scopes,
            expires: new.expires,
            rate: new.rate,
            created,
            rotated: None,
            revoked: None,
            secrets: vec![KeySecret { hash, until: None }],
        };
        self.list_key(org, &key).await?;
        Ok(ShownKey { secret, key })
    }

    async fn list_key(&self, org: OrgId, key: &OrgKey) -> Result<(), Error> {
        self.records
            .modify(&tables::org_key(org, key.id.as_u128()), |found: Option<OrgKey>| match found {
                None => Ok((Some(key.clone()), ())),
                // Our own write, whose answer was lost.
                Some(found) if found.secrets == key.secrets => Ok((None, ())),
                Some(_) => Err(Code::Contention.into()),
            })
            .await
    }

    /// A fresh secret and the row that leads from it to this key.
    async fn new_secret(&self, org: OrgId, key: KeyId) -> Result<(String, RowHash), Error> {
        let secret = secret_of([self.entropy.bits(), self.entropy.bits()]);
        let hash = self.secret.api_key(&secret);
        self.records.put(&tables::api_key(hash), &ApiKey { org, key }).await?;
        Ok((secret, hash))
    }

    /// Two calls at once may pass the bound by one; it is there against runaway scripts.
    async fn room_for_a_key(&self, org: OrgId) -> Result<(), Error> {
        let now = self.clock.now();
        let (mut after, mut seen, mut in_force) = (None, 0, 0);
        loop {
            let page = self.keys(org, after, limits::PAGE).await?;
            seen += page.items.len();
            in_force += page.items.iter().filter(|key| key.in_force(now)).count();
            if in_force >= limits::ORG_KEYS || seen >= limits::ORG_KEYS_LISTED {
                return Err(Code::TooManyKeys.into());
            }
            match page.items.last() {
                Some(last) if page.more => after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }

    /// Keys of an organisation in order of creation, after this one, revoked and expired ones too; `limit` is 1 to
    /// [`limits::PAGE`].
    pub async fn keys(&self, org: OrgId, after: Option<KeyId>, limit: u16) -> Result<Page<OrgKey>, Error> {
        let after = after.map(|id| Sort::from_iter(id.as_u128().to_be_bytes()));
        let rows = self.records.scan(&tables::org_keys(org), after.as_ref(), limit + 1).await?;
        Ok(Page::new(rows.into_iter().map(|(_, key)| key).collect(), limit))
    }

    /// Changes a key and answers with what it then is. [`Code::KeyUnknown`]; [`Code::KeyEnded`] if it is revoked or
    /// expired.
    pub async fn patch_key(&self, org: OrgId, id: KeyId, patch: &KeyPatch) -> Result<OrgKey, Error> {
        let now = self.clock.now();
        self.records
            .modify(&tables::org_key(org, id.as_u128()), |found: Option<OrgKey>| {
                let before = found.ok_or(Code::KeyUnknown)?;
                if !before.in_force(now) {
                    return Err(Code::KeyEnded.into());
                }
                let after = OrgKey {
                    name: patch.name.clone().unwrap_or_else(|| before.name.clone()),
                    rate: patch.rate.map_or(before.rate, |rate| rate.map(|rate| rate.over(before.rate))),
                    ..before.clone()
                };
                Ok(((after != before).then(|| after.clone()), after))
            })
            .await
    }

    /// Gives a key a new secret; the present ones stay valid for `overlap` milliseconds more, or as long as an earlier
    /// rotation left them, whichever ends first. [`Code::KeyUnknown`]; [`Code::KeyEnded`] if it is revoked or expired;
    /// [`Code::TooManySecrets`] if [`limits::KEY_SECRETS`] are valid.
    pub async fn rotate_key(&self, org: OrgId, id: KeyId, overlap: Ms) -> Result<ShownKey, Error> {
        let row = tables::org_key(org, id.as_u128());
        let now = self.clock.now();
        // Before the secret is made: a call that is refused leaves no row behind.
        let found = self.records.read(&row).await?.map(|(_, key)| key);
        rotated(found, RowHash([0; 16]), now, overlap)?;
        let (secret, hash) = self.new_secret(org, id).await?;
        let key = self.records.modify(&row, |found| rotated(found, hash, now, overlap)).await?;
        Ok(ShownKey { secret, key })
    }

    /// Ends a key for good; one that is revoked stays as it is. [`Code::KeyUnknown`].
    pub async fn revoke_key(&self, org: OrgId, id: KeyId) -> Result<(), Error> {
        let now = self.clock.now();
        self.records
            .modify(&tables::org_key(org, id.as_u128()), |found: Option<OrgKey>| {
                let key = found.ok_or(Code::KeyUnknown)?;
                let revoked = OrgKey { revoked: Some(now), ..key.clone() };
                Ok((key.revoked.is_none().then_some(revoked), ()))
            })
            .await
    }

    /// What the secret with this hash opens now, if anything.
    pub async fn look_up_key(&self, hash: RowHash) -> Result<Option<KeyFacts>, Error> {
        let Some((_, ApiKey { org, key })) = self.records.read(&tables::api_key(hash)).await? else {
            return Ok(None);
        };
        let found = self.records.read::<OrgKey>(&tables::org_key(org, key.as_u128())).await?;
        let Some((_, found)) = found else { return Ok(None) };
        let until = found.opens(hash, self.clock.now());
        Ok(until.map(|until| KeyFacts { org, key, name: found.name, scopes: found.scopes, rate: found.rate, until }))
    }
}

/// The key with another secret, and whether that has to be written.
fn rotated(found: Option<OrgKey>, hash: RowHash, now: Ms, overlap: Ms) -> Result<(Option<OrgKey>, OrgKey), Error> {
    let mut key = found.ok_or(Code::KeyUnknown)?;
    if key.secrets.iter().any(|secret| secret.hash == hash) {
        return Ok((None, key));
    }
    if !key.in_force(now) {
        return Err(Code::KeyEnded.into());
    }
    let end = now.saturating_add(overlap);
    for secret in &mut key.secrets {
        secret.until = Some(secret.until.unwrap_or(Ms::MAX).min(end));
    }
    key.secrets.retain(|secret| secret.until.is_some_and(|until| now < until));
    if key.secrets.len() >= limits::KEY_SECRETS {
        return Err(Code::TooManySecrets.into());
    }
    key.secrets.push(KeySecret { hash, until: None });
    key.rotated = Some(now);
    Ok((Some(key.clone()), key))
}

impl std::fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownKey").field("key", &self.key).finish_non_exhaustive()
    }
}
