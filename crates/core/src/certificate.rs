//! Client certificates that are bound to an organisation: what is stored of them (contract section 2). Binding them is
//! in [`crate::service::certificates`]; whether a certificate is good is the server's to find out.

use crate::id::{BadName, OrgId};
use crate::records::Record;
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::str::FromStr;

/// Names a certificate: SHA-256 of its DER. Written as 64 hexadecimal digits; colons between them are read over, so that
/// what `openssl x509 -fingerprint -sha256` prints can be pasted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

impl FromStr for Fingerprint {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = BadName("must be the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons");
        let mut bytes = [0; 32];
        let mut digits = text.bytes().filter(|byte| *byte != b':').map(|byte| char::from(byte).to_digit(16));
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else { return Err(bad) };
            *byte = (high * 16 + low) as u8;
        }
        if digits.next().is_some() { Err(bad) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('#').and_then(|()| fmt::Display::fmt(self, f))
    }
}

/// A certificate and whom it is bound to: the truth about it, in one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Which one.
    pub fingerprint: Fingerprint,
    /// Whose calls may come over it; none once it was unbound.
    pub org: Option<OrgId>,
    /// What people call it; as the name of a key.
    pub name: Box<str>,
    /// When it was bound.
    pub bound: Ms,
}

impl Record for Certificate {}

/// That an organisation once bound a certificate, so that it can list it. Whether it still is says the [`Certificate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed(pub Fingerprint);

impl Record for Listed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_writes_it_and_written_in_lower_case() {
        let plain = "00ff".repeat(16);
        let colons = ["00", "FF"].repeat(16).join(":");
        assert_eq!(colons.parse::<Fingerprint>(), plain.parse());
        assert_eq!(colons.parse::<Fingerprint>().map(|it| it.to_string()), Ok(plain.clone()));
        for bad in [&plain[1..], &format!("{plain}0"), &plain.replace('f', "g"), ""] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
