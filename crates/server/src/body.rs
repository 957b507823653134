//! The body of a request: of the right media type, in time, within its bound, decoded.

use crate::app::App;
use crate::encoding::Coding;
use crate::limits;
use crate::problem::{Problem, ServerCode};
use axum::body::HttpBody;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Reads a JSON body whole: 413 if it is larger than `limit` bytes before or after decoding, 415 if it is not JSON in a
/// known coding, 408 if it does not come in time (contract section 3).
pub async fn read<B>(app: &App, headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    check_media_type(headers)?;
    let coding = Coding::of_body(headers)?;
    let body = in_time(app, collect(body, limit)).await?;
    match coding {
        None => Ok(body),
        Some(coding) => coding.decode(&body, limit),
    }
}

/// Most bodies are there as soon as their head is. Only for one that is not, a timer is set.
async fn in_time(app: &App, body: impl Future<Output = Result<Bytes, Problem>>) -> Result<Bytes, Problem> {
    let mut body = pin!(body);
    match futures_util::poll!(body.as_mut()) {
        Poll::Ready(body) => body,
        Poll::Pending => {
            let body = tokio::time::timeout(app.config.server.body_timeout(), body).await;
            body.map_err(|_| ServerCode::Timeout)?
        }
    }
}

/// A body of no media type is taken for JSON: it is read strictly anyway.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    if value == "application/json" || value.to_str().is_ok_and(is_json) {
        Ok(())
    } else {
        Err(ServerCode::MediaType.into())
    }
}

fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let utf8 = |part: &str| {
        let charset = part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charset.is_none_or(|(_, charset)| charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"))
    };
    json && parts.all(utf8)
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(ServerCode::TooLarge.into());
    }
    // Most bodies come in one piece, which is then used as it is.
    let first = next(&mut body).await?.unwrap_or_default();
    if body.is_end_stream() {
        return bounded(first, limit);
    }
    let Some(second) = next(&mut body).await? else { return bounded(first, limit) };
    let mut all = BytesMut::from(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if all.len() + bytes.len() > limit {
            return Err(ServerCode::TooLarge.into());
        }
        all.extend_from_slice(&bytes);
        piece = next(&mut body).await?;
    }
    Ok(all.freeze())
}

fn bounded(body: Bytes, limit: usize) -> Result<Bytes, Problem> {
    if body.len() > limit { Err(ServerCode::TooLarge.into()) } else { Ok(body) }
}

/// Reads and drops what is left of the body of a call that was refused before it was read, so that its connection can
/// take the next one. `false` where that is too much, or does not come soon: then the connection is to end.
pub async fn drain<B>(body: &mut B) -> bool
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > limits::DRAIN_BYTES as u64 {
        return false;
    }
    let rest = async {
        let mut read = 0;
        while let Ok(Some(bytes)) = next(body).await {
            read += bytes.len();
            if read > limits::DRAIN_BYTES {
                return false;
            }
        }
        body.is_end_stream()
    };
    let mut rest = pin!(rest);
    match futures_util::poll!(rest.as_mut()) {
        Poll::Ready(drained) => drained,
        Poll::Pending => tokio::time::timeout(limits::DRAIN_TIME, rest).await.unwrap_or(false),
    }
}

/// A body of which the lender keeps hold: see [`drain`].
pub struct Lent<B>(Arc<Mutex<B>>);

impl<B> Clone for Lent<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> Lent<B> {
    /// Of this body.
    pub fn new(body: B) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    fn body(&self) -> MutexGuard<'_, B> {
        // A body that panicked is read as far as it goes: whoever reads it meets the same end.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Problem>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ServerCode::Unreadable)?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
