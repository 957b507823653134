//! Hashes of identifiers, as others make them.

use super::definition::Algorithm;
use sha2::Digest;

/// The hash of a text in lower-case hexadecimal digits.
pub(super) fn hex(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Sha256 => digits(&sha2::Sha256::digest(text)),
        Algorithm::Md5 => digits(&md5::Md5::digest(text)),
        Algorithm::Sha1 => digits(&sha1::Sha1::digest(text)),
    }
}

/// By hand, since an address in a search is hashed in every fetch, and formatting takes longer than the hash.
fn digits(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
