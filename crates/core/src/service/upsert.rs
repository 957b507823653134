//! Upsert: a record is resolved to its person, who then says what the record says.
//!
//! One round looks every identifier up, decides, and takes one step: settle, link, release, claim or commit. After each
//! step, and after every conflict, the record is resolved anew. What can be refused is checked against the folded result
//! before the first step.

mod commit;
mod met;

use self::commit::may_be_done;
use super::Tenant;
use super::draft::{Draft, Stamps};
use super::fetch::ETag;
use super::identity::{Alias, Identity, Root};
use super::operation::OpState;
use super::record::{Look, Record, SoFar};
use crate::defect::Defect;
use crate::error::{Code, Error, Kind};
use crate::id::{Identifier, Region, Ucid};
use crate::limits;
use crate::patch::Patch;
use crate::profile::tile::LinkFact;
use crate::records::Swap;
use crate::store::Version;
use crate::strategy::{Fate, Grounds};
use crate::tables::{self, RowHash};
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
    /// Whether to do nothing unless the record is attached and linked in full (`Prefer: handling=strict`).
    pub strict: bool,
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
    /// A JSON array with the profile as it now is; empty where it has been deleted since (a repeat under an
    /// idempotency key).
    pub body: Bytes,
    /// Its UCID.
    pub ucid: Ucid,
    /// Its ETag.
    pub etag: Option<ETag>,
    /// Kinds of the record that stayed with another profile.
    pub not_attached: Vec<Box<str>>,
    /// Kinds of the record whose profile was not joined, because the two were split or a limit would be passed.
    pub not_linked: Vec<Box<str>>,
}

impl Tenant<'_> {
    /// Does a write. Durable when it returns `Ok`.
    ///
    /// Fails with the codes of contract section 5; `linked` says whether people were joined before it failed.
    pub async fn upsert(&self, write: &Write) -> Result<Written, Error> {
        let identity = self.identity(write.region);
        if write.timestamp.is_some_and(|at| at > identity.now().saturating_add(limits::TIMESTAMP_AHEAD_MS)) {
            return Err(Code::TimestampAhead.into());
        }
        let write = &Write { patch: write.patch.clone().under(&self.rules().catalogue)?, ..write.clone() };
        let op = self.service.entropy.bits() as u64;
        let record = Record::new(&identity, write);
        let claims = vec![None; record.carried.len()];
        let mut upsert = Upsert {
            identity,
            write,
            record,
            claims,
            so_far: SoFar::default(),
            taken: 0,
            patience: 0,
            op,
            linked: false,
            paced: false,
        };
        let done = match upsert.run().await {
            Ok(done) => done,
            Err(error) => return Err(Error { linked: upsert.linked, ..error }),
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
        Ok(Written { body, ucid, etag, not_attached: Vec::new(), not_linked: Vec::new() })
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
    record: Record,
    /// How often it took an alias from a row that did not list it.
    taken: u32,
    /// Rounds that it looks on before it does so again.
    patience: u32,
    /// What earlier rounds did.
    so_far: SoFar,
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
        for round in 0..limits::ROUNDS {
            if let Some(tile) = self.repeats().await? {
                return Ok(Round::Repeated(tile));
            }
            match self.round().await {
                Ok(Round::Again) => self.step_aside(round).await?,
                Ok(done) => return Ok(done),
                Err(error) => return self.unless_repeated(error).await,
            }
        }
        Ok(Round::Again)
    }

    /// Two writers in step with each other may undo each other's steps for ever. There is no timer here; whoever has gone
    /// round often lets a few reads go by, a different number each time.
    async fn step_aside(&self, round: usize) -> Result<(), Error> {
        let service = self.identity.service;
        let most = if round < limits::ROUNDS_IN_STEP { 1 } else { round.min(limits::STEPS_ASIDE) };
        for _ in 0..service.entropy.bits() as usize % most {
            service.records.store().read(&tables::org(self.identity.org)).await?;
        }
        Ok(())
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
        let Some(key) = self.write.idempotency else { return Ok(None) };
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
        let Some(holder) = lead.holder() else { return Ok(None) };
        let done = holder.root.live.ops.iter().find(|op| op.hash == key.key && op.tile == tile);
        if let Some(op) = done {
            let _finished_or_left_to_the_next = self.identity.finish_op(key.key, op.op, tile).await;
        }
        Ok(done.map(|op| op.tile))
    }

    async fn round(&mut self) -> Result<Round, Error> {
        let look = self.record.look(&self.identity, self.write.ucid, &self.so_far).await?;
        if look.barred.refused {
            self.identity.note_refused(Code::Suppressed.as_str(), self.write, Vec::new()).await?;
            return Err(Code::Suppressed.into());
        }
        if look.is_torn() || look.is_overtaken(&self.identity, &self.record) {
            return Ok(Round::Again);
        }
        if let Some(busy) = look.busy() {
            self.identity.settle(busy.ucid).await?;
            return Ok(Round::Again);
        }
        if look.decision.unusable {
            self.identity.note_refused(Code::NoUsableIdentifier.as_str(), self.write, Vec::new()).await?;
            return Err(Code::NoUsableIdentifier.into());
        }
        if look.decision.is_of_nothing() {
            self.so_far.left.clear(); // what was left alone has become the person since
            return Ok(Round::Again);
        }
        self.check(&look)?;
        let draft = self.draft(&look)?;
        self.check_precondition(&look)?;
        self.pace(&look)?;
        let steps = self.link(&look).await? == Step::Taken
            || self.release(&look).await? == Step::Taken
            || self.claim(&look, &draft).await? == Step::Taken
            || self.note_met(&look).await? == Step::Taken;
        match look.person() {
            Some(root) if !steps => self.commit(&look, root, draft).await,
            _ => Ok(Round::Again),
        }
    }

    /// One write of the person, once: what is refused has not done anything yet, and a repeat under an idempotency key
    /// never comes here.
    fn pace(&mut self, look: &Look) -> Result<(), Error> {
        let service = self.identity.service;
        let (Some(pace), Some(person), false) = (&service.pace, look.person(), self.paced) else { return Ok(()) };
        self.paced = true;
        let rate = self.identity.rules.person.over(pace.default_rate());
        let admitted = pace.admit(rate, self.identity.org, person.ucid, service.clock.now());
        if admitted { Ok(()) } else { Err(Code::PersonTooFast.into()) }
    }

    /// What the strategy refuses outright.
    fn check(&self, look: &Look) -> Result<(), Error> {
        if look.decision.ucid_conflict {
            return Err(Code::UcidConflict.into());
        }
        if self.write.strict && !(look.not_attached(&self.record).is_empty() && self.not_linked(look).is_empty()) {
            return Err(Code::NotInFull.into());
        }
        Ok(())
    }

    /// What the person would be: all that is refused is refused here, before anything is changed.
    fn draft(&self, look: &Look) -> Result<Draft, Error> {
        let tiles = look.together();
        let tile = look.target(&self.record, self.write.ucid).unwrap_or_else(|| self.fresh());
        let erased = look.erased(&self.record);
        let stamps = Stamps { now: self.identity.now(), erased };
        let carried = look.attached(&self.record, &tiles, tile);
        let refused = self.left_alone(look).into_iter().map(|left| self.refused(left.by, left.other, left.why));
        // A value that names nobody led to no profile: it is told of the person whose record brought it.
        let blocked = self.blocked(look).map(|by| self.refused(by, tile, look.why_blocked(by)));
        let refused = refused.chain(blocked);
        Draft::new(&self.identity, tiles, tile, carried, refused.collect(), stamps, self.write)
    }

    fn fresh(&self) -> Ucid {
        Ucid::new(self.identity.now(), self.identity.service.entropy.bits())
    }

    fn check_precondition(&self, look: &Look) -> Result<(), Error> {
        let precondition = &self.write.precondition;
        if !look.decision.merges.is_empty() && *precondition != Precondition::None {
            return Err(Code::WouldLink.into());
        }
        let person = look.person().filter(|root| root.version.is_some());
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

    /// Merges the next person that the record names into the first.
    async fn link(&mut self, look: &Look) -> Result<Step, Error> {
        let (Some(person), Some((further, by))) = (look.person(), look.decision.merges.first()) else {
            return Ok(Step::None);
        };
        let further = &look.people[*further];
        let (winner, loser) = if person.ucid < further.ucid { (person, further) } else { (further, person) };
        let hash = self.record.carried[*by].hash;
        if self.identity.make_room([person, further]).await?
            || self.meet(*by, &look.leads[*by], [person.ucid, further.ucid]).await? == Step::Taken
        {
            return Ok(Step::Taken);
        }
        let rank = self.record.rules[*by].rank();
        let Some(to) = look.naming(&self.record, self.write.ucid, person) else { return Ok(Step::Taken) };
        let fact = LinkFact {
            to,
            via: look.tile_in(winner).unwrap_or(winner.ucid),
            by: hash,
            identifiers: self.record.carried.iter().map(|carried| carried.hash).collect(),
            grounds: Grounds {
                strategy: self.identity.rules.strategy.version,
                rank,
                below: look.decision.best.is_some_and(|best| best < rank),
                no_primary: look.decision.no_primary,
                brings_loser: further.ucid == loser.ucid,
            },
            request: self.write.request.clone(),
            source: self.write.source.clone(),
            at: self.identity.now(),
        };
        self.so_far.current.extend(look.current());
        self.identity.link(winner, loser, fact, &mut self.linked).await?;
        Ok(Step::Taken)
    }

    /// Takes identifiers from rows that they leave: a value that moves, a former value that is given away, and what a
    /// writer left behind who died, or lost a race, between claiming and committing. A row that lists it in another tile
    /// than the alias named has taken it since the alias was read: that is to be looked up anew.
    ///
    /// Two that take it from each other would go on for ever: each time one has more patience to see whether the other
    /// is done with it.
    async fn release(&mut self, look: &Look) -> Result<Step, Error> {
        let person = look.person().map(|root| root.ucid);
        for (by, lead) in look.decision.order.iter().map(|by| (*by, &look.leads[*by])) {
            let wanted = matches!(look.decision.fates[by], Fate::Attach | Fate::Former | Fate::Take);
            if !wanted
                || !self.record.rules[by].is_primary()
                || lead.holders.iter().any(|holder| Some(holder.root.ucid) == person)
            {
                continue;
            }
            let hash = self.record.carried[by].hash;
            let held_by = |root: &Root| lead.holders.iter().any(|holder| holder.root.ucid == root.ucid);
            if lead.strays.iter().any(|(_, root)| !held_by(root) && self.identity.lists(root, hash)) {
                return Ok(Step::Taken);
            }
            if let Some(root) = lead.roots().find(|root| Some(root.ucid) != person) {
                if look.decision.fates[by] == Fate::Take {
                    let left = self.left_alone(look);
                    self.so_far.left =
                        left.into_iter().filter(|left| left.by == by || self.so_far.left.contains(left)).collect();
                }
                self.take(root, hash).await?;
                return Ok(Step::Taken);
            }
        }
        Ok(Step::None)
    }

    async fn take(&mut self, root: &Root, hash: RowHash) -> Result<(), Error> {
        if self.patience > 0 {
            self.patience -= 1;
            return Ok(());
        }
        self.identity.release(root, hash).await?;
        self.taken = (self.taken + 1).min(TAKEN_MOST);
        self.patience = self.identity.service.entropy.bits() as u32 % (1 << self.taken);
        Ok(())
    }

    /// Claims the aliases that are to be listed for the tile that lists them, all at once. A race lost here leaves an
    /// alias that leads to a row which does not list it: to nothing.
    ///
    /// An alias that leads to the person already, but is not listed there, is claimed anew, unless that was done for this
    /// very version of the row and the alias still says so: whoever is still releasing it from an earlier version would
    /// free it under our feet. The claim changes the alias, so they fail; and who takes it from here from now on writes
    /// the row first, so that the commit fails. A row that was never written never released anything, and who takes an
    /// alias from it writes it.
    async fn claim(&mut self, look: &Look, draft: &Draft) -> Result<Step, Error> {
        let wanted = draft
            .homes
            .iter()
            .filter(|(by, home)| look.needs_claim(&self.record, *by, *home) || self.is_to_be_claimed(*by, look));
        let wanted: Vec<(usize, Alias)> =
            wanted.map(|(by, home)| (*by, look.claimed(&self.record, *by, *home))).collect();
        if let Some((by, alias)) = wanted.iter().find(|(_, alias)| alias.profiles() > limits::SHARED_BY) {
            let (carried, lead) = (&self.record.carried[*by], &look.leads[*by]);
            let alias = Alias { owners: lead.alias.owners.clone(), ..alias.clone() };
            self.identity.block(carried.identifier.kind(), carried.hash, lead.version, alias).await?;
            return Ok(Step::Taken);
        }
        let claims = wanted.iter().map(|(by, alias)| async {
            self.identity.swap_alias(self.record.carried[*by].hash, look.leads[*by].version, alias).await
        });
        let swaps = try_join_all(claims).await?;
        for ((by, _), swap) in wanted.iter().zip(&swaps) {
            self.claims[*by] = claim_of(*swap, look.person());
        }
        Ok(if wanted.is_empty() { Step::None } else { Step::Taken })
    }

    fn is_to_be_claimed(&self, by: usize, look: &Look) -> bool {
        let Some((root, version)) = look.person().and_then(|root| Some((root, root.version?))) else {
            return false;
        };
        if self.identity.service.has(Defect::AliasNotReadAgain) {
            return false;
        }
        let right = look.leads[by].version.map(|alias| Claim { alias, row: root.ucid, version });
        root.live.holder(self.record.carried[by].hash).is_none() && self.claims[by] != right
    }
}

/// Whether a round's step was taken, so that everything is to be looked up anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Taken,
    None,
}

/// What a claim is good for: to be listed by this version of the person's row.
fn claim_of(swap: Swap, person: Option<&Root>) -> Option<Claim> {
    let (Swap::Done(alias), Some(root)) = (swap, person) else { return None };
    Some(Claim { alias, row: root.ucid, version: root.version? })
}
