//! Answers that are still being made while they are sent: their connection is busy until the last piece.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Whether an answer comes in pieces; any other is whole already.
pub(super) fn has_pieces(response: &Response) -> bool {
    response.body().size_hint().exact().is_none()
}

/// An answer that keeps something until its last piece was taken, or nobody wants it any more.
pub(super) fn until_sent<G: Send + Unpin + 'static>(response: Response, guard: G) -> Response {
    response.map(|body| Body::new(Kept { body, _guard: guard }))
}

struct Kept<G> {
    body: Body,
    _guard: G,
}

impl<G: Unpin> HttpBody for Kept<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
