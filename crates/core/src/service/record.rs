//! A record as it is resolved: its identifiers, where they lead, and what the strategy decides.

use super::identity::{Alias, Identity, Lead, Root};
use super::link::with_same;
use super::slim::home_in;
use super::upsert::Write;
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::profile::fold::Tiles;
use crate::profile::holding::Holding;
use crate::profile::tile::{Carried, Naming};
use crate::strategy::{Decision, Fate, Leads, Named, Person, Rule, Why, decide};
use crate::tables::RowHash;
use crate::time::Ms;

/// The identifiers of a record, each raw value with the hashes that derive from it.
pub(crate) struct Record {
    pub(crate) carried: Vec<Carried>,
    /// How the kind of each takes part.
    pub(crate) rules: Vec<Rule>,
    /// Which of them a list or a pattern blocks.
    blocked: Vec<bool>,
    /// The kind that the record itself named.
    named_as: Vec<Box<str>>,
}

impl Record {
    pub(crate) fn new(identity: &Identity<'_>, write: &Write) -> Self {
        let (rules, now) = (identity.rules, identity.now());
        let received =
            if identity.service.has(Defect::ExpireOnWrongClock) { write.timestamp.unwrap_or(now) } else { now };
        let mut record = Self { carried: Vec::new(), rules: Vec::new(), blocked: Vec::new(), named_as: Vec::new() };
        for given in &write.identifiers {
            let same = identity.hash(&rules.canonical(given));
            let writings = rules.expand(given);
            // A value and its hashes are one identifier: a word that is no address has no hash either.
            let blocked = rules.blocks(given) || writings.iter().any(|identifier| rules.blocks(identifier));
            for identifier in writings {
                record.named_as.push(given.kind().into());
                let rule = rules.rule(identifier.kind());
                record.blocked.push(blocked);
                record.rules.push(rule);
                let (hash, expires) = (identity.hash(&identifier), rule.expires(received));
                record.carried.push(Carried { identifier, hash, same, expires, former: false });
            }
        }
        record
    }

    /// Looks everything up and decides.
    pub(crate) async fn look(
        &self,
        identity: &Identity<'_>,
        ucid: Option<Ucid>,
        so_far: &SoFar,
    ) -> Result<Look, Error> {
        let mut people: Vec<Root> = Vec::new();
        let mut named = None;
        if let Some(ucid) = ucid {
            let lead = identity.resolve_ucid(ucid).await?;
            named = Some(lead.roots().next().cloned().ok_or(Code::UnknownUcid)?);
            people.extend(named.clone());
        }
        let mut leads = Vec::with_capacity(self.carried.len());
        for carried in &self.carried {
            leads.push(identity.resolve(carried.hash).await?);
        }
        for holder in leads.iter().flat_map(|lead: &Lead| &lead.holders) {
            if people.iter().all(|known| known.ucid != holder.root.ucid) {
                people.push(holder.root.clone());
            }
        }
        let (decision, barred) = self.decide(identity, &leads, &people, named.is_some(), so_far);
        let unwritten = if decision.person.is_none() { self.unwritten(&leads, &decision) } else { None };
        Ok(Look { leads, people, named, decision, barred, unwritten })
    }

    /// A row that nobody has written yet is nobody, and is never joined to anybody: whose it will be depends on who writes
    /// it first. Where the record names no one else, the oldest of such rows becomes the new person's.
    fn unwritten(&self, leads: &[Lead], decision: &Decision) -> Option<Root> {
        let attached = |by: &usize| !matches!(decision.fates[*by], Fate::Stays | Fate::Blocked);
        let strays = (0..leads.len()).filter(attached).flat_map(|by| &leads[by].strays).map(|(_, root)| root);
        strays.filter(|root| root.version.is_none()).min_by_key(|root| root.ucid).cloned()
    }

    fn decide(
        &self,
        identity: &Identity<'_>,
        leads: &[Lead],
        people: &[Root],
        by_ucid: bool,
        so_far: &SoFar,
    ) -> (Decision, Barred) {
        let mut named: Vec<Named> =
            (0..self.carried.len()).map(|by| self.named(identity, by, &leads[by], people, so_far)).collect();
        let blocked: Vec<RowHash> = named.iter().filter(|named| named.blocked).map(|named| named.same).collect();
        named.iter_mut().filter(|named| blocked.contains(&named.same)).for_each(|named| named.blocked = true);
        let barred = self.barred(identity, &named, leads);
        barred.left_out.iter().for_each(|by| named[*by].blocked = true);
        let persons: Vec<Person> = people.iter().map(|root| self.person(identity, root, so_far)).collect();
        let may_meet = |together: &[usize], further: usize| -> Result<(), Why> {
            let tiles: Tiles = together.iter().flat_map(|person| people[*person].live.tiles.clone()).collect();
            identity.rule_d_with_room(&tiles, &people[further].live.tiles)
        };
        let mut decision = decide(&named, &persons, by_ucid.then_some(0), &may_meet);
        self.keep_together(&mut decision);
        if identity.service.has(Defect::CopyForeignPrimary) {
            decision.fates.iter_mut().filter(|fate| **fate == Fate::Stays).for_each(|fate| *fate = Fate::Attach);
        }
        (decision, barred)
    }

    /// What may not be written again, in whatever writing the record carries it. A value that is blocked names nobody, so
    /// it is nobody's who was deleted either.
    fn barred(&self, identity: &Identity<'_>, named: &[Named], leads: &[Lead]) -> Barred {
        let all = 0..self.carried.len();
        let suppressed = all.clone().filter(|by| leads[*by].suppressed && !named[*by].blocked);
        let suppressed: Vec<RowHash> = suppressed.map(|by| self.carried[by].same).collect();
        let names_a_person = |by: &usize| {
            let device = identity.rules.catalogue.is_device(self.carried[*by].identifier.kind());
            self.rules[*by].is_primary() && !device
        };
        let left_out: Vec<usize> = all.filter(|by| suppressed.contains(&self.carried[*by].same)).collect();
        Barred { refused: left_out.iter().any(names_a_person), left_out }
    }

    fn person(&self, identity: &Identity<'_>, root: &Root, so_far: &SoFar) -> Person {
        let left = so_far.left.iter().find(|left| left.other == root.ucid).map(|left| left.why.clone());
        let held = identity.holdings(&root.live);
        Person { holds: with_same(identity.holds(&held), &self.told_same(&held)), left }
    }

    /// Of which of the record's identifiers a hash is that stood alone until now: only the value itself tells.
    fn told_same(&self, held: &[Holding<'_>]) -> Vec<(RowHash, RowHash)> {
        let carried = |hash: RowHash| self.carried.iter().find(|carried| carried.hash == hash);
        let told = held.iter().filter_map(|holding| Some((holding.held.same, carried(holding.held.hash)?.same)));
        told.filter(|(before, now)| before != now).collect()
    }

    fn named(&self, identity: &Identity<'_>, by: usize, lead: &Lead, people: &[Root], so_far: &SoFar) -> Named {
        let carried = &self.carried[by];
        let leads = lead.holder().and_then(|holder| {
            let to = people.iter().position(|person| person.ucid == holder.root.ucid)?;
            Some(Leads { to, former: holder.former, shared: self.rules[by].is_primary() && lead.is_shared() })
        });
        Named {
            kind: carried.identifier.kind().into(),
            family: identity.rules.family(carried.identifier.kind()).into(),
            same: carried.same,
            rule: self.rules[by],
            blocked: self.blocked[by] || lead.alias.blocked.is_some(),
            leads,
            was_current: so_far.current.contains(&by),
        }
    }

    /// A value and its hashes are one identifier: if one of them stays where it is, all do.
    fn keep_together(&self, decision: &mut Decision) {
        for by in 0..self.carried.len() {
            let stays = (0..self.carried.len())
                .any(|other| self.carried[other].same == self.carried[by].same && decision.fates[other] == Fate::Stays);
            if stays && decision.fates[by] == Fate::Attach {
                decision.fates[by] = Fate::Stays;
            }
        }
    }

    pub(crate) fn kinds(&self, places: impl Iterator<Item = usize>) -> Vec<Box<str>> {
        let mut kinds: Vec<Box<str>> = places.map(|by| self.named_as[by].clone()).collect();
        kinds.dedup();
        kinds
    }
}

/// A profile that was left alone, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// The identifier of the record that led there.
    pub(crate) by: usize,
    pub(crate) other: Ucid,
    pub(crate) why: Why,
}

/// What a record has done in earlier rounds: what is decided stands, though half of it is carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct SoFar {
    /// Whose profiles were left alone, which have since let go of the identifier that led there.
    pub(crate) left: Vec<LeftAlone>,
    /// Identifiers of the record that were shown before it joined people.
    pub(crate) current: Vec<usize>,
}

/// What of a record may not be written again (contract section 7).
#[derive(Clone, Debug, Default)]
pub(crate) struct Barred {
    /// Whether a primary identifier of other than a device kind is among it, so that the record is refused.
    pub(crate) refused: bool,
    /// The identifiers.
    pub(crate) left_out: Vec<usize>,
}

/// What a record led to when it was looked up.
pub(crate) struct Look {
    /// Where each identifier leads.
    pub(crate) leads: Vec<Lead>,
    /// Everybody that something leads to; first whom the record names by UCID.
    pub(crate) people: Vec<Root>,
    named: Option<Root>,
    pub(crate) decision: Decision,
    /// What may not be written again.
    pub(crate) barred: Barred,
    /// The row of a new person, once an identifier leads there.
    unwritten: Option<Root>,
}

impl Look {
    /// A row that something leads to and that a step is under way at.
    pub(crate) fn busy(&self) -> Option<&Root> {
        let roots = self.leads.iter().flat_map(Lead::roots).chain(&self.named);
        roots.into_iter().find(|root| root.live.is_busy())
    }

    /// The person, if somebody is.
    pub(crate) fn person(&self) -> Option<&Root> {
        self.decision.person.map(|person| &self.people[person]).or(self.unwritten.as_ref())
    }

    /// Whether two identifiers led to different versions of one row: what is decided by the older one may not be right
    /// for the newer, which is what a commit is guarded by.
    pub(crate) fn is_torn(&self) -> bool {
        let roots: Vec<&Root> = self.leads.iter().flat_map(Lead::roots).chain(&self.named).collect();
        roots.iter().any(|a| roots.iter().any(|b| a.ucid == b.ucid && a.version != b.version))
    }

    /// Whether the person has come to hold an identifier since it was looked up and found to stay with somebody else.
    pub(crate) fn is_overtaken(&self, identity: &Identity<'_>, record: &Record) -> bool {
        let Some(person) = self.person() else { return false };
        let stays = (0..record.carried.len()).filter(|by| self.decision.fates[*by] == Fate::Stays);
        stays.into_iter().any(|by| {
            let led = self.leads[by].roots().any(|root| root.ucid == person.ucid);
            !led && identity.lists(person, record.carried[by].hash)
        })
    }

    fn joined(&self) -> impl Iterator<Item = &Root> {
        let merged = self.decision.merges.iter().map(|(person, _)| *person);
        self.person().into_iter().chain(merged.map(|person| &self.people[person]))
    }

    /// The tiles of the person and of all who merge into them.
    pub(crate) fn together(&self) -> Tiles {
        self.joined().flat_map(|root| root.live.tiles.clone()).collect()
    }

    /// The tile that the write belongs to: that of the best-ranked identifier that the person holds, of equal ones the
    /// first created.
    pub(crate) fn target(&self, record: &Record, ucid: Option<Ucid>) -> Option<Ucid> {
        let joined: Vec<Ucid> = self.joined().map(|root| root.ucid).collect();
        let held = self.leads.iter().zip(&record.rules).flat_map(|(lead, rule)| {
            let here = lead.holders.iter().filter(|holder| joined.contains(&holder.root.ucid));
            here.map(|holder| (rule.rank(), holder.tile))
        });
        let target = ucid.or_else(|| held.min().map(|(_, tile)| tile)).or_else(|| joined.first().copied())?;
        home_in(&self.together(), target).or(Some(target))
    }

    /// When the last person known by a primary identifier of the record was erased.
    pub(crate) fn erased(&self, record: &Record) -> Option<Ms> {
        let primary = self.leads.iter().zip(&record.rules).filter(|(_, rule)| rule.is_primary());
        primary.filter_map(|(lead, _)| lead.erased).map(|tombstone| tombstone.at).max()
    }

    /// Which identifiers the person is to hold, and in which tile: where the alias says, if that is one of theirs.
    pub(crate) fn attached(&self, record: &Record, tiles: &Tiles, tile: Ucid) -> Vec<(usize, Carried, Ucid)> {
        let attached =
            (0..record.carried.len()).filter(|by| !matches!(self.decision.fates[*by], Fate::Stays | Fate::Blocked));
        // The write belongs to its tile: where several tiles of the person hold a value, that one has communicated it.
        let home = |by: usize| {
            let owners = &self.leads[by].alias.owners;
            let own = Some(tile).filter(|tile| owners.contains(tile));
            own.or_else(|| owners.iter().rev().copied().find(|owner| tiles.contains_key(owner))).unwrap_or(tile)
        };
        let carried =
            |by: usize| Carried { former: self.decision.fates[by] == Fate::Former, ..record.carried[by].clone() };
        attached.map(|by| (by, carried(by), home(by))).collect()
    }

    /// Whether an alias has to be written before the person may list its identifier in this tile.
    pub(crate) fn needs_claim(&self, record: &Record, by: usize, home: Ucid) -> bool {
        let owners = &self.leads[by].alias.owners;
        owners.last() != Some(&home) && !(record.rules[by].is_primary() && owners.contains(&home))
    }

    /// The alias by which an identifier leads to this tile of the person. Owners who are gone drop out; a primary value
    /// has no others but those who hold it.
    pub(crate) fn claimed(&self, record: &Record, by: usize, home: Ucid) -> Alias {
        let lead = &self.leads[by];
        let holds = |owner: &Ucid| lead.holders.iter().any(|holder| holder.tile == *owner);
        let strays = |owner: &Ucid| !record.rules[by].is_primary() && lead.strays.iter().any(|stray| stray.0 == *owner);
        let owners: Vec<Ucid> = lead.alias.owners.iter().copied().filter(|o| holds(o) || strays(o)).collect();
        Alias { owners, erased: lead.erased, ..lead.alias.clone() }.owned_by(home)
    }

    /// By what the record names the person, so that it can be judged again whether it still does.
    pub(crate) fn naming(&self, record: &Record, ucid: Option<Ucid>, person: &Root) -> Option<Naming> {
        let shown =
            |by: &&usize| self.leads[**by].holders.iter().any(|held| !held.former && held.root.ucid == person.ucid);
        let by = || self.decision.order.iter().find(shown).map(|by| Naming::Identifier(record.carried[*by].hash));
        ucid.map(Naming::Ucid).or_else(by)
    }

    /// Identifiers of the record that the person, or whoever merges into them, shows.
    pub(crate) fn current(&self) -> Vec<usize> {
        let joined: Vec<Ucid> = self.joined().map(|root| root.ucid).collect();
        let shown = |lead: &Lead| lead.holders.iter().any(|held| !held.former && joined.contains(&held.root.ucid));
        (0..self.leads.len()).filter(|by| shown(&self.leads[*by])).collect()
    }

    /// The tile of a row that the record's identifiers lead to.
    pub(crate) fn tile_in(&self, root: &Root) -> Option<Ucid> {
        let holders = self.leads.iter().flat_map(|lead| &lead.holders);
        let here = holders.filter(|holder| holder.root.ucid == root.ucid).map(|holder| holder.tile);
        here.into_iter().find(|tile| root.live.tiles.contains_key(tile))
    }

    /// Kinds that stayed with another profile, or whose value is blocked.
    pub(crate) fn not_attached(&self, record: &Record) -> Vec<Box<str>> {
        let left_out = |by: &usize| matches!(self.decision.fates[*by], Fate::Stays | Fate::Blocked);
        record.kinds((0..record.carried.len()).filter(left_out))
    }

    /// Why one of those below took no part.
    pub(crate) fn why_blocked(&self, by: usize) -> Why {
        if self.barred.left_out.contains(&by) { Why::Suppressed } else { Why::Blocked }
    }

    /// Which identifiers of the record took no part because their value is blocked, or may not be written again.
    pub(crate) fn blocked(&self) -> impl Iterator<Item = usize> {
        (0..self.decision.fates.len()).filter(|by| self.decision.fates[*by] == Fate::Blocked)
    }
}
