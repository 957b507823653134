//! Which profiles each key read, by the hour, for the day on which a key leaks.
//!
//! Rows hold UCIDs and nothing else of a person; the UCID of somebody who was erased leads to nobody. Each node writes
//! rows of its own, each once; who asks takes what two of them say of the same hour together.

use super::Service;
use super::usage::{Hour, Place, before, hour_and_key, let_others_by};
use crate::error::{Code, Error};
use crate::id::{BadName, OrgId, Ucid};
use crate::limits;
use crate::org::{KeyId, OrgKey};
use crate::records::Record;
use crate::tables::{self, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A row as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyReads {
    ucids: Vec<[u8; 16]>,
    missed: u64,
}

impl Record for KeyReads {}

/// That a key read a profile in an hour. As text `hour.ucid`, for cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// When.
    pub hour: Hour,
    /// Whom.
    pub ucid: Ucid,
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.hour.begins(), self.ucid)
    }
}

impl FromStr for Read {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = BadName("must be an hour and a UCID");
        let (hour, ucid) = text.split_once('.').ok_or(bad)?;
        Ok(Self { hour: Hour::of(hour.parse().map_err(|_| bad)?), ucid: ucid.parse()? })
    }
}

/// A part of what a key read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// In order, each hour and profile once.
    pub items: Vec<Read>,
    /// Reads that were not kept, in the hours that begin in this part.
    pub missed: u64,
    /// Whether there are more after these.
    pub more: bool,
}

/// What is known of one key in one hour.
struct OneHour {
    ucids: BTreeSet<[u8; 16]>,
    missed: u64,
    /// The next hour of which there is a row of any key.
    next: Option<Hour>,
}

impl Service {
    /// A key of an organisation. [`Code::KeyUnknown`].
    pub async fn key(&self, org: OrgId, key: KeyId) -> Result<OrgKey, Error> {
        let found = self.records.read(&tables::org_key(org, key.as_u128())).await?;
        found.map(|(_, key)| key).ok_or_else(|| Code::KeyUnknown.into())
    }

    /// Writes whom a key read, at most [`limits::KEY_READS_ROW`] of them, and how many reads were not kept. Durable when
    /// it returns `Ok`; after an error the same is to be written again at the same place.
    pub async fn keep_reads(&self, place: &Place, ucids: &[Ucid], missed: u64) -> Result<(), Error> {
        let ucids = ucids.iter().map(|ucid| ucid.as_u128().to_be_bytes()).collect();
        self.records.put(&place.row(Table::KeyReads, self.node), &KeyReads { ucids, missed }).await
    }

    /// Whom a key read in these hours, after this read; `limit` is 1 to [`limits::KEY_READS_PAGE`].
    pub async fn key_reads(
        &self,
        (org, key): (OrgId, KeyId),
        hours: Range<Hour>,
        after: Option<Read>,
        limit: u16,
    ) -> Result<Reads, Error> {
        let (mut reads, limit) = (Reads::default(), usize::from(limit));
        let mut hour = after.map_or(hours.start, |after| after.hour.max(hours.start));
        while hour < hours.end {
            let found = self.one_hour(org, key, hour).await?;
            let goes_on = after.filter(|after| after.hour == hour);
            if goes_on.is_none() {
                reads.missed += found.missed;
            }
            let ucids = found.ucids.into_iter().map(|ucid| Ucid::from_u128(u128::from_be_bytes(ucid)));
            let rest = ucids.map(|ucid| Read { hour, ucid }).filter(|read| goes_on.is_none_or(|after| *read > after));
            reads.items.extend(rest.take(limit + 1 - reads.items.len()));
            if reads.items.len() > limit {
                reads.items.truncate(limit);
                reads.more = true;
                break;
            }
            match found.next {
                Some(next) => hour = next,
                None => break,
            }
            let_others_by().await;
        }
        Ok(reads)
    }

    async fn one_hour(&self, org: OrgId, key: KeyId, hour: Hour) -> Result<OneHour, Error> {
        let (partition, mut after) = (tables::hourly(Table::KeyReads, org), before(hour, key));
        let mut found = OneHour { ucids: BTreeSet::new(), missed: 0, next: None };
        loop {
            let page = self.records.scan::<KeyReads>(&partition, Some(&after), limits::PAGE).await?;
            for (sort, row) in &page {
                match hour_and_key(sort) {
                    Some(of) if of == (hour, key) => {
                        found.ucids.extend(&row.ucids);
                        found.missed += row.missed;
                    }
                    // Of another key: what is of this one is in a later hour.
                    Some((other, _)) => {
                        found.next = Some(other.max(hour.plus(1)));
                        return Ok(found);
                    }
                    None => return Ok(found),
                }
            }
            match page.last() {
                Some((last, _)) => after = last.clone(),
                None => return Ok(found),
            }
            let_others_by().await;
        }
    }
}
