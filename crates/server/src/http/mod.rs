//! The routes: one table, of which the router is made and which the authorisation test attacks line by line.
//!
//! A handler makes three moves: read the request into a type of the rules, one call, turn the answer into HTTP.

mod audit;
pub mod backup;
pub mod blocked;
pub mod catalogue;
pub mod certificates;
mod deletions;
pub mod erase;
pub mod explain;
mod fields;
pub mod headers;
pub mod health;
pub mod keys;
mod later;
pub mod metrics;
pub mod orgs;
mod page;
mod patch;
pub mod reference;
pub mod search;
mod server_keys;
pub mod split;
pub mod strategy;
pub mod suppressions;
pub mod upsert;
mod usage;
mod wire;

use crate::app::App;
use crate::problem::{Problem, ServerCode};
use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch as patched, post, put};
use http::Method;
use onefold_core::org::Scope;
use std::sync::Arc;

/// What a caller needs for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: open to anyone.
    Nothing,
    /// A key with this scope.
    Scope(Scope),
    /// The root key, or a key with `org.admin` of the organisation in the URL.
    Admin,
    /// The root key.
    Root,
}

/// One operation.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What a caller needs.
    pub needs: Needs,
    handler: fn() -> MethodRouter<Arc<App>>,
}

const fn route(method: Method, path: &'static str, needs: Needs, handler: fn() -> MethodRouter<Arc<App>>) -> Route {
    Route { method, path, needs, handler }
}

const READ: Needs = Needs::Scope(Scope::ProfileRead);
const WRITE: Needs = Needs::Scope(Scope::ProfileWrite);
const DELETE: Needs = Needs::Scope(Scope::ProfileDelete);
const EVENTS: Needs = Needs::Scope(Scope::EventsWrite);
const ADMIN: Needs = Needs::Scope(Scope::OrgAdmin);

/// All of them.
pub static ROUTES: &[Route] = &[
    route(Method::GET, "/healthz", Needs::Nothing, || get(health::alive)),
    route(Method::GET, "/readyz", Needs::Nothing, || get(health::ready)),
    // Who may read them says a setting.
    route(Method::GET, metrics::PATH, Needs::Nothing, || get(metrics::show)),
    route(Method::GET, "/openapi.json", Needs::Nothing, || get(reference::document)),
    route(Method::GET, "/docs", Needs::Nothing, || get(reference::page)),
    // Profiles.
    route(Method::POST, search::PATH, READ, || post(search::search)),
    route(Method::POST, "/cdp/v1/users", WRITE, || post(upsert::upsert)),
    route(Method::POST, "/cdp/v1/users/_delete", DELETE, || post(erase::delete)),
    route(Method::POST, "/cdp/v1/users/_explain", READ, || post(explain::explain)),
    route(Method::POST, "/cdp/v1/users/_split", ADMIN, || post(split::split)),
    // Administration.
    route(Method::POST, "/admin/v1/orgs", Needs::Root, || post(orgs::create)),
    route(Method::GET, "/admin/v1/orgs", Needs::Root, || get(orgs::list)),
    route(Method::GET, "/admin/v1/orgs/{orgId}", Needs::Admin, || get(orgs::show)),
    route(Method::PATCH, "/admin/v1/orgs/{orgId}", Needs::Admin, || patched(orgs::change)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/keys", Needs::Admin, || post(keys::create)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/keys", Needs::Admin, || get(keys::list)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/keys/{keyId}/rotate", Needs::Admin, || post(keys::rotate)),
    route(Method::PATCH, "/admin/v1/orgs/{orgId}/keys/{keyId}", Needs::Admin, || patched(keys::change)),
    route(Method::DELETE, "/admin/v1/orgs/{orgId}/keys/{keyId}", Needs::Admin, || delete(keys::revoke)),
    route(Method::GET, "/admin/v1/audit", Needs::Root, || get(audit::of_server)),
    route(Method::GET, "/admin/v1/audit/verify", Needs::Root, || get(audit::verify_server)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/audit", Needs::Admin, || get(audit::of_org)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/audit/verify", Needs::Admin, || get(audit::verify_org)),
    route(Method::POST, "/admin/v1/server-keys/rotate", Needs::Root, || post(server_keys::rotate)),
    route(Method::POST, "/admin/v1/backup", Needs::Root, || post(backup::make)),
    route(Method::GET, "/cdp/v1/deletions/{deletionId}", DELETE, || get(deletions::receipt)),
    route(Method::GET, "/.well-known/onefold-keys.json", Needs::Nothing, || get(server_keys::public)),
    // How people are made.
    route(Method::GET, "/admin/v1/orgs/{orgId}/strategy", Needs::Admin, || get(strategy::show)),
    route(Method::PUT, "/admin/v1/orgs/{orgId}/strategy", Needs::Admin, || put(strategy::replace)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/catalogue", Needs::Admin, || get(catalogue::show)),
    route(Method::PUT, "/admin/v1/orgs/{orgId}/catalogue", Needs::Admin, || put(catalogue::replace)),
    route(Method::PATCH, "/admin/v1/orgs/{orgId}/catalogue", Needs::Admin, || patched(catalogue::patch)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/blocklist", Needs::Admin, || get(blocked::show)),
    route(Method::PUT, "/admin/v1/orgs/{orgId}/blocklist", Needs::Admin, || put(blocked::replace)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/blocked", Needs::Admin, || get(blocked::list)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/blocked/_lift", Needs::Admin, || post(blocked::lift_value)),
    route(Method::DELETE, "/admin/v1/orgs/{orgId}/blocked/{blockedId}", Needs::Admin, || delete(blocked::lift)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/refused", Needs::Admin, || get(blocked::refused)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/suppressions", Needs::Admin, || get(suppressions::list)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/suppressions/_lift", Needs::Admin, || post(suppressions::lift_value)),
    route(Method::DELETE, "/admin/v1/orgs/{orgId}/suppressions/{suppressionId}", Needs::Admin, || {
        delete(suppressions::lift)
    }),
    route(Method::POST, "/admin/v1/orgs/{orgId}/identity/_explain", Needs::Admin, || post(explain::administered)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/identity/_split", Needs::Admin, || post(split::administered)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/identity/_lift", Needs::Admin, || post(split::lift)),
    route(Method::POST, "/admin/v1/orgs/{orgId}/certificates", Needs::Root, || post(certificates::bind)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/certificates", Needs::Admin, || get(certificates::list)),
    route(Method::DELETE, "/admin/v1/orgs/{orgId}/certificates/{fingerprint}", Needs::Root, || {
        delete(certificates::unbind)
    }),
    // What keys called, and whom they read.
    route(Method::GET, "/cdp/v1/usage", ADMIN, || get(usage::own)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/usage", Needs::Admin, || get(usage::of_org)),
    route(Method::GET, "/admin/v1/orgs/{orgId}/keys/{keyId}/reads", Needs::Admin, || get(usage::reads)),
    // Of the contract, but not of this version yet.
    route(Method::POST, "/cdp/v1/users/_events", READ, || post(later::reader)),
    route(Method::POST, "/cdp/v1/events", EVENTS, || post(later::sender)),
    route(Method::POST, "/v1/identify", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/track", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/page", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/screen", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/group", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/alias", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/batch", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/import", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/i", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/t", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/p", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/s", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/g", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/a", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/b", Needs::Nothing, || post(later::anyone)),
    route(Method::POST, "/v1/m", Needs::Nothing, || post(later::anyone)),
    route(Method::GET, "/v1/projects/{writeKey}/settings", Needs::Nothing, || get(later::anyone)),
];

/// The route of a fetch, if this is one: most calls are, so that it is answered without the router.
pub fn fetch_of(method: &Method, path: &str) -> Option<&'static str> {
    (path == search::PATH && method == Method::POST).then_some(search::PATH)
}

/// The router of all routes; everything else is 404 or 405.
pub fn router(app: Arc<App>) -> Router {
    let add = |router: Router<Arc<App>>, route: &Route| router.route(route.path, (route.handler)());
    ROUTES
        .iter()
        .fold(Router::new(), add)
        .fallback(|| async { Problem::from(ServerCode::NoSuchUrl) })
        .method_not_allowed_fallback(|| async { Problem::from(ServerCode::Method) })
        .with_state(app)
}

/// The place of a route in [`ROUTES`]. `HEAD` is answered by what answers `GET`.
pub fn place_of(method: &Method, route: &str) -> Option<usize> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    ROUTES.iter().position(|known| known.path == route && known.method == method)
}

/// The route of a path, for logs: its parameters are not shown, and nothing of a path that is no route.
pub fn route_of(path: &str) -> &'static str {
    let fits = |route: &&Route| {
        let (mut pattern, mut path) = (route.path.split('/'), path.split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some(pattern), Some(part)) if pattern == part || pattern.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    ROUTES.iter().find(fits).map_or("none", |route| route.path)
}
