//! Connections: how many, for how long, and how they end. HTTP/1.1 in clear.

mod apart;
mod pulse;
mod socket;

use crate::app::App;
use crate::auth::Last;
use crate::front::Front;
use crate::limits;
use apart::Apart;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pulse::Pulse;
use socket::Watched;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Answers until `stop`, then finishes: nobody new is let in, whoever is inside gets the configured time, whoever
/// speaks up meanwhile on an open connection is told that the server shuts down.
pub async fn serve(front: Front, listener: TcpListener, stop: impl Future<Output = ()>) {
    let app = front.app().clone();
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    accept(&front, listener, stop, &closed, &mut connections).await;
    app.gate.close();
    if !app.gate.empty(app.config.server.shutdown()).await {
        tracing::warn!("some requests did not finish in time");
    }
    tokio::time::sleep(Duration::from_millis(limits::LINGER_MS)).await;
    // The receivers are the connections.
    let _ = closing.send(true);
    let gone = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(limits::LINGER_MS), gone).await;
    connections.shutdown().await;
}

/// Takes connections until `stop`; with it the listener closes.
async fn accept(
    front: &Front,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    closed: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let room = Arc::new(Semaphore::new(front.app().config.server.max_connections as usize));
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // Closed never: nobody closes it.
            let permit = room.clone().acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            // Forgets those that ended, so that the set does not grow.
            Some(_) = connections.join_next() => {}
            (accepted, permit) = next => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(front.clone(), stream, closed.clone(), permit));
                }
                // Out of file descriptors, most likely; those under way will free some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(Duration::from_millis(limits::LINGER_MS)).await;
                }
            },
        }
    }
}

async fn connection(
    front: Front,
    stream: TcpStream,
    mut closed: watch::Receiver<bool>,
    _room: Option<OwnedSemaphorePermit>,
) {
    // Answers are written whole, so that waiting for more to send only costs time.
    let _ = stream.set_nodelay(true);
    let (pulse, last) = (Arc::new(Pulse::new()), Last::default());
    let (answering, noting, last) = (&front, &*pulse, &last);
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        noting.head_complete();
        async move {
            let response = answering.answer_on(last, request).await;
            noting.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let socket = TokioIo::new(Watched::new(stream, pulse.clone()));
    let connection = builder().serve_connection(socket, service);
    let mut connection = pin!(connection);
    let mut end = pin!(Apart::new(async {
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => End::Closed,
            why = cut_off(front.app(), &pulse) => End::CutOff(why),
        }
    }));
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

/// Why a connection ends that its client has not ended.
enum End {
    /// The server stops.
    Closed,
    /// The client is too slow.
    CutOff(&'static str),
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(limits::HEAD_BYTES).max_headers(limits::HEADERS).pipeline_flush(true);
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
