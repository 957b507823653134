//! Fetching a set of keys over HTTP: one GET on a connection of its own, bounded in time and size. Redirects are not
//! followed: where the keys come from is for the operator to say.

use crate::config::token::Address;
use crate::limits;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where keys are fetched from, and how.
pub(super) struct Remote {
    address: Address,
    tls: Option<TlsConnector>,
    timeout: Duration,
}

impl Remote {
    /// With the authorities of a file, or those that the system trusts.
    pub(super) fn new(address: Address, ca_file: &Path, timeout: Duration) -> Result<Self, String> {
        let tls = match address.secure {
            true => Some(connector(ca_file)?),
            false => None,
        };
        Ok(Self { address, tls, timeout })
    }

    /// What stands there now.
    pub(super) async fn get(&self) -> Result<Bytes, String> {
        match tokio::time::timeout(self.timeout, self.exchange()).await {
            Ok(got) => got,
            Err(_) => Err("no answer in time".into()),
        }
    }

    async fn exchange(&self) -> Result<Bytes, String> {
        let Address { host, port, .. } = &self.address;
        let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| error.to_string())?;
        match &self.tls {
            None => self.ask(socket).await,
            Some(tls) => {
                let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
                self.ask(tls.connect(name, socket).await.map_err(|error| error.to_string())?).await
            }
        }
    }

    async fn ask<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S) -> Result<Bytes, String> {
        let mut client = http1::Builder::new();
        client.max_buf_size(limits::JWKS_HEAD_BYTES);
        let (mut sender, connection) =
            client.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Ends with this exchange, also where that is given up.
        let _connection = Task(tokio::spawn(async move {
            // What is wrong with it is seen by who waits for the answer.
            let _ended = connection.await;
        }));
        let answer = sender.send_request(self.request()?).await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("answered {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), limits::JWKS_BYTES).collect().await;
        Ok(body.map_err(|error| error.to_string())?.to_bytes())
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, String> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(&self.address.path)
            .header(header::HOST, &self.address.authority)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .header(header::USER_AGENT, concat!("onefold/", env!("CARGO_PKG_VERSION")));
        request.body(Empty::new()).map_err(|error| error.to_string())
    }
}

/// A task that does not outlive its holder.
struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn connector(ca_file: &Path) -> Result<TlsConnector, String> {
    let roots = match ca_file.as_os_str().is_empty() {
        true => of_system()?,
        false => crate::tls::roots(ca_file)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err("this machine trusts no authority: install ca-certificates, or set token.ca_file".into()),
        false => Ok(roots),
    }
}
