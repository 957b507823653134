//! Reading the audit log, newest first, and verifying it chain by chain.

use super::{Chain, Entry, Place, Service, entry_hash};
use crate::error::Error;
use crate::id::{BadName, OrgId, Ucid};
use crate::limits;
use crate::records::Record;
use crate::service::orgs::Page;
use crate::store::{Row, StoreError};
use crate::tables::{self, Sort};
use crate::time::{self, Ms};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Where an entry stands: in which chain, at which number from 1 on. As text `chain.number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The chain.
    pub chain: u128,
    /// The number in it.
    pub number: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Ucid::from_u128(self.chain), self.number)
    }
}

impl FromStr for At {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = BadName("must be a chain and a number");
        let (chain, number) = text.split_once('.').ok_or(bad)?;
        Ok(Self { chain: chain.parse::<Ucid>()?.as_u128(), number: number.parse().map_err(|_| bad)? })
    }
}

/// What verifying one chain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The chain.
    pub chain: u128,
    /// When it began.
    pub begun: Ms,
    /// Entries that it says it has.
    pub entries: u64,
    /// The first thing that is wrong with it.
    pub broken: Option<Broken>,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number of the first entry that is not as it was written; 0 where it is the chain's own row.
    pub number: u64,
    /// What is wrong: `missing`, `changed`, `damaged`, `end_changed` or `earlier_chain_missing`.
    pub what: &'static str,
}

impl Service {
    /// The chains of an organisation, or of the server, in order of their beginnings; the newest where there are more
    /// than [`limits::AUDIT_CHAINS`].
    pub(super) async fn audit_chains(&self, org: Option<OrgId>) -> Result<Vec<Chain>, Error> {
        let (partition, mut chains, mut after) = (tables::audit_chains(org), Vec::new(), None::<Sort>);
        loop {
            let page = self.records.scan::<Chain>(&partition, after.as_ref(), limits::PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(chains) };
            after = Some(last.clone());
            chains.extend(page.into_iter().map(|(_, chain)| chain));
            let surplus = chains.len().saturating_sub(limits::AUDIT_CHAINS);
            chains.drain(..surplus);
        }
    }

    /// Entries of an organisation, or of the server, the newest of each chain first, the chain with the newest entry
    /// first; those after this one. `limit` is 1 to [`limits::PAGE`].
    pub async fn audit_log(
        &self,
        org: Option<OrgId>,
        after: Option<At>,
        limit: u16,
    ) -> Result<Page<(At, Entry)>, Error> {
        let mut chains = self.audit_chains(org).await?;
        chains.sort_by_key(|chain| std::cmp::Reverse((chain.last, chain.id)));
        let from = after.and_then(|at| chains.iter().position(|chain| chain.id == at.chain)).unwrap_or(0);
        let mut items = Vec::new();
        'chains: for chain in &chains[from..] {
            let end = after.filter(|at| at.chain == chain.id).map_or(chain.count, |at| at.number.saturating_sub(1));
            for number in (1..=end.min(chain.count)).rev() {
                if items.len() > usize::from(limit) {
                    break 'chains;
                }
                let entry = self.records.read::<Entry>(&tables::audit_entry(org, chain.id, number)).await?;
                // One that is missing is for the verification to tell.
                items.extend(entry.map(|(_, entry)| (At { chain: chain.id, number }, entry)));
            }
        }
        Ok(Page::new(items, limit))
    }

    /// Verifies the first chain after this one, and says whether there are more; `None` where there is none.
    pub async fn verify_audit(
        &self,
        org: Option<OrgId>,
        after: Option<u128>,
    ) -> Result<Option<(Verified, bool)>, Error> {
        let chains = self.audit_chains(org).await?;
        let mut rest = chains.iter().filter(|chain| after.is_none_or(|after| chain.id > after));
        let Some(chain) = rest.next() else { return Ok(None) };
        let known: BTreeSet<u128> = chains.iter().map(|chain| chain.id).collect();
        let mut verified = Verified { chain: chain.id, begun: chain.begun, entries: chain.count, broken: None };
        verified.broken = match self.own_row(org, chain, &known) {
            None => self.entries_of(org, chain).await?,
            broken => broken,
        };
        Ok(Some((verified, rest.next().is_some())))
    }

    fn own_row(&self, org: Option<OrgId>, chain: &Chain, known: &BTreeSet<u128>) -> Option<Broken> {
        if chain.right_seal(&self.secret, org) != chain.seal {
            return Some(Broken { number: 0, what: "end_changed" });
        }
        let missing = chain.before.filter(|before| !known.contains(before))?;
        // Its last entry was made a month after its beginning at most.
        let latest = began(missing).saturating_add(limits::AUDIT_CHAIN_MS);
        let may_be_over = time::end_of_next_year(latest) <= self.clock.now() || known.len() >= limits::AUDIT_CHAINS;
        // One that ended long before a month after its beginning may have gone a year earlier.
        let may_be_over = may_be_over || time::end_of_next_year(began(missing)) <= self.clock.now();
        (!may_be_over).then_some(Broken { number: 0, what: "earlier_chain_missing" })
    }

    async fn entries_of(&self, org: Option<OrgId>, chain: &Chain) -> Result<Option<Broken>, Error> {
        let partition = tables::audit_chain(org, chain.id);
        let (mut number, mut head, mut after) = (0, [0; 32], None::<Sort>);
        while number < chain.count {
            let page = match self.records.store().scan(&partition, after.as_ref(), limits::PAGE).await {
                Ok(page) => page,
                Err(StoreError::Corrupt(_)) => return Ok(Some(Broken { number: number + 1, what: "damaged" })),
                Err(error) => return Err(error.into()),
            };
            let Some((last, _)) = page.last() else {
                return Ok(Some(Broken { number: number + 1, what: "missing" }));
            };
            after = Some(last.clone());
            for (sort, row) in page.iter().take((chain.count - number) as usize) {
                number += 1;
                match self.entry(Place(org, chain.id, number), &head, sort, row) {
                    Ok(hash) => head = hash,
                    Err(what) => return Ok(Some(Broken { number, what })),
                }
            }
        }
        Ok((head != chain.head).then_some(Broken { number: 0, what: "end_changed" }))
    }

    /// The hash of an entry that is the one that was written here.
    fn entry(&self, place: Place, before: &[u8; 32], sort: &Sort, row: &Row) -> Result<[u8; 32], &'static str> {
        if sort.as_slice() != place.2.to_be_bytes() {
            return Err("missing");
        }
        let entry = Entry::decode(&row.value).map_err(|_| "damaged")?;
        match entry_hash(&self.secret, place, before, entry.at, &entry.act) == entry.hash {
            true => Ok(entry.hash),
            false => Err("changed"),
        }
    }
}

/// When a chain began, by its id.
fn began(chain: u128) -> Ms {
    (chain >> 80) as Ms
}
