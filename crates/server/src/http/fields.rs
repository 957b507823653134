//! Members that several bodies have: `orgId`, regions, identifiers.

use crate::json::{Faults, Json, Place};
use crate::problem::ServerCode;
use onefold_core::id::{Identifier, OrgId, Region, Ucid};
use onefold_core::org::Org;
use onefold_core::service::fetch::Sought;

/// The kind under which a search or a delete names profiles themselves.
pub(super) const UCID: &str = "ucid";

/// `orgId`: an integer or a numeric string.
pub(super) fn org_id(faults: &mut Faults, json: Option<&Json<'_>>) -> Option<OrgId> {
    let place = &Place::ROOT.member("orgId");
    let json = match json {
        Some(json) if !json.is_blank() => json,
        _ => {
            faults.add(ServerCode::NoOrgId, place, "is missing, null or empty");
            return None;
        }
    };
    let number = match json {
        Json::Text(text) => text.trim().parse().ok(),
        json => json.integer().and_then(|number| u64::try_from(number).ok()),
    };
    faults.parsed(OrgId::new(number.unwrap_or(0)), place)
}

/// One region of the organisation, by its code in any case.
pub(super) fn region(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>, org: &Org) -> Option<Region> {
    let code = faults.text(json, place)?;
    let region = faults.parsed(code.trim().parse::<Region>(), place)?;
    if org.regions.contains(&region) {
        return Some(region);
    }
    faults.add(ServerCode::UnknownRegion, place, "is not a region of this organisation");
    None
}

/// A member that must be there.
pub(super) fn required<'j, 'a>(
    faults: &mut Faults,
    json: Option<&'j Json<'a>>,
    place: &Place<'_>,
) -> Option<&'j Json<'a>> {
    let there = json.filter(|json| !matches!(json, Json::Null));
    if there.is_none() {
        faults.invalid(place, "is required");
    }
    there
}

/// One value that leads to a profile: an identifier, or a UCID under the kind `ucid`.
pub(super) fn sought(faults: &mut Faults, kind: &str, json: &Json<'_>, place: &Place<'_>) -> Option<Sought> {
    let value = faults.text(json, place)?;
    if kind == UCID {
        return faults.parsed(value.trim().parse::<Ucid>(), place).map(Sought::Ucid);
    }
    faults.parsed(Identifier::new(kind, value), place).map(Sought::Identifier)
}

/// The version that a change is to replace: what an answer gave as `version`.
pub(super) fn version(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<u64> {
    match json {
        Json::Null => None,
        json => faults.integer(json, place, 0..=i64::MAX, "must be the version that an answer gave"),
    }
}

/// `search`: kind → values, at least one of them and at most as many as the organisation may send.
pub(super) fn search(faults: &mut Faults, json: Option<&Json<'_>>, org: &Org) -> Option<Vec<Sought>> {
    let place = &Place::ROOT.member("search");
    let Some(json) = json.filter(|json| !json.is_blank()) else {
        faults.add(ServerCode::NoIdentifier, place, "is missing or empty");
        return None;
    };
    let kinds = faults.object(json, place)?;
    let mut sought = Vec::new();
    let mut count = 0;
    for (kind, values) in kinds {
        let place = &place.member(kind);
        if values.is_blank() {
            faults.add(ServerCode::NoIdentifier, place, "is null or empty");
            continue;
        }
        let values = faults.array(values, place).unwrap_or_default();
        count += values.len();
        for (index, value) in values.iter().enumerate() {
            sought.extend(searched(faults, kind, value, &place.item(index)));
        }
    }
    let most = usize::from(org.limits.ids_per_fetch);
    if count > most {
        faults.add(ServerCode::TooManyValues, place, format!("has {count} values, and {most} are allowed"));
    }
    Some(sought)
}

fn searched(faults: &mut Faults, kind: &str, json: &Json<'_>, place: &Place<'_>) -> Option<Sought> {
    if json.is_blank() {
        faults.add(ServerCode::NoIdentifier, place, "is null or empty");
        return None;
    }
    sought(faults, kind, json, place)
}

/// `regions`: codes of regions of the organisation, each once.
pub(super) fn regions(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>, org: &Org) -> Option<Vec<Region>> {
    let codes = faults.array(json, place)?;
    if codes.is_empty() {
        faults.invalid(place, "names no region; leave it out for all of them");
    }
    let mut regions = Vec::with_capacity(codes.len().min(org.regions.len()));
    for (index, code) in codes.iter().enumerate() {
        let region = region(faults, code, &place.item(index), org);
        regions.extend(region.filter(|region| !regions.contains(region)));
    }
    Some(regions)
}

/// A UCID.
pub(super) fn ucid(faults: &mut Faults, json: Option<&Json<'_>>, place: &Place<'_>) -> Option<Ucid> {
    let text = required(faults, json, place).and_then(|json| faults.text(json, place))?;
    faults.parsed(text.trim().parse(), place)
}
