//! The settings of bearer tokens, and which of them make no sense. What stands in a file or behind a URL is found out in
//! [`crate::token`].

use super::Config;
use http::Uri;
use onefold_core::org::KeyRate;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Bearer tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// File or URL of the issuer's keys; empty where no tokens are accepted.
    pub jwks: String,
    /// The authorities of that URL; empty for those of the system.
    pub ca_file: PathBuf,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or hold.
    pub audience: String,
    /// The claim that lists organisations.
    pub organisations_claim: String,
    /// The claims that list scopes.
    pub scope_claims: Vec<String>,
    /// Milliseconds by which clocks may differ.
    pub leeway_ms: u64,
    /// Milliseconds between two looks at a URL.
    pub refresh_ms: u64,
    /// Milliseconds between two looks because of a key that is not known.
    pub unknown_kid_ms: u64,
    /// Milliseconds for which keys hold that cannot be read again.
    pub keep_ms: u64,
    /// Milliseconds for one look at a URL.
    pub timeout_ms: u64,
    /// Calls of one caller a second; 0 means no limit.
    pub per_second: u32,
    /// Calls of one caller a minute; 0 means no limit.
    pub per_minute: u32,
}

/// Where keys are.
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// Behind a URL.
    Url(Address),
}

/// A URL taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether it is https.
    pub secure: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as the header `Host` has them.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Token {
    /// Where the keys are. The error is what is wrong with it.
    pub fn place(&self) -> Result<Place, String> {
        match self.jwks.contains("://") {
            true => address(&self.jwks).map(Place::Url).map_err(str::to_owned),
            false => Ok(Place::File(self.jwks.clone().into())),
        }
    }

    /// How much one caller may call, beside what the organisation may.
    pub fn rate(&self) -> Option<KeyRate> {
        let (per_second, per_minute) = (self.per_second, self.per_minute);
        (per_second > 0 || per_minute > 0).then_some(KeyRate { per_second, per_minute })
    }
}

fn address(url: &str) -> Result<Address, &'static str> {
    const WRONG: &str = "must be a file, or a URL such as https://login.example.com/keys";
    let uri: Uri = url.parse().map_err(|_| WRONG)?;
    let authority = uri.authority().ok_or(WRONG)?;
    if authority.as_str().contains('@') {
        return Err("must not hold a name or a password");
    }
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if is_own(&host) => false,
        Some("http") => return Err("must be https, but on this machine: who answers it decides who gets in"),
        _ => return Err(WRONG),
    };
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Address { secure, host, port, authority: authority.to_string(), path })
}

fn is_own(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// All that is wrong with this section.
pub(super) fn faults(Config { token, .. }: &Config) -> Vec<String> {
    let ca_file = token.ca_file.to_string_lossy();
    let of_issuer = [("issuer", &*token.issuer), ("audience", &*token.audience)];
    if token.jwks.is_empty() {
        let idle = of_issuer.into_iter().chain([("ca_file", &*ca_file)]).filter(|(_, value)| !value.is_empty());
        return idle.map(|(name, _)| format!("token.{name} is of no use while token.jwks is empty")).collect();
    }
    let missing = of_issuer.into_iter().chain([("organisations_claim", &*token.organisations_claim)]);
    let missing = missing.filter(|(_, value)| value.is_empty());
    let mut faults: Vec<String> = missing.map(|(name, _)| format!("token.{name} is needed for tokens")).collect();
    if token.scope_claims.iter().all(String::is_empty) {
        faults.push("token.scope_claims must name a claim: without a scope nothing is allowed".into());
    }
    if token.keep_ms <= token.refresh_ms.saturating_add(token.timeout_ms) {
        faults.push("token.keep_ms must be more than token.refresh_ms and token.timeout_ms together".into());
    }
    match token.place() {
        Err(why) => faults.push(format!("token.jwks {why}")),
        Ok(Place::Url(Address { secure: true, .. })) => {}
        Ok(_) if ca_file.is_empty() => {}
        Ok(_) => faults.push("token.ca_file is of no use where token.jwks is not https".into()),
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_or_of_this_machine() {
        let read = |url| address(url).map(|it| (it.secure, it.host, it.port, it.authority, it.path));
        let expected = (true, "a.example".into(), 443, "a.example".into(), "/k?v=1".into());
        assert_eq!(read("https://a.example/k?v=1"), Ok(expected));
        let expected = (false, "::1".into(), 81, "[::1]:81".into(), "/".into());
        assert_eq!(read("http://[::1]:81"), Ok(expected));
        for bad in
            ["http://a.example/k", "http://10.0.0.1/k", "ftp://a.example/k", "https://u:p@a.example/k", "https://"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
