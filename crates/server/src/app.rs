//! What every request can reach: the service, the settings, who calls, and how much is under way.

use crate::auth::Auth;
use crate::config::Config;
use crate::gate::Gate;
use crate::http::health::Readiness;
use crate::metrics::Metrics;
use crate::telemetry::traces::Traces;
use onefold_core::service::Service;
use std::sync::OnceLock;

/// One server.
pub struct App {
    /// The product.
    pub service: Service,
    /// The settings.
    pub config: Config,
    /// Who calls.
    pub auth: Auth,
    /// How much is under way, and whether more may come.
    pub gate: Gate,
    /// What was last known of the store.
    pub readiness: Readiness,
    /// What is counted.
    pub metrics: Metrics,
    /// Where traces go, if anywhere.
    pub traces: OnceLock<Traces>,
}

impl App {
    /// Over a service, with the key that opens `/admin`.
    pub fn new(service: Service, config: Config, root_key: &str) -> Self {
        Self {
            auth: Auth::new(&service, root_key),
            gate: Gate::new(config.server.max_in_flight),
            readiness: Readiness::default(),
            metrics: Metrics::default(),
            traces: OnceLock::new(),
            service,
            config,
        }
    }
}
