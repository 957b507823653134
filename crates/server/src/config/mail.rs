//! The settings of mail, and which combinations of them make no sense. Whether the files hold what they should is found
//! out in [`crate::mail`], before a port is bound.

use super::Config;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// By which server administrators are told of deletes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The SMTP server; empty: no mail.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub tls: MailTls,
    /// The authorities of its certificate; empty for those of the system.
    pub ca_file: PathBuf,
    /// As whom to log in; empty: as nobody.
    pub user: String,
    /// With which password.
    pub password: String,
    /// Or the file that holds it.
    pub password_file: PathBuf,
    /// From whom mail is.
    pub from: String,
    /// Milliseconds for one mail.
    pub timeout_ms: u64,
}

/// How a connection to an SMTP server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Not at all.
    None,
    /// It begins in clear and must be made secret before anything is said.
    Starttls,
    /// From the first byte.
    Tls,
}

impl Mail {
    /// Whether there is mail at all.
    pub fn is_on(&self) -> bool {
        !self.host.is_empty()
    }

    /// How long one mail may take, waiting for its turn included.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// All that is wrong with this section, apart from what the files hold.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let mail = &config.mail;
    let mut faults = Vec::new();
    let mut unless = |right: bool, fault: &str| {
        if !right {
            faults.push(fault.to_owned());
        }
    };
    let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
    let (password, file) = (!mail.password.is_empty(), is_set(&mail.password_file));
    let texts = [("mail.user", &mail.user), ("mail.password", &mail.password), ("mail.from", &mail.from)];
    if !mail.is_on() {
        let said = texts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, _)| *name);
        let files = [("mail.ca_file", is_set(&mail.ca_file)), ("mail.password_file", file)];
        let said = said.chain(files.iter().filter(|(_, set)| *set).map(|(name, _)| *name));
        return said.map(|name| format!("{name} is of no use while mail.host is empty")).collect();
    }
    unless(mail.port > 0, "mail.port must be 1 to 65535");
    unless(
        mail.from.parse::<Mailbox>().is_ok(),
        "mail.from must be an e-mail address, as Onefold <onefold@example.org>",
    );
    unless(!(password && file), "mail.password and mail.password_file exclude each other");
    unless(mail.user.is_empty() != (password || file), "mail.user and its password go together");
    let secret = mail.tls != MailTls::None;
    unless(secret || mail.user.is_empty(), "mail.tls must be starttls or tls where a password is sent");
    unless(secret || !is_set(&mail.ca_file), "mail.ca_file is of no use while mail.tls is none");
    faults
}
