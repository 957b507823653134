//! `GET /openapi.json` and `GET /docs`: what can be called, for programs and for people.

use crate::openapi::{DOCUMENT, PAGE};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};

type Answer<const HEADERS: usize> = ([(HeaderName, HeaderValue); HEADERS], &'static str);

/// The document.
pub async fn document() -> Answer<1> {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], &DOCUMENT)
}

/// The page. It needs nothing but itself, and may do nothing else.
pub async fn page() -> Answer<2> {
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    );
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, html), (CONTENT_SECURITY_POLICY, policy)], &PAGE)
}
