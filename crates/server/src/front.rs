//! What every request passes before and after its handler: the request id, the gate, problem bodies, compression, the
//! log. One place instead of a stack of layers, so that the common case pays for nothing that it does not use.

use crate::app::App;
use crate::audit::{self, Slot};
use crate::auth::Last;
use crate::body::{Lent, drain};
use crate::encoding::Coding;
use crate::http;
use crate::limit;
use crate::limits;
use crate::meter::Pending;
use crate::note::Note;
use crate::overload::Kind;
use crate::problem::{Problem, ServerCode};
use crate::telemetry::traces::{self, Answered};
use crate::tls::Peer;
use ::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, VARY};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use opentelemetry::trace::{SpanContext, TraceId};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tower::ServiceExt;
use tracing::field::display;

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of a request, as an extension of it: for explain and for logs.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The caller's, if it is `[A-Za-z0-9._-]{1,64}`, else a new one (contract section 3).
    fn of(headers: &HeaderMap, app: &App) -> Self {
        let fits = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            (1..=onefold_core::limits::REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(allowed)
        };
        Self(headers.get(REQUEST_ID).filter(fits).cloned().unwrap_or_else(|| new_id(app)))
    }
}

fn new_id(app: &App) -> HeaderValue {
    let id = uuid::Uuid::from_u128(app.service.entropy().bits());
    let mut text = [0; 36];
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("none"))
}

/// The router with all that stands before it.
#[derive(Clone)]
pub struct Front {
    app: Arc<App>,
    router: Router,
}

impl Front {
    /// Before a router.
    pub fn new(app: Arc<App>, router: Router) -> Self {
        Self { app, router }
    }

    /// The server behind it.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Answers one request that comes alone.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        self.answer_on(&Last::default(), request).await
    }

    /// Answers one request of a connection.
    pub async fn answer_on<B>(&self, last: &Last, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let began = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path());
        let fetch = http::fetch_of(&method, path);
        let route = fetch.unwrap_or_else(|| http::route_of(path));
        let Some(admitted) = self.app.overload.admit(Kind::of(fetch.is_some(), path), began) else {
            return Box::pin(self.turned_away((began, fetch.is_some(), method, route), request)).await;
        };
        let id = RequestId::of(request.headers(), &self.app);
        let accepted = Coding::accepted(request.headers());
        let parent = traces::parent(request.headers());
        let trace = parent.as_ref().map(SpanContext::trace_id);
        let (own, shared) = (Note::of_call(began), fetch.is_none().then(|| Arc::new(Note::of_call(began))));
        let note = shared.as_deref().unwrap_or(&own);
        let pending = Pending::new(&self.app.meter, note, (&method, route));
        let mut response = match &shared {
            None => self.fetched(last, note, request).await,
            // Boxed, so that what a connection keeps for its next request is no larger than a fetch needs.
            Some(shared) => Box::pin(self.lent(request, &id, (shared, last.peer()))).await,
        };
        note.headers(response.headers_mut());
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            self.tell(problem, note, (&id, route, trace));
            write_problem(&mut response, problem, &id);
            self.say_pace(problem, note, &mut response);
        }
        if is_worth_compressing(&response) {
            response = compressed(response, accepted).await;
        }
        pending.answered(&mut response, problem.as_ref().is_some_and(Problem::is_refusal));
        if method != Method::GET && response.status().is_success() {
            admitted.done();
        }
        if self.app.gate.is_closed() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let took = began.elapsed();
        self.app.metrics.answered(fetch.is_some(), &method, route, response.status(), took);
        if let Some(traces) = self.app.traces.get() {
            let (status, request_id) = (response.status(), id.as_str());
            let code = problem.map(|problem| problem.code().as_str());
            traces.note(Answered { parent, method: &method, route, status, code, request_id, took });
        }
        tracing::debug!(
            request_id = id.as_str(),
            trace_id = trace.map(display),
            method = traces::method_of(&method),
            route,
            status = response.status().as_u16(),
            micros = took.as_micros() as u64,
            "answered"
        );
        response.headers_mut().insert(REQUEST_ID, id.0);
        response
    }

    /// Counts and logs what was not done.
    fn tell(&self, problem: &Problem, note: &Note, (id, route, trace): (&RequestId, &str, Option<TraceId>)) {
        self.app.metrics.refused(problem);
        note.refused_by().into_iter().for_each(|policy| self.app.metrics.limited(policy));
        log_problem(problem, id, route, trace);
        self.app.failures.note(problem.code(), id);
    }

    async fn fetched<B>(&self, last: &Last, note: &Note, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (unread, (head, mut body)) = (Unread::of(&request), request.into_parts());
        let request = Request::from_parts(head, &mut body);
        match self.admitted_fetch(last, note, request).await {
            Ok(response) => response,
            Err(problem) => Box::pin(refused(problem.into_response(), &mut body, unread)).await,
        }
    }

    async fn admitted_fetch<B>(&self, last: &Last, note: &Note, request: Request<B>) -> Result<Response, Problem>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let _inside = self.app.gate.enter()?;
        let fetched = AssertUnwindSafe(http::search::direct(&self.app, last, note, request)).catch_unwind().await;
        fetched.unwrap_or_else(|_| Err(panicked()))
    }

    async fn lent<B>(
        &self,
        request: Request<B>,
        id: &RequestId,
        note_and_peer: (&Arc<Note>, Option<&Arc<Peer>>),
    ) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (unread, (head, body)) = (Unread::of(&request), request.into_parts());
        let mut body = Lent::new(body);
        let request = Request::from_parts(head, Body::new(body.clone()));
        let response = self.handled(request, id, note_and_peer).await;
        let is_refused = response.extensions().get::<Problem>().is_some();
        if is_refused { refused(response, &mut body, unread).await } else { response }
    }

    async fn handled(
        &self,
        mut request: Request<Body>,
        id: &RequestId,
        (note, peer): (&Arc<Note>, Option<&Arc<Peer>>),
    ) -> Response {
        request.extensions_mut().insert(id.clone());
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer.clone());
        }
        request.extensions_mut().insert(note.clone());
        // Whoever asks after our health is answered also when nobody else is.
        if Kind::of(false, request.uri().path()) == Kind::Health {
            return self.routed(request).await;
        }
        match self.app.gate.enter() {
            Ok(_inside) => self.admitted(request).await,
            Err(code) => Problem::from(code).into_response(),
        }
    }

    async fn admitted(&self, request: Request<Body>) -> Response {
        match Slot::is_for(request.method(), request.uri().path()) {
            true => self.recorded(request).await,
            false => self.routed(request).await,
        }
    }

    /// Answers a call that there is too much to do for: with as little as can be, since there are many of them.
    async fn turned_away<B>(
        &self,
        (began, fetch, method, route): (Instant, bool, Method, &'static str),
        request: Request<B>,
    ) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (unread, (head, mut body)) = (Unread::of(&request), request.into_parts());
        let (id, problem) = (RequestId::of(&head.headers, &self.app), Problem::from(ServerCode::Overloaded));
        let (code, text) = (problem.code().as_str(), problem.body(id.as_str()));
        self.app.metrics.refused(&problem);
        let mut response = refused(problem.into_response(), &mut body, unread).await;
        response.headers_mut().insert(CONTENT_LENGTH, text.len().into());
        *response.body_mut() = Body::from(text);
        let (took, status) = (began.elapsed(), response.status());
        self.app.metrics.answered(fetch, &method, route, status, took);
        if let Some(traces) = self.app.traces.get() {
            let (parent, request_id) = (traces::parent(&head.headers), id.as_str());
            traces.note(Answered { parent, method: &method, route, status, code: Some(code), request_id, took });
        }
        tracing::debug!(request_id = id.as_str(), route, code, status = status.as_u16(), "refused");
        response.headers_mut().insert(REQUEST_ID, id.0);
        response
    }

    /// A write that its person's limit refused says so as the limits of callers do.
    fn say_pace(&self, problem: &Problem, note: &Note, response: &mut Response) {
        if problem.code() == onefold_core::error::Code::PersonTooFast.into() {
            self.app.metrics.limited(limit::PERSON);
            let default = self.app.config.limits.person();
            let rate = note.key().map_or(default, |key| key.rules.person.over(default));
            limit::person_headers(rate, response.headers_mut());
        }
    }

    /// Whoever is let in by the route's extractor is recorded there, before anything is done; here what became of it.
    async fn recorded(&self, mut request: Request<Body>) -> Response {
        let slot = Slot::default();
        request.extensions_mut().insert(slot.clone());
        let response = self.routed(request).await;
        audit::finish(&self.app, slot.ended(&response)).await;
        response
    }

    async fn routed(&self, request: Request<Body>) -> Response {
        let handled = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind().await;
        match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => panicked().into_response(),
        }
    }
}

/// What becomes of the body of a call that is refused before it was read.
#[derive(Clone, Copy)]
enum Unread {
    /// It is read and dropped, so that the connection can take the next call.
    Drained,
    /// It is not asked for, where the client waits for that; the connection ends.
    NotAskedFor,
    /// It has a stream of its own, which ends with the answer.
    Apart,
}

impl Unread {
    fn of<B>(request: &Request<B>) -> Self {
        match request.version() {
            Version::HTTP_2 => Self::Apart,
            _ if request.headers().contains_key(EXPECT) => Self::NotAskedFor,
            _ => Self::Drained,
        }
    }
}

/// A refusal whose connection can take the next call, or says that it ends.
async fn refused<B>(mut response: Response, body: &mut B, unread: Unread) -> Response
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let goes_on = match unread {
        Unread::Drained => drain(body).await,
        Unread::NotAskedFor => body.is_end_stream(),
        Unread::Apart => true,
    };
    if !goes_on {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn panicked() -> Problem {
    Problem::fault("a handler panicked")
}

fn write_problem(response: &mut Response, problem: &Problem, id: &RequestId) {
    let body = problem.body(id.as_str());
    response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    *response.body_mut() = Body::from(body);
    if problem.code() == ServerCode::Timeout.into() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// What went wrong, without anything that the caller sent but ids.
fn log_problem(problem: &Problem, id: &RequestId, route: &str, trace: Option<TraceId>) {
    let trace_id = trace.map(display);
    let (request_id, code, status) = (id.as_str(), problem.code().as_str(), problem.status().as_u16());
    let cause = problem.cause();
    match status {
        // What comes by the thousand is counted, and said once; see `overload`.
        503 if problem.code() == ServerCode::Overloaded.into() => {
            tracing::debug!(request_id, trace_id, route, code, status, "refused");
        }
        500 | 502 => tracing::error!(request_id, trace_id, route, code, status, cause, "failed"),
        503 | 504 => tracing::warn!(request_id, trace_id, route, code, status, cause, "failed"),
        _ => tracing::info!(request_id, trace_id, route, code, status, cause, "refused"),
    }
}

fn is_worth_compressing(response: &Response) -> bool {
    let size = response.body().size_hint().exact();
    size.is_some_and(|size| size >= limits::COMPRESS_BYTES as u64) && !response.headers().contains_key(CONTENT_ENCODING)
}

/// Compresses an answer if the caller takes it.
async fn compressed(mut response: Response, accepted: Option<Coding>) -> Response {
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    let Some(coding) = accepted else { return response };
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = body.collect().await else {
        return Problem::fault("the body of an answer could not be read").into_response();
    };
    let whole = whole.to_bytes();
    let body = match encoded(coding, whole.clone()).await {
        Some(encoded) => {
            parts.headers.insert(CONTENT_ENCODING, coding.header());
            parts.headers.insert(CONTENT_LENGTH, encoded.len().into());
            encoded
        }
        None => whole,
    };
    Response::from_parts(parts, Body::from(body))
}

async fn encoded(coding: Coding, body: Bytes) -> Option<Bytes> {
    if body.len() < limits::COMPRESS_APART_BYTES {
        return coding.encode(&body).ok();
    }
    tokio::task::spawn_blocking(move || coding.encode(&body).ok()).await.ok().flatten()
}

#[cfg(test)]
mod tests;
