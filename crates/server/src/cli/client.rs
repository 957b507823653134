//! Talking to a running server: one request, one answer, over plain HTTP, as the holder of the root key.

use super::output::Failure;
use super::{Common, program};
use crate::{address, root_key};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;

/// The variable that says where the server is.
const VARIABLE: &str = "ONEFOLD_SERVER";
/// For one request, all in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_BYTES: usize = 16 << 20;

/// A server that may be running.
pub(super) struct Client {
    host: String,
    port: u16,
    root_key: String,
    /// The flags that a call takes which finds the same data directory.
    flags: String,
}

impl Client {
    /// Finds the server and the root key: the address by flag, variable, or what a running server wrote into its data
    /// directory, else where one would listen; the key by variable or in the data directory.
    pub(super) fn find(common: &Common, server: Option<&str>) -> Result<Self, Failure> {
        let config = common.load(&[])?;
        let data = config.engine.data();
        let url = match server.map(str::to_owned).or_else(|| std::env::var(VARIABLE).ok()) {
            Some(url) => url,
            None => data.and_then(address::find).unwrap_or_else(|| address::url(config.server.listen)),
        };
        let (host, port) = host_and_port(&url)?;
        let key = root_key::find(data).map_err(|error| Failure::new("cli.root_key", &error))?;
        let flags = common.pasted();
        let root_key = key.ok_or_else(|| no_server(&host, port, &flags, "there is no root key yet"))?;
        Ok(Self { host, port, root_key, flags })
    }

    /// Asks, and reads the answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let answer = self.send(method, path, body)?;
        serde_json::from_slice(&answer).map_err(|_| self.strange())
    }

    /// Asks for something that has no answer but that it is done, and says more in a body.
    pub(super) fn do_with(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send(method, path, body).map(drop)
    }

    /// Asks for something that has no answer but that it is done.
    pub(super) fn tell(&self, method: Method, path: &str) -> Result<(), Failure> {
        self.send(method, path, &Value::Null).map(drop)
    }

    /// Asks, and hands the answer on as it comes, however long it is. An answer that breaks off is a failure.
    pub(super) fn download(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
        runtime.block_on(self.stream(self.request(method, path, body)?, take))
    }

    async fn stream(
        &self,
        request: Request<Full<Bytes>>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let late = |_| Failure::new("cli.timeout", "the server did not answer in time");
        let (status, mut body) = tokio::time::timeout(PATIENCE, self.answer(request)).await.map_err(late)??;
        if !status.is_success() {
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|_| self.strange())?;
            return Err(self.refused(status, &body.to_bytes()));
        }
        while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(late)? {
            let broken = |_| Failure::new("cli.broken_off", "the server broke its answer off; its log says why");
            if let Ok(piece) = frame.map_err(broken)?.into_data() {
                take(&piece)?;
            }
        }
        Ok(())
    }

    fn send(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Bytes, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
        let request = self.request(method, path, body)?;
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, self.exchange(request)).await });
        let (status, body) = answer.map_err(|_| Failure::new("cli.timeout", "the server did not answer in time"))??;
        if status.is_success() { Ok(body) } else { Err(self.refused(status, &body)) }
    }

    fn request(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Request<Full<Bytes>>, Failure> {
        let body = match method {
            Method::GET | Method::DELETE => Ok(Vec::new()),
            _ => serde_json::to_vec(body),
        };
        let body = body.map_err(|error| Failure::new("cli.failed", &error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::CONTENT_TYPE, "application/json")
            .header("apikey", &self.root_key)
            .body(Full::new(body.into()));
        request.map_err(|error| Failure::new("cli.failed", &error.to_string()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let (status, body) = self.answer(request).await?;
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|_| self.strange())?;
        Ok((status, body.to_bytes()))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Incoming), Failure> {
        let host = self.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.port)).await;
        let stream = stream.map_err(|error| no_server(&self.host, self.port, &self.flags, &error.to_string()))?;
        let strange = |_| self.strange();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(strange)?;
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.map_err(strange)?.into_parts();
        Ok((head.status, body))
    }

    /// What a person is told of a problem: its detail and every fault. A machine is given all of it.
    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let Ok(problem) = serde_json::from_slice::<Value>(body) else { return self.strange() };
        if status == StatusCode::UNAUTHORIZED {
            return Failure::with(format!("the server at {}:{} has another root key", self.host, self.port), problem);
        }
        Failure::problem(problem)
    }

    fn strange(&self) -> Failure {
        let text = format!("what answers at {}:{} is not a Onefold server", self.host, self.port);
        Failure::new("cli.strange_server", &text)
    }
}

fn no_server(host: &str, port: u16, flags: &str, why: &str) -> Failure {
    let program = program();
    let text = format!(
        "no server is running at {host}:{port} ({why}).\nStart one with: {program} serve{flags}\n\
         or say where it is with --server URL, and where its data directory is with --data DIR."
    );
    Failure::new("cli.no_server", &text)
}

fn host_and_port(url: &str) -> Result<(String, u16), Failure> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Option<Uri> = full.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("http"));
    let found = uri.as_ref().and_then(|uri| Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(80))));
    found.ok_or_else(|| Failure::usage("--server must be like http://127.0.0.1:8080"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_scheme_and_a_port() {
        let read = |url| host_and_port(url).ok();
        assert_eq!(read("http://127.0.0.1:8080"), Some(("127.0.0.1".into(), 8080)));
        assert_eq!(read("localhost:81/"), Some(("localhost".into(), 81)));
        assert_eq!(read("http://[::1]:82"), Some(("[::1]".into(), 82)));
        assert_eq!(read("onefold.internal"), Some(("onefold.internal".into(), 80)));
        for bad in ["https://127.0.0.1", "", "http://", "ftp://x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
