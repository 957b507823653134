//! Coming to rest: late writes have landed, time passes, the sweeper works off every ticket, and all is looked at
//! through the front door; then the audit periods end, and it is looked at again.

use crate::check::{Answer, Wrong};
use crate::config::Config;
use crate::hub::hub;
use crate::ops::{Asked, Asking, Realm, Sought};
use crate::request;
use crate::world::{World, at_once};
use onefold_core::service::sweep::Swept;
use onefold_core::tables::Table;
use onefold_core::time::Ms;
use std::sync::Arc;

/// Longer than a ticket waits and a lease holds.
const MINUTES: Ms = 5 * 60 * 1_000;
/// Longer than anything is kept.
const YEARS: Ms = 3 * 366 * 24 * 3_600 * 1_000;

pub(crate) fn come_to_rest(world: &World, config: &Config) -> Result<(), Wrong> {
    {
        let mut hub = hub(&world.shared);
        hub.skew.iter_mut().for_each(|skew| *skew = 0);
        hub.trace.line(|| "--- everything comes to rest".into());
    }
    sweep(world, MINUTES)?;
    look(world, config)?;
    refuses(world, config, false)?;
    leave_in_time(world, config)?;
    sweep(world, YEARS)?;
    look(world, config)?;
    nothing_buried_is_left(world)?;
    hub(&world.shared).check.close();
    refuses(world, config, true)
}

/// What was deleted for good is refused, and listed. When all is over everything else may be written, and nobody gets the
/// UCID of somebody who was deleted.
fn refuses(world: &World, config: &Config, all: bool) -> Result<(), Wrong> {
    let refusals = hub(&world.shared).check.refusals(config.identifiers);
    for (place, (realm, id, code)) in refusals.into_iter().enumerate() {
        let service = &world.services[place % world.services.len()];
        let tenant = service.tenant(realm.org_id(), Arc::clone(&config.rules));
        if code.is_none() && !all {
            continue;
        }
        match (code, at_once(tenant.upsert(&request::bare(realm, id, config.kinds)))) {
            (Some(code), Err(error)) if error.code == code => {}
            (None, Ok(written)) if !hub(&world.shared).check.is_dead(realm, written.ucid) => {}
            (code, answer) => return Err(format!("a write of identifier {id}: {answer:?}, should be {code:?}")),
        }
        let listed =
            at_once(service.suppressions(realm.org_id(), None, u16::MAX)).map_err(|error| error.to_string())?;
        let here = listed.into_iter().filter(|(_, listed)| listed.region == realm.code()).map(|(name, _)| name);
        hub(&world.shared).check.lists(realm, &here.collect())?;
    }
    Ok(())
}

/// Every ticket that is due is worked off.
fn sweep(world: &World, after: Ms) -> Result<(), Wrong> {
    for round in 0..4 {
        {
            let mut hub = hub(&world.shared);
            hub.now += after;
            hub.check.now = hub.now;
            hub.check.time_passed();
        }
        let service = &world.services[round % world.services.len()];
        let swept = at_once(service.sweep()).map_err(|error| format!("sweeping: {error}"))?;
        match swept {
            Swept { tickets: 0, failed: 0, .. } => return Ok(()),
            Swept { failed: 0, .. } => {}
            failed => return Err(format!("sweeping: {failed:?}")),
        }
    }
    Err("sweeping: there is always another ticket".into())
}

fn look(world: &World, config: &Config) -> Result<(), Wrong> {
    let rows = world.memory.dump();
    let all = {
        let mut hub = hub(&world.shared);
        if let Some(wrong) = hub.check.wrong.take() {
            return Err(wrong);
        }
        let now = hub.now;
        hub.check.rows_at_rest(&rows, now)?;
        hub.check.everything(config.identifiers)
    };
    for (place, (realm, sought)) in all.into_iter().enumerate() {
        let node = place % world.services.len();
        let answer = fetch(world, config, node, (realm, sought), false);
        hub(&world.shared).check.shows_at_rest(realm, sought, &answer)?;
        if matches!(sought, Sought::Id(_)) {
            let answer = fetch(world, config, node, (realm, sought), true);
            hub(&world.shared).check.shows_all_at_rest(realm, sought, &answer)?;
        }
    }
    Ok(())
}

fn fetch(world: &World, config: &Config, node: usize, (realm, sought): (Realm, Sought), shared: bool) -> Answer {
    let asked = Asked { first: 0, realm, what: Asking::Fetch(vec![sought], vec![realm], shared) };
    at_once(request::perform(Arc::clone(&world.services[node]), asked, config.clone()))
}

/// A value that leaves does so at the moment that its row says, by the clock of whoever is asked, also while nobody
/// writes.
fn leave_in_time(world: &World, config: &Config) -> Result<(), Wrong> {
    let due = hub(&world.shared).check.expiring();
    for (place, (expires, realm, sought)) in due.into_iter().enumerate() {
        let (node, skew) = (place % world.services.len(), [0_i64, 3_000, -4_000][place % 3]);
        for (moment, should) in [(expires - 1, 1), (expires, 0)] {
            {
                let mut hub = hub(&world.shared);
                hub.skew[node] = skew;
                let now = moment.saturating_add_signed(-skew);
                if now < hub.now {
                    continue; // two that leave at nearly the same moment, by clocks that differ
                }
                hub.now = now;
            }
            let answer = fetch(world, config, node, (realm, sought), false);
            if !matches!(&answer, Answer::Fetch(Ok(found)) if found.count == should) {
                return Err(format!("{sought:?} leaves at {expires}, and finds at {moment}: {answer:?}"));
            }
        }
        hub(&world.shared).skew[node] = 0;
    }
    let mut hub = hub(&world.shared);
    hub.check.now = hub.now;
    hub.check.time_passed();
    Ok(())
}

/// Once the audit periods are over, nothing tells that somebody was deleted.
fn nothing_buried_is_left(world: &World) -> Result<(), Wrong> {
    let left = world.memory.dump().into_iter().find(|(key, row)| {
        let erased = matches!(row.value.get(1), Some(4 | 5));
        key.partition.table == Table::Ticket || key.partition.table == Table::Profile && erased
    });
    match left {
        Some((key, _)) => Err(format!("a row of {:?} is left after the audit period", key.partition.table)),
        None => Ok(()),
    }
}
