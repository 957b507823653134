//! How large the answers to fetches were in the last hour, by organisation, as this node gave them: twelve parts of five
//! minutes each, of which the oldest is always given up.

use crate::limits;
use onefold_core::id::OrgId;
use onefold_core::service::usage::Counts;
use onefold_core::time::Ms;
use std::collections::HashMap;

const PARTS: usize = 12;
const PART_MS: Ms = 5 * 60 * 1_000;

#[derive(Default)]
pub(super) struct Windows {
    /// Which part it is.
    part: Ms,
    orgs: HashMap<OrgId, Window>,
}

#[derive(Default)]
struct Window {
    /// The last part in which there was something.
    part: Ms,
    /// Answers and their bytes, by part.
    answers: [(u64, u64); PARTS],
}

impl Window {
    /// Empties what lies more than an hour before a part.
    fn turn(&mut self, part: Ms) {
        let passed = part.saturating_sub(self.part).min(PARTS as Ms);
        for part in part + 1 - passed..=part {
            self.answers[(part % PARTS as Ms) as usize] = (0, 0);
        }
        self.part = self.part.max(part);
    }
}

impl Windows {
    pub(super) fn add(&mut self, org: OrgId, counts: &Counts) {
        let part = self.part;
        if self.orgs.len() >= limits::METER_ORGS && !self.orgs.contains_key(&org) {
            self.orgs.retain(|_, window| window.part + PARTS as Ms > part);
            if self.orgs.len() >= limits::METER_ORGS {
                return; // Nobody is told that their answers are large; no more than that.
            }
        }
        let window = self.orgs.entry(org).or_default();
        window.turn(part);
        let (answers, bytes) = &mut window.answers[(part % PARTS as Ms) as usize];
        *answers += counts.calls;
        *bytes += counts.bytes;
    }

    pub(super) fn turn(&mut self, now: Ms) {
        self.part = now / PART_MS;
    }

    pub(super) fn is_heavy(&self, org: OrgId) -> bool {
        let Some(window) = self.orgs.get(&org) else { return false };
        // What is not in it any more since nothing came after it.
        let passed = self.part.saturating_sub(window.part).min(PARTS as Ms);
        let left = (window.part + passed + 1).saturating_sub(PARTS as Ms)..=window.part;
        let sum = |(answers, bytes): (u64, u64), part: Ms| {
            let (more, more_bytes) = window.answers[(part % PARTS as Ms) as usize];
            (answers + more, bytes + more_bytes)
        };
        let (answers, bytes) = left.fold((0, 0), sum);
        bytes.checked_div(answers).is_some_and(|average| average > limits::FETCH_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(calls: u64, bytes: u64) -> Counts {
        Counts { calls, bytes, ..Counts::default() }
    }

    #[test]
    fn the_average_is_of_the_last_hour() {
        let (mut windows, org) = (Windows::default(), OrgId::new(7).unwrap());
        let minutes = |minutes: Ms| 1_735_689_600_000 + minutes * 60_000;
        windows.turn(minutes(0));
        assert!(!windows.is_heavy(org));
        windows.add(org, &counts(2, 2 * 1_024));
        assert!(!windows.is_heavy(org), "1 KB is well");
        windows.add(org, &counts(1, 5_000));
        assert!(windows.is_heavy(org));
        windows.turn(minutes(54));
        assert!(windows.is_heavy(org));
        windows.add(org, &counts(100, 100 * 100));
        assert!(!windows.is_heavy(org), "small ones make up for it");
        windows.turn(minutes(60));
        windows.add(org, &counts(100, 101 * 2_000));
        assert!(windows.is_heavy(org));
        windows.turn(minutes(119));
        assert!(windows.is_heavy(org));
        windows.turn(minutes(121));
        assert!(!windows.is_heavy(org), "nothing in the last hour");
        windows.add(org, &counts(1, 10));
        assert!(!windows.is_heavy(org));
        windows.turn(minutes(10_000));
        windows.add(org, &counts(1, 2_000));
        windows.turn(minutes(9_000));
        windows.add(org, &counts(1, 2_000));
        assert!(windows.is_heavy(org), "a clock that steps back");
    }

    #[test]
    fn of_too_many_organisations_some_are_not_watched() {
        let mut windows = Windows::default();
        for org in 1..=limits::METER_ORGS as u64 + 5 {
            windows.add(OrgId::new(org).unwrap(), &counts(1, 5_000));
        }
        assert_eq!(windows.orgs.len(), limits::METER_ORGS);
        windows.turn(61 * 60_000);
        windows.add(OrgId::new(1_000_000).unwrap(), &counts(1, 5_000));
        assert_eq!(windows.orgs.len(), 1);
    }
}
