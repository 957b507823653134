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
