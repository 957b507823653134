//! `GET /openapi.json` and `GET /docs`, and the document that is checked in.

use crate::util::*;
use onefold::http::ROUTES;
use onefold::openapi::{DOCUMENT, document};

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

#[test]
fn the_document_that_is_checked_in_is_that_of_the_code() {
    if std::env::var_os("ONEFOLD_WRITE_OPENAPI").is_some() {
        std::fs::write(CHECKED_IN, &**DOCUMENT).unwrap();
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    let hint = "write it with: ONEFOLD_WRITE_OPENAPI=1 cargo test -p onefold --test api openapi";
    assert!(checked_in == **DOCUMENT, "openapi.json is not that of the code; {hint}");
}

#[tokio::test]
async fn every_route_is_described_or_says_that_it_is_not_there_yet() {
    let (world, document) = (world().await, document());
    let mut described = 0;
    for route in ROUTES {
        if !document["paths"][route.path][route.method.as_str().to_ascii_lowercase()].is_null() {
            described += 1;
            continue;
        }
        let path = route.path.replace("{orgId}", &ORG.to_string()).replace(['{', '}'], "");
        let answer = world.call(route.method.clone(), &path).await;
        let what = format!("{} {} does something: describe it in openapi/operations.rs", route.method, route.path);
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!("request.not_yet")), "{what}");
    }
    let paths = document["paths"].as_object().unwrap().values();
    assert_eq!(described, paths.map(|methods| methods.as_object().unwrap().len()).sum::<usize>());
}

#[tokio::test]
async fn it_is_served_to_programs_and_to_people() {
    let world = world().await;
    let answer = world.get("/openapi.json").without("apikey").await;
    assert_eq!(answer.ok(), document());
    let answer = world.get("/docs").without("apikey").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = String::from_utf8(answer.bytes.to_vec()).unwrap();
    for told in ["/cdp/v1/users/_search", "id=\"type-WriteBody\"", "If-None-Match", "<td>412<td>"] {
        assert!(page.contains(told), "{told}");
    }
    for foreign in ["<script", "src=", "http://", "https://", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn who_may_be_limited_is_told_so_and_when_to_come_again() {
    let document = document();
    let mut told = 0;
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let refused = &operation["responses"]["429"]["$ref"];
            let is_guarded = !operation["security"].as_array().unwrap().is_empty();
            let may_be = is_guarded || operation["operationId"] == "metrics";
            assert_eq!(*refused == "#/components/responses/TooManyRequests", may_be, "{operation}");
            told += u32::from(may_be);
        }
    }
    assert!(told > 30, "{told}");
    let headers = document["components"]["responses"]["TooManyRequests"]["headers"].as_object().unwrap();
    for name in ["Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Reset"] {
        assert!(headers.contains_key(name), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}
