//! The catalogue by tables, then by properties.

mod typed;

use super::phone::Phone;
use super::*;
use crate::limits;
use crate::value::{Number, Scalar, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;

// Made by another implementation.
const JANE_SHA256: &str = "23ffa8a6cf764b97c18d4dc925f574f2d0113fc0c7fa11369bfdb22e7b762bfe";
const SHA256_UPPER: &str = "ae9df671f40f1d0b61ba215d8caba70ab88e9e0ff4bd16965fdb616b4cf23464";
const MD5_LOWER: &str = "8e747d19e83ff063fbb509e348a296d4";
const MD5_UPPER: &str = "39274fba99995011107a5cf22f4059b2";
const SHA1_LOWER: &str = "b9000e2dab997ad28da45dedcdce0fcc04da2cf0";
const SHA1_UPPER: &str = "7ec5f3fe06bcad5cc29dcb04568301654fa014b4";
const PHONE_E164: &str = "8a59780bb8cd2ba022bfa5ba2ea3b6e07af17a7d8b30c1f9b3390e36f69019e4";
const PHONE_WITH: &str = "d588bf66b91e1000a0a2027060724a2a";
const PHONE_WITHOUT: &str = "b8e04c986aa87857dfb4d364371d1a4195abf1bb";

fn definition(kinds: impl IntoIterator<Item = (&'static str, KindEntry)>) -> Definition {
    let kinds = kinds.into_iter().map(|(kind, entry)| (kind.into(), entry)).collect();
    Definition { kinds, attributes: BTreeMap::new(), groups: BTreeMap::new(), consents: BTreeMap::new() }
}

fn derivation(kind: &str, algorithm: Algorithm, writing: Writing) -> Derivation {
    Derivation { kind: kind.into(), algorithm, writing }
}

/// E-mail addresses with all usual hashes, and telephones of which only hashes are kept.
fn hashing() -> Catalogue {
    use Algorithm::{Md5, Sha1, Sha256};
    use Writing::{E164, Lower, Upper, WithCountryCode, WithoutCountryCode};
    let mut definition = Definition::default();
    definition.kinds.get_mut("email").unwrap().derives = vec![
        derivation("email_sha256_lowercase", Sha256, Lower),
        derivation("email_sha256_uppercase", Sha256, Upper),
        derivation("email_md5_lowercase", Md5, Lower),
        derivation("email_md5_uppercase", Md5, Upper),
        derivation("email_sha1_lowercase", Sha1, Lower),
        derivation("email_sha1_uppercase", Sha1, Upper),
    ];
    let cellphone = definition.kinds.get_mut("cellphone").unwrap();
    cellphone.keep_raw = false;
    cellphone.derives = vec![
        derivation("cellphone_number_e164_sha256", Sha256, E164),
        derivation("cellno_with_country_code_md5", Md5, WithCountryCode),
        derivation("cellno_without_country_code_sha1", Sha1, WithoutCountryCode),
    ];
    Catalogue::new(definition).unwrap()
}

fn shown(named: &Named) -> Vec<(&str, &str)> {
    named.identifiers.iter().map(|identifier| (identifier.kind(), identifier.value())).collect()
}

#[test]
fn the_catalogue_from_the_start_breaks_no_rule_of_its_own() {
    assert_eq!(Catalogue::new(Definition::default()).as_ref(), Ok(&*Catalogue::standard()));
}

#[test]
fn values_take_the_form_of_their_kind() {
    let catalogue = Catalogue::standard();
    let table = [
        ("email", "  Jane@X.com ", "jane@x.com"),
        ("email", "JÖRG@Bücher.de", "jörg@bücher.de"),
        ("email", "No Address", "no address"),
        ("cellphone", "+1 (555) 123-4567", "+15551234567"),
        ("cellphone", "5551234567", "5551234567"),
        ("AdId", "38400000-8CF0-11BD-B23E-10B96E40000D", "38400000-8cf0-11bd-b23e-10b96e40000d"),
        ("AdId", "384000008CF011BDB23E10B96E40000D", "384000008CF011BDB23E10B96E40000D"),
        ("device_id", "Kiosk-7", "Kiosk-7"),
        ("anonymous_id", "38400000-8CF0-11BD-B23E-10B96E40000D", "38400000-8CF0-11BD-B23E-10B96E40000D"),
        ("email_md5_uppercase", "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
        ("email_sha256_lowercase", "0A0601CFC9D014580FCF0B0", "0A0601CFC9D014580FCF0B0"),
        ("user_id", " Jane@X.com ", "Jane@X.com"),
    ];
    for (kind, given, normal) in table {
        assert_eq!(catalogue.normalise(kind, given).unwrap().value(), normal, "{kind}");
    }
}

#[test]
fn what_is_no_identifier_is_none_in_any_form() {
    let catalogue = Catalogue::standard();
    for (kind, value) in [("email", " "), ("cellphone", ""), ("_email", "x"), ("linkedUcid", "x"), ("e mail", "x")] {
        assert!(catalogue.normalise(kind, value).is_err() && catalogue.expand(kind, value).is_err(), "{kind}");
    }
    // Lower-cased, this letter has three bytes instead of two.
    assert!(catalogue.normalise("email", &"İ".repeat(limits::IDENTIFIER_BYTES / 2)).is_err());
    assert!(catalogue.normalise("email", &"É".repeat(limits::IDENTIFIER_BYTES / 2)).is_ok());
}

#[test]
fn telephones_become_e164_where_they_are_international() {
    let table = [
        ("+15551234567", "1", "5551234567"),
        ("001 555.123.4567", "1", "5551234567"),
        ("+49 171/123 45-67", "49", "1711234567"),
        ("+49 (0)171 1234567", "49", "1711234567"),
        ("+44 (0) 20\u{a0}7946\u{2013}0018", "44", "2079460018"),
        ("+39 06 1234 5678", "39", "0612345678"),
        ("+225 01 23 45 67 89", "225", "0123456789"),
        ("+7 495 123-45-67", "7", "4951234567"),
        ("+353 (0)1 234 5678", "353", "12345678"),
        ("+852 2123 4567", "852", "21234567"),
        ("+683 4000", "683", "4000"),
    ];
    for (text, code, national) in table {
        let phone = Phone::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(phone.e164(), format!("+{code}{national}"), "{text}");
        assert_eq!(phone.with_country_code(), format!("{code}{national}"), "{text}");
        assert_eq!(phone.without_country_code(), national, "{text}");
    }
}

#[test]
fn other_telephones_stay_as_they_are() {
    let table = [
        "",
        "+",
        "00",
        "0",
        "+0",
        "5551234567",
        "0171 1234567",
        "15551234567",
        "+1 555 123 456",
        "+1 555 123 45678",
        "+49 00171 1234567",
        "+0049 171 1234567",
        "+49 171 1234567 ext. 5",
        "+49 171 CALL",
        "0000000000",
        "+49",
        "+1234567890123456",
        "++49 171 1234567",
        "+49 171 ١٢٣٤٥٦٧",
        "+44 0",
    ];
    for text in table {
        assert_eq!(Phone::parse(text), None, "{text}");
    }
}

#[test]
fn an_address_is_known_by_its_hash() {
    let catalogue = Catalogue::standard();
    let raw = catalogue.expand("email", " Jane@X.com ").unwrap();
    assert_eq!(shown(&raw), [("email", "jane@x.com"), ("email_sha256_lowercase", JANE_SHA256)]);
    let hash = catalogue.expand("email_sha256_lowercase", &JANE_SHA256.to_uppercase()).unwrap();
    assert_eq!(shown(&hash), [("email_sha256_lowercase", JANE_SHA256)]);
    assert_eq!((raw.canonical(), &*raw.family), (hash.canonical(), "email"));
    assert_eq!(hash.family, raw.family);
}

#[test]
fn hashes_are_those_that_others_make() {
    let named = hashing().expand("email", "Jane@x.com").unwrap();
    let table = [
        ("email", "jane@x.com"),
        ("email_sha256_lowercase", JANE_SHA256),
        ("email_sha256_uppercase", SHA256_UPPER),
        ("email_md5_lowercase", MD5_LOWER),
        ("email_md5_uppercase", MD5_UPPER),
        ("email_sha1_lowercase", SHA1_LOWER),
        ("email_sha1_uppercase", SHA1_UPPER),
    ];
    assert_eq!(shown(&named), table);
}

#[test]
fn of_a_kind_without_raw_values_only_hashes_remain() {
    let catalogue = hashing();
    let named = catalogue.expand("cellphone", "+1 555 123-4567").unwrap();
    let table = [
        ("cellphone_number_e164_sha256", PHONE_E164),
        ("cellno_with_country_code_md5", PHONE_WITH),
        ("cellno_without_country_code_sha1", PHONE_WITHOUT),
    ];
    assert_eq!(shown(&named), table);
    assert_eq!(named.canonical(), &named.identifiers[0]);
    assert!(catalogue.expand("cellphone", "555 123-4567").is_err(), "nothing of it could be kept");
}

#[test]
fn a_number_that_does_not_parse_has_no_hashes() {
    let mut definition = hashing().definition().clone();
    definition.kinds.get_mut("cellphone").unwrap().keep_raw = true;
    let named = Catalogue::new(definition).unwrap().expand("cellphone", "2025550123").unwrap();
    assert_eq!(shown(&named), [("cellphone", "2025550123")]);
}

#[test]
fn a_kind_without_an_entry_stands_alone() {
    let catalogue = Catalogue::standard();
    let named = catalogue.expand("loyalty_id", "A7").unwrap();
    assert_eq!((shown(&named), &*named.family), (vec![("loyalty_id", "A7")], "loyalty_id"));
    assert_eq!(named.canonical(), &named.identifiers[0]);
    assert_eq!(catalogue.group_of_kind("loyalty_id"), "loyalty_id");
    assert!(!catalogue.is_device("loyalty_id") && !catalogue.is_personal_kind("loyalty_id"));
}

#[test]
fn groups_families_and_marks() {
    let catalogue = Catalogue::standard();
    let table = [
        ("email", "email", "email", false, true),
        ("email_sha256_lowercase", "email", "email", false, true),
        ("email_sha1_uppercase", "email", "email_sha1_uppercase", false, true),
        ("cellno_with_country_code_md5", "cellphone", "cellno_with_country_code_md5", false, true),
        ("AdId", "AdId", "AdId", true, false),
        ("device_id", "device_id", "device_id", true, false),
        ("anonymous_id", "anonymous_id", "anonymous_id", true, false),
    ];
    for (kind, group, family, device, pii) in table {
        assert_eq!((catalogue.group_of_kind(kind), catalogue.family(kind)), (group, family), "{kind}");
        assert_eq!((catalogue.is_device(kind), catalogue.is_personal_kind(kind)), (device, pii), "{kind}");
    }
    assert_eq!(hashing().family("email_sha1_uppercase"), "email");
}

#[test]
fn a_derived_kind_has_what_its_base_has() {
    let hash = derivation("maid_md5", Algorithm::Md5, Writing::Upper);
    let maid = KindEntry {
        group: Some("maids".into()),
        form: Form::Uuid,
        derives: vec![hash],
        device: true,
        ..KindEntry::default()
    };
    let own = KindEntry { pii: true, ..KindEntry::default() };
    for own in [None, Some(("maid_md5", own))] {
        let personal = own.is_some();
        let catalogue = Catalogue::new(definition([("maid", maid.clone())].into_iter().chain(own))).unwrap();
        assert_eq!((catalogue.group_of_kind("maid_md5"), catalogue.family("maid_md5")), ("maids", "maid"));
        assert_eq!((catalogue.is_device("maid_md5"), catalogue.is_personal_kind("maid_md5")), (true, personal));
        let upper = "D41D8CD98F00B204E9800998ECF8427E";
        assert_eq!(catalogue.normalise("maid_md5", upper).unwrap().value(), upper.to_lowercase());
    }
}

#[test]
fn attributes_groups_and_consents() {
    let mut definition = Definition::default();
    let tier = AttributeEntry { group: Some("loyalty".into()), kind: Some(Type::String), pii: true };
    definition.attributes.insert("tier".into(), tier);
    definition.groups.insert("loyalty".into(), GroupEntry { atomic: true });
    definition.consents.insert("ads".into(), ConsentEntry { ttl_days: 2 });
    let catalogue = Catalogue::new(definition).unwrap();
    assert_eq!((catalogue.group_of_attribute("tier"), catalogue.group_of_attribute("age")), ("loyalty", "age"));
    assert_eq!((catalogue.is_personal_attribute("tier"), catalogue.is_personal_attribute("age")), (true, false));
    assert_eq!((catalogue.is_atomic("loyalty"), catalogue.is_atomic("email")), (true, false));
    assert_eq!((catalogue.consent_ttl("ads"), catalogue.consent_ttl("mail")), (Some(172_800_000), None));
    assert_eq!(catalogue.check_type("tier", &Said::Add(Number::Integer(1))), Err("must be a string"));
    assert_eq!(catalogue.check_type("age", &Said::Add(Number::Integer(1))), Ok(()));
}

fn pointers(definition: Definition) -> Vec<(String, String)> {
    let faults = Catalogue::new(definition).unwrap_err();
    faults.into_iter().map(|fault| (fault.pointer, fault.detail.into_owned())).collect()
}

#[test]
fn all_faults_of_kinds_are_found() {
    use Algorithm::Md5;
    let kinds = [
        ("_x", KindEntry::default()),
        ("blank", KindEntry { keep_raw: false, ..KindEntry::default() }),
        ("grouped", KindEntry { group: Some("linkedUcid".into()), ..KindEntry::default() }),
        (
            "mail",
            KindEntry {
                derives: vec![
                    derivation("mail", Md5, Writing::AsIs),
                    derivation("mail_md5", Md5, Writing::E164),
                    derivation("mail_md5", Md5, Writing::Lower),
                    derivation("phone", Md5, Writing::Upper),
                    derivation("a/~b", Md5, Writing::Upper),
                ],
                ..KindEntry::default()
            },
        ),
        ("more", KindEntry { derives: vec![derivation("mail_md5", Md5, Writing::AsIs)], ..KindEntry::default() }),
        (
            "phone",
            KindEntry {
                group: Some("tel".into()),
                form: Form::Phone,
                derives: vec![derivation("phone_md5", Md5, Writing::Lower)],
                ..KindEntry::default()
            },
        ),
    ];
    let found = pointers(definition(kinds));
    let found: Vec<_> = found.iter().map(|(pointer, detail)| (pointer.as_str(), detail.as_str())).collect();
    let wanted = [
        ("/kinds/_x", "is a reserved kind"),
        ("/kinds/blank/keepRaw", "a kind without hashes keeps the value"),
        ("/kinds/grouped/group", "is reserved"),
        ("/kinds/mail/derives/0/kind", "a kind does not derive from itself"),
        ("/kinds/mail/derives/0/kind", "has hashes of its own"),
        ("/kinds/mail/derives/1/writing", "does not suit the form of the kind"),
        ("/kinds/mail/derives/2/kind", "derives from a kind already"),
        ("/kinds/mail/derives/3/kind", "has hashes of its own"),
        ("/kinds/mail/derives/3/kind", "has a form that is not of a hash"),
        ("/kinds/mail/derives/3/kind", "is in another group"),
        ("/kinds/mail/derives/4/kind", "is not a kind of identifier: 1 to 64 of letters, digits, '_', '.', '-'"),
        ("/kinds/more/derives/0/kind", "derives from a kind already"),
        ("/kinds/phone/derives/0/writing", "does not suit the form of the kind"),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn all_other_faults_are_found_too() {
    let mut definition = definition([]);
    let nameless = AttributeEntry { group: Some("".into()), ..AttributeEntry::default() };
    definition.attributes.insert("a/b~c".into(), nameless);
    definition.attributes.insert("$x".into(), AttributeEntry::default());
    definition.groups.insert("_g".into(), GroupEntry::default());
    definition.consents.insert("c\n".into(), ConsentEntry { ttl_days: 0 });
    definition.consents.insert("d".into(), ConsentEntry { ttl_days: limits::CONSENT_TTL_DAYS + 1 });
    let found: Vec<_> = pointers(definition).into_iter().map(|(pointer, _)| pointer).collect();
    let wanted = [
        "/attributes/$x",
        "/attributes/a~1b~0c/group",
        "/groups/_g",
        "/consents/…",
        "/consents/…/ttlDays",
        "/consents/d/ttlDays",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_catalogue_has_bounds() {
    let mut definition = definition([]);
    for n in 0..=limits::CATALOGUE_ATTRIBUTES {
        let name: Box<str> = format!("n{n}").into();
        definition.attributes.insert(name.clone(), AttributeEntry::default());
        if n <= limits::CATALOGUE_KINDS {
            definition.kinds.insert(name.clone(), KindEntry::default());
            definition.groups.insert(name.clone(), GroupEntry::default());
            definition.consents.insert(name, ConsentEntry { ttl_days: 1 });
        }
    }
    let hashes = (0..=limits::KIND_DERIVES).map(|n| derivation(&format!("h{n}"), Algorithm::Md5, Writing::AsIs));
    definition.kinds.get_mut("n0").unwrap().derives = hashes.collect();
    let found: Vec<_> = pointers(definition).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(found, ["/kinds", "/kinds/n0/derives", "/attributes", "/groups", "/consents"]);
}

/// Kinds of every form, and values that look like something.
fn identifiers() -> impl Strategy<Value = (&'static str, String)> {
    let kinds = vec!["email", "cellphone", "AdId", "email_md5_lowercase", "email_sha256_lowercase", "user_id"];
    let values = prop_oneof![
        "\\PC{1,40}",
        "[ \tA-Za-zİΣßǅ@.]{1,20}",
        "[+0]{1,3}[0-9 ()./-]{0,20}",
        "[0-9A-Fa-f]{32}",
        "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    ];
    (proptest::sample::select(kinds), values)
}

proptest! {
    #[test]
    fn normalise_is_idempotent((kind, value) in identifiers()) {
        if let Ok(once) = Catalogue::standard().normalise(kind, &value) {
            prop_assert_eq!(Catalogue::standard().normalise(kind, once.value()), Ok(once));
        }
    }

    #[test]
    fn expand_gives_the_same_for_all_writings_of_a_value((kind, value) in identifiers()) {
        for catalogue in [&*Catalogue::standard(), &hashing()] {
            if let Ok(normal) = catalogue.normalise(kind, &value) {
                prop_assert_eq!(catalogue.expand(kind, &value), catalogue.expand(kind, normal.value()));
            }
        }
    }

    #[test]
    fn a_value_and_its_hashes_are_one((kind, value) in identifiers(), upper: bool) {
        for catalogue in [&*Catalogue::standard(), &hashing()] {
            let Ok(raw) = catalogue.expand(kind, &value) else { continue };
            prop_assert!(raw.identifiers.contains(raw.canonical()));
            for identifier in raw.identifiers.iter().filter(|identifier| identifier.kind() != kind) {
                let hash = identifier.value();
                let sent = if upper { hash.to_uppercase() } else { hash.to_owned() };
                let hashed = catalogue.expand(identifier.kind(), &sent).unwrap();
                prop_assert!(hashed.identifiers == [identifier.clone()], "a hash has no hashes");
                prop_assert_eq!(&hashed.family, &raw.family);
            }
            let canonical = raw.canonical();
            let again = catalogue.expand(canonical.kind(), canonical.value()).unwrap();
            prop_assert_eq!(again.canonical(), canonical);
        }
    }

    #[test]
    fn spacing_makes_no_other_number(
        national in "[1-9][0-9]{9}",
        gaps in proptest::collection::vec("[ ./()-]{0,2}", 12),
    ) {
        let plain = format!("+49{national}");
        let spaced: String = plain.chars().zip(std::iter::once("").chain(gaps.iter().map(String::as_str)))
            .flat_map(|(digit, gap)| [gap.to_owned(), digit.to_string()]).collect();
        let home = format!("0049(0){national}");
        for written in [&plain, &spaced, &home] {
            prop_assert_eq!(Phone::parse(written).map(Phone::into_e164), Some(plain.clone()));
        }
    }

    #[test]
    fn no_value_makes_it_panic(text in "\\PC*") {
        let catalogue = hashing();
        for kind in ["email", "cellphone", "AdId", "email_md5_uppercase"] {
            let _ = catalogue.expand(kind, &text);
        }
        let _ = Type::Timestamp.accepts(&Said::Plain(text.as_str().into()));
    }
}
