//! A set of public keys (RFC 7517), and a signature verified with one of them.
//!
//! A key is taken only for what it says that it is for, and only for the one algorithm that its kind has here: RS256
//! with RSA, ES256 with P-256. So no token can choose how it is verified.

use super::{bytes_of, member, text_of};
use crate::json::{self, Json, Members};
use crate::limits;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

/// How a token is signed: these two and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            _ => None,
        }
    }
}

/// The keys of an issuer, those that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// Why others were passed over.
    pub(super) passed_over: Vec<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    id: Option<Box<str>>,
    public: Public,
}

/// What a signature is verified with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Public {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point, uncompressed.
    P256(Vec<u8>),
}

/// What is found of a key that a token names.
pub(super) enum Found<'k> {
    Key(&'k Public),
    /// There is none: a newer set may have it.
    Unknown,
    /// It is for another algorithm.
    OtherAlgorithm,
}

impl Keys {
    /// Reads a set. Keys that are for something else, or that are not strong enough, or that share their id with
    /// another, are passed over; a set without any that can be used is none.
    pub(super) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let json = json::parse(text).map_err(|_| "is not JSON, or has a member twice")?;
        let Some(Json::Array(listed)) = members(&json).and_then(|members| member(members, "keys")) else {
            return Err("has no array of keys");
        };
        if listed.len() > limits::JWKS_KEYS {
            return Err("has too many keys");
        }
        let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
        for key in listed {
            match members(key).ok_or("is no object").and_then(|members| Key::read(members)) {
                Ok(key) if keys.contains(&key) => {}
                Ok(key) => keys.push(key),
                Err(why) => passed_over.push(why),
            }
        }
        let keys = distinct(keys, &mut passed_over);
        if keys.is_empty() {
            Err("has no key for RS256 or ES256 that can be used")
        } else {
            Ok(Self { keys, passed_over })
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether any of them verifies what nobody signed; for the fuzzer.
    pub(super) fn verify_anything(&self) -> bool {
        self.keys.iter().any(|key| key.public.verifies(b"a message", &[0; 64]) || key.public.verifies(b"", &[1; 256]))
    }

    /// The key that a token names. One that names none is verified with the only key of its algorithm, if there is
    /// only one.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let mut fitting = match id {
            Some(id) => match self.keys.iter().find(|key| key.id.as_deref() == Some(id)) {
                None => return Found::Unknown,
                Some(key) if key.public.algorithm() != algorithm => return Found::OtherAlgorithm,
                Some(key) => return Found::Key(&key.public),
            },
            None => self.keys.iter().filter(|key| key.public.algorithm() == algorithm),
        };
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Found::Key(&only.public),
            _ => Found::Unknown,
        }
    }
}

/// Without those whose id comes twice: which of them was meant cannot be told.
fn distinct(keys: Vec<Key>, passed_over: &mut Vec<&'static str>) -> Vec<Key> {
    let ids: Vec<_> = keys.iter().map(|key| key.id.clone()).collect();
    let once = |key: &Key| key.id.is_none() || ids.iter().filter(|id| **id == key.id).count() == 1;
    let before = keys.len();
    let kept: Vec<Key> = keys.into_iter().filter(once).collect();
    passed_over.extend((kept.len()..before).map(|_| "shares its kid with another"));
    kept
}

fn members<'j, 'a>(json: &'j Json<'a>) -> Option<&'j Members<'a>> {
    match json {
        Json::Object(members) => Some(members),
        _ => None,
    }
}

impl Key {
    fn read(members: &Members<'_>) -> Result<Self, &'static str> {
        let public = match text_of(members, "kty") {
            Some("RSA") => rsa(members)?,
            Some("EC") => p256(members)?,
            _ => return Err("is of another kind than RSA or EC"),
        };
        if member(members, "use").is_some_and(|it| !matches!(it, Json::Text(it) if it == "sig")) {
            return Err("is not for signatures");
        }
        let verifies = |it: &Json<'_>| matches!(it, Json::Array(it) if it.contains(&Json::Text("verify".into())));
        if member(members, "key_ops").is_some_and(|it| !verifies(it)) {
            return Err("is not for verifying");
        }
        let algorithm = member(members, "alg")
            .map(|it| matches!(it, Json::Text(it) if Algorithm::of(it) == Some(public.algorithm())));
        if algorithm == Some(false) {
            return Err("is for another algorithm");
        }
        let id = match member(members, "kid") {
            None => None,
            Some(Json::Text(id)) if id.len() <= limits::TOKEN_KEY_ID_BYTES => Some((&**id).into()),
            Some(_) => return Err("has a kid that is no text, or too long"),
        };
        Ok(Self { id, public })
    }
}

fn rsa(members: &Members<'_>) -> Result<Public, &'static str> {
    let number = |name| {
        let bytes = text_of(members, name).and_then(bytes_of)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes[zeros..].to_vec())
    };
    let (Some(n), Some(e)) = (number("n"), number("e")) else { return Err("has no n and e in base64url") };
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if bits < limits::RSA_BITS_LEAST {
        return Err("is RSA of less than 2048 bits");
    }
    if bits > limits::RSA_BITS_MOST {
        return Err("is RSA of more than 4096 bits");
    }
    // 1 would verify anything, and an even number nothing; a large one only costs time.
    if e.len() > limits::RSA_EXPONENT_BYTES || e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
        return Err("has an exponent that no good key has");
    }
    Ok(Public::Rsa { n, e })
}

fn p256(members: &Members<'_>) -> Result<Public, &'static str> {
    if text_of(members, "crv") != Some("P-256") {
        return Err("is of another curve than P-256");
    }
    let coordinate = |name| text_of(members, name).and_then(bytes_of).filter(|bytes| bytes.len() == limits::P256_BYTES);
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return Err("has no x and y of 32 bytes") };
    Ok(Public::P256([&[UNCOMPRESSED], &*x, &*y].concat()))
}

/// What an uncompressed point begins with.
const UNCOMPRESSED: u8 = 4;

impl Public {
    fn algorithm(&self) -> Algorithm {
        match self {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
        }
    }

    /// Whether this is the signature of this message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates(fill: &str) -> String {
        format!(r#""kty":"EC","crv":"P-256","x":"{0}","y":"{0}""#, fill.repeat(43))
    }

    fn modulus(bytes: usize) -> String {
        use base64::Engine;
        let n = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        format!(r#""kty":"RSA","n":"{n}","e":"AQAB""#)
    }

    fn read(keys: &[&str]) -> Result<Keys, &'static str> {
        Keys::read(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":[]}"#, r#"{"keys":[1]}"#] {
            assert!(Keys::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_for_anything_else_are_passed_over() {
        let good = format!("{{{},\"kid\":\"good\"}}", coordinates("A"));
        let e = |e: &str| format!("{{{}}}", modulus(256).replace("AQAB", e));
        let bad = [
            format!("{{{},\"use\":\"enc\"}}", coordinates("A")),
            format!("{{{},\"use\":7}}", coordinates("A")),
            format!("{{{},\"key_ops\":[\"sign\"]}}", coordinates("A")),
            format!("{{{},\"alg\":\"RS256\"}}", coordinates("A")),
            format!("{{{},\"alg\":\"ES384\"}}", coordinates("A")),
            format!("{{{},\"kid\":7}}", coordinates("A")),
            format!("{{{}}}", coordinates("A").replace("P-256", "P-384")),
            format!("{{{}}}", coordinates("*")),
            format!("{{{}}}", coordinates("AA")),
            format!("{{{}}}", modulus(255)),
            format!("{{{}}}", modulus(513)),
            format!("{{{}}}", modulus(4096)),
            format!("{{{},\"alg\":\"PS256\"}}", modulus(256)),
            e("AQ"),
            e("AA"),
            e("Ag"),
            e("AQABAQABAQAB"),
            r#"{"kty":"oct","k":"AAAA"}"#.into(),
            r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.into(),
            "7".into(),
        ];
        for bad in &bad {
            let keys = read(&[&good, bad]).unwrap();
            assert_eq!((keys.count(), keys.passed_over.len()), (1, 1), "{bad}");
            assert!(read(&[bad]).is_err(), "{bad}");
        }
        assert!(read(&[&format!("{{{}}}", modulus(256))]).is_ok() && read(&[&format!("{{{}}}", modulus(512))]).is_ok());
    }

    #[test]
    fn a_kid_that_comes_twice_names_nobody() {
        let key = |fill, kid| format!("{{{},\"kid\":\"{kid}\"}}", coordinates(fill));
        let (a, again, b, c) = (key("A", "1"), key("A", "1"), key("E", "1"), key("I", "2"));
        assert_eq!(read(&[&a, &again]).unwrap().count(), 1, "the same key twice is one");
        let keys = read(&[&a, &b, &c]).unwrap();
        assert!(matches!(keys.find(Some("1"), Algorithm::Es256), Found::Unknown));
        assert!(matches!(keys.find(Some("2"), Algorithm::Es256), Found::Key(_)));
        assert!(matches!(keys.find(Some("2"), Algorithm::Rs256), Found::OtherAlgorithm));
    }

    #[test]
    fn who_names_no_key_is_judged_by_the_only_one_of_the_algorithm() {
        let (rsa, one, two) = (modulus(256), coordinates("A"), coordinates("E"));
        let keys = read(&[&format!("{{{rsa}}}"), &format!("{{{one}}}")]).unwrap();
        assert!(matches!(keys.find(None, Algorithm::Es256), Found::Key(Public::P256(_))));
        assert!(matches!(keys.find(None, Algorithm::Rs256), Found::Key(Public::Rsa { .. })));
        let keys = read(&[&format!("{{{one}}}"), &format!("{{{two}}}")]).unwrap();
        assert!(matches!(keys.find(None, Algorithm::Es256), Found::Unknown));
        assert!(matches!(keys.find(Some(""), Algorithm::Es256), Found::Unknown));
    }
}
