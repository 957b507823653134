//! Mail to the administrator of an organisation who is to be told of a delete (contract section 7), through the SMTP server
//! of the settings. Nothing personal stands in it: numbers, ids, and what administrators call things.
//!
//! The delete is done by then, whatever becomes of the mail. So the wait is bounded, and the answer says what is known:
//! that the server took the mail, that it did not, or that there is no way to send one. No address goes to the log.

use crate::config::{Mail, MailTls};
use crate::limits::MAILS_AT_ONCE;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use onefold_api::profiles::Notification;
use onefold_core::time::{self, Ms};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The way out for mail, if there is one.
#[derive(Default)]
pub struct Mailer(Option<Relay>);

struct Relay {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
    turns: Semaphore,
}

/// What an administrator is told of a delete.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The organisation.
    pub org_id: u64,
    /// What people call it.
    pub org_name: &'a str,
    /// The delete.
    pub deletion_id: &'a str,
    /// When it was answered.
    pub at: Ms,
    /// Where the profiles lived.
    pub region: &'a str,
    /// How many values the request named.
    pub requested: usize,
    /// How many people were deleted.
    pub deleted: usize,
    /// How many values led to nobody.
    pub not_found: usize,
    /// Whether they may not be written again.
    pub suppressed: bool,
    /// Who asked for it: the id of a key, or what stands for the holder of a token.
    pub by: &'a str,
}

impl Mailer {
    /// By the settings, with all that is wrong in the files that they name.
    pub fn new(settings: &Mail) -> Result<Self, String> {
        if !settings.is_on() {
            return Ok(Self(None));
        }
        let from = settings.from.parse().map_err(|_| "mail.from must be an e-mail address")?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(settings.timeout()))
            .tls(tls(settings)?);
        if !settings.user.is_empty() {
            transport = transport.credentials(Credentials::new(settings.user.clone(), password(settings)?));
        }
        let (timeout, turns) = (settings.timeout(), Semaphore::new(MAILS_AT_ONCE));
        Ok(Self(Some(Relay { transport: transport.build(), from, timeout, turns })))
    }

    /// Tells the administrator of this address, and says whether that was done.
    pub async fn tell(&self, admin: Option<&str>, notice: Notice<'_>) -> Notification {
        let (Some(relay), Some(admin)) = (&self.0, admin) else { return Notification::NotConfigured };
        let Some(message) = message(&relay.from, admin, &notice) else {
            tracing::warn!(org = notice.org_id, "a notification could not be written");
            return Notification::Failed;
        };
        let sending = async {
            // Closed by nobody.
            let _turn = relay.turns.acquire().await;
            relay.transport.send(message).await
        };
        let why = match tokio::time::timeout(relay.timeout, sending).await {
            Ok(Ok(_)) => return Notification::Sent,
            Ok(Err(error)) => sort_of(&error),
            Err(_) => "timeout",
        };
        tracing::warn!(org = notice.org_id, deletion = notice.deletion_id, why, "a notification was not sent");
        Notification::Failed
    }
}

/// What sort of failure it was: the text of one may hold an address.
fn sort_of(error: &Error) -> &'static str {
    match error {
        error if error.is_timeout() => "timeout",
        error if error.is_tls() => "tls",
        error if error.is_permanent() => "refused for good",
        error if error.is_transient() => "refused for now",
        error if error.is_response() => "not understood",
        error if error.is_client() => "not supported",
        _ => "connection",
    }
}

fn tls(settings: &Mail) -> Result<Tls, String> {
    if settings.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if !settings.ca_file.as_os_str().is_empty() {
        let pem = read("mail.ca_file", &settings.ca_file)?;
        let known: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let known = known.ok().filter(|known| !known.is_empty()).ok_or("mail.ca_file holds no certificate in PEM")?;
        parameters = parameters.certificate_store(CertificateStore::None);
        for one in known {
            let one =
                Certificate::from_der(one.to_vec()).map_err(|_| "mail.ca_file holds a certificate that is none")?;
            parameters = parameters.add_root_certificate(one);
        }
    }
    let parameters =
        parameters.build_rustls().map_err(|_| "mail.tls: the certificates of authorities cannot be used")?;
    Ok(match settings.tls {
        MailTls::Tls => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

fn password(settings: &Mail) -> Result<String, String> {
    if settings.password_file.as_os_str().is_empty() {
        return Ok(settings.password.clone());
    }
    let text = String::from_utf8(read("mail.password_file", &settings.password_file)?);
    let text = text.map_err(|_| "mail.password_file is not UTF-8")?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("mail.password_file is empty".into()),
        password => Ok(password.into()),
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{setting}: {error}"))
}

/// The mail itself. `None` where the address is none.
fn message(from: &Mailbox, admin: &str, notice: &Notice<'_>) -> Option<Message> {
    let to = Mailbox::new(None, admin.parse::<Address>().ok()?);
    // The same for a repeat of the same delete, so that a mailbox can tell.
    let id = format!("<{}.deletion@{}>", notice.deletion_id, from.email.domain());
    let subject = format!("Onefold: {} of {} deleted", people(notice.deleted), called(notice));
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into());
    let message = Message::builder().from(from.clone()).to(to).subject(subject).message_id(Some(id));
    message.header(ContentType::TEXT_PLAIN).raw_header(automatic).body(text(notice)).ok()
}

fn people(count: usize) -> String {
    if count == 1 { "1 profile".into() } else { format!("{count} profiles") }
}

/// The organisation, in one line whatever its name is.
fn called(notice: &Notice<'_>) -> String {
    let name: String = notice.org_name.chars().filter(|c| !c.is_control()).collect();
    format!("organisation {} ({name})", notice.org_id)
}

fn text(notice: &Notice<'_>) -> String {
    let again = if notice.suppressed { "no, until an administrator lifts that" } else { "yes" };
    format!(
        "A delete was done in {org}, and asked that you be told.\n\
         \n\
         Delete:              {id}\n\
         Answered:            {at}\n\
         Region:              {region}\n\
         Values named:        {requested}\n\
         Profiles deleted:    {deleted}\n\
         Values not found:    {not_found}\n\
         May be written anew: {again}\n\
         Asked for by:        {by}\n\
         \n\
         The signed receipt: GET /cdp/v1/deletions/{id}\n",
        org = called(notice),
        id = notice.deletion_id,
        at = time::utc(notice.at),
        region = notice.region,
        requested = notice.requested,
        deleted = notice.deleted,
        not_found = notice.not_found,
        by = notice.by,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(org_name: &str) -> Notice<'_> {
        Notice {
            org_id: 7,
            org_name,
            deletion_id: "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4",
            at: 1_735_689_600_123,
            region: "EU",
            requested: 2,
            deleted: 1,
            not_found: 1,
            suppressed: true,
            by: "key 01941f29-7c00-7c1d-9e02-7d5b1a90c6f5",
        }
    }

    fn written(org_name: &str, admin: &str) -> Option<String> {
        let from = "Onefold <onefold@example.org>".parse().unwrap();
        message(&from, admin, &notice(org_name)).map(|mail| String::from_utf8(mail.formatted()).unwrap())
    }

    #[test]
    fn the_name_of_an_organisation_cannot_become_a_header() {
        for name in [
            "Acme\r\nBcc: all@example.net",
            "Acme\nBcc: all@example.net\n\nhello",
            "A\u{0}B\u{85}C",
            "Ünïcödé \u{2028}Bcc: x",
        ] {
            let mail = written(name, "admin@example.org").unwrap();
            let (head, _) = mail.split_once("\r\n\r\n").unwrap();
            let names: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no header")).0)
                .collect();
            let mut known = names.clone();
            known.retain(|name| {
                [
                    "From",
                    "To",
                    "Subject",
                    "Message-ID",
                    "Content-Type",
                    "Auto-Submitted",
                    "Date",
                    "Content-Transfer-Encoding",
                    "MIME-Version",
                ]
                .contains(name)
            });
            assert_eq!(names, known, "{name:?}");
            assert_eq!(mail.matches("To: ").count(), 1, "{mail}");
        }
    }

    #[test]
    fn an_address_with_more_in_it_is_none() {
        for bad in ["a@b\r\nBcc: c@d", "a@b, c@d", "a", "", "a@b>\r\nRCPT TO:<c@d", "<a@b>"] {
            assert_eq!(written("Acme", bad), None, "{bad:?}");
        }
    }
}
