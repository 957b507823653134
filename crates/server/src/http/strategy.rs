//! `/admin/v1/orgs/{orgId}/strategy` (contract sections 6 and 11): read it, replace it. What it means is in
//! [`onefold_core::strategy`].

use super::orgs::org_id;
use super::{fields, wire};
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::identity::{KindRuleView, StrategyView};
use onefold_core::error::Code;
use onefold_core::strategy::{Class, Contested, KindRule, Mode, Strategy, check};
use std::sync::Arc;

/// `GET …/strategy`
pub async fn show(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    who.check_org(id)?;
    app.service.org(id).await?;
    wire::answer(StatusCode::OK, &view(&app.service.strategy(id).await?))
}

/// `PUT …/strategy`: the whole of it. It holds for what arrives from now on; on this node at once.
pub async fn replace(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let (mode, version) = read(&json::parse(&body)?)?;
    who.check_org(id)?;
    let strategy = app.service.replace_strategy(id, mode, version).await;
    app.auth.changed();
    wire::answer(StatusCode::OK, &view(&strategy?))
}

/// A strategy as answered.
pub(crate) fn view(strategy: &Strategy) -> StrategyView {
    let texts = |names: &[Box<str>]| names.iter().map(|name| name.to_string()).collect();
    let (mode, exclusive, kinds) = match &strategy.mode {
        Mode::Default { exclusive } => ("default", Some(texts(exclusive)), None),
        Mode::Custom { kinds } => ("custom", None, Some(kinds.iter().map(kind_view).collect())),
    };
    StrategyView { mode: mode.into(), exclusive, kinds, version: strategy.version }
}

fn kind_view(rule: &KindRule) -> KindRuleView {
    KindRuleView {
        kind: rule.kind.to_string(),
        class: rule.class.name().into(),
        priority: rule.priority,
        keep: rule.keep,
        contested: if rule.contested == Contested::Move { "move" } else { "stay" }.into(),
        ttl_days: rule.ttl_days,
    }
}

/// The body of a strategy, with all that is wrong with it; and the version that it is to replace, if it names one.
pub(crate) fn read(body: &Json<'_>) -> Result<(Mode, Option<u64>), Problem> {
    let mut faults = Faults::new();
    let (mut mode, mut exclusive, mut kinds, mut version) = (None, None, None, None);
    for (name, json) in faults.root(body) {
        let place = Place::ROOT.member(name);
        match &**name {
            "mode" => mode = Some(json),
            "exclusive" => exclusive = Some(json),
            "kinds" => kinds = Some(json),
            "version" => version = fields::version(&mut faults, json, &place),
            _ => faults.unknown(&place),
        }
    }
    let mode = which(&mut faults, mode, exclusive, kinds);
    if let Some(mode) = &mode {
        for (pointer, detail) in check(mode) {
            faults.add_beside(Code::BadStrategy, pointer, detail);
        }
    }
    faults.check()?;
    let mode = mode.ok_or_else(|| Problem::fault("a strategy without faults lacks its mode"))?;
    Ok((mode, version))
}

fn which(
    faults: &mut Faults,
    mode: Option<&Json<'_>>,
    exclusive: Option<&Json<'_>>,
    kinds: Option<&Json<'_>>,
) -> Option<Mode> {
    let place = &Place::ROOT.member("mode");
    let json = fields::required(faults, mode, place)?;
    let mut alien = |name, json: Option<&Json<'_>>, mode| {
        if json.is_some() {
            faults.invalid(&Place::ROOT.member(name), format!("does not go with the mode {mode}"));
        }
    };
    match json {
        Json::Text(text) if text == "default" => {
            alien("kinds", kinds, "default");
            Some(Mode::Default { exclusive: exclusive_kinds(faults, exclusive) })
        }
        Json::Text(text) if text == "custom" => {
            alien("exclusive", exclusive, "custom");
            let place = &Place::ROOT.member("kinds");
            let list = fields::required(faults, kinds, place).and_then(|json| faults.array(json, place));
            let rules = list.unwrap_or_default().iter().enumerate();
            Some(Mode::Custom { kinds: rules.map(|(at, json)| rule(faults, json, &place.item(at))).collect() })
        }
        _ => {
            faults.invalid(place, "must be default or custom");
            None
        }
    }
}

fn exclusive_kinds(faults: &mut Faults, json: Option<&Json<'_>>) -> Vec<Box<str>> {
    let Some(json) = json else {
        return match Strategy::default().mode {
            Mode::Default { exclusive } => exclusive,
            Mode::Custom { .. } => Vec::new(),
        };
    };
    let place = &Place::ROOT.member("exclusive");
    let names = faults.array(json, place).unwrap_or_default().iter().enumerate();
    names.map(|(at, name)| faults.text(name, &place.item(at)).unwrap_or_default().into()).collect()
}

/// One kind. Where a member is wrong its default stands in, so that the others keep their places.
fn rule(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> KindRule {
    let mut rule = KindRule::new("", Class::Secondary);
    let (mut kind, mut class, mut priority) = (None, None, None);
    let Some(members) = faults.object(json, place) else { return rule };
    for (name, json) in members {
        let place = &place.member(name);
        match (&**name, json) {
            ("kind", json) => kind = Some(json),
            ("class", json) => class = Some(json),
            ("priority" | "keep" | "contested" | "ttlDays", Json::Null) => {}
            ("priority", json) => priority = faults.integer(json, place, 1..=5, "must be an integer from 1 to 5"),
            ("keep", json) => rule.keep = faults.integer(json, place, 1..=65_535, "must be an integer from 1 to 65535"),
            ("contested", json) => rule.contested = contested(faults, json, place),
            ("ttlDays", json) => {
                rule.ttl_days = faults.integer(json, place, 1..=36_500, "must be an integer from 1 to 36500");
            }
            _ => faults.unknown(place),
        }
    }
    let at = &place.member("kind");
    let kind = fields::required(faults, kind, at).and_then(|json| faults.text(json, at));
    let at = &place.member("class");
    let class = fields::required(faults, class, at).and_then(|json| self::class(faults, json, at));
    let named = KindRule::new(kind.unwrap_or_default(), class.unwrap_or(rule.class));
    KindRule { priority: priority.unwrap_or(named.priority), kind: named.kind, class: named.class, ..rule }
}

fn class(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Class> {
    let name = faults.text(json, place)?;
    let class = [Class::Primary, Class::Secondary, Class::Disabled].into_iter().find(|class| class.name() == name);
    faults.parsed(class.ok_or("must be primary, secondary or disabled"), place)
}

fn contested(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Contested {
    match json {
        Json::Text(text) if text == "stay" => Contested::Stay,
        Json::Text(text) if text == "move" => Contested::Move,
        _ => {
            faults.invalid(place, "must be stay or move");
            Contested::Stay
        }
    }
}
