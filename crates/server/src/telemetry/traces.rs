//! Traces: one span for each sampled request, sent by OTLP (protobuf over HTTP) to a collector, if one is configured.
//!
//! A span names method, route, status, request id and code; no URL, no key, nothing of any person. Sending happens on a
//! thread of its own; what the collector does not take in time is dropped, and never holds up a request.

use crate::config;
use crate::limits::{SPANS_AT_ONCE, SPANS_WAITING, TRACES_ANSWER_BYTES, TRACES_MS};
use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry::trace::Span as _;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Where spans go.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A request that was answered.
pub struct Answered<'a> {
    /// Its headers' `traceparent`, if it is well-formed.
    pub parent: Option<SpanContext>,
    /// Its method.
    pub method: &'a Method,
    /// Its route, without parameters.
    pub route: &'static str,
    /// What it was answered with.
    pub status: StatusCode,
    /// The code of the problem, if it was not done.
    pub code: Option<&'static str>,
    /// Its name.
    pub request_id: &'a str,
    /// How long it took until now.
    pub took: Duration,
}

impl Traces {
    /// To the collector that the settings name; `None` if they name none. Must be called on the runtime.
    ///
    /// # Errors
    /// If the endpoint is none.
    pub fn start(telemetry: &config::Telemetry) -> Result<Option<Self>, String> {
        if telemetry.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector(Handle::current()))
            .with_endpoint(format!("{}/v1/traces", telemetry.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(Duration::from_millis(TRACES_MS))
            .build()
            .map_err(|error| format!("telemetry.otlp_endpoint: {error}"))?;
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_WAITING)
            .with_max_export_batch_size(SPANS_AT_ONCE)
            .with_scheduled_delay(Duration::from_millis(telemetry.every_ms))
            .build();
        let sampler = Sampler::TraceIdRatioBased(f64::from(telemetry.sample_per_mille) / 1000.0);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batch).build())
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(Resource::builder_empty().with_service_name("onefold").build())
            .build();
        let tracer = provider.tracer("onefold");
        Ok(Some(Self { provider, tracer }))
    }

    /// Makes a span of a request, if it is sampled: as its caller's trace is, else by the configured share.
    pub fn note(&self, answered: Answered<'_>) {
        let ended = SystemTime::now();
        let began = ended.checked_sub(answered.took).unwrap_or(ended);
        let context = match answered.parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(answered.route).with_kind(SpanKind::Server).with_start_time(began);
        let mut span = self.tracer.build_with_context(builder, &context);
        if !span.is_recording() {
            return;
        }
        span.set_attribute(KeyValue::new("http.request.method", method_of(answered.method)));
        span.set_attribute(KeyValue::new("http.route", answered.route));
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(answered.status.as_u16())));
        span.set_attribute(KeyValue::new("onefold.request_id", answered.request_id.to_owned()));
        if let Some(code) = answered.code {
            span.set_attribute(KeyValue::new("error.type", code));
        }
        if answered.status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(ended);
    }

    /// Sends what waits. Blocks, for a bounded time.
    pub fn stop(&self) {
        // A collector that is gone is no reason to stay.
        let _ = self.provider.shutdown_with_timeout(Duration::from_millis(TRACES_MS));
    }
}

/// A method as it is told outside: any that HTTP does not name is the caller's text, and `_OTHER` (OpenTelemetry).
pub fn method_of(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "CONNECT",
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The caller's place in a trace: a W3C `traceparent` (and `tracestate`), if it is well-formed.
pub fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = value.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
    let ends = version != "00" || parts.next().is_none();
    if !lengths || !ends || version == "ff" || ![version, trace, span, flags].into_iter().all(lower) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let state = headers.get("tracestate").and_then(|value| value.to_str().ok()?.parse::<TraceState>().ok());
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, state.unwrap_or_default())).filter(SpanContext::is_valid)
}

/// Posts to the collector from the server's runtime; whoever waits for it is on a thread without one.
#[derive(Debug)]
struct Collector(Handle);

impl HttpClient for Collector {
    fn send_bytes<'s, 'f>(&'s self, request: Request<Bytes>) -> BoxFuture<'f, Result<Response<Bytes>, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        // The timer too is the runtime's.
        let sent = self.0.spawn(async { tokio::time::timeout(Duration::from_millis(TRACES_MS), send(request)).await });
        async move {
            let response = sent.await?.map_err(HttpError::from).and_then(|response| response);
            match &response {
                Ok(response) if response.status().is_success() => {}
                Ok(response) => tracing::warn!(status = response.status().as_u16(), "the collector refused traces"),
                Err(error) => tracing::warn!(%error, "traces could not be sent to the collector"),
            }
            response
        }
        .boxed()
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    let host = uri.host().ok_or("the endpoint names no host")?.to_owned();
    let address = (host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(80));
    let (mut head, body) = request.into_parts();
    let port = address.1;
    head.headers.insert(http::header::HOST, format!("{host}:{port}").parse()?);
    head.uri = head.uri.path().parse()?;
    let socket = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await?;
    // Ends with this exchange, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = response?.into_parts();
    let body = Limited::new(body, TRACES_ANSWER_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<SpanContext> {
        parent(&HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), value.parse().unwrap())]))
    }

    #[test]
    fn a_method_that_is_none_is_not_repeated() {
        let told = |name: &str| method_of(&name.parse().unwrap());
        for known in ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] {
            assert_eq!(told(known), known);
        }
        assert_eq!(["get", "PURGE", "jane.doe"].map(told), ["_OTHER"; 3]);
    }

    #[test]
    fn a_well_formed_traceparent_is_taken_and_no_other() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let sampled = of(&format!("00-{trace}-{span}-01")).unwrap();
        assert_eq!((sampled.trace_id().to_string(), sampled.span_id().to_string()), (trace.into(), span.into()));
        assert!(sampled.is_sampled() && sampled.is_remote());
        assert!(!of(&format!("00-{trace}-{span}-00")).unwrap().is_sampled());
        assert!(of(&format!("01-{trace}-{span}-01-later")).is_some(), "later versions may have more");
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            trace.to_string(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{zeros}-{span}-01"),
            format!("00-{trace}-{}-01", &zeros[..16]),
            format!("00-{trace}-{span}-1"),
            format!("00-{}x-{span}-01", &trace[1..]),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
    }
}
