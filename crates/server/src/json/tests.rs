//! What the parser takes and what it refuses.

use super::*;

fn refused(body: &[u8]) -> (String, String) {
    let problem = parse(body).unwrap_err();
    let body: serde_json::Value = serde_json::from_slice(&problem.body("test")).unwrap();
    (body["code"].as_str().unwrap().into(), body["errors"][0]["pointer"].as_str().unwrap().into())
}

#[test]
fn it_reads_what_json_is() {
    let body = br#" {"b": [1, -2.5e2, true, false, null, "x\n\u00e9\ud83d\ude00\/"], "a": {}, "": ""} "#;
    let expected = Json::Object(vec![
        (
            "b".into(),
            Json::Array(vec![
                Json::Integer(1),
                Json::Double(-250.0),
                Json::Boolean(true),
                Json::Boolean(false),
                Json::Null,
                Json::Text("x\né😀/".into()),
            ]),
        ),
        ("a".into(), Json::Object(vec![])),
        ("".into(), Json::Text("".into())),
    ]);
    assert_eq!(parse(body).unwrap(), expected);
}

#[test]
fn it_refuses_what_json_is_not() {
    let bad = [
        "",
        " ",
        "{",
        "[1",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{,}",
        "[,]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "nul",
        "True",
        "NaN",
        "\"a",
        "\"\u{1}\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00""#,
        "{} {}",
        "[] x",
        "'a'",
        "{\"a\" 1}",
        "[1 2]",
        "\u{feff}{}",
        "\"\\",
    ];
    for body in bad {
        assert_eq!(refused(body.as_bytes()).0, "request.malformed_json", "{body}");
    }
    assert_eq!(refused(b"\"\xff\"").0, "request.malformed_json");
}

#[test]
fn it_refuses_members_that_come_twice_and_says_where() {
    let (code, pointer) = refused(br#"{"a/b": [{"x~": 1, "x~": 1}], "c": 1}"#);
    assert_eq!((&*code, &*pointer), ("request.duplicate_key", "/a~1b/0/x~0"));
    assert_eq!(refused(br#"{"a": 1, "\u0061": 2}"#).0, "request.duplicate_key", "also when it is escaped");
    let many: Vec<String> = (0..40).map(|n| format!("\"m{}\":{n}", n % 39)).collect();
    assert_eq!(refused(format!("{{{}}}", many.join(",")).as_bytes()).1, "/m0");
}

#[test]
fn it_refuses_numbers_that_would_be_rounded() {
    assert_eq!(parse(b"[9223372036854775807,-9223372036854775808]").unwrap(), {
        Json::Array(vec![Json::Integer(i64::MAX), Json::Integer(i64::MIN)])
    });
    for (body, at) in [("9223372036854775808", ""), ("[1e400]", "/0"), ("{\"n\":-9223372036854775809}", "/n")] {
        assert_eq!(refused(body.as_bytes()), ("request.number".into(), at.into()), "{body}");
    }
}

#[test]
fn it_refuses_more_than_sixteen_levels() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(16).as_bytes()).is_ok());
    assert_eq!(refused(nested(17).as_bytes()).0, "request.too_deep");
    assert_eq!(refused("[".repeat(1 << 16).as_bytes()).0, "request.too_deep");
}
