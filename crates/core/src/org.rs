//! Organisations and their API keys: what is stored of them and within which bounds (contract sections 1, 2, 8, 11).
//! Making, changing and finding them is in [`crate::service::orgs`] and [`crate::service::keys`].

use crate::id::{BadName, OrgId, Region};
use crate::limits;
use crate::pace::PersonRate;
use crate::records::Record;
use crate::store::StoreError;
use crate::tables::RowHash;
use crate::time::Ms;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// An organisation, as stored: a tenant, and what holds for all of its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// Its number.
    pub id: OrgId,
    /// What people call it; see [`check_org_name`].
    pub name: Box<str>,
    /// Where its profiles may live, in the order in which a fetch looks; 1 to [`limits::ORG_REGIONS`], none twice.
    pub regions: Vec<Region>,
    /// How much it may call.
    pub limits: OrgLimits,
    /// What a write answers where the caller does not say.
    pub write_answer: WriteAnswer,
    /// Days after which a profile that nothing was heard of is erased; `None`: never.
    pub profile_ttl_days: Option<u32>,
    /// When it was made.
    pub created: Ms,
    /// Random: which call made it, so that a call whose answer was lost recognises its own work.
    pub made_by: u128,
    /// Where its administrator is told of deletes; see [`check_admin_email`].
    #[serde(skip)]
    pub admin_email: Option<Box<str>>,
}

/// One that has limits of its own for a person is written as version 3; of the others, one whose administrator has an
/// address as version 2, and the rest as version 1.
impl Record for Org {
    fn encode(&self) -> Bytes {
        let row = match (&self.admin_email, self.limits.person) {
            (None, PersonLimits::DEFAULT) => postcard::to_extend(self, vec![1]),
            (admin, PersonLimits::DEFAULT) => postcard::to_extend(&(self, admin), vec![2]),
            (admin, person) => postcard::to_extend(&(self, admin, person), vec![3]),
        };
        row.expect("an organisation always serialises into memory").into()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |_| StoreError::Corrupt("the body of an organisation is damaged".into());
        match bytes {
            [1, body @ ..] => postcard::from_bytes(body).map_err(damaged),
            [2, body @ ..] => {
                let (org, admin_email) = postcard::from_bytes::<(Self, _)>(body).map_err(damaged)?;
                Ok(Self { admin_email, ..org })
            }
            [3, body @ ..] => {
                let (org, admin_email, person) = postcard::from_bytes::<(Self, _, _)>(body).map_err(damaged)?;
                Ok(Self { admin_email, limits: OrgLimits { person, ..org.limits }, ..org })
            }
            _ => Err(StoreError::Corrupt("unknown version of an organisation".into())),
        }
    }
}

/// How much an organisation may call (contract section 8). 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgLimits {
    /// Requests a second, over all of its keys.
    pub per_second: u32,
    /// Requests a minute, over all of its keys.
    pub per_minute: u32,
    /// Values in one search: 1 to [`limits::SEARCH_VALUES_MAX`].
    pub ids_per_fetch: u16,
    /// How fast each of its people may be written to.
    #[serde(skip)]
    pub person: PersonLimits,
}

impl Default for OrgLimits {
    fn default() -> Self {
        Self {
            per_second: limits::ORG_PER_SECOND,
            per_minute: limits::ORG_PER_MINUTE,
            ids_per_fetch: limits::SEARCH_VALUES as u16,
            person: PersonLimits::DEFAULT,
        }
    }
}

/// What an organisation says of how fast one person may be written to, within the bounds that [`PersonRate`] names; `None`
/// is as everywhere on this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLimits {
    /// Writes of one person a second; 0 means no limit.
    pub per_second: Option<u32>,
    /// Writes of one person at once.
    pub burst: Option<u32>,
}

impl PersonLimits {
    /// As everywhere on this server.
    pub const DEFAULT: Self = Self { per_second: None, burst: None };

    /// What holds, where everybody else has this.
    pub fn over(self, default: PersonRate) -> PersonRate {
        PersonRate {
            per_second: self.per_second.unwrap_or(default.per_second),
            burst: self.burst.unwrap_or(default.burst),
        }
    }
}

/// What a write answers where the caller does not say (contract section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteAnswer {
    /// 200 and the profile.
    #[default]
    Profile,
    /// 204.
    Minimal,
}

/// Names an API key for good, also when its secret is rotated. Not secret; sorts by creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(u128);

impl KeyId {
    /// A new one, of this moment and these random bits.
    pub fn new(now: Ms, random: u128) -> Self {
        let mut tail = [0; 10];
        tail.copy_from_slice(&random.to_be_bytes()[..10]);
        let uuid = uuid::Builder::from_unix_timestamp_millis(now, &tail).into_uuid();
        Self(uuid.as_u128())
    }

    /// From its 128 bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl FromStr for KeyId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| BadName("must be a UUID"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a caller may do (contract section 2). The number is its bit in [`Scopes`] and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// Fetch profiles.
    ProfileRead = 1,
    /// Write profiles.
    ProfileWrite = 2,
    /// Delete profiles.
    ProfileDelete = 4,
    /// Send events.
    EventsWrite = 8,
    /// Administer the organisation.
    OrgAdmin = 16,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 5] =
        [Scope::ProfileRead, Scope::ProfileWrite, Scope::ProfileDelete, Scope::EventsWrite, Scope::OrgAdmin];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::ProfileRead => "profile.read",
            Scope::ProfileWrite => "profile.write",
            Scope::ProfileDelete => "profile.delete",
            Scope::EventsWrite => "events.write",
            Scope::OrgAdmin => "org.admin",
        }
    }
}

impl FromStr for Scope {
    type Err = BadName;
    fn from_str(name: &str) -> Result<Self, BadName> {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        found.ok_or(BadName("must be profile.read, profile.write, profile.delete, events.write or org.admin"))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(u8);

impl Scopes {
    /// None at all.
    pub const NONE: Scopes = Scopes(0);

    /// Whether it holds this one.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// With this one as well.
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope as u8)
    }

    /// What both hold.
    pub const fn and(self, other: Scopes) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that it holds, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |&scope| self.has(scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Scopes::NONE, Scopes::with)
    }
}

/// How much one key may call, beside what its organisation may. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRate {
    /// Requests a second.
    pub per_second: u32,
    /// Requests a minute.
    pub per_minute: u32,
}

/// An API key as its organisation lists it, and the truth about it: a secret opens only what its key's row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it; also the default `source` of what it writes. See [`check_key_name`].
    pub name: Box<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// From when on it no longer works, whatever its secrets say.
    pub expires: Option<Ms>,
    /// How much it may call.
    pub rate: Option<KeyRate>,
    /// When it was made.
    pub created: Ms,
    /// When it got its newest secret, if it was ever rotated.
    pub rotated: Option<Ms>,
    /// When it was revoked. For good.
    pub revoked: Option<Ms>,
    /// What opens it: at most [`limits::KEY_SECRETS`].
    pub secrets: Vec<KeySecret>,
}

impl Record for OrgKey {}

/// One secret of a key: its hash, and until when it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySecret {
    /// What stands for the secret; the secret itself is nowhere.
    pub hash: RowHash,
    /// From when on it no longer opens the key: set when a rotation replaces it.
    pub until: Option<Ms>,
}

impl OrgKey {
    /// Until when the secret with this hash opens it, were nothing to change: `None` if it does not now,
    /// [`Ms::MAX`] if nothing ends it.
    pub fn opens(&self, hash: RowHash, now: Ms) -> Option<Ms> {
        let secret = self.secrets.iter().find(|secret| secret.hash == hash)?;
        let ends = [self.expires, secret.until].into_iter().flatten().min();
        let ends = ends.unwrap_or(Ms::MAX);
        (self.revoked.is_none() && now < ends).then_some(ends)
    }

    /// Whether it can still be used, by somebody who has its newest secret.
    pub fn in_force(&self, now: Ms) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Where a secret leads. It says nothing of its own about what may be done, so it never has to be right in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The organisation.
    pub org: OrgId,
    /// The key in it.
    pub key: KeyId,
}

impl Record for ApiKey {}

/// Whether this may name an organisation: 1 to [`limits::NAME_BYTES`] bytes, not blank, no control characters.
pub fn check_org_name(name: &str) -> Result<(), BadName> {
    match name.len() {
        1..=limits::NAME_BYTES => check_text(name),
        _ => Err(BadName("must have 1 to 128 bytes")),
    }
}

/// Whether this may name a key: 1 to [`limits::SOURCE_BYTES`] bytes, since it is the default `source` of what the key
/// writes; not blank, no control characters.
pub fn check_key_name(name: &str) -> Result<(), BadName> {
    match name.len() {
        1..=limits::SOURCE_BYTES => check_text(name),
        _ => Err(BadName("must have 1 to 64 bytes")),
    }
}

/// Whether this may be where an administrator is told of deletes: one address, `name@domain`, in at most
/// [`limits::EMAIL_BYTES`] bytes of ASCII without quotes, so that every server can be given it.
pub fn check_admin_email(address: &str) -> Result<(), BadName> {
    let part = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&c);
    let dots = |text: &str| !text.is_empty() && text.split('.').all(|label| !label.is_empty());
    let domain = |text: &str| dots(text) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.');
    let fits = address.len() <= limits::EMAIL_BYTES
        && address
            .split_once('@')
            .is_some_and(|(name, host)| dots(name) && name.len() <= 64 && name.bytes().all(part) && domain(host));
    if fits { Ok(()) } else { Err(BadName("must be one e-mail address in ASCII, as admin@example.org")) }
}

fn check_text(name: &str) -> Result<(), BadName> {
    if name.trim().is_empty() {
        return Err(BadName("must not be blank"));
    }
    if name.chars().any(char::is_control) {
        return Err(BadName("must not have control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expires: Option<Ms>, until: Option<Ms>, revoked: Option<Ms>) -> OrgKey {
        OrgKey {
            id: KeyId::new(5, 6),
            name: "web".into(),
            scopes: Scopes::NONE.with(Scope::ProfileRead),
            expires,
            rate: None,
            created: 5,
            rotated: None,
            revoked,
            secrets: vec![KeySecret { hash: RowHash([1; 16]), until }],
        }
    }

    #[test]
    fn a_secret_opens_its_key_until_the_first_end() {
        let hash = RowHash([1; 16]);
        assert_eq!(key(None, None, None).opens(hash, 10), Some(Ms::MAX));
        assert_eq!(key(Some(20), None, None).opens(hash, 10), Some(20));
        assert_eq!(key(Some(20), Some(15), None).opens(hash, 10), Some(15));
        assert_eq!(key(Some(12), Some(15), None).opens(hash, 11), Some(12));
        assert_eq!(key(Some(12), None, None).opens(hash, 12), None, "an end is the first moment after");
        assert_eq!(key(None, Some(12), None).opens(hash, 12), None);
        assert_eq!(key(None, None, Some(1)).opens(hash, 10), None);
        assert_eq!(key(None, None, None).opens(RowHash([2; 16]), 10), None);
    }

    #[test]
    fn scopes_are_a_set_with_names() {
        let scopes: Scopes = ["org.admin", "profile.read", "org.admin"].iter().flat_map(|name| name.parse()).collect();
        let names: Vec<_> = scopes.iter().map(Scope::as_str).collect();
        assert_eq!(names, ["profile.read", "org.admin"]);
        assert!(scopes.and(Scopes::NONE.with(Scope::ProfileWrite)).is_empty());
        assert!("profile.Read".parse::<Scope>().is_err());
    }

    #[test]
    fn names_have_bounds() {
        assert!(check_org_name(&"x".repeat(128)).is_ok());
        assert!(check_key_name(&"x".repeat(64)).is_ok());
        for bad in ["", "  ", "a\nb"] {
            assert!(check_org_name(bad).is_err() && check_key_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_org_name(&"x".repeat(129)).is_err());
        assert!(check_key_name(&"x".repeat(65)).is_err());
    }

    #[test]
    fn an_administrator_has_one_plain_address() {
        for good in ["admin@example.org", "a.b+c@x", "o'neil@mail.example.co.uk"] {
            assert!(check_admin_email(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in [
            "",
            "admin",
            "@x",
            "a@",
            "a@b@c",
            "a b@x",
            "a@x\r\nBcc: b@y",
            "a@x, b@y",
            "<a@x>",
            "\"a b\"@x",
            "a..b@x",
            "ü@x",
            "a@x.",
            &long,
        ] {
            assert!(check_admin_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn organisations_of_earlier_versions_are_read_and_written_as_they_were() {
        let org = Org {
            id: OrgId::new(7).unwrap(),
            name: "Acme".into(),
            regions: vec!["EU".parse().unwrap()],
            limits: OrgLimits::default(),
            write_answer: WriteAnswer::Minimal,
            profile_ttl_days: Some(9),
            created: 5,
            made_by: 6,
            admin_email: None,
        };
        let before = postcard::to_extend(&org, vec![1]).unwrap();
        assert_eq!(Org::decode(&before), Ok(org.clone()));
        assert_eq!(org.encode(), before, "and are written as they were");
        let with = Org { admin_email: Some("admin@example.org".into()), ..org.clone() };
        let before = postcard::to_extend(&(&org, &with.admin_email), vec![2]).unwrap();
        assert_eq!(Org::decode(&before), Ok(with.clone()));
        assert_eq!(with.encode(), before);
        let person = PersonLimits { per_second: Some(0), burst: None };
        for org in [org, with] {
            let own = Org { limits: OrgLimits { person, ..org.limits }, ..org };
            assert_eq!((own.encode()[0], Org::decode(&own.encode())), (3, Ok(own.clone())));
        }
        for bad in [&[4][..], &[], &[2, 1], &[3]] {
            assert!(Org::decode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn versions_1_and_2_are_these_bytes() {
        let row = b"\x01\x07\x04Acme\x01EU\0\0\0\0\0\0\xc8\x01\x90\x4e\x05\x01\x01\x09\x05\x06";
        let org = Org::decode(row).unwrap();
        assert_eq!((&*org.name, org.limits, org.profile_ttl_days), ("Acme", OrgLimits::default(), Some(9)));
        assert_eq!(org.encode(), &row[..]);
        let second = [&[2], &row[1..], &[1, 3, b'a', b'@', b'b']].concat();
        let org = Org::decode(&second).unwrap();
        assert_eq!((org.admin_email.as_deref(), org.limits), (Some("a@b"), OrgLimits::default()));
        assert_eq!(org.encode(), second);
    }

    #[test]
    fn key_ids_sort_by_creation_and_read_back() {
        let (old, new) = (KeyId::new(1, u128::MAX), KeyId::new(2, 0));
        assert!(old < new);
        assert_eq!(old.to_string().parse(), Ok(old));
    }
}
