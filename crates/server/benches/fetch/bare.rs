//! A bare hyper server: whatever is asked, it answers the same bytes, and looks at nothing.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// What it answers.
struct Answer {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    /// From an answer as it stood on the wire, without what hyper writes by itself.
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let pairs = head.split("\r\n").skip(1).map(|line| line.split_once(": ").unwrap());
        let own = pairs.filter(|(name, _)| !matches!(*name, "date" | "content-length"));
        let headers = own.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Self { headers, body: bytes[end + 4..].to_vec().into() }
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

/// Serves until its standard input ends. The argument names the file with the answer.
pub(crate) fn run(arguments: &[String]) {
    let answer = Arc::new(Answer::read(&std::fs::read(&arguments[0]).unwrap()));
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(stream, answer.clone()));
        }
    });
}

async fn connection(stream: TcpStream, answer: Arc<Answer>) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(|_request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer.response()) }
    });
    let _closed = http1::Builder::new().writev(false).serve_connection(TokioIo::new(stream), service).await;
}
