//! Organisations: make, read, change, list (contract section 11). Who may do so is the server's to say.

use super::Service;
use crate::error::{Code, Error};
use crate::id::{OrgId, Region};
use crate::limits;
use crate::org::{Org, OrgLimits, WriteAnswer};
use crate::tables::{self, Sort};

/// What a new organisation shall be. Whoever fills it in has checked the bounds that [`Org`] names.
#[derive(Clone, Debug)]
pub struct NewOrg {
    /// Its number, where it is chosen; else the next free one.
    pub id: Option<OrgId>,
    /// What people call it.
    pub name: Box<str>,
    /// Where its profiles may live, in the order in which a fetch looks.
    pub regions: Vec<Region>,
    /// How much it may call.
    pub limits: OrgLimits,
    /// What a write answers where the caller does not say.
    pub write_answer: WriteAnswer,
}

/// What shall change of an organisation; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct OrgPatch {
    /// Another name.
    pub name: Option<Box<str>>,
    /// Other regions, or another order. Profiles in a region that is left out stay there, unread, until it is named
    /// again.
    pub regions: Option<Vec<Region>>,
    /// Another limit of requests a second.
    pub per_second: Option<u32>,
    /// Another limit of requests a minute.
    pub per_minute: Option<u32>,
    /// Another limit of values in one search.
    pub ids_per_fetch: Option<u16>,
    /// Another limit of writes of one person a second; `Some(None)`: as everywhere on this server.
    pub person_per_second: Option<Option<u32>>,
    /// Another limit of writes of one person at once; `Some(None)`: as everywhere on this server.
    pub person_burst: Option<Option<u32>>,
    /// Another answer to writes.
    pub write_answer: Option<WriteAnswer>,
    /// Another address of the administrator; `Some(None)`: none.
    pub admin_email: Option<Option<Box<str>>>,
    /// Another time after which a profile that nothing was heard of is erased; `Some(None)`: never.
    pub profile_ttl_days: Option<Option<u32>>,
}

impl OrgPatch {
    fn apply(&self, org: &mut Org) {
        fn set<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(value) = from {
                to.clone_from(value);
            }
        }
        set(&mut org.name, &self.name);
        set(&mut org.regions, &self.regions);
        set(&mut org.limits.per_second, &self.per_second);
        set(&mut org.limits.per_minute, &self.per_minute);
        set(&mut org.limits.ids_per_fetch, &self.ids_per_fetch);
        set(&mut org.limits.person.per_second, &self.person_per_second);
        set(&mut org.limits.person.burst, &self.person_burst);
        set(&mut org.write_answer, &self.write_answer);
        set(&mut org.profile_ttl_days, &self.profile_ttl_days);
        set(&mut org.admin_email, &self.admin_email);
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Whether there are more after the last of them.
    pub more: bool,
}

impl<T> Page<T> {
    /// From what was read: one more than `limit`, if there is one.
    pub(super) fn new(mut items: Vec<T>, limit: u16) -> Self {
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        Self { items, more }
    }
}

impl Service {
    /// Makes an organisation. [`Code::OrgTaken`] if its chosen number is taken.
    pub async fn create_org(&self, new: NewOrg) -> Result<Org, Error> {
        let made_by = self.entropy.bits();
        let created = self.clock.now();
        if let Some(id) = new.id {
            return self.claim_org(new.into_org(id, created, made_by)).await;
        }
        for _ in 0..limits::ROUNDS {
            let id = self.free_org_id().await?;
            match self.claim_org(new.clone().into_org(id, created, made_by)).await {
                // Somebody else was faster with this number.
                Err(error) if error.code == Code::OrgTaken => {}
                done => return done,
            }
        }
        Err(Code::Contention.into())
    }

    async fn claim_org(&self, org: Org) -> Result<Org, Error> {
        self.records
            .modify(&tables::org(org.id), |found: Option<Org>| match found {
                None => Ok((Some(org.clone()), org.clone())),
                Some(found) if found.made_by == org.made_by => Ok((None, found)),
                Some(_) => Err(Code::OrgTaken.into()),
            })
            .await
    }

    /// A free number whose predecessor is taken, or 1. Where numbers were given in a row, it is the next one; and it is
    /// found in a hundred reads at most, however many organisations there are.
    async fn free_org_id(&self) -> Result<OrgId, Error> {
        let (mut taken, mut free) = (0, 1);
        while self.org_exists(free).await? {
            if free == limits::ORG_ID_MAX {
                return Err(Code::OrgTaken.into());
            }
            (taken, free) = (free, (free * 2).min(limits::ORG_ID_MAX));
        }
        while free - taken > 1 {
            let middle = taken + (free - taken) / 2;
            match self.org_exists(middle).await? {
                true => taken = middle,
                false => free = middle,
            }
        }
        OrgId::new(free).map_err(|_| Code::OrgTaken.into())
    }

    async fn org_exists(&self, number: u64) -> Result<bool, Error> {
        match OrgId::new(number) {
            Ok(id) => Ok(self.find_org(id).await?.is_some()),
            Err(_) => Ok(false),
        }
    }

    /// An organisation, if there is one with this number.
    pub async fn find_org(&self, id: OrgId) -> Result<Option<Org>, Error> {
        Ok(self.records.read(&tables::org(id)).await?.map(|(_, org)| org))
    }

    /// An organisation. [`Code::OrgUnknown`] if there is none with this number.
    pub async fn org(&self, id: OrgId) -> Result<Org, Error> {
        self.find_org(id).await?.ok_or_else(|| Code::OrgUnknown.into())
    }

    /// Changes an organisation and answers with what it then is. [`Code::OrgUnknown`] if there is none.
    pub async fn patch_org(&self, id: OrgId, patch: &OrgPatch) -> Result<Org, Error> {
        self.records
            .modify(&tables::org(id), |found: Option<Org>| {
                let before = found.ok_or(Code::OrgUnknown)?;
                let mut after = before.clone();
                patch.apply(&mut after);
                Ok(((after != before).then(|| after.clone()), after))
            })
            .await
    }

    /// Organisations in order of their numbers, after this one; `limit` is 1 to [`limits::PAGE`].
    pub async fn orgs(&self, after: Option<OrgId>, limit: u16) -> Result<Page<Org>, Error> {
        let after = after.map(|id| Sort::from_iter(id.get().to_be_bytes()));
        let rows = self.records.scan(&tables::orgs(), after.as_ref(), limit + 1).await?;
        Ok(Page::new(rows.into_iter().map(|(_, org)| org).collect(), limit))
    }
}

impl NewOrg {
    fn into_org(self, id: OrgId, created: u64, made_by: u128) -> Org {
        Org {
            id,
            name: self.name,
            regions: self.regions,
            limits: self.limits,
            write_answer: self.write_answer,
            profile_ttl_days: None,
            created,
            made_by,
            admin_email: None,
        }
    }
}
