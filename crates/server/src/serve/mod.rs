//! Connections: how many, for how long, and how they end. HTTP/1.1, in clear or after the handshake of `secure.rs`,
//! which has HTTP/2.

mod apart;
mod pieces;
mod pulse;
mod secure;
mod socket;

use crate::app::App;
use crate::auth::Last;
use crate::front::Front;
use crate::limits;
use crate::tls::Door;
use apart::Apart;
use futures_util::future::{join, join_all};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pulse::{Answering, Pulse};
use socket::Watched;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// A listener, and what it shows to the network where that is not plain HTTP.
pub type Entrance = (TcpListener, Option<Arc<Door>>);

/// Answers plain HTTP on one listener until `stop`; see [`serve_all`].
pub async fn serve(front: Front, listener: TcpListener, stop: impl Future<Output = ()>) {
    serve_all(front, vec![(listener, None)], stop).await;
}

/// Answers until `stop`, then finishes: nobody new is let in, whoever is inside gets the configured time, whoever
/// speaks up meanwhile on an open connection is told that the server shuts down.
pub async fn serve_all(front: Front, entrances: Vec<Entrance>, stop: impl Future<Output = ()>) {
    let app = front.app().clone();
    let (closing, closed) = watch::channel(false);
    let (stopping, stopped) = watch::channel(false);
    let accepting = entrances.into_iter().map(|entrance| accept(&front, entrance, stopped.clone(), &closed));
    let stopping = async {
        stop.await;
        stopping.send(true)
    };
    let (mut connections, _) = join(join_all(accepting), stopping).await;
    app.gate.close();
    if !app.gate.empty(app.config.server.shutdown()).await {
        tracing::warn!("some requests did not finish in time");
    }
    tokio::time::sleep(Duration::from_millis(limits::LINGER_MS)).await;
    // The receivers are the connections.
    let _ = closing.send(true);
    let gone = join_all(connections.iter_mut().map(|those| async { while those.join_next().await.is_some() {} }));
    let _ = tokio::time::timeout(Duration::from_millis(limits::LINGER_MS), gone).await;
    for mut those in connections {
        those.shutdown().await;
    }
}

/// Takes connections until it is `stopped`; with it the listener closes.
async fn accept(
    front: &Front,
    (listener, door): Entrance,
    mut stopped: watch::Receiver<bool>,
    closed: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(front.app().config.server.max_connections as usize));
    // Also when the sender is gone.
    let mut stop = pin!(async { drop(stopped.wait_for(|stopped| *stopped).await) });
    loop {
        let next = async {
            // Closed never: nobody closes it.
            let permit = room.clone().acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            // Forgets those that ended, so that the set does not grow.
            Some(_) = connections.join_next() => {}
            (accepted, permit) = next => match accepted {
                Ok((stream, _)) => {
                    let begun = Begun { front: front.clone(), stream, closed: closed.clone(), _room: permit };
                    match &door {
                        None => connections.spawn(begun.plain()),
                        Some(door) => connections.spawn(begun.secure(door.clone())),
                    };
                }
                // Out of file descriptors, most likely; those under way will free some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(Duration::from_millis(limits::LINGER_MS)).await;
                }
            },
        }
    }
    connections
}

/// A connection that begins.
struct Begun {
    front: Front,
    stream: TcpStream,
    closed: watch::Receiver<bool>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Begun {
    async fn plain(self) {
        // Answers are written whole, so that waiting for more to send only costs time.
        let _ = self.stream.set_nodelay(true);
        let pulse = Arc::new(Pulse::new());
        let socket = Watched::new(self.stream, pulse.clone());
        converse(&self.front, socket, &pulse, &Last::default(), self.closed).await;
    }
}

/// Answers over HTTP/1.1 until the connection ends.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    front: &Front,
    socket: S,
    pulse: &Arc<Pulse>,
    last: &Last,
    mut closed: watch::Receiver<bool>,
) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        pulse.head_complete();
        async move {
            let response = front.answer_on(last, request).await;
            if pieces::has_pieces(&response) {
                return Ok(pieces::until_sent(response, Answering(pulse.clone())));
            }
            pulse.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = builder().serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut end = pin!(Apart::new(ended(front.app(), pulse, &mut closed)));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        end = end.as_mut() => match end {
            End::Closed => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            End::CutOff(why) => {
                tracing::debug!(why, "connection cut off");
                return;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection failed");
    }
}

/// Answers what the fuzzer sends, over HTTP/1.1 and until its end.
pub(crate) async fn fuzz<S: AsyncRead + AsyncWrite + Unpin>(front: &Front, socket: S, last: &Last) {
    let (_open, closed) = watch::channel(false);
    let pulse = Arc::new(Pulse::new());
    converse(front, socket, &pulse, last, closed).await;
}

/// Ready once the server ends the connection.
async fn ended(app: &App, pulse: &Pulse, closed: &mut watch::Receiver<bool>) -> End {
    tokio::select! {
        _ = closed.wait_for(|closed| *closed) => End::Closed,
        why = cut_off(app, pulse) => End::CutOff(why),
    }
}

/// Why a connection ends that its client has not ended.
enum End {
    /// The server stops.
    Closed,
    /// The client is too slow.
    CutOff(&'static str),
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Answers are copied together and written whole. (`pipeline_flush` does so too, and keeps an answer back while more
    // bytes of the client wait to be read, also the answer to a head that is none.)
    builder.max_buf_size(limits::HEAD_BYTES).max_headers(limits::HEADERS).writev(false);
    // Time is kept by the pulse, at a fraction of a timer for each request.
    builder.header_read_timeout(None);
    builder
}

/// Ready once the client was too slow, with the reason.
async fn cut_off(app: &App, pulse: &Pulse) -> &'static str {
    let server = &app.config.server;
    let timeouts = [server.head_timeout(), server.write_timeout(), server.idle_timeout()];
    let every = timeouts.into_iter().min().unwrap_or_default() / 4;
    loop {
        tokio::time::sleep(every).await;
        if let Some(why) = pulse.overdue(server) {
            return why;
        }
    }
}
