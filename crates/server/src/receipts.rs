//! Receipts of deletes: signed with a key of the server (Ed25519), verified by anyone who has its public keys.
//!
//! The key is made at the first start and kept in the data directory as `receipts.key`, mode 0600, with the public keys
//! of those before it; or it is what `ONEFOLD_RECEIPT_KEY` holds. A receipt is signed when it is asked for, by the key
//! that then is the present one.
//!
//! Every key of a file is in the deletion log before it signs anything, so that a restored backup, which knows nothing of the keys
//! made since, can go on verifying what they signed. It then signs with a new key: the one it knows may have been replaced
//! because it leaked.

use crate::backup::write::Enclosed;
use crate::files::keep;
use crate::hex::{hex, unhex};
use crate::limits;
use onefold_api::receipts::{PublicKey, PublicKeys, Receipt, SignedReceipt};
use onefold_core::time::{Entropy, Ms};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The variable that may hold the key: 64 hexadecimal digits.
pub const VARIABLE: &str = "ONEFOLD_RECEIPT_KEY";
/// The file that holds it, in the data directory.
pub const FILE: &str = "receipts.key";
const ALGORITHM: &str = "Ed25519";

/// The signing key, and the public keys of those before.
pub struct Receipts {
    file: Option<PathBuf>,
    in_environment: bool,
    ring: Mutex<KeyRing>,
}

/// As it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct KeyRing {
    /// 32 bytes, hexadecimal. Secret.
    seed: String,
    made_at: Ms,
    /// The newest first.
    old: Vec<PublicKey>,
    /// The deletion log that knows all of them.
    #[serde(default)]
    logged: String,
}

/// A key that is to be the next one.
pub struct Drawn {
    seed: String,
    made_at: Ms,
    /// Its public half.
    pub public: PublicKey,
}

impl KeyRing {
    fn fresh(entropy: &dyn Entropy, now: Ms, old: Vec<PublicKey>) -> Self {
        Self {
            seed: format!("{:032x}{:032x}", entropy.bits(), entropy.bits()),
            made_at: now,
            old,
            logged: String::new(),
        }
    }

    fn read(text: &[u8]) -> Result<Self, String> {
        let ring = serde_json::from_slice::<Self>(text).map_err(|error| error.to_string())?;
        ring.pair().map(|_| ring)
    }

    fn pair(&self) -> Result<Ed25519KeyPair, String> {
        let seed = unhex(&self.seed).ok_or("the key of receipts must be 64 hexadecimal digits")?;
        Ed25519KeyPair::from_seed_unchecked(&seed as &[u8; 32])
            .map_err(|_| "the key of receipts must be 64 hexadecimal digits".into())
    }

    fn public(&self) -> Result<PublicKey, String> {
        let public = self.pair()?;
        let public = public.public_key().as_ref();
        Ok(PublicKey {
            key_id: key_id(public),
            algorithm: ALGORITHM.into(),
            public_key: hex(public),
            made_at: self.made_at,
            retired_at: None,
        })
    }
}

impl Receipts {
    /// With a key that ends with the process.
    pub fn fleeting(entropy: &dyn Entropy, now: Ms) -> Self {
        Self { file: None, in_environment: false, ring: Mutex::new(KeyRing::fresh(entropy, now, Vec::new())) }
    }

    /// With the key of the environment or of the data directory; makes one if there is none.
    pub fn find_or_make(data: Option<&Path>, entropy: &dyn Entropy, now: Ms) -> Result<Self, String> {
        if let Some(seed) = std::env::var(VARIABLE).ok().filter(|seed| !seed.is_empty()) {
            let ring = KeyRing { seed, made_at: 0, old: Vec::new(), logged: String::new() };
            ring.pair().map_err(|_| format!("{VARIABLE} must hold 64 hexadecimal digits"))?;
            return Ok(Self { file: None, in_environment: true, ring: Mutex::new(ring) });
        }
        let Some(data) = data else { return Ok(Self::fleeting(entropy, now)) };
        let path = data.join(FILE);
        let ring = match std::fs::read(&path) {
            Ok(bytes) => KeyRing::read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let ring = KeyRing::fresh(entropy, now, Vec::new());
                save(&path, &ring).map(|()| ring)
            }
            Err(error) => Err(error.to_string()),
        };
        let ring = ring.map_err(|error| format!("the key of receipts in {}: {error}", path.display()))?;
        Ok(Self { file: Some(path), in_environment: false, ring: Mutex::new(ring) })
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, KeyRing> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the environment holds the key: then nothing else can change it.
    pub fn is_in_environment(&self) -> bool {
        self.in_environment
    }

    /// The file, for a backup: what was signed must stay verifiable. None where there is no file.
    pub fn enclosed(&self) -> Result<Option<Enclosed>, String> {
        if self.file.is_none() {
            return Ok(None);
        }
        let bytes = serde_json::to_vec(&*self.ring()).map_err(|error| error.to_string())?;
        Ok(Some(Enclosed { name: FILE, bytes }))
    }

    /// The public keys, the present one first.
    pub fn public(&self) -> Result<PublicKeys, String> {
        let ring = self.ring().clone();
        let mut keys = vec![ring.public()?];
        keys.extend(ring.old);
        Ok(PublicKeys { keys })
    }

    /// Signs a receipt; its `key_id` is set to that of the key.
    pub fn sign(&self, receipt: Receipt) -> Result<SignedReceipt, String> {
        let pair = self.ring().pair()?;
        let receipt = Receipt { key_id: key_id(pair.public_key().as_ref()), ..receipt };
        let signature = hex(pair.sign(&signed_form(&receipt)?).as_ref());
        Ok(SignedReceipt { receipt, signature })
    }

    /// Draws a key that may take the place of the present one.
    pub fn draw(&self, entropy: &dyn Entropy, now: Ms) -> Result<Drawn, String> {
        let fresh = KeyRing::fresh(entropy, now, Vec::new());
        Ok(Drawn { public: fresh.public()?, seed: fresh.seed, made_at: fresh.made_at })
    }

    /// Puts a key in place of the present one, of which the public half stays, and gives the id of the new one. `logged`
    /// names the deletion log that knows it.
    pub fn replace(&self, drawn: Drawn, logged: &str) -> Result<String, String> {
        let mut ring = self.ring();
        let Drawn { seed, made_at, public } = drawn;
        let next = KeyRing { seed, made_at, old: ring.retired(made_at)?, logged: logged.into() };
        if let Some(path) = &self.file {
            save(path, &next)?;
        }
        *ring = next;
        Ok(public.key_id)
    }

    /// All keys, the oldest first, if they are kept in a file and this deletion log does not know them yet.
    pub fn unlogged(&self, log: &str) -> Result<Vec<PublicKey>, String> {
        if self.file.is_none() || self.ring().logged == log {
            return Ok(Vec::new());
        }
        let mut keys = self.public()?.keys;
        keys.reverse();
        Ok(keys)
    }

    /// This deletion log knows all keys.
    pub fn are_logged(&self, log: &str) -> Result<(), String> {
        let mut ring = self.ring();
        ring.logged = log.into();
        self.file.as_ref().map_or(Ok(()), |path| save(path, &ring))
    }
}

impl KeyRing {
    /// All public keys, where the present one ends now.
    fn retired(&self, now: Ms) -> Result<Vec<PublicKey>, String> {
        let mut old = vec![PublicKey { retired_at: Some(now), ..self.public()? }];
        old.extend(self.old.iter().cloned());
        old.truncate(limits::RECEIPT_KEYS);
        Ok(old)
    }
}

/// The file of a backup after a restore, given the keys that the deletion log tells of in its order: those that were made
/// after the backup can verify too, and a new one signs. `None` where there are none, and `is_whole`, the log.
pub fn restored(
    file: &[u8],
    (told, is_whole): (&[PublicKey], bool),
    entropy: &dyn Entropy,
    now: Ms,
) -> Result<Option<String>, String> {
    let ring = KeyRing::read(file)?;
    let own = ring.public()?;
    let mut old = ring.retired(now)?;
    // By their order, since a clock may step back.
    let after = told.iter().rposition(|key| key.key_id == own.key_id).map_or(0, |at| at + 1);
    let mut later = Vec::new();
    for key in &told[after..] {
        if old.iter().chain(&later).all(|known| known.key_id != key.key_id) {
            later.push(PublicKey { retired_at: Some(key.retired_at.unwrap_or(now)), ..key.clone() });
        }
    }
    if later.is_empty() && is_whole {
        return Ok(None);
    }
    old.splice(0..0, later.into_iter().rev());
    old.truncate(limits::RECEIPT_KEYS);
    serde_json::to_string(&KeyRing::fresh(entropy, now, old)).map(Some).map_err(|error| error.to_string())
}

fn save(path: &Path, ring: &KeyRing) -> Result<(), String> {
    let text = serde_json::to_string(ring).map_err(|error| error.to_string())?;
    let data = path.parent().unwrap_or(Path::new("."));
    keep(data, FILE, &text).map_err(|error| error.to_string())
}

/// The file as the fuzzer gives it. With a key that is read, receipts can be signed and verified.
pub(crate) fn fuzz(text: &[u8]) {
    let Ok(ring) = KeyRing::read(text) else { return };
    let public = ring.public().expect("a key that was read has a public half");
    assert_eq!(key_id(&unhex::<32>(&public.public_key).expect("what was written can be read")), public.key_id);
}

/// Whether a receipt was signed by one of these keys, and which.
pub fn verify<'k>(signed: &SignedReceipt, keys: &'k PublicKeys) -> Result<&'k PublicKey, &'static str> {
    let key = keys.keys.iter().find(|key| key.key_id == signed.receipt.key_id);
    let key = key.ok_or("none of the public keys has the id that the receipt names")?;
    let public = unhex::<32>(&key.public_key).filter(|public| key_id(public) == key.key_id);
    let public = public.ok_or("the public key is not the one of its id")?;
    let signature = unhex::<64>(&signed.signature).ok_or("the signature is not 128 hexadecimal digits")?;
    let form = signed_form(&signed.receipt).map_err(|_| "the receipt cannot be read")?;
    let checked = UnparsedPublicKey::new(&ED25519, public).verify(&form, &signature);
    checked.map(|()| key).map_err(|_| "the signature does not fit: the receipt was changed, or is not of this server")
}

/// The bytes that are signed: the members are declared in the order of their names, none is a fraction.
fn signed_form(receipt: &Receipt) -> Result<Vec<u8>, String> {
    serde_json::to_vec(receipt).map_err(|error| error.to_string())
}

fn key_id(public: &[u8]) -> String {
    hex(&digest(&SHA256, public).as_ref()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;
    use std::collections::BTreeMap;

    fn receipt() -> Receipt {
        Receipt {
            at: 5,
            deleted_profiles: vec!["01941f29-7c00-7c1d-9e02-7d5b1a90c6f4".into()],
            deletion_id: "01941f29-7c00-7c1d-9e02-000000000000".into(),
            issued_at: 6,
            key_id: String::new(),
            org_id: 7,
            region: "EU".into(),
            requested: 1,
            version: 1,
        }
    }

    #[test]
    fn a_restored_ring_verifies_what_later_keys_signed_and_signs_with_none_that_was_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let receipts = Receipts::find_or_make(Some(dir.path()), &SystemEntropy, 1).unwrap();
        let kept = std::fs::read(dir.path().join(FILE)).unwrap();
        let mut logged = receipts.unlogged("log").unwrap();
        receipts.are_logged("log").unwrap();
        assert_eq!((receipts.unlogged("log").unwrap().len(), receipts.unlogged("another").unwrap().len()), (0, 1));
        assert_eq!(restored(&kept, (&logged, true), &SystemEntropy, 9).unwrap(), None, "nothing came after it");
        assert!(
            restored(&kept, (&logged, false), &SystemEntropy, 9).unwrap().is_some(),
            "who knows what came after it"
        );
        // The clock steps back.
        for now in [3, 0] {
            let drawn = receipts.draw(&SystemEntropy, now).unwrap();
            logged.push(drawn.public.clone());
            receipts.replace(drawn, "log").unwrap();
        }
        let signed = receipts.sign(receipt()).unwrap();
        std::fs::write(dir.path().join(FILE), restored(&kept, (&logged, true), &SystemEntropy, 9).unwrap().unwrap())
            .unwrap();
        let after = Receipts::find_or_make(Some(dir.path()), &SystemEntropy, 10).unwrap();
        let keys = after.public().unwrap();
        let ids: Vec<&str> = keys.keys.iter().map(|key| &*key.key_id).collect();
        let before: Vec<&str> = logged.iter().rev().map(|key| &*key.key_id).collect();
        assert_eq!(ids[1..], before, "the newest first, after one that nobody has");
        assert!(verify(&signed, &keys).is_ok());
        assert_eq!(after.sign(receipt()).unwrap().receipt.key_id, ids[0]);
        assert!(keys.keys[1..].iter().all(|key| key.retired_at == Some(9)));
        assert_eq!(after.unlogged("log").unwrap().len(), 4, "the log does not know the new one yet");
    }

    #[test]
    fn the_signed_form_has_its_members_in_order() {
        let form = signed_form(&receipt()).unwrap();
        let sorted: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&form).unwrap();
        assert_eq!(serde_json::to_vec(&sorted).unwrap(), form);
    }

    #[test]
    fn any_change_is_found() {
        let receipts = Receipts::fleeting(&SystemEntropy, 1);
        let signed = receipts.sign(receipt()).unwrap();
        let keys = receipts.public().unwrap();
        assert_eq!(verify(&signed, &keys), Ok(&keys.keys[0]));
        let mut changed = signed.clone();
        changed.receipt.deleted_profiles.clear();
        assert!(verify(&changed, &keys).is_err());
        let other = Receipts::fleeting(&SystemEntropy, 1).public().unwrap();
        assert!(verify(&signed, &other).is_err());
        let mut forged = other;
        forged.keys[0].key_id = signed.receipt.key_id.clone();
        assert!(verify(&signed, &forged).is_err());
    }

    #[test]
    fn what_an_old_key_signed_still_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let receipts = Receipts::find_or_make(Some(dir.path()), &SystemEntropy, 1).unwrap();
        let old = receipts.sign(receipt()).unwrap();
        let id = receipts.replace(receipts.draw(&SystemEntropy, 2).unwrap(), "log").unwrap();
        let again = Receipts::find_or_make(Some(dir.path()), &SystemEntropy, 3).unwrap();
        let (new, keys) = (again.sign(receipt()).unwrap(), again.public().unwrap());
        assert_eq!((new.receipt.key_id == id, new.receipt.key_id == old.receipt.key_id), (true, false));
        assert_eq!(verify(&old, &keys).unwrap().retired_at, Some(2));
        assert_eq!(verify(&new, &keys).unwrap().retired_at, None);
    }
}
