//! What every request can reach: the service, the settings, who calls, and how much is under way.

use crate::audit::Failures;
use crate::auth::Auth;
use crate::config::Config;
use crate::gate::Gate;
use crate::http::backup::Backups;
use crate::http::health::Readiness;
use crate::limit::Limiter;
use crate::mail::Mailer;
use crate::meter::Meter;
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::receipts::Receipts;
use crate::telemetry::traces::Traces;
use crate::token::Tokens;
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
    /// What judges bearer tokens, where they are accepted.
    pub tokens: Option<Tokens>,
    /// How much each organisation and key may call.
    pub limiter: Limiter,
    /// How much each key called, and whom it read.
    pub meter: Meter,
    /// How much is under way, and whether more may come.
    pub gate: Gate,
    /// How long what comes waits, and who is refused for that.
    pub overload: Overload,
    /// What was last known of the store.
    pub readiness: Readiness,
    /// What signs receipts.
    pub receipts: Receipts,
    /// How administrators are told of deletes.
    pub mailer: Mailer,
    /// What backups are made of, where there are files.
    pub backups: Option<Backups>,
    /// Refused credentials that the audit log is still to be told of.
    pub failures: Failures,
    /// What is counted.
    pub metrics: Metrics,
    /// Where traces go, if anywhere.
    pub traces: OnceLock<Traces>,
}

impl App {
    /// Over a service, with the key that opens `/admin`.
    pub fn new(service: Service, config: Config, root_key: &str) -> Self {
        let service = service.with_pace(config.limits.person());
        Self {
            auth: Auth::new(&service, root_key),
            tokens: None,
            limiter: Limiter::default(),
            meter: Meter::new(service.clock().now(), config.metering.reads_per_hour),
            gate: Gate::new(config.server.max_in_flight),
            overload: Overload::new(&config.server),
            readiness: Readiness::default(),
            receipts: Receipts::fleeting(service.entropy(), service.clock().now()),
            mailer: Mailer::default(),
            backups: None,
            failures: Failures::default(),
            metrics: Metrics::default(),
            traces: OnceLock::new(),
            service,
            config,
        }
    }
}
