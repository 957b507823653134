//! The root key (contract section 12): `ONEFOLD_ROOT_KEY` if set, else made on the first run and kept in the data
//! directory as `root.key`, mode 0600. The server and the command line find it in the same two places.

use crate::files::keep;
use onefold_core::limits;
use onefold_core::time::Entropy;
use std::fs;
use std::io;
use std::path::Path;

/// The variable that holds it.
pub const VARIABLE: &str = "ONEFOLD_ROOT_KEY";
/// The file that holds it, in the data directory.
pub const FILE: &str = "root.key";
/// Characters that one from the environment has at least.
const CHARACTERS: usize = 16;
/// What one that was made here begins with.
const PREFIX: &str = "root_";

/// The root key, if there is one. `data` is none where the engine keeps nothing.
pub fn find(data: Option<&Path>) -> Result<Option<String>, String> {
    if let Some(key) = std::env::var(VARIABLE).ok().filter(|key| !key.is_empty()) {
        return chosen(&key).map(|()| Some(key));
    }
    let Some(path) = data.map(|data| data.join(FILE)) else { return Ok(None) };
    match fs::read_to_string(&path) {
        Ok(key) => of_text(&key, &path.display().to_string()).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read the root key in {}: {error}", path.display())),
    }
}

/// The root key; if there is none, makes one and keeps it. Only for the process that has the data directory to itself.
pub fn find_or_make(data: Option<&Path>, entropy: &dyn Entropy) -> Result<String, String> {
    if let Some(key) = find(data)? {
        return Ok(key);
    }
    make(data, entropy)
}

/// Makes a root key and keeps it in place of the one that is there.
pub fn make(data: Option<&Path>, entropy: &dyn Entropy) -> Result<String, String> {
    let key = format!("{PREFIX}{:032x}{:032x}", entropy.bits(), entropy.bits());
    if let Some(data) = data {
        keep(data, FILE, &key).map_err(|error| format!("cannot keep the root key in {}: {error}", data.display()))?;
    }
    Ok(key)
}

/// Whether the environment holds it: then nothing else can change it.
pub fn is_in_environment() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|key| !key.is_empty())
}

fn of_text(text: &str, place: &str) -> Result<String, String> {
    check(text.trim(), place).map(|()| text.trim().to_owned())
}

/// The file as the fuzzer gives it. What is read is the same when it is read again, and can be sent as a header.
pub(crate) fn fuzz(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(key) = of_text(text, FILE) {
        assert_eq!(of_text(&key, FILE).as_ref(), Ok(&key));
        assert!(http::HeaderValue::from_str(&key).is_ok());
    }
}

/// Whether a key that somebody chose is none that is soon guessed.
fn chosen(key: &str) -> Result<(), String> {
    check(key, VARIABLE)?;
    let long = key.len() >= CHARACTERS;
    long.then_some(()).ok_or_else(|| {
        format!("{VARIABLE} must have at least {CHARACTERS} characters, or it is soon guessed; openssl rand -hex 32 makes one")
    })
}

fn check(key: &str, place: &str) -> Result<(), String> {
    let fits = (1..=limits::API_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(()).ok_or_else(|| format!("{place} must hold 1 to 128 printable ASCII characters without spaces"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_key_is_none_that_is_soon_guessed() {
        for short in ["short", "fifteen-letters"] {
            let refused = chosen(short).unwrap_err();
            assert!(refused.contains("at least 16 characters") && !refused.contains(short), "{refused}");
        }
        assert_eq!(chosen("sixteen-letters!"), Ok(()));
        assert!(chosen("sixteen letters, and spaces").unwrap_err().contains("without spaces"));
    }
}
