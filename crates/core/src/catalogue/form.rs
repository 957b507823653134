//! The forms of values, and the writings in which a value is hashed.

use super::definition::{Algorithm, Form, Writing};
use super::phone::Phone;
use std::borrow::Cow;

/// A trimmed value in its form; borrowed where it is in it already.
pub(super) fn normal(form: Form, value: &str) -> Cow<'_, str> {
    match form {
        Form::None => Cow::Borrowed(value),
        Form::Email => lower(value),
        Form::Uuid if is_uuid(value) => lower(value),
        Form::Hash if is_hash(value) => lower(value),
        Form::Uuid | Form::Hash => Cow::Borrowed(value),
        Form::Phone => Phone::parse(value).map_or(Cow::Borrowed(value), |phone| changed(value, phone.into_e164())),
    }
}

fn lower(value: &str) -> Cow<'_, str> {
    if value.is_ascii() && !value.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Borrowed(value);
    }
    changed(value, value.to_lowercase())
}

fn changed(before: &str, after: String) -> Cow<'_, str> {
    if before == after { Cow::Borrowed(before) } else { Cow::Owned(after) }
}

/// Only with its four hyphens: 32 digits alone may be anything.
fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_hash(value: &str) -> bool {
    let lengths = [Algorithm::Sha256, Algorithm::Md5, Algorithm::Sha1].map(Algorithm::digits);
    lengths.contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A value in its form, to be written in one way or another.
pub(super) enum Writings<'a> {
    /// A telephone number.
    Phone(Phone),
    /// Anything else.
    Text(&'a str),
}

impl<'a> Writings<'a> {
    /// `None` for what should be a telephone number and does not parse. It has no hashes: those of its digits could be
    /// those of another number in another country, and would make two people one.
    pub(super) fn of(form: Form, value: &'a str) -> Option<Self> {
        match form {
            Form::Phone => Phone::parse(value).map(Writings::Phone),
            _ => Some(Writings::Text(value)),
        }
    }

    /// The value in this writing. A writing that is not of its form leaves it as it is; the catalogue has none such.
    pub(super) fn get(&self, writing: Writing) -> Cow<'_, str> {
        match (self, writing) {
            (Writings::Phone(phone), Writing::WithCountryCode) => phone.with_country_code().into(),
            (Writings::Phone(phone), Writing::WithoutCountryCode) => phone.without_country_code().into(),
            (Writings::Phone(phone), _) => phone.e164().into(),
            (Writings::Text(text), Writing::Lower) => lower(text),
            (Writings::Text(text), Writing::Upper) => text.to_uppercase().into(),
            (Writings::Text(text), _) => Cow::Borrowed(text),
        }
    }
}
