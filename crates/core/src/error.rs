//! What an operation says when it does not do what was asked: a few kinds, each with stable codes.
//!
//! The kind answers "what should the caller do?"; the server alone turns kinds into HTTP. No text here holds a value
//! that a caller sent.

use crate::limits;
use crate::profile::codec::BadRow;
use crate::store::StoreError;
use std::borrow::Cow;

/// What the caller should make of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request breaks a rule; sent again it fails again.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// A precondition that the caller set does not hold.
    Precondition,
    /// More than is allowed in the time; later may do.
    Limited,
    /// Nothing was done; later may do.
    Unavailable,
    /// It may have been done.
    Unknown,
    /// What is stored cannot be read.
    Damaged,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $kind:ident, $detail:literal;)*) => {
        /// Every code of this crate. Each is stable and has a page in `docs/errors/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// As it stands in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// What the caller should make of it.
            pub fn kind(self) -> Kind {
                match self { $(Code::$name => Kind::$kind,)* }
            }

            /// What it means, in a sentence.
            pub fn detail(self) -> &'static str {
                match self { $(Code::$name => $detail,)* }
            }
        }
    };
}

codes! {
    /// No identifier of a search leads to a profile.
    ProfileNotFound = "profile.not_found", NotFound, "No profile was found for any of the identifiers";
    /// A write names a UCID that does not exist.
    UnknownUcid = "profile.unknown_ucid", NotFound, "There is no profile with this ucid";
    /// The profile would show more bytes than one may.
    ProfileTooLarge = "profile.too_large", Invalid, "The profile would be larger than 64 KiB";
    /// What the person's profiles say would take more bytes than they may.
    ProfileSaysTooMuch = "profile.says_too_much", Invalid, "What the profiles of this person say would be larger than 256 KiB";
    /// The profile would show more attributes than one may.
    TooManyAttributes = "profile.too_many_attributes", Invalid, "The profile would have more than 1000 attributes";
    /// The profile would hold more identifiers than one may.
    TooManyIdentifiers = "profile.too_many_identifiers", Invalid, "The profile would have more than 1000 identifiers";
    /// A person would be made of more profiles than one may.
    TooManyProfiles = "profile.too_many_profiles", Invalid, "The person would be made of more than 100 profiles";
    /// A list would have more entries than one may.
    ListTooLong = "value.list_too_long", Invalid, "A list would have more than 1000 entries";
    /// A list remembers more removals than it may; `$set` starts it anew.
    ListTooManyMarks = "value.list_too_many_removals", Invalid, "A list would have more than 2000 entries and removals; replace it with $set";
    /// A value is not of the type that the catalogue gives its attribute.
    WrongType = "value.wrong_type", Invalid, "A value is not of the type of its attribute";
    /// An operator on numbers meets something else.
    NotANumber = "value.not_a_number", Invalid, "The operator works on numbers, and the attribute holds something else";
    /// The timestamp is too far in the future.
    TimestampAhead = "write.timestamp_ahead", Invalid, "The timestamp is more than 5 minutes ahead of the server's clock";
    /// The write is older than the erasure of an identifier that it carries.
    Erased = "identity.erased", Invalid, "The write is not later than the erasure of an identifier that it carries";
    /// The write carries an identifier that may not be written again.
    Suppressed = "identity.suppressed", Invalid, "The write carries an identifier of somebody who was deleted for good; it may not be written again until an administrator lifts that";
    /// The person was erased while the write was under way, and nobody can tell any more whether it came before.
    ErasedMeanwhile = "identity.erased_meanwhile", Unknown, "The profile was deleted while this write was under way";
    /// A record has no identifier that may be looked up.
    NoUsableIdentifier = "identity.no_usable_identifier", Invalid, "The record has no identifier that the strategy lets name a person";
    /// A write by UCID would replace the value of the best kind that the profile holds.
    UcidConflict = "identity.ucid_conflict", Conflict, "The write names a profile by ucid and carries another value of its best identifier";
    /// With `Prefer: handling=strict`: the record would not be attached or linked in full.
    NotInFull = "identity.not_in_full", Conflict, "Some identifiers of the record would stay with another profile; nothing was done";
    /// A strategy that cannot be used.
    BadStrategy = "strategy.invalid", Invalid, "The strategy cannot be used as it is";
    /// A list of blocked values that cannot be used.
    BadBlocklist = "blocked.invalid", Invalid, "The list of blocked values cannot be used as it is";
    /// A catalogue that cannot be used.
    BadCatalogue = "catalogue.invalid", Invalid, "The catalogue cannot be used as it is";
    /// A change names a version that is not the present one.
    DefinitionChanged = "definition.changed", Conflict, "It is no longer the version that the request names; read it again";
    /// There is no such blocked value.
    BlockedUnknown = "blocked.unknown", NotFound, "There is no such blocked value in this organisation";
    /// There is no such suppression.
    SuppressionUnknown = "suppression.unknown", NotFound, "There is no such suppression in this organisation";
    /// A split names a profile that was not merged into the other.
    NotLinked = "split.not_linked", Invalid, "The profile of linkedUcid was not merged into the profile of ucid";
    /// A split names a profile that was folded into the other for good.
    FoldedForGood = "split.folded", Invalid, "The profile of linkedUcid was folded into the person for good and can no longer be told apart";
    /// A delete names a kind that does not lead to one person.
    NotPrimary = "delete.not_primary", Invalid, "Deletes take identifiers of primary kinds, or ucid";
    /// All that a delete names has been deleted before.
    AlreadyDeleted = "delete.already_deleted", Invalid, "User Profile is already deleted";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed = "precondition.failed", Precondition, "The profile is not as the precondition wants it";
    /// A conditional write would join people.
    WouldLink = "precondition.would_link", Precondition, "The write would link people, which a conditional write does not do";
    /// An idempotency key comes again with another request.
    IdempotencyMismatch = "idempotency.mismatch", Conflict, "This Idempotency-Key was used with another request";
    /// The organisation's number is taken.
    OrgTaken = "org.taken", Conflict, "An organisation with this orgId exists";
    /// There is no such organisation.
    OrgUnknown = "org.unknown", NotFound, "There is no such organisation";
    /// There is no such key.
    KeyUnknown = "key.unknown", NotFound, "There is no such key in this organisation";
    /// The key is revoked or expired.
    KeyEnded = "key.ended", Conflict, "The key is revoked or expired; make a new one";
    /// The key has as many valid secrets as it may.
    TooManySecrets = "key.too_many_secrets", Conflict, "The key has 8 valid secrets; wait until the overlap of an earlier rotation ends";
    /// The organisation has as many keys as it may.
    TooManyKeys = "org.too_many_keys", Invalid, "The organisation has 1000 keys, and no more are allowed";
    /// There is no record of such a delete.
    DeletionUnknown = "deletion.unknown", NotFound, "There is no record of this delete; it is kept for the audit period";
    /// One person is written to faster than is allowed.
    PersonTooFast = "limit.profile", Limited, "This profile is written to more often than is allowed; nothing was done";
    /// The certificate is bound to somebody else.
    CertificateTaken = "certificate.taken", Conflict, "The certificate is bound to another organisation";
    /// There is no such certificate.
    CertificateUnknown = "certificate.unknown", NotFound, "No such certificate is bound to this organisation";
    /// The organisation has bound as many certificates as it may.
    TooManyCertificates = "org.too_many_certificates", Invalid, "The organisation has bound 10000 certificates, and no more are allowed";
    /// The store cannot be reached; nothing was done.
    StoreUnavailable = "store.unavailable", Unavailable, "The store cannot be reached; nothing was done";
    /// The store did not say whether it happened.
    StoreUnknown = "store.unknown", Unknown, "The store did not answer in time; it may have been done";
    /// The store answered with something that cannot be read.
    StoreCorrupt = "store.corrupt", Damaged, "A stored row is damaged";
    /// Too many writers at one profile.
    Contention = "store.contention", Unavailable, "Too many writes met at one profile; try again";
}

/// One thing wrong with a request: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the body.
    pub pointer: String,
    /// What is wrong there, without the value.
    pub detail: Cow<'static, str>,
}

/// A member as a step of a JSON pointer (RFC 6901), `/` before it and escaped.
pub fn step(name: &str) -> String {
    format!("/{}", shown(name).replace('~', "~0").replace('/', "~1"))
}

/// A name that a caller chose, as a fault shows it: what is not like one is `…`, since it may be a personal value that
/// was sent in the wrong place.
pub fn shown(name: &str) -> &str {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let goes_on = |byte: u8| begins(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'/' | b'~');
    let fits = name.len() <= limits::POINTER_NAME_BYTES && name.bytes().next().is_some_and(begins);
    if fits && name.bytes().all(goes_on) { name } else { "…" }
}

/// A failed operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", code.as_str(), cause.as_deref().unwrap_or(code.detail()))]
pub struct Error {
    /// What it is.
    pub code: Code,
    /// Where in the request, if anywhere in particular.
    pub faults: Vec<Fault>,
    /// Whether people were linked before it failed. Those links stand.
    pub linked: bool,
    /// For the log alone: what the store said.
    pub cause: Option<String>,
}

impl Error {
    /// With a fault at a place in the body.
    pub fn at(code: Code, pointer: String) -> Self {
        let fault = Fault { pointer, detail: code.detail().into() };
        Self { faults: vec![fault], ..code.into() }
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, faults: Vec::new(), linked: false, cause: None }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (code, cause) = match error {
            StoreError::Unavailable(cause) => (Code::StoreUnavailable, cause),
            StoreError::Unknown(cause) => (Code::StoreUnknown, cause),
            StoreError::Corrupt(cause) => (Code::StoreCorrupt, cause),
        };
        Self { cause: Some(cause), ..code.into() }
    }
}

impl From<BadRow> for StoreError {
    fn from(bad: BadRow) -> Self {
        StoreError::Corrupt(bad.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_repeats_names_alone() {
        let longest = "n".repeat(limits::POINTER_NAME_BYTES);
        for name in ["email", "_id", "$unset", "loyalty-card.no_2", "a/b~c", &longest] {
            assert_eq!(shown(name), name);
        }
        let longer = format!("{longest}n");
        for value in ["", "jane@x.org", "+49 170 1", "0170", "Jane Doe", "-a", "größe", "a\n", &longer] {
            assert_eq!(shown(value), "…", "{value}");
        }
        assert_eq!([step("a/b~c"), step("1")], ["/a~1b~0c", "/…"]);
    }
}
