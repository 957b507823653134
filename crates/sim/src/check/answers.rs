//! Whether an answer was right: a state that was true at some moment since the question, or a refusal for a reason that
//! was there at some moment since.

use super::row::number_in;
use super::watch::{Unit, Watch};
use super::{Check, Wrong};
use crate::model::Shown;
use crate::ops::{Asking, Condition, Realm, Sought};
use onefold_core::error::{Code, Error, Kind};
use onefold_core::id::{Region, Ucid};
use onefold_core::service::erase::Deleted;
use onefold_core::service::fetch::Found;
use onefold_core::service::sweep::Swept;
use onefold_core::service::upsert::Written;
use serde_json::Value;
use std::collections::BTreeSet;

/// What an operation came to.
#[derive(Debug)]
pub(crate) enum Answer {
    Upsert(Result<Written, Error>),
    Fetch(Result<Found, Error>),
    Delete(Result<Deleted, Error>),
    Sweep(Result<Swept, Error>),
    Lift(Result<(), Error>),
}

impl Check {
    /// An operation answered.
    pub(crate) fn answers(&mut self, op: usize, answer: &Answer, rows: impl FnOnce() -> Vec<RowBytes>) {
        let Some(watch) = self.no_longer_watched(op) else { return };
        self.lift_ends(op, matches!(answer, Answer::Lift(Ok(()))));
        let result = match answer {
            Answer::Upsert(Ok(written)) => self.written(&watch, written),
            Answer::Upsert(Err(error)) => self.not_written(&watch, error),
            Answer::Fetch(Ok(found)) => found_right(&watch, found).and_then(|()| self.parted(&watch, found)),
            Answer::Delete(Ok(deleted)) => {
                self.told_suppressed(watch.first);
                self.deleted(&watch, deleted).and_then(|()| self.nothing_left(&rows()))
            }
            Answer::Delete(Err(error)) => self.not_deleted(&watch, error),
            Answer::Fetch(Err(error)) | Answer::Sweep(Err(error)) | Answer::Lift(Err(error)) => {
                is_no_fault_of_ours(error)
            }
            Answer::Sweep(Ok(_)) | Answer::Lift(Ok(())) => Ok(()),
        };
        self.note(result.map_err(|wrong| format!("the answer to {op}: {wrong}")));
    }

    fn written(&self, watch: &Watch, written: &Written) -> Result<(), Wrong> {
        if !self.committed.contains_key(&watch.first) {
            return Err("it is said to be done, and is not".into());
        }
        match shown_in(&written.body, watch.realm.org)?.as_slice() {
            [] => {
                let gone = watch.after.iter().any(Option::is_none);
                if gone { Ok(()) } else { Err("no profile, and nobody erased it".into()) }
            }
            [shown] if shown.ucid != written.ucid => Err("its UCID is not the profile's".into()),
            [shown] => one_of(shown, &watch.after),
            _ => Err("several profiles".into()),
        }
    }

    fn not_written(&self, watch: &Watch, error: &Error) -> Result<(), Wrong> {
        is_no_fault_of_ours(error)?;
        let Some((plan, _)) = self.upsert_of(watch.first) else { return Ok(()) };
        if error.code.kind() == Kind::Unknown {
            let erased = error.code != Code::ErasedMeanwhile || !self.erasures.is_empty();
            return if erased { Ok(()) } else { Err("nobody was erased meanwhile".into()) };
        }
        // A store that fails under a repeat says nothing of what another attempt has done.
        let by_itself = self.committed.get(&watch.first) == Some(&watch.op);
        let by_any = self.committed.contains_key(&watch.first) && error.code != Code::StoreUnavailable;
        if by_itself || by_any {
            return Err(format!("{}: but it was done (before: {})", error.code.as_str(), watch.done_before));
        }
        let reason = match error.code {
            Code::StoreUnavailable => true,
            Code::Erased => watch.erased.is_some(),
            Code::UnknownUcid => watch.unknown,
            Code::NoUsableIdentifier => watch.unusable,
            Code::Suppressed => watch.refused,
            Code::UcidConflict => plan.ucid.is_some() && !self.config.literal,
            Code::WouldLink => plan.condition != Condition::None && watch.named.len() > 1,
            Code::IdempotencyMismatch => self.is_contested(watch.first),
            Code::PreconditionFailed => match plan.condition {
                Condition::None => false,
                Condition::Exists => !self.config.literal || watch.nobody.iter().all(|nobody| *nobody),
                Condition::Absent => !watch.named.is_empty(),
                Condition::EtagOf(_) => true,
            },
            _ => false,
        };
        if reason { Ok(()) } else { Err(format!("{}: for no reason", error.code.as_str())) }
    }

    /// A split that is said to be done shows two people, unless one was deleted or they may meet again.
    fn parted(&self, watch: &Watch, found: &Found) -> Result<(), Wrong> {
        let split = matches!(self.asked.get(&watch.first).map(|asked| &asked.what), Some(Asking::Split(..)));
        let gone = watch.units.iter().any(|unit| unit.seen.iter().any(Option::is_none));
        if split && found.count != 2 && !gone && !self.lifted {
            return Err(format!("split, it says, and shows {} people", found.count));
        }
        Ok(())
    }

    /// Whether several requests use one idempotency key.
    fn is_contested(&self, first: usize) -> bool {
        let key = |asking: &Asking| match asking {
            Asking::Upsert { plan, .. } => plan.key,
            _ => None,
        };
        let own = self.asked.get(&first).and_then(|asked| key(&asked.what));
        own.is_some() && self.asked.values().filter(|asked| key(&asked.what) == own).count() > 1
    }

    fn deleted(&self, watch: &Watch, deleted: &Deleted) -> Result<(), Wrong> {
        let none = std::collections::BTreeMap::new();
        let done = self.erasures.get(&watch.first).unwrap_or(&none);
        for (place, unit) in watch.units.iter().enumerate() {
            let was_nobody = unit.seen.iter().any(Option::is_none);
            match (deleted.not_found.contains(&place), done.get(&place)) {
                (true, None) if !was_nobody => return Err(format!("value {place} is not found, and led to somebody")),
                (false, None) => return Err(format!("value {place} is said to be deleted, and nobody was")),
                _ => {}
            }
        }
        let people: BTreeSet<Ucid> = done.values().flatten().copied().collect();
        match deleted.deleted.iter().find(|ucid| !people.contains(ucid)) {
            Some(ucid) => Err(format!("{ucid:?} is said to be deleted by it, and was not")),
            None => Ok(()),
        }
    }

    fn not_deleted(&self, watch: &Watch, error: &Error) -> Result<(), Wrong> {
        is_no_fault_of_ours(error)?;
        // Another attempt at the same request may have done it since this one looked.
        let done = self.erasures.contains_key(&watch.first) && self.erasers.contains(&watch.op);
        match error.code {
            Code::StoreUnavailable if self.erasers.contains(&watch.op) => {
                Err("nothing was done, it says, and somebody is erased".into())
            }
            Code::AlreadyDeleted if done && !self.is_overtaken(watch) => {
                Err("deleted before, it says, and it was itself that did it".into())
            }
            Code::AlreadyDeleted if !watch.units.iter().all(|unit| unit.seen.iter().any(Option::is_none)) => {
                Err("already deleted, it says, of somebody who is there".into())
            }
            Code::NotPrimary if !self.config.literal => Ok(()),
            Code::StoreUnavailable | Code::StoreUnknown | Code::AlreadyDeleted => Ok(()),
            code => Err(format!("{}: for no reason", code.as_str())),
        }
    }

    /// Whether all that a delete erased was written and erased again by others: then it no longer knows its own work.
    fn is_overtaken(&self, watch: &Watch) -> bool {
        let own = |unit: &Unit| match unit.sought {
            Sought::Id(id) => self.erased_by.get(&(unit.realm, id)) == Some(&watch.first),
            Sought::Ucid(_) => self.erasures.contains_key(&watch.first),
        };
        !watch.units.iter().any(own)
    }
}

/// The realm of a profile row, if it is one, and its bytes.
pub(crate) type RowBytes = (Option<(Realm, Ucid)>, bytes::Bytes);

/// Codes that no history here may bring.
fn is_no_fault_of_ours(error: &Error) -> Result<(), Wrong> {
    match error.code.kind() {
        Kind::Damaged => Err(format!("{error}")),
        _ if error.code == Code::Contention => Err("gave up".into()),
        _ => Ok(()),
    }
}

fn found_right(watch: &Watch, found: &Found) -> Result<(), Wrong> {
    let shown = shown_in(&found.body, watch.realm.org)?;
    if shown.len() != found.count {
        return Err(format!("says {} profiles and shows {}", found.count, shown.len()));
    }
    for (place, one) in shown.iter().enumerate() {
        if shown[..place].iter().any(|other| (other.realm, other.ucid) == (one.realm, one.ucid)) {
            return Err(format!("shows {:?} twice", one.ucid));
        }
        let all: Vec<Option<Shown>> = watch.units.iter().flat_map(|unit| unit.seen.clone()).collect();
        one_of(one, &all)?;
    }
    for unit in &watch.units {
        let answered = |seen: &Option<Shown>| seen.as_ref().is_none_or(|seen| shown.contains(seen));
        // Of several values that led to one person the first decides when that person was looked at.
        let person = |seen: &Shown| shown.iter().any(|one| (one.realm, one.ucid) == (seen.realm, seen.ucid));
        let told = unit.seen.iter().any(answered) || watch.units.len() > 1 && unit.seen.iter().flatten().any(person);
        if !told {
            return Err(format!("{:?} led to {:?} and is not in it", unit.sought, unit.seen));
        }
    }
    Ok(())
}

fn one_of(shown: &Shown, seen: &[Option<Shown>]) -> Result<(), Wrong> {
    if seen.iter().flatten().any(|seen| seen == shown) {
        return Ok(());
    }
    Err(format!("shows {shown:?}, but there was only {seen:?}"))
}

/// The profiles of an answer.
pub(super) fn shown_in(body: &[u8], org: u8) -> Result<Vec<Shown>, Wrong> {
    let all: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    let all = all.as_array().ok_or("not an array")?;
    all.iter().map(|one| shown(one, org).ok_or_else(|| format!("of another shape: {one}"))).collect()
}

fn shown(one: &Value, org: u8) -> Option<Shown> {
    let region: Region = one["region"].as_str()?.parse().ok()?;
    let place = crate::ops::REGIONS.iter().position(|code| *code == region.as_str())?;
    let realm = Realm { org, region: place as u8 };
    let profile = &one["profile"];
    let list = profile["marks"]["marks"].as_array().map_or(&[][..], Vec::as_slice);
    let marks: BTreeSet<usize> = list.iter().map(|mark| number_in(mark.as_str()?, "mk~")).collect::<Option<_>>()?;
    let scalar = match &profile["scalar"]["scalar"] {
        Value::Null => None,
        value => Some(number_in(value.as_str()?, "mk~")?),
    };
    let consent = match &one["consent"]["consent"]["consent"] {
        Value::Null => None,
        value => Some(value == "yes"),
    };
    let (mut ids, mut linked) = (BTreeSet::new(), BTreeSet::new());
    for (kind, values) in one["ids"].as_object()? {
        for value in values.as_array()? {
            if kind == "linkedUcid" {
                linked.insert(value.as_str()?.parse().ok()?);
            } else {
                ids.insert(number_in(value[kind].as_str()?, "id~")? as u8);
            }
        }
    }
    let (ucid, sum) = (one["ucid"].as_str()?.parse().ok()?, profile["count"]["count"].as_i64().unwrap_or(0));
    (list.len() == marks.len()).then_some(Shown { realm, ucid, ids, linked, marks, sum, scalar, consent })
}
