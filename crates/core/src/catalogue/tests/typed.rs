//! Typed attributes: what they take, and what is stored of it.

use super::*;

#[test]
fn types_take_what_is_of_them() {
    let (whole, half) = (Scalar::Integer(5), Scalar::Double(0.5));
    let (text, truth, moment) = (Scalar::from("x"), Scalar::Boolean(true), Scalar::from("2024-02-29"));
    // Which of the types string, integer, double, boolean, timestamp, list take it.
    let table = [
        (Said::Plain(text.clone()), "s....l"),
        (Said::Plain(whole.clone()), ".id.tl"),
        (Said::Plain(half.clone()), "..d..l"),
        (Said::Plain(truth.clone()), "...b.l"),
        (Said::Plain(moment.clone()), "s...tl"),
        (Said::Set(Value::One(text.clone())), "s....."),
        (Said::SetOnce(Value::One(moment)), "s...t."),
        (Said::Set(Value::One(whole)), ".id.t."),
        (Said::SetOnce(Value::One(truth)), "...b.."),
        (Said::Set(Value::List(vec![text.clone()])), ".....l"),
        (Said::SetOnce(Value::List(vec![])), ".....l"),
        (Said::Entries(vec![half, text.clone()]), ".....l"),
        (Said::Remove(vec![text]), ".....l"),
        (Said::Add(Number::Integer(1)), ".id.t."),
        (Said::Min(Number::Integer(1)), ".id.t."),
        (Said::Max(Number::Double(0.5)), "..d..."),
        (Said::Unset, "sidbtl"),
    ];
    let types = [Type::String, Type::Integer, Type::Double, Type::Boolean, Type::Timestamp, Type::List];
    for (said, wanted) in table {
        let taken = types.iter().zip("sidbtl".chars()).map(|(t, c)| if t.accepts(&said).is_ok() { c } else { '.' });
        assert_eq!(taken.collect::<String>(), wanted, "{said:?}");
    }
}

#[test]
fn moments_are_dates_and_times_with_a_zone() {
    let good = [
        "2024-02-29",
        "2000-02-29",
        "2024-12-31T23:59:60Z",
        "2024-01-01t00:00:00.123456z",
        "2024-01-01 10:00:00+02:00",
        "0001-01-01T00:00:00-23:59",
    ];
    let bad = [
        "",
        "2024",
        "2024-1-1",
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-04-31",
        "2024-01-00",
        "2024-01-01T",
        "2024-01-01T10:00:00",
        "2024-01-01T10:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T10:60:00Z",
        "2024-01-01T10:00:00.Z",
        "2024-01-01T10:00:00+0200",
        "2024-01-01T10:00:00+24:00",
        "2024-01-01Z",
        "+024-01-01",
        "2024-01-01T10:00:00Zz",
        "2024-01-01T1é:00:00Z",
        "2024-01-é1",
        "1704067200000",
    ];
    for (texts, fits) in [(&good[..], true), (&bad[..], false)] {
        for text in texts {
            assert_eq!(Type::Timestamp.accepts(&Said::Plain((*text).into())).is_ok(), fits, "{text:?}");
        }
    }
}

#[test]
fn a_plain_value_is_an_entry_of_a_typed_list() {
    let mut definition = Definition::default();
    let list = AttributeEntry { kind: Some(Type::List), ..AttributeEntry::default() };
    definition.attributes.insert("tags".into(), list);
    let catalogue = Catalogue::new(definition).unwrap();
    let plain = Said::Plain("new".into());
    assert_eq!(catalogue.as_typed("tags", plain.clone()), Said::Entries(vec!["new".into()]));
    assert_eq!(catalogue.as_typed("other", plain.clone()), plain);
    assert_eq!(catalogue.as_typed("tags", Said::Unset), Said::Unset);
}
