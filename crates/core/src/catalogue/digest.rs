//! Hashes of identifiers, as others make them.

use super::definition::Algorithm;
use sha2::Digest;
use std::fmt::Write;

/// The hash of a text in lower-case hexadecimal digits.
pub(super) fn hex(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Sha256 => digits(&sha2::Sha256::digest(text)),
        Algorithm::Md5 => digits(&md5::Md5::digest(text)),
        Algorithm::Sha1 => digits(&sha1::Sha1::digest(text)),
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        write!(out, "{byte:02x}").expect("memory can always be written");
        out
    })
}
