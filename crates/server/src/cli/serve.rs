//! `onefold serve`: a server until it is told to stop, and what it says on standard output meanwhile.

use super::output::{Failure, Output};
use super::{Common, Serve, program};
use crate::address::{self, Advertised};
use crate::app::App;
use crate::config::Layer;
use crate::{Listening, StartError, demo, telemetry};
use serde_json::json;
use std::net::SocketAddr;

/// Runs a server.
pub(super) fn run(common: &Common, serve: &Serve, output: Output) -> Result<(), Failure> {
    let listen = serve.listen.map(|listen| Layer::flag("server.listen", &listen.to_string()));
    let config = common.load(&Vec::from_iter(listen))?;
    telemetry::init(&config.log);
    let failed = |error: StartError| Failure::new("server.failed", &error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.into()))?;
    // Lives as long as the server.
    let mut advertised = None;
    let serving = async |app: &App, listening: Listening| {
        advertised = Some(Advertised::write(app.config.engine.data(), listening.plain)?);
        greet(app, listening, !serve.no_demo, &common.pasted(), output).await
    };
    runtime.block_on(crate::run(config, serving)).map_err(failed)
}

/// Says that calls are answered, and how to begin or go on.
async fn greet(
    app: &App,
    listening: Listening,
    with_demo: bool,
    flags: &str,
    output: Output,
) -> Result<(), StartError> {
    let regions = app.config.regions();
    let made = if with_demo { demo::make_once(&app.service, &regions).await? } else { None };
    let (url, onefold) = (address::url(listening.plain), format!("{}{flags}", program()));
    let told = match &made {
        Some(demo) => demo.text(&url, &onefold),
        None => demo::reminder(&app.service, &onefold).await?,
    };
    let secure = |address: Option<SocketAddr>| address.map(address::https);
    let (tls, mtls) = (secure(listening.tls), secure(listening.mtls));
    // Before the line that scripts wait for, and not like it.
    let with =
        |what: &str, url: &Option<String>| url.iter().map(|url| format!("answering {what} on {url}\n")).collect();
    let (with_tls, with_mtls): (String, String) = (with("TLS", &tls), with("mTLS", &mtls));
    let json = json!({ "listening": url, "tls": tls, "mtls": mtls, "demo": made.map(|demo| demo.json(&url)) });
    // A server whose output nobody reads serves all the same.
    let _printed = output.done(&format!("{with_tls}{with_mtls}listening on {url}\n{}", told.trim_end()), &json);
    Ok(())
}
