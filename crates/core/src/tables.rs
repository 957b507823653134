//! Every table there is, and how its keys are made, byte by byte.
//!
//! A key is a partition (rows that are scanned together) and a sort key (their order in it). All parts have a fixed
//! length. Nothing personal stands in a key: identifiers and idempotency keys appear as keyed hashes ([`RowHash`]).

use crate::certificate::Fingerprint;
use crate::id::{Identifier, OrgId, Region, Ucid};
use crate::limits;
use crate::time::Ms;
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// Bytes of a sort key.
pub type Sort = ArrayVec<u8, 40>;

/// What kinds of row there are. The number is the table's first byte in keys and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// What the deployment knows of itself: the key of the row hashes, made once.
    /// Partition: nothing. Sort: number of the fact. Written once, by whoever starts first. Never ends.
    Meta = 1,
    /// An organisation: name, regions, limits.
    /// Partition: nothing. Sort: orgId. Written by administrators. Never ends.
    Org = 2,
    /// Where an API key leads, found by what the caller shows.
    /// Partition: keyed hash of the key. Value: organisation and key id; what the key may do, and whether it still may,
    /// says its `OrgKey`. Written once, by administrators. Never ends: it opens nothing once that row says so.
    ApiKey = 3,
    /// The keys of an organisation, and the truth about each. Partition: orgId. Sort: key id. Value: name, scopes, expiry,
    /// and the hashes of the secrets that open it. Written by administrators. Never ends: a revoked key stays listed.
    OrgKey = 4,
    /// Where an identifier leads.
    /// Partition: region, keyed hash of organisation, region, kind and value. Value: the tile that owns it, and its
    /// tombstone. Claimed by writers, freed through the row that lists it, swept after the audit period.
    Alias = 5,
    /// A profile, or where it went.
    /// Partition: region, orgId, UCID. Value: see [`crate::profile`]. Written by the steps of identity alone. Ends as a
    /// blank row that says "erased", swept after the audit period.
    Profile = 6,
    /// An operation with an idempotency key.
    /// Partition: orgId, first byte of the hash. Sort: keyed hash of operation and idempotency key. Value: hash of the
    /// body, state, UCIDs and positions; nothing personal. Written by the operation. Swept after a day.
    Op = 7,
    /// Work that may be unfinished, or is due later.
    /// Partition: bucket. Sort: when it is due, then random bits. Written by whoever begins the work, removed by the
    /// sweeper once nothing is left to do.
    Ticket = 8,
    /// A delete: its receipt. Partition: orgId. Sort: deletion id. Written by the delete. Kept for the audit period.
    Deletion = 9,
    /// A background job's lease. Partition: nothing. Sort: number of the job. Written by the node that runs it.
    Job = 10,
    /// The identity strategy of an organisation. Partition: orgId. Value: version and rules. Written by administrators;
    /// absent until they change it. Never ends.
    Strategy = 11,
    /// The catalogue of an organisation. Partition: orgId. Value: version and definition. Written by administrators;
    /// absent until they change it. Never ends.
    Catalogue = 12,
    /// What was done by administrators, deleted, refused: hash-chained, one chain a process (and month).
    /// Partition: orgId (0 is the server itself), chain; chain 0 lists the chains. Sort: number of the entry, or the
    /// chain. Value: [`crate::service::audit`]. Written by that process alone. Removed with its chain after the audit
    /// period.
    Audit = 19,
    /// Values that name nobody in an organisation.
    /// Partition: orgId. Sort: nothing for the administrators' list; the identifier's hash for one that was blocked
    /// because too many people share it. Value: the list; or the kind, when, and why. Ends when it is lifted.
    Blocked = 13,
    /// Records that were refused.
    /// Partition: orgId. Sort: inverted time, then random bits. Value: when, why, the kinds, the source; no values.
    /// Written by the write that was refused. Removed by the sweeper after thirty days.
    Refused = 14,
    /// A client certificate that is bound to an organisation.
    /// Partition: 0 and the fingerprint; or 1, orgId, and 24 zero bytes, with the fingerprint to sort by. Value: whom it is
    /// bound to; or only that it once was. Written by administrators. Never ends: an unbound one says so.
    Certificate = 16,
    /// What the keys of an organisation called.
    /// Partition: orgId. Sort: hour, key id, node, number of the row (see [`crate::service::usage`]). Value: a running total.
    /// Written by that node alone. Removed by the sweeper when its time is over, 400 days unless set otherwise.
    Usage = 17,
    /// Which profiles the keys of an organisation read.
    /// Partition: orgId. Sort: as in `Usage`. Value: UCIDs; and how many reads were not kept. Written once, by that node.
    /// Removed by the sweeper after thirty days.
    KeyReads = 21,
    /// Identifiers of deleted people that may not be written again.
    /// Partition: orgId. Sort: keyed hash that all writings of the identifier have in common. Value: kind and keyed hash of
    /// each writing, when, which delete; no value. Written by the delete, before it is acknowledged. Ends when it is
    /// lifted.
    Suppression = 20,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 19] = [
        Table::Meta,
        Table::Org,
        Table::ApiKey,
        Table::OrgKey,
        Table::Alias,
        Table::Profile,
        Table::Op,
        Table::Ticket,
        Table::Deletion,
        Table::Job,
        Table::Strategy,
        Table::Catalogue,
        Table::Audit,
        Table::Blocked,
        Table::Refused,
        Table::Certificate,
        Table::Usage,
        Table::KeyReads,
        Table::Suppression,
    ];

    /// Its name, in lower case, as it stands in file names, metrics and statements.
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Org => "org",
            Table::ApiKey => "api_key",
            Table::OrgKey => "org_key",
            Table::Alias => "alias",
            Table::Profile => "profile",
            Table::Op => "op",
            Table::Ticket => "ticket",
            Table::Deletion => "deletion",
            Table::Job => "job",
            Table::Strategy => "strategy",
            Table::Catalogue => "catalogue",
            Table::Audit => "audit",
            Table::Blocked => "blocked",
            Table::Refused => "refused",
            Table::Certificate => "certificate",
            Table::Usage => "usage",
            Table::KeyReads => "key_reads",
            Table::Suppression => "suppression",
        }
    }
}

/// Rows that are scanned together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Which table it belongs to.
    pub table: Table,
    /// What tells it from the others of that table; of a fixed length in each table.
    pub bytes: ArrayVec<u8, 40>,
}

/// One row's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its partition.
    pub partition: Partition,
    /// Its place in it; empty where a partition has one row.
    pub sort: Sort,
}

impl Partition {
    fn new<const N: usize>(table: Table, parts: [&[u8]; N]) -> Self {
        Self { table, bytes: join(parts) }
    }

    /// The row of this partition with this sort key.
    pub fn row(self, sort: &[u8]) -> Key {
        Key { partition: self, sort: join([sort]) }
    }
}

fn join<const CAP: usize, const N: usize>(parts: [&[u8]; N]) -> ArrayVec<u8, CAP> {
    let mut bytes = ArrayVec::new();
    for part in parts {
        bytes.try_extend_from_slice(part).expect("parts of keys have fixed lengths that fit");
    }
    bytes
}

/// A keyed hash that stands for a value which must not stand in a row's key: 128 bits of BLAKE3.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowHash(pub [u8; 16]);

impl std::fmt::Debug for RowHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// The secret of the row hashes: the same on every node of a deployment, and in every backup of it.
#[derive(Clone)]
pub struct RowSecret([u8; 32]);

impl std::fmt::Debug for RowSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowSecret(…)")
    }
}

/// Bytes that are hashed in one go: more than an identifier has.
const SHORT: usize = 1_024;

impl RowSecret {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of some parts, each with its length before it, under a domain that keeps uses apart.
    pub fn hash(&self, domain: u8, parts: &[&[u8]]) -> RowHash {
        let mut out = [0; 16];
        out.copy_from_slice(&self.seal(domain, parts)[..16]);
        RowHash(out)
    }

    /// The same in full length: what nobody without the secret can make.
    pub fn seal(&self, domain: u8, parts: &[&[u8]]) -> [u8; 32] {
        // What is short is hashed in one go, which takes half the time.
        let mut whole = ArrayVec::<u8, SHORT>::new();
        let mut fits = whole.try_push(domain).is_ok();
        for part in parts {
            fits = fits && whole.try_extend_from_slice(&(part.len() as u64).to_le_bytes()).is_ok();
            fits = fits && whole.try_extend_from_slice(part).is_ok();
        }
        if fits {
            return *blake3::keyed_hash(&self.0, &whole).as_bytes();
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[domain]);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// What stands for an identifier of an organisation in a region.
    pub fn identifier(&self, org: OrgId, region: Region, identifier: &Identifier) -> RowHash {
        self.hash(
            1,
            &[&org.get().to_be_bytes(), &region.padded(), identifier.kind().as_bytes(), identifier.value().as_bytes()],
        )
    }

    /// What stands for an API key.
    pub fn api_key(&self, secret: &str) -> RowHash {
        self.hash(2, &[secret.as_bytes()])
    }

    /// What stands for an idempotency key of an organisation's operation.
    pub fn operation(&self, org: OrgId, operation: &str, key: &str) -> RowHash {
        self.hash(3, &[&org.get().to_be_bytes(), operation.as_bytes(), key.as_bytes()])
    }

    /// What stands for a request's body, to tell a repeat from another request.
    pub fn body(&self, body: &[u8]) -> RowHash {
        self.hash(4, &[body])
    }

    /// What tells this deployment from others, and may be known to anyone.
    pub fn deployment(&self) -> RowHash {
        self.hash(6, &[])
    }

    /// The halves of ETags.
    pub fn etag(&self, bytes: &[u8]) -> u64 {
        u64::from_be_bytes(self.hash(5, &[bytes]).0[..8].try_into().expect("eight of sixteen bytes"))
    }
}

/// The key of the row-hash secret.
pub fn meta(fact: u8) -> Key {
    Partition::new(Table::Meta, []).row(&[fact])
}

/// All organisations.
pub fn orgs() -> Partition {
    Partition::new(Table::Org, [])
}

/// One organisation.
pub fn org(org: OrgId) -> Key {
    orgs().row(&org.get().to_be_bytes())
}

/// The organisation whose row has this sort key.
pub fn org_of(sort: &Sort) -> Option<OrgId> {
    let number = sort.as_slice().try_into().map(u64::from_be_bytes).ok()?;
    OrgId::new(number).ok()
}

/// The API key with this hash.
pub fn api_key(hash: RowHash) -> Key {
    Partition::new(Table::ApiKey, [&hash.0]).row(&[])
}

/// The keys of an organisation.
pub fn org_keys(org: OrgId) -> Partition {
    Partition::new(Table::OrgKey, [&org.get().to_be_bytes()])
}

/// One key of an organisation.
pub fn org_key(org: OrgId, key_id: u128) -> Key {
    org_keys(org).row(&key_id.to_be_bytes())
}

/// Where an identifier leads.
pub fn alias(region: Region, hash: RowHash) -> Key {
    Partition::new(Table::Alias, [&region.padded(), &hash.0]).row(&[])
}

/// A profile.
pub fn profile(org: OrgId, region: Region, ucid: Ucid) -> Key {
    Partition::new(Table::Profile, [&region.padded(), &org.get().to_be_bytes(), &ucid.as_u128().to_be_bytes()]).row(&[])
}

/// Operations of an organisation whose hash begins with this byte.
pub fn ops(org: OrgId, first: u8) -> Partition {
    Partition::new(Table::Op, [&org.get().to_be_bytes(), &[first]])
}

/// One operation.
pub fn op(org: OrgId, hash: RowHash) -> Key {
    ops(org, hash.0[0]).row(&hash.0)
}

/// One bucket of tickets.
pub fn tickets(bucket: u8) -> Partition {
    Partition::new(Table::Ticket, [&[bucket]])
}

/// A ticket that is due at a moment.
pub fn ticket(due: Ms, random: u128) -> Key {
    let bucket = (random % u128::from(limits::TICKET_BUCKETS)) as u8;
    tickets(bucket).row(&join::<40, 2>([&due.to_be_bytes(), &random.to_be_bytes()]))
}

/// When the ticket with this sort key is due.
pub fn ticket_due(sort: &Sort) -> Ms {
    sort.get(..8).and_then(|due| due.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// The deletions of an organisation.
pub fn deletions(org: OrgId) -> Partition {
    Partition::new(Table::Deletion, [&org.get().to_be_bytes()])
}

/// One deletion.
pub fn deletion(org: OrgId, id: u128) -> Key {
    deletions(org).row(&id.to_be_bytes())
}

/// A background job's lease.
pub fn job(number: u8) -> Key {
    Partition::new(Table::Job, []).row(&[number])
}

/// The certificate with this fingerprint.
pub fn certificate(fingerprint: Fingerprint) -> Key {
    Partition::new(Table::Certificate, [&[0], &fingerprint.0]).row(&[])
}

/// The certificates of an organisation.
pub fn org_certificates(org: OrgId) -> Partition {
    Partition::new(Table::Certificate, [&[1], &org.get().to_be_bytes(), &[0; 24]])
}

/// That an organisation bound this certificate.
pub fn org_certificate(org: OrgId, fingerprint: Fingerprint) -> Key {
    org_certificates(org).row(&fingerprint.0)
}

/// The catalogue of an organisation.
pub fn catalogue(org: OrgId) -> Key {
    Partition::new(Table::Catalogue, [&org.get().to_be_bytes()]).row(&[])
}

/// The chains of the audit log of an organisation, or of the server.
pub fn audit_chains(org: Option<OrgId>) -> Partition {
    audit_chain(org, 0)
}

/// The entries of one chain of the audit log.
pub fn audit_chain(org: Option<OrgId>, chain: u128) -> Partition {
    let org = org.map_or(0, OrgId::get);
    Partition::new(Table::Audit, [&org.to_be_bytes(), &chain.to_be_bytes()])
}

/// One entry of a chain of the audit log.
pub fn audit_entry(org: Option<OrgId>, chain: u128, number: u64) -> Key {
    audit_chain(org, chain).row(&number.to_be_bytes())
}

/// What an organisation blocks.
pub fn blocked(org: OrgId) -> Partition {
    Partition::new(Table::Blocked, [&org.get().to_be_bytes()])
}

/// The administrators' list of blocked values.
pub fn blocked_values(org: OrgId) -> Key {
    blocked(org).row(&[])
}

/// A value that was blocked because too many people share it.
pub fn blocked_value(org: OrgId, hash: RowHash) -> Key {
    blocked(org).row(&hash.0)
}

/// What may not be written again in an organisation.
pub fn suppressions(org: OrgId) -> Partition {
    Partition::new(Table::Suppression, [&org.get().to_be_bytes()])
}

/// An identifier that may not be written again, by what its writings have in common.
pub fn suppression(org: OrgId, same: RowHash) -> Key {
    suppressions(org).row(&same.0)
}

/// The refused records of an organisation, the newest first.
pub fn refused(org: OrgId) -> Partition {
    Partition::new(Table::Refused, [&org.get().to_be_bytes()])
}

/// One refused record.
pub fn refused_record(org: OrgId, at: Ms, random: u64) -> Key {
    refused(org).row(&join::<40, 2>([&(Ms::MAX - at).to_be_bytes(), &random.to_be_bytes()]))
}

/// How an organisation resolves records.
pub fn strategy(org: OrgId) -> Key {
    Partition::new(Table::Strategy, [&org.get().to_be_bytes()]).row(&[])
}

/// A table of rows by the hour, `Usage` or `KeyReads`, of one organisation.
pub fn hourly(table: Table, org: OrgId) -> Partition {
    Partition::new(table, [&org.get().to_be_bytes()])
}

/// One row by the hour: of which key, and by which node, which has as many of these as it needs.
pub fn hourly_sort(hour: u32, key: u128, node: u64, number: u32) -> Sort {
    join([&hour.to_be_bytes(), &key.to_be_bytes(), &node.to_be_bytes(), &number.to_be_bytes()])
}

/// What stands before every row of an hour, and of a key in it where one is given.
pub fn hourly_before(hour: u32, key: Option<u128>) -> Sort {
    let key = key.map(u128::to_be_bytes);
    join([&hour.to_be_bytes(), key.as_ref().map_or(&[][..], |key| key)])
}

/// The hour and the key of a row by the hour.
pub fn hour_and_key(sort: &Sort) -> Option<(u32, u128)> {
    let hour = sort.get(..4)?.try_into().ok()?;
    let key = sort.get(4..20)?.try_into().ok()?;
    Some((u32::from_be_bytes(hour), u128::from_be_bytes(key)))
}
