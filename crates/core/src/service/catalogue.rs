//! The catalogue of an organisation, stored: read it, change it (contract section 11). What it means is in
//! [`crate::catalogue`]; who may change it, and how long a node may use what it read, is the server's to say.

use super::Service;
use crate::catalogue::{Catalogue, Definition};
use crate::error::Error;
use crate::id::OrgId;
use crate::records::Record;
use crate::tables;
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The catalogue of an organisation, and which one of those that it ever had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgCatalogue {
    /// How often it was changed: 0 is the one from the start.
    pub version: u64,
    /// When it was changed last.
    pub changed: Option<Ms>,
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
}

/// As stored. An organisation that never changed its catalogue has no row, so that it gets what later versions of the
/// standard one know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CatalogueRow {
    version: u64,
    changed: Ms,
    /// Random: which call wrote it, so that a call whose answer was lost recognises its own work.
    written_by: u128,
    definition: Definition,
}

impl Record for CatalogueRow {}

impl OrgCatalogue {
    fn new(row: Option<CatalogueRow>) -> Self {
        match row {
            None => Self { version: 0, changed: None, catalogue: Catalogue::standard() },
            Some(row) => Self {
                version: row.version,
                changed: Some(row.changed),
                catalogue: Arc::new(Catalogue::compile(row.definition)),
            },
        }
    }
}

impl Service {
    /// The catalogue of an organisation: the standard one until it was changed. One read, and the making ready; whoever
    /// asks often keeps the answer for a while.
    pub async fn catalogue(&self, org: OrgId) -> Result<OrgCatalogue, Error> {
        let row = self.records.read(&tables::catalogue(org)).await?;
        Ok(OrgCatalogue::new(row.map(|(_, row)| row)))
    }

    /// Changes the catalogue of an organisation and answers with what it then is; [`Code::OrgUnknown`] if there is no
    /// such organisation. `change` is given what is there and says what shall be there. It may refuse, for instance
    /// because the version is not the one that its caller saw, and may be called more than once.
    ///
    /// [`Code::OrgUnknown`]: crate::error::Code::OrgUnknown
    pub async fn change_catalogue(
        &self,
        org: OrgId,
        mut change: impl FnMut(&OrgCatalogue) -> Result<Catalogue, Error>,
    ) -> Result<OrgCatalogue, Error> {
        self.org(org).await?;
        let (written_by, changed) = (self.entropy.bits(), self.clock.now());
        let key = tables::catalogue(org);
        self.records
            .modify(&key, |found: Option<CatalogueRow>| {
                let own_work = found.as_ref().is_some_and(|found| found.written_by == written_by);
                let before = OrgCatalogue::new(found);
                if own_work {
                    return Ok((None, before));
                }
                let after = change(&before)?;
                if after == *before.catalogue {
                    return Ok((None, before));
                }
                let definition = after.definition().clone();
                let row = CatalogueRow { version: before.version + 1, changed, written_by, definition };
                Ok((Some(row.clone()), OrgCatalogue::new(Some(row))))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::orgs::NewOrg;
    use super::super::testing::{Map, START, World, ready, region};
    use super::*;
    use crate::catalogue::ConsentEntry;
    use crate::error::Code;
    use crate::org::{OrgLimits, WriteAnswer};
    use crate::records::Records;
    use crate::store::{Guard, Outcome, Row, Store, StoreError, Version};
    use crate::tables::{Key, Partition, Sort, Table};
    use async_trait::async_trait;
    use bytes::Bytes;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A store that does what the first write says, and loses the answer.
    struct Deaf(Arc<Map>, AtomicBool);

    #[async_trait]
    impl Store for Deaf {
        async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
            self.0.read(key).await
        }
        async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
            let outcome = self.0.write(key, guard, value).await;
            if self.1.swap(true, Ordering::Relaxed) { outcome } else { Err(StoreError::Unknown("lost".into())) }
        }
        async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
            self.0.remove(key, version).await
        }
        async fn scan(&self, of: &Partition, after: Option<&Sort>, limit: u16) -> Result<Vec<(Sort, Row)>, StoreError> {
            self.0.scan(of, after, limit).await
        }
        async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
            self.0.purge(partition).await
        }
    }

    fn world() -> (World, OrgId) {
        let world = World::new();
        let org = ready(world.service.create_org(NewOrg {
            id: None,
            name: "Acme".into(),
            regions: vec![region()],
            limits: OrgLimits::default(),
            write_answer: WriteAnswer::Profile,
        }));
        world.store.writes();
        (world, org.unwrap().id)
    }

    fn with_consent(before: &OrgCatalogue, days: u32) -> Catalogue {
        let mut definition = before.catalogue.definition().clone();
        definition.consents.insert("ads".into(), ConsentEntry { ttl_days: days });
        Catalogue::new(definition).unwrap()
    }

    #[test]
    fn an_organisation_begins_with_the_standard_catalogue_and_no_row() {
        let (world, org) = world();
        let found = ready(world.service.catalogue(org)).unwrap();
        assert_eq!((found.version, found.changed), (0, None));
        assert!(Arc::ptr_eq(&found.catalogue, &Catalogue::standard()));
        assert_eq!(world.store.writes(), []);
    }

    #[test]
    fn a_change_is_stored_under_the_next_version() {
        let (world, org) = world();
        for version in 1..=2 {
            let after = ready(
                world.service.change_catalogue(org, |before| Ok(with_consent(before, before.version as u32 + 1))),
            );
            let after = after.unwrap();
            assert_eq!((after.version, after.changed), (version, Some(START)));
            assert_eq!(after.catalogue.consent_ttl("ads"), Some(version * 86_400_000));
            assert_eq!(ready(world.service.catalogue(org)), Ok(after));
            assert_eq!(world.store.writes(), [Table::Catalogue]);
        }
    }

    #[test]
    fn a_change_that_changes_nothing_writes_nothing() {
        let (world, org) = world();
        let same = |before: &OrgCatalogue| Ok((*before.catalogue).clone());
        assert_eq!(ready(world.service.change_catalogue(org, same)).unwrap().version, 0);
        assert_eq!(world.store.writes(), []);
    }

    #[test]
    fn a_change_whose_answer_was_lost_is_made_once() {
        let (world, org) = world();
        let deaf = Arc::new(Deaf(world.store.clone(), AtomicBool::new(false)));
        let service = Service { records: Records::new(deaf), ..world.service.clone() };
        let next = |before: &OrgCatalogue| Ok(with_consent(before, before.version as u32 + 1));
        let after = ready(service.change_catalogue(org, next)).unwrap();
        assert_eq!((after.version, after.catalogue.consent_ttl("ads")), (1, Some(86_400_000)));
        assert_eq!(world.store.writes(), [Table::Catalogue]);
    }

    #[test]
    fn a_change_may_refuse() {
        let (world, org) = world();
        let refused = ready(world.service.change_catalogue(org, |_| Err(Code::PreconditionFailed.into())));
        assert_eq!(refused.unwrap_err().code, Code::PreconditionFailed);
        assert_eq!(ready(world.service.catalogue(org)).unwrap().version, 0);
    }

    #[test]
    fn catalogues_of_organisations_are_apart() {
        let (world, org) = world();
        let other = OrgId::new(99).unwrap();
        ready(world.service.change_catalogue(org, |before| Ok(with_consent(before, 1)))).unwrap();
        assert_eq!(ready(world.service.catalogue(other)).unwrap().version, 0);
        let unknown = ready(world.service.change_catalogue(other, |before| Ok(with_consent(before, 1))));
        assert_eq!(unknown.unwrap_err().code, Code::OrgUnknown);
    }
}
