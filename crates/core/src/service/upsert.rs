//! Upsert: a record is resolved to its person, who then says what the record says.
//!
//! One round looks every identifier up, decides, and takes one step: settle, link, release, claim or commit. After each
//! step, and after every conflict, the record is resolved anew. What can be refused is checked against the folded result
//! before the first step.

mod commit;
mod people;

use self::commit::may_be_done;
use self::people::{is_torn, people};
use super::Tenant;
use super::fetch::ETag;
use super::identity::{Alias, Identity, Lead, Root};
use super::link::together;
use super::operation::OpState;
use crate::defect::Defect;
use crate::error::{Code, Error, Kind};
use crate::id::{Identifier, Region, Ucid};
use crate::limits;
use crate::patch::Patch;
use crate::profile::tile::LinkFact;
use crate::records::Swap;
use crate::service::draft::Draft;
use crate::store::Version;
use crate::tables::RowHash;
use crate::time::Ms;
use crate::value::Source;
use bytes::Bytes;
use futures_util::future::try_join_all;

/// A write (contract section 5), checked for form.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where the profile lives.
    pub region: Region,
    /// All of them name one person. No two of one kind.
    pub identifiers: Vec<Identifier>,
    /// The profile meant, if the caller knows it.
    pub ucid: Option<Ucid>,
    /// What is said.
    pub patch: Patch,
    /// When it was true; absent: the server's stamp.
    pub timestamp: Option<Ms>,
    /// Who says it.
    pub source: Source,
    /// The request's id, for explain.
    pub request: Box<str>,
    /// The caller's idempotency key and the hash of the request under it.
    pub idempotency: Option<Idempotency>,
    /// Under what condition.
    pub precondition: Precondition,
}

/// An idempotency key, by its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// What stands for the key: `secret().operation(org, operation, key)`.
    pub key: RowHash,
    /// What stands for the request under it: `secret().body(bytes)`.
    pub body: RowHash,
}

/// Under what condition a write is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Always.
    #[default]
    None,
    /// `If-Match: *`: only if the profile exists.
    Exists,
    /// `If-Match`: only if the first half of its ETag is one of these.
    Matches(Vec<u64>),
    /// `If-None-Match: *`: only if it does not exist.
    Absent,
}

/// A write that was done.
#[derive(Clone, Debug)]
pub struct Written {
    /// A JSON array with the profile as it now is; an empty one where it has been deleted since (a repeat under an
    /// idempotency key).
    pub body: Bytes,
    /// Its UCID.
    pub ucid: Ucid,
    /// Its ETag.
    pub etag: Option<ETag>,
}

impl Tenant<'_> {
    /// Does a write. Durable when it returns `Ok`.
    ///
    /// Fails with the codes of contract section 5; `linked` says whether people were joined before it failed.
    pub async fn upsert(&self, write: &Write) -> Result<Written, Error> {
        let identity = self.identity(write.region);
        if write.timestamp.is_some_and(|at| at > self.service.clock.now().saturating_add(limits::TIMESTAMP_AHEAD_MS)) {
            return Err(Code::TimestampAhead.into());
        }
        let mut upsert = Upsert {
            identity,
            write,
            hashes: write.identifiers.iter().map(|identifier| identity.hash(identifier)).collect(),
            taken: 0,
            patience: 0,
            claims: vec![None; write.identifiers.len()],
            op: self.service.entropy.bits() as u64,
            linked: false,
            paced: false,
        };
        let done = match upsert.run().await {
            Ok(done) => done,
            Err(error) => {
                return Err(Error { linked: upsert.linked, ..error });
            }
        };
        match done {
            Round::Written(written) => Ok(written),
            // It was done, whatever keeps us from showing it.
            Round::Repeated(tile) => self.repeated(write.region, tile).await.map_err(may_be_done),
            Round::Again => Err(Error { linked: upsert.linked, ..Code::Contention.into() }),
        }
    }

    /// The answer to a repeat: the profile as it now is.
    async fn repeated(&self, region: Region, tile: Ucid) -> Result<Written, Error> {
        let found = self.identity(region).show(tile).await?;
        let (ucid, etag, body) = found.unwrap_or_else(|| (tile, None, Bytes::from_static(b"[]")));
        Ok(Written { body, ucid, etag })
    }
}

/// What one round came to.
enum Round {
    /// A step was taken, or somebody was faster: look again.
    Again,
    /// Committed.
    Written(Written),
    /// Committed before, under the same idempotency key, in this tile.
    Repeated(Ucid),
}

/// One write under way.
struct Upsert<'a> {
    identity: Identity<'a>,
    write: &'a Write,
    /// What stands for each identifier of the record.
    hashes: Vec<RowHash>,
    /// How often it took an alias from a row that did not list it.
    taken: u32,
    /// Rounds that it looks on before it does so again.
    patience: u32,
    /// Of each identifier the last claim.
    claims: Vec<Option<Claim>>,
    /// Names this write in the tile that takes it in, unless an idempotency key does.
    op: u64,
    linked: bool,
    /// Whether its person's limit was asked.
    paced: bool,
}

/// Doublings of patience.
const TAKEN_MOST: u32 = 5;

/// That an alias was written for a row after that row was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    alias: Version,
    row: Ucid,
    version: Version,
}

impl Upsert<'_> {
    async fn run(&mut self) -> Result<Round, Error> {
        for _ in 0..limits::ROUNDS {
            if let Some(tile) = self.repeats().await? {
                return Ok(Round::Repeated(tile));
            }
            match self.round().await {
                Ok(Round::Again) => {}
                Ok(done) => return Ok(done),
                Err(error) => return self.unless_repeated(error).await,
            }
        }
        Ok(Round::Again)
    }

    /// What is refused may be refused because of what another attempt under the same key has just done: then that was
    /// done, and not refused.
    async fn unless_repeated(&self, error: Error) -> Result<Round, Error> {
        if matches!(error.code.kind(), Kind::Unavailable | Kind::Unknown | Kind::Damaged) {
            return Err(error);
        }
        self.repeats().await?.map(Round::Repeated).ok_or(error)
    }

    /// Whether the operation under the idempotency key is done already.
    async fn repeats(&self) -> Result<Option<Ucid>, Error> {
        let Some(key) = self.write.idempotency else {
            return Ok(None);
        };
        match self.identity.begun(key).await?.op.map(|op| op.state) {
            Some(OpState::Written { tile }) => Ok(Some(tile)),
            Some(OpState::Writing { tile, .. }) => self.taken_in(key, tile).await,
            _ => Ok(None),
        }
    }

    /// Whether a begun operation was committed: its answer may have been lost, and a precondition that held then need
    /// not hold now.
    async fn taken_in(&self, key: Idempotency, tile: Ucid) -> Result<Option<Ucid>, Error> {
        let lead = self.identity.resolve_ucid(tile).await?;
        if lead.erased.is_some() {
            return Err(Code::ErasedMeanwhile.into());
        }
        let Some(root) = lead.root else { return Ok(None) };
        let done = root.live.ops.iter().find(|op| op.hash == key.key && op.tile == tile);
        if let Some(op) = done {
            let _finished_or_left_to_the_next = self.identity.finish_op(key.key, op.op, tile).await;
        }
        Ok(done.map(|op| op.tile))
    }

    async fn round(&mut self) -> Result<Round, Error> {
        let leads = self.look_up().await?;
        if is_torn(&leads) || self.settled(&leads).await? == Step::Taken {
            return Ok(Round::Again);
        }
        let people = people(&leads);
        let draft = self.draft(&leads, &people)?;
        self.pace(&people)?;
        if let [first, second, ..] = people.as_slice() {
            self.link(&leads, first, second).await?;
            return Ok(Round::Again);
        }
        let person = people.first();
        if self.release(&leads, person.map(|root| root.ucid)).await? == Step::Taken
            || self.claim(&leads, person, draft.tile).await? == Step::Taken
        {
            return Ok(Round::Again);
        }
        match people.first() {
            Some(root) => self.commit(root, draft).await,
            None => Ok(Round::Again),
        }
    }

    /// One write of the person, once: what is refused has not done anything yet, and a repeat under an idempotency key
    /// never comes here.
    fn pace(&mut self, people: &[Root]) -> Result<(), Error> {
        let service = self.identity.service;
        let (Some(pace), Some(person), false) = (&service.pace, people.first(), self.paced) else { return Ok(()) };
        self.paced = true;
        let admitted = pace.admit(self.identity.org, person.ucid, service.clock.now());
        if admitted { Ok(()) } else { Err(Code::PersonTooFast.into()) }
    }

    /// Where each identifier leads; the UCID of the record comes first.
    async fn look_up(&self) -> Result<Vec<Lead>, Error> {
        let mut leads = Vec::with_capacity(self.hashes.len() + 1);
        if let Some(ucid) = self.write.ucid {
            let lead = self.identity.resolve_ucid(ucid).await?;
            if lead.root.is_none() {
                return Err(Code::UnknownUcid.into());
            }
            leads.push(lead);
        }
        for hash in &self.hashes {
            leads.push(self.identity.resolve(*hash).await?);
        }
        Ok(leads)
    }

    /// Finishes what is under way at any row that the record leads to.
    async fn settled(&self, leads: &[Lead]) -> Result<Step, Error> {
        match leads.iter().filter_map(|lead| lead.root.as_ref()).find(|root| root.live.is_busy()) {
            Some(root) => self.identity.settle(root.ucid).await.map(|()| Step::Taken),
            None => Ok(Step::None),
        }
    }

    /// What the person would be: all that is refused is refused here, before anything is changed.
    fn draft(&self, leads: &[Lead], people: &[Root]) -> Result<Draft, Error> {
        let tiles = together(people);
        let is_one = |root: &Root| people.iter().any(|person| person.ucid == root.ucid);
        let held = leads.iter().filter(|lead| lead.held && lead.root.as_ref().is_some_and(is_one));
        let held = held.filter_map(|lead| lead.tile);
        let tile = match self.write.ucid {
            Some(ucid) => ucid,
            None => held.min().unwrap_or_else(|| self.fresh()),
        };
        let erased = leads.iter().filter_map(|lead| lead.erased).map(|tombstone| tombstone.at).max();
        let by_ucid = leads.len() - self.hashes.len();
        let homes =
            leads[by_ucid..].iter().map(|lead| lead.tile.filter(|tile| tiles.contains_key(tile)).unwrap_or(tile));
        let held = self.hashes.iter().copied().zip(homes).collect();
        let draft = Draft::new(tiles, tile, held, self.stamps(erased), self.write)?;
        self.check_precondition(people)?;
        Ok(draft)
    }

    fn fresh(&self) -> Ucid {
        let service = self.identity.service;
        Ucid::new(service.clock.now(), service.entropy.bits())
    }

    fn stamps(&self, erased: Option<Ms>) -> super::draft::Stamps {
        super::draft::Stamps { now: self.identity.service.clock.now(), erased }
    }

    fn check_precondition(&self, people: &[Root]) -> Result<(), Error> {
        let precondition = &self.write.precondition;
        if people.len() > 1 && *precondition != Precondition::None {
            return Err(Code::WouldLink.into());
        }
        let person = people.first().filter(|root| root.version.is_some());
        let holds = match precondition {
            Precondition::None => true,
            Precondition::Exists => person.is_some(),
            Precondition::Absent => person.is_none(),
            Precondition::Matches(etags) => {
                person.is_some_and(|root| etags.contains(&self.identity.render(root.ucid, &root.live).etag.0))
            }
        };
        if holds { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }

    /// Merges the younger of two people into the older.
    async fn link(&mut self, leads: &[Lead], first: &Root, second: &Root) -> Result<(), Error> {
        let (winner, loser) = if first.ucid < second.ucid { (first, second) } else { (second, first) };
        let via = leads.iter().filter(|lead| lead.held && lead.leads_to(winner.ucid)).find_map(|lead| lead.tile);
        let fact = LinkFact {
            via: via.filter(|tile| winner.live.tiles.contains_key(tile)).unwrap_or(winner.ucid),
            identifiers: self.hashes.clone(),
            request: self.write.request.clone(),
            source: self.write.source.clone(),
            at: self.identity.service.clock.now(),
        };
        self.identity.link(winner, loser, fact, &mut self.linked).await
    }

    /// An alias may lead to a live row that does not list it: a writer died, or lost a race, between claiming and
    /// committing. It is taken from there before it is claimed for another. A row that lists it in another tile than the
    /// alias named has taken it since the alias was read: that is to be looked up anew.
    ///
    /// Two that take it from each other would go on for ever: each time one has more patience to see whether the other
    /// is done with it.
    async fn release(&mut self, leads: &[Lead], person: Option<Ucid>) -> Result<Step, Error> {
        let by_ucid = leads.len() - self.hashes.len();
        for (lead, hash) in leads[by_ucid..].iter().zip(&self.hashes) {
            let Some(root) = lead.root.as_ref() else { continue };
            let lists = root.live.holder(*hash).is_some();
            if lists && lead.held || !lists && Some(root.ucid) == person {
                continue;
            }
            if !lists && self.patience == 0 {
                self.identity.release(root, *hash).await?;
                self.taken = (self.taken + 1).min(TAKEN_MOST);
                self.patience = self.identity.service.entropy.bits() as u32 % (1 << self.taken);
            } else if !lists {
                self.patience -= 1;
            }
            return Ok(Step::Taken);
        }
        Ok(Step::None)
    }

    /// Claims the aliases that are to be listed for the tile, all at once. A race lost here leaves an alias that leads to
    /// a row which does not list it: to nothing.
    ///
    /// An alias that leads to the person already, but is not listed there, is claimed anew, unless that was done for this
    /// very version of the row and the alias still says so: whoever is still releasing it from an earlier version would
    /// free it under our feet. The claim changes the alias, so they fail; and who takes it from here from now on writes
    /// the row first, so that the commit fails. A row that was never written never released anything, and who takes an
    /// alias from it writes it.
    async fn claim(&mut self, leads: &[Lead], person: Option<&Root>, tile: Ucid) -> Result<Step, Error> {
        let by_ucid = leads.len() - self.hashes.len();
        let leads = &leads[by_ucid..];
        let places: Vec<usize> =
            (0..leads.len()).filter(|place| self.is_to_be_claimed(*place, &leads[*place], person)).collect();
        let claims = places.iter().map(|place| async {
            let (lead, hash) = (&leads[*place], self.hashes[*place]);
            let owner = lead.tile.filter(|_| lead.root.is_some()).unwrap_or(tile);
            let alias = Alias { owner: Some(owner), erased: lead.erased };
            self.identity.swap_alias(hash, lead.alias, &alias).await
        });
        let swaps = try_join_all(claims).await?;
        for (place, swap) in places.iter().zip(&swaps) {
            self.claims[*place] = claim_of(*swap, person);
        }
        Ok(if places.is_empty() { Step::None } else { Step::Taken })
    }

    fn is_to_be_claimed(&self, place: usize, lead: &Lead, person: Option<&Root>) -> bool {
        if lead.root.is_none() {
            return true;
        }
        let Some((root, version)) = person.and_then(|root| Some((root, root.version?))) else {
            return false;
        };
        if self.identity.service.has(Defect::AliasNotReadAgain) {
            return false;
        }
        let right = lead.alias.map(|alias| Claim { alias, row: root.ucid, version });
        root.live.holder(self.hashes[place]).is_none() && self.claims[place] != right
    }
}

/// Whether a round's step was taken, so that everything is to be looked up anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Taken,
    None,
}

impl Lead {
    fn leads_to(&self, ucid: Ucid) -> bool {
        self.root.as_ref().is_some_and(|root| root.ucid == ucid)
    }
}

/// What a claim is good for: to be listed by this version of the person's row.
fn claim_of(swap: Swap, person: Option<&Root>) -> Option<Claim> {
    let (Swap::Done(alias), Some(root)) = (swap, person) else { return None };
    Some(Claim { alias, row: root.ucid, version: root.version? })
}
