//! Bearer tokens (contract section 2): JSON Web Tokens of one issuer, signed with RS256 or ES256, verified with its
//! public keys. What they then open is in `auth/bearer.rs`.
//!
//! Signatures are verified by `ring`, JSON is read by the parser of bodies, which takes no member twice. Nothing of a
//! token is believed before its signature is good, but which of the issuer's keys it is to be verified with.

mod fetch;
mod keys;
pub(crate) mod read;
mod source;

pub use read::Claims;

use crate::config::Token;
use crate::json::{Json, Members};
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keys::Found;
use onefold_core::tables::RowSecret;
use onefold_core::time::Ms;
use read::{Parts, Why};
use source::{Held, Source};
use std::sync::Arc;

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not valid. The reason is for the log, and holds nothing of it.
    Invalid(&'static str),
    /// It cannot be judged: the keys of the issuer cannot be had.
    NoKeys,
}

impl From<Why> for Refusal {
    fn from(why: Why) -> Self {
        Refusal::Invalid(why)
    }
}

/// What judges tokens.
pub struct Tokens {
    settings: Token,
    source: Arc<Source>,
    /// Claims of tokens whose signature was found good, by their keyed hash.
    good: quick_cache::sync::Cache<[u8; 32], Arc<Good>>,
}

struct Good {
    /// Of the keys that it was found good by.
    generation: u64,
    claims: Claims,
}

/// Keeps these hashes apart from others under the same secret.
const HASHED: u8 = 24;

impl Tokens {
    /// As the settings say; none where they are off. The error is what is wrong with a file.
    pub fn open(settings: &Token) -> Result<Option<Self>, String> {
        if settings.jwks.is_empty() {
            return Ok(None);
        }
        let source = Source::open(settings).map_err(|error| format!("token.jwks: {error}"))?;
        let good = quick_cache::sync::Cache::new(limits::TOKENS_SEEN);
        Ok(Some(Self { settings: settings.clone(), source: Arc::new(source), good }))
    }

    /// The settings.
    pub fn settings(&self) -> &Token {
        &self.settings
    }

    /// Why the keys could not be read when they were last looked for.
    pub fn fault(&self) -> Option<String> {
        self.source.fault()
    }

    /// Looks after the keys, for as long as it is polled.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + use<> {
        self.source.clone().watch()
    }

    /// What a token says, if it is valid now. One that was verified lately is not verified again.
    pub async fn check(&self, secret: &RowSecret, token: &str, now: Ms) -> Result<Claims, Refusal> {
        let hash = secret.seal(HASHED, &[token.as_bytes()]);
        let held = self.source.held();
        let known =
            self.good.get(&hash).filter(|good| held.as_ref().is_some_and(|held| held.generation == good.generation));
        if let Some(good) = known {
            good.claims.check(now)?;
            return Ok(good.claims.clone());
        }
        let (claims, generation) = self.judged(token, now).await?;
        self.good.insert(hash, Arc::new(Good { generation, claims: claims.clone() }));
        Ok(claims)
    }

    /// The same without remembering it.
    pub async fn judge(&self, token: &str, now: Ms) -> Result<Claims, Refusal> {
        self.judged(token, now).await.map(|(claims, _)| claims)
    }

    async fn judged(&self, token: &str, now: Ms) -> Result<(Claims, u64), Refusal> {
        let parts = Parts::of(token)?;
        let held = self.keys_for(&parts).await?;
        match held.keys.find(parts.key.as_deref(), parts.algorithm) {
            Found::Key(key) if key.verifies(parts.message, &parts.signature) => {}
            Found::Key(_) => return Err(Refusal::Invalid("has a signature that is not the key's")),
            Found::OtherAlgorithm => return Err(Refusal::Invalid("names a key of another algorithm")),
            // Where the keys could not be had anew, it may be right all the same.
            Found::Unknown if self.source.fault().is_some() => return Err(Refusal::NoKeys),
            Found::Unknown => return Err(Refusal::Invalid("names no key of the issuer, or it is not clear which")),
        }
        let claims = Claims::read(&parts.claims, &self.settings)?;
        claims.check(now)?;
        Ok((claims, held.generation))
    }

    /// The keys to judge it by: newer ones, if the one that it names is not among those that are there.
    async fn keys_for(&self, parts: &Parts<'_>) -> Result<Held, Refusal> {
        let is_there = |held: &Held| !matches!(held.keys.find(parts.key.as_deref(), parts.algorithm), Found::Unknown);
        if let Some(held) = self.source.held().filter(is_there) {
            return Ok(held);
        }
        self.source.look_again().await;
        self.source.held().ok_or(Refusal::NoKeys)
    }
}

/// A member of an object.
fn member<'j, 'a>(members: &'j Members<'a>, name: &str) -> Option<&'j Json<'a>> {
    members.iter().find(|(it, _)| it == name).map(|(_, value)| value)
}

/// A member that is a text.
fn text_of<'j>(members: &'j Members<'_>, name: &str) -> Option<&'j str> {
    match member(members, name)? {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// The bytes that stand in base64url without padding, in the one way in which they can.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A token, a header, claims or a set of keys as the fuzzer gives them: the first byte says which.
pub(crate) fn fuzz(data: &[u8]) {
    let Some((sort, text)) = data.split_first() else { return };
    match sort % 3 {
        0 => {
            let token = std::str::from_utf8(text).ok();
            if let Some(Ok(parts)) = token.map(Parts::of) {
                let (written, signature) = token.and_then(|token| token.rsplit_once('.')).expect("it has parts");
                assert_eq!((written.as_bytes(), bytes_of(signature)), (parts.message, Some(parts.signature)));
            }
        }
        1 => {
            let settings = crate::config::Config::load(&[]).expect("the defaults are right").token;
            if let Ok(claims) = Claims::read(text, &settings) {
                assert!(claims.orgs.len() <= limits::TOKEN_ORGS && claims.until < Ms::MAX);
                assert!((1..=onefold_core::limits::SOURCE_BYTES).contains(&claims.source.len()));
            }
        }
        _ => {
            if let Ok(keys) = keys::Keys::read(text) {
                assert!((1..=limits::JWKS_KEYS).contains(&keys.count()));
                assert!(!keys.verify_anything());
            }
        }
    }
}
