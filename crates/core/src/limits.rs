//! Every bound of the system, in one place, each with its unit and where it comes from.
//!
//! A bound that follows from another is asserted below, so that raising one cannot quietly break the other.

/// Values in one search, all kinds together (contract section 4); an organisation may be given more.
pub const SEARCH_VALUES: usize = 5;
/// The most that `idsPerFetch` can be raised to (contract section 8).
pub const SEARCH_VALUES_MAX: usize = 500;
/// Identifiers in one write (contract section 5).
pub const WRITE_IDENTIFIERS: usize = 10;
/// Values in one delete (contract section 7).
pub const DELETE_VALUES: usize = 400;

/// Bytes of an identifier's value after trimming (contract section 1).
pub const IDENTIFIER_BYTES: usize = 512;
/// Bytes of an identifier's kind (contract section 1).
pub const KIND_BYTES: usize = 64;
/// Bytes of the name of an attribute, group, consent or preference (contract section 1).
pub const NAME_BYTES: usize = 128;
/// Bytes of `source` on a write (contract section 5).
pub const SOURCE_BYTES: usize = 64;
/// Bytes of an `Idempotency-Key` (contract section 5).
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;
/// Bytes of a request id taken from the caller (contract section 3).
pub const REQUEST_ID_BYTES: usize = 64;
/// Bytes of a name that a caller sent and a fault may repeat, in its pointer.
pub const POINTER_NAME_BYTES: usize = 64;

/// Bytes of one profile as shown (contract section 5).
pub const PROFILE_SHOWN_BYTES: usize = 64 * 1024;
/// Bytes of all that the profiles of one person say (contract section 6).
pub const PROFILE_SAID_BYTES: usize = 256 * 1024;
/// Attributes that one profile shows (contract section 5).
pub const PROFILE_ATTRIBUTES: usize = 1_000;
/// Identifiers that one profile holds (contract section 5).
pub const PROFILE_IDENTIFIERS: usize = 1_000;
/// Profiles that one person is made of (contract section 6).
pub const PERSON_TILES: usize = 100;
/// Profiles that were folded into a person for good, beside those that they are made of.
pub const PERSON_SHELLS: usize = 1_000;
/// Milliseconds after which a profile that holds nothing better than device kinds may be folded into its person for good
/// (contract section 6): 90 days.
pub const STALE_MS: u64 = 90 * 24 * 3_600 * 1_000;
/// Entries of one list, as shown (contract section 5).
pub const LIST_ENTRIES: usize = 1_000;
/// Entries of one list with the marks of removed ones, as stored for one tile.
pub const LIST_MARKS: usize = 2 * LIST_ENTRIES;
/// Increments that a profile keeps apart for one attribute (contract section 6).
pub const INCREMENTS: usize = 32;

/// Milliseconds by which a client's `timestamp` may be ahead of the node's clock (contract section 5).
pub const TIMESTAMP_AHEAD_MS: u64 = 5 * 60 * 1_000;
/// Milliseconds for which an idempotency key is remembered (contract section 5).
pub const IDEMPOTENCY_MS: u64 = 24 * 3_600 * 1_000;

/// Token buckets of people in a table: half a mebibyte, whatever comes, and as much for organisations with rates of their
/// own ([`crate::pace`]).
pub const PACE_SLOTS: usize = 1 << 16;
/// Places that the bucket of one person may take: a power of two.
pub const PACE_WAYS: usize = 8;

/// Operation ids that a tile remembers of its last writes, so that a writer whose answer was lost can learn its fate.
pub const TILE_OPS: usize = 8;
/// Operations with an idempotency key that a row may carry: those of as many tiles as a person may have.
pub const ROW_OPS: usize = PERSON_TILES * ROW_OPS_TIDY;
/// Operations in a row from which on its next writer finishes them and takes them out.
pub const ROW_OPS_TIDY: usize = 4;
/// Refused links that a tile remembers, for explain.
pub const REFUSED_LINKS: usize = 32;
/// Profiles that a value may have joined, sit on, or be refused to join before it is blocked (contract section 6).
pub const SHARED_BY: usize = 101;
/// Profiles that a search by a shared value finds where that is allowed (contract section 6).
pub const SHARED_FOUND: usize = 5;
/// Days after which a first-party cookie leaves where the strategy does not say (contract section 6).
pub const FIRST_PARTY_COOKIE_DAYS: u32 = 180;
/// Days after which a third-party cookie leaves where the strategy does not say (contract section 6).
pub const THIRD_PARTY_COOKIE_DAYS: u32 = 90;
/// Milliseconds after which a profile is erased that no identifier leads to any more (contract section 6).
pub const ORPHAN_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Milliseconds for which a refused record is kept for administrators.
pub const REFUSED_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Milliseconds after which a profile that was named and never written is nobody's: whoever named it is long gone. Half a
/// year, and so shorter than the audit period, after which a deleted profile's row is gone too.
pub const UNWRITTEN_MS: u64 = 182 * 24 * 3_600 * 1_000;
/// Rounds of one operation's loop before it gives up with `store.contention`.
pub const ROUNDS: usize = 400;
/// Rounds after which a writer lets others go by between its own.
pub const ROUNDS_IN_STEP: usize = 4;
/// The most reads that it then lets go by.
pub const STEPS_ASIDE: usize = 32;
/// Redirects that a read follows. Each leads to an older UCID, and a person has at most [`PERSON_TILES`] and
/// [`PERSON_SHELLS`] of them.
pub const REDIRECTS: usize = 1_200;

/// Steps of one operation on different rows that run at once.
pub const AT_ONCE: usize = 16;

/// Milliseconds after which the sweeper looks at a ticket that a live operation should long have closed.
pub const TICKET_MS: u64 = 60_000;
/// Tickets that one pass of the sweeper handles in one bucket.
pub const SWEEP_BATCH: u16 = 256;
/// Buckets over which tickets are spread.
pub const TICKET_BUCKETS: u8 = 16;
/// Milliseconds for which a sweeper's lease holds.
pub const LEASE_MS: u64 = 30_000;

/// Largest `orgId`: integers up to this are exact in every JSON library.
pub const ORG_ID_MAX: u64 = (1 << 53) - 1;
/// Bytes of an e-mail address: what SMTP takes.
pub const EMAIL_BYTES: usize = 254;
/// Regions of one organisation.
pub const ORG_REGIONS: usize = 16;
/// Keys of one organisation that are in force at once.
pub const ORG_KEYS: usize = 1_000;
/// Keys that one organisation ever made: revoked ones stay listed.
pub const ORG_KEYS_LISTED: usize = 10 * ORG_KEYS;
/// Certificates that an organisation may ever bind; those that it unbound count.
pub const ORG_CERTIFICATES: usize = 10_000;
/// Secrets of one key that are valid at once, by rotations whose overlaps run together.
pub const KEY_SECRETS: usize = 8;
/// Seconds for which a rotation may leave the old secret valid.
pub const KEY_OVERLAP_SECONDS: u64 = 90 * 24 * 3_600;
/// Bytes of what a caller shows as an API key; longer ones are unknown without a look.
pub const API_KEY_BYTES: usize = 128;
/// Milliseconds for which what was looked up of a key or an organisation may be used (contract section 2).
pub const KEY_AGE_MS: u64 = 1_000;
/// Requests a second of an organisation, unless it is given another limit (contract section 8).
pub const ORG_PER_SECOND: u32 = 200;
/// Requests a minute of an organisation, unless it is given another limit (contract section 8).
pub const ORG_PER_MINUTE: u32 = 10_000;
/// Kinds that a strategy lists.
pub const STRATEGY_KINDS: usize = 200;
/// Kinds of identifier in one catalogue.
pub const CATALOGUE_KINDS: usize = 256;
/// Hashes that one kind derives: as many as there are of a telephone number.
pub const KIND_DERIVES: usize = 9;
/// Attributes in one catalogue.
pub const CATALOGUE_ATTRIBUTES: usize = 2_000;
/// Groups in one catalogue.
pub const CATALOGUE_GROUPS: usize = 256;
/// Consents in one catalogue.
pub const CATALOGUE_CONSENTS: usize = 256;
/// Days for which a consent may be shown: a hundred years.
pub const CONSENT_TTL_DAYS: u32 = 36_500;
/// Entries of one chain of the audit log; the next one begins a new chain.
pub const AUDIT_CHAIN: u64 = 10_000;
/// Milliseconds after which an entry of the audit log begins a new chain, so that old ones can end.
pub const AUDIT_CHAIN_MS: u64 = 31 * 24 * 3_600 * 1_000;
/// Organisations whose audit chains a process keeps open; others begin a new one.
pub const AUDIT_OPEN: usize = 1_000;
/// Chains of one organisation that a list of its audit log looks at, the newest.
pub const AUDIT_CHAINS: usize = 10_000;
/// Values and patterns that an organisation blocks beside those from the start.
pub const BLOCKED_VALUES: usize = 1_000;
/// Bytes that one compiled pattern may take.
pub const PATTERN_BYTES: usize = 64 * 1024;
/// Hours that one question about usage spans: 31 days.
pub const USAGE_HOURS: u32 = 31 * 24;
/// Items of one answer about usage; what does not fit is told in one sum.
pub const USAGE_ITEMS: usize = 1_000;
/// Keys that are told apart while usage is added up, of which the largest are listed; those of tokens have no bound else.
pub const USAGE_APART: usize = 100_000;
/// Rows of usage, or of reads, that are read at a time.
pub const USAGE_ROWS: u16 = 256;
/// Milliseconds for which it is kept what keys read: 30 days.
pub const KEY_READS_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// UCIDs in one row of what keys read: 4 KiB.
pub const KEY_READS_ROW: usize = 256;
/// Items on one page of what a key read.
pub const KEY_READS_PAGE: u16 = 1_000;
/// Batches of rows by the hour that one pass of their sweeper removes, of one organisation and table.
pub const HOURLY_BATCHES: usize = 16;
/// Items on one page of a list.
pub const PAGE: u16 = 100;

const _: () = assert!(SEARCH_VALUES <= SEARCH_VALUES_MAX);
const _: () = assert!(PACE_SLOTS.is_multiple_of(PACE_WAYS));
const _: () = assert!(ORG_KEYS < ORG_KEYS_LISTED);
const _: () = assert!(LIST_ENTRIES <= LIST_MARKS);
const _: () = assert!(PROFILE_SHOWN_BYTES <= PROFILE_SAID_BYTES);
const _: () =
    assert!(PERSON_TILES + PERSON_SHELLS < REDIRECTS, "a chain of redirects is no longer than the tiles of a person");
const _: () = assert!(WRITE_IDENTIFIERS <= PROFILE_IDENTIFIERS);
const _: () = assert!(WRITE_IDENTIFIERS * (1 + KIND_DERIVES) <= PROFILE_IDENTIFIERS, "a write fits with its hashes");
const _: () = assert!(TICKET_MS > LEASE_MS);
const _: () = assert!(USAGE_ITEMS <= USAGE_APART);
const _: () = assert!(USAGE_HOURS as usize <= USAGE_ITEMS, "every hour of a question has its item");
const _: () = assert!(UNWRITTEN_MS < 365 * 24 * 3_600 * 1_000, "no UCID of a deleted person is given to another");
const _: () = assert!(UNWRITTEN_MS > IDEMPOTENCY_MS, "no operation is at work for so long");
