//! Connections with TLS: the handshake, then HTTP/1.1 or HTTP/2, as the client likes. The handshake is done on the
//! connection's own task, so that whoever is slow at it holds up nobody else.

use super::pulse::Pulse;
use super::socket::Watched;
use super::{Apart, Begun, End, converse, ended, pieces};
use crate::auth::Last;
use crate::front::Front;
use crate::limits;
use crate::tls::{Door, HTTP2, Peer};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

impl Begun {
    pub(super) async fn secure(self, door: Arc<Door>) {
        let _ = self.stream.set_nodelay(true);
        let pulse = Arc::new(Pulse::new());
        let socket = match door.handshake(Watched::new(self.stream, pulse.clone())).await {
            Ok(socket) => socket,
            Err(error) => {
                if is_for_want_of_certificate(&error) {
                    self.front.app().failures.note_handshake();
                }
                return tell(&door, &error);
            }
        };
        pulse.ready();
        let (_, session) = socket.get_ref();
        let last = Last::with(Peer::of(&door, session.peer_certificates()));
        match session.alpn_protocol() {
            Some(HTTP2) => many(&self.front, socket, &pulse, last, self.closed).await,
            _ => converse(&self.front, socket, &pulse, &last, self.closed).await,
        }
    }
}

/// Whether a client was refused that showed no certificate, or none that is good here.
fn is_for_want_of_certificate(error: &io::Error) -> bool {
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(NoCertificatesPresented | InvalidCertificate(_)))
}

/// What was wrong with a handshake. A client that is refused is worth more than a line for who looks closely; one that
/// went away is not.
fn tell(door: &Door, error: &io::Error) {
    match error.kind() {
        io::ErrorKind::InvalidData => tracing::info!(listener = ?door.kind(), %error, "handshake refused"),
        _ => tracing::debug!(listener = ?door.kind(), %error, "handshake failed"),
    }
}

/// Answers over HTTP/2 until the connection ends.
async fn many(
    front: &Front,
    socket: TlsStream<Watched>,
    pulse: &Arc<Pulse>,
    last: Last,
    mut closed: watch::Receiver<bool>,
) {
    let shared = Arc::new((front.clone(), last));
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let (shared, counted) = (shared.clone(), Counted::new(pulse));
        async move {
            let response = shared.0.answer_on(&shared.1, request).await;
            if pieces::has_pieces(&response) {
                return Ok(pieces::until_sent(response, counted));
            }
            drop(counted);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(builder().serve_connection(TokioIo::new(socket), service));
    let mut end = pin!(Apart::new(ended(front.app(), pulse, &mut closed)));
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        end = end.as_mut() => {
            // The client learns which of its requests were taken; one that is cut off does not get long to listen.
            connection.as_mut().graceful_shutdown();
            match end {
                End::Closed => connection.await,
                End::CutOff(why) => {
                    tracing::debug!(why, "connection cut off");
                    let _ = tokio::time::timeout(Duration::from_millis(limits::LINGER_MS), connection).await;
                    return;
                }
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

/// Counts one of many requests out when dropped, also when its client gave it up.
struct Counted(Arc<Pulse>);

impl Counted {
    fn new(pulse: &Arc<Pulse>) -> Self {
        pulse.one_more();
        Self(pulse.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.one_less();
    }
}

fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .max_header_list_size(limits::HEAD_BYTES as u32)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS)
        .max_local_error_reset_streams(limits::HTTP2_FAULTS)
        .initial_stream_window_size(limits::HTTP2_WINDOW)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(limits::HTTP2_SEND_BYTES);
    builder
}
