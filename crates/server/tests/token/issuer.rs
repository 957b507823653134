//! An issuer of tokens: keys that OpenSSL made, and tokens that it signs with them.

use crate::util::{NOW, ORG, json, with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

pub const ISSUER: &str = "https://login.example/";
pub const AUDIENCE: &str = "onefold";

/// Whether OpenSSL is there. Where it is not, says loudly that the test was skipped, or fails if it must be.
pub fn peers() -> bool {
    let there = Command::new("openssl").arg("version").stdin(Stdio::null()).output().is_ok();
    assert!(there || std::env::var_os("ONEFOLD_REQUIRE_PEERS").is_none(), "openssl must be installed for this test");
    if !there {
        eprintln!("!!!! SKIPPED: openssl is not installed; TOKENS WERE NOT TESTED !!!!");
    }
    there
}

/// A private key, and what it is called in sets.
pub struct Signer {
    pem: PathBuf,
    kid: &'static str,
    pub alg: &'static str,
}

/// The keys of all tests, made once a process.
pub struct Signers {
    pub dir: TempDir,
    pub rsa: Signer,
    pub ec: Signer,
    /// Of RSA, that the issuer has later.
    pub next: Signer,
    /// Of somebody else.
    pub foreign: Signer,
    pub foreign_ec: Signer,
    /// Of RSA with 1024 bits.
    pub weak: Signer,
}

pub fn signers() -> &'static Signers {
    static SIGNERS: OnceLock<Signers> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let rsa = |kid: &'static str, bits: &str| {
            let pem = dir.path().join(format!("{kid}.pem"));
            openssl(&["genrsa", "-out", pem.to_str().unwrap(), bits], b"");
            Signer { pem, kid, alg: "RS256" }
        };
        let ec = |kid: &'static str| {
            let pem = dir.path().join(format!("{kid}.pem"));
            openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", pem.to_str().unwrap()], b"");
            Signer { pem, kid, alg: "ES256" }
        };
        let (one, next, foreign) = (rsa("rsa-1", "2048"), rsa("rsa-2", "3072"), rsa("foreign", "2048"));
        let (ec, foreign_ec, weak) = (ec("ec-1"), ec("foreign-ec"), rsa("weak", "1024"));
        Signers { rsa: one, ec, next, foreign, foreign_ec, weak, dir }
    })
}

/// Runs `openssl` with this input, and gives its output.
fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {args:?}");
    output.stdout
}

pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn pem(&self) -> &str {
        self.pem.to_str().unwrap()
    }

    /// The public key as a member of a set.
    pub fn jwk(&self) -> Value {
        let common = json!({"kid": self.kid, "alg": self.alg, "use": "sig"});
        let public = match self.alg {
            "RS256" => {
                let text = openssl(&["rsa", "-in", self.pem(), "-noout", "-modulus"], b"");
                let text = String::from_utf8(text).unwrap();
                let digits = text.trim().strip_prefix("Modulus=").unwrap();
                let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
                let n: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
                json!({"kty": "RSA", "n": encoded(n), "e": "AQAB"})
            }
            _ => {
                let der = openssl(&["ec", "-in", self.pem(), "-pubout", "-outform", "DER"], b"");
                let (x, y) = der[der.len() - 64..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)})
            }
        };
        with(common, public)
    }

    /// The public key as a file of PEM.
    pub fn public_pem(&self) -> Vec<u8> {
        openssl(&["pkey", "-in", self.pem(), "-pubout"], b"")
    }

    /// A signature as tokens have it.
    pub fn signature(&self, message: &str) -> Vec<u8> {
        let signature = openssl(&["dgst", "-sha256", "-sign", self.pem()], message.as_bytes());
        if self.alg == "ES256" { fixed(&signature) } else { signature }
    }

    /// What OpenSSL itself makes of a signature on a curve.
    pub fn der_signature(&self, message: &str) -> Vec<u8> {
        openssl(&["dgst", "-sha256", "-sign", self.pem()], message.as_bytes())
    }

    /// A token with this header and these claims, whatever they are.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        format!("{message}.{}", encoded(self.signature(&message)))
    }

    /// A token whose header is right.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }

    pub fn header(&self) -> Value {
        json!({"alg": self.alg, "kid": self.kid, "typ": "JWT"})
    }
}

/// Two integers in DER as two numbers of 32 bytes.
fn fixed(der: &[u8]) -> Vec<u8> {
    let integer = |at: usize| {
        let bytes = &der[at + 2..at + 2 + usize::from(der[at + 1])];
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        [vec![0; 32 - bytes.len()], bytes.to_vec()].concat()
    };
    let first = 2;
    let second = first + 2 + usize::from(der[first + 1]);
    [integer(first), integer(second)].concat()
}

/// An HMAC, as a token of HS256 has it.
pub fn hmac(secret: &[u8], message: &str) -> Vec<u8> {
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let args = ["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{digits}"), "-binary"];
    openssl(&args, message.as_bytes())
}

/// Seconds since 1970, so many after the moment at which worlds begin.
pub fn later(seconds: i64) -> i64 {
    (NOW / 1_000) as i64 + seconds
}

/// The claims of a token for everything in [`ORG`], for an hour; `more` says the rest.
pub fn claims(more: Value) -> Value {
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "client_id": "crm", "exp": later(3600), "orgs": [ORG],
        "scope": "profile.read profile.write profile.delete events.write org.admin",
    });
    with(claims, more)
}

/// A set of these keys.
pub fn set(keys: &[&Signer]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// The settings for keys that are there.
pub fn settings(jwks: &str, more: &str) -> String {
    format!("[token]\njwks = '{jwks}'\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\nleeway_ms = 1000\n{more}")
}

/// Writes a set into a file of its own.
pub fn file(dir: &Path, name: &str, set: &Value) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, set.to_string()).unwrap();
    path
}
