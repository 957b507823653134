//! Every bound of the HTTP side, in one place, each with its unit and where it comes from. The bounds of the product
//! itself are in [`onefold_core::limits`]; what an operator may change is in `config/default.toml`.

use onefold_core::limits::{DELETE_VALUES, IDENTIFIER_BYTES, PROFILE_SHOWN_BYTES, SEARCH_VALUES_MAX};
use std::time::Duration;

/// Bytes of a body, after decompression (contract section 3).
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of the body of a delete, or of a fetch of an organisation whose `idsPerFetch` was raised (contract section 3).
pub const LARGE_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Levels of arrays and objects in a body (contract section 3).
pub const JSON_DEPTH: usize = 16;
/// Faults that one problem lists. More than a person reads; a body of 2 MiB could hold a million.
pub const FAULTS: usize = 100;
/// Bytes of `unless`.
pub const ETAG_BYTES: usize = 64;
/// ETags in one `If-Match`.
pub const IF_MATCH_ETAGS: usize = 32;

/// Bytes from which on an answer is worth compressing: below, it fits one packet anyway.
pub const COMPRESS_BYTES: usize = 1024;
/// Bytes from which on an answer is compressed on a thread of its own, so that nobody waits behind it.
pub const COMPRESS_APART_BYTES: usize = 256 * 1024;
/// Logarithm of the largest window that a zstd body may ask for: 8 MiB, as RFC 9659 has it.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// API keys whose meaning is kept in memory; each at most a second long (contract section 2).
pub const KEYS_SEEN: usize = 10_000;

/// Bytes of a bearer token. With the rest of a head it stays below [`HEAD_BYTES`].
pub const TOKEN_BYTES: usize = 8 * 1024;
/// Organisations that one token may list.
pub const TOKEN_ORGS: usize = 256;
/// Bytes of the `kid` of a token or a key.
pub const TOKEN_KEY_ID_BYTES: usize = 256;
/// Tokens whose signature was found good and is not verified again.
pub const TOKENS_SEEN: usize = 10_000;
/// Bytes of a set of keys.
pub const JWKS_BYTES: usize = 256 * 1024;
/// Bytes of the head of the answer with it.
pub const JWKS_HEAD_BYTES: usize = 64 * 1024;
/// Keys in a set.
pub const JWKS_KEYS: usize = 100;
/// Milliseconds between two looks at a file of keys.
pub const JWKS_FILE_MS: u64 = 1_000;
/// Milliseconds until the next look where the last one failed, at most.
pub const JWKS_RETRY_MS: u64 = 10_000;
/// Bits of the modulus of a key of RSA; less can be broken, more takes too long to verify.
pub const RSA_BITS_LEAST: usize = 2_048;
/// See [`RSA_BITS_LEAST`].
pub const RSA_BITS_MOST: usize = 4_096;
/// Bytes of the exponent of a key of RSA.
pub const RSA_EXPONENT_BYTES: usize = 4;
/// Bytes of a coordinate of P-256.
pub const P256_BYTES: usize = 32;

/// Public keys of earlier signing keys of receipts that are kept.
pub const RECEIPT_KEYS: usize = 1_000;
/// Spans that wait to be sent to a collector; further ones are dropped.
pub const SPANS_WAITING: usize = 4_096;
/// Spans sent at a time.
pub const SPANS_AT_ONCE: usize = 512;
/// Milliseconds in which a collector must have taken them.
pub const TRACES_MS: u64 = 5_000;
/// Bytes of what it answers.
pub const TRACES_ANSWER_BYTES: usize = 64 * 1024;
/// Pieces of a backup that wait for whoever reads it.
pub const BACKUP_PIECES: usize = 4;
/// Bytes of a file that a command reads.
pub const INPUT_BYTES: u64 = 64 << 20;
/// Records that a strategy is tried on at once.
pub const TRIED_RECORDS: usize = 100_000;
/// Times that a change of part of a catalogue begins anew because somebody else was faster.
pub const CATALOGUE_ROUNDS: usize = 16;
/// Organisations and keys whose token buckets are kept in memory; of more, the least used find theirs full again.
pub const BUCKETS: usize = 20_000;

/// Tallies of calls; threads that are more share them.
pub const METER_SHARDS: usize = 32;
/// Keys, operations and statuses in one tally; at one more it is gathered at once.
pub const METER_LINES: usize = 4_096;
/// Reads in one tally: 768 KiB. It is gathered before it is full; what comes sooner than that is counted as missed.
pub const METER_READS: usize = 16_384;
/// Keys of which a running total, or whom they read in this hour, is kept in memory; what is written makes room for others.
pub const METER_ROWS: usize = 50_000;
/// UCIDs that are remembered so as not to be written twice in an hour, of all keys together.
pub const METER_REMEMBERED: usize = 1_000_000;
/// Rows of reads that wait for the store: 16 MiB. What is over it is counted as missed.
pub const METER_READY: usize = 4_096;
/// Organisations whose average answer of the last hour is known.
pub const METER_ORGS: usize = 10_000;
/// Rows that are written at a time.
pub const METER_WRITES: usize = 128;
/// Milliseconds between two writes of what was counted: half of what a crash may lose (contract section 8).
pub const METER_MS: u64 = 500;
/// So many of these until reads that fill no row are written.
pub const METER_TURNS: u64 = 20;
/// Bytes that the average answer to a fetch should not be above (contract section 8).
pub const FETCH_BYTES: u64 = 1_024;

/// Bytes of a request's head.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Requests that one connection of HTTP/2 may have under way.
pub const HTTP2_STREAMS: u32 = 100;
/// Streams of a connection that its client reset and that still wait here; one more ends the connection.
pub const HTTP2_RESETS: usize = 20;
/// Streams of a connection that were reset for what its client did wrong; one more ends the connection.
pub const HTTP2_FAULTS: usize = 128;
/// Bytes that a client may send ahead of what is read: of one request, of all of a connection.
pub const HTTP2_WINDOW: u32 = 64 * 1024;
/// See [`HTTP2_WINDOW`].
pub const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of one answer that wait for a client of HTTP/2.
pub const HTTP2_SEND_BYTES: usize = 256 * 1024;
/// Bytes of a file of certificates, keys or revocation lists.
pub const PEM_BYTES: u64 = 64 << 20;
/// Mails that are sent at once; more wait for their turn, as long as one may take.
pub const MAILS_AT_ONCE: usize = 8;
/// Milliseconds for which one answer of `/readyz` stands for those who ask again.
pub const READY_MS: u64 = 1_000;
/// Milliseconds for which open connections are still told that the server shuts down, before they are closed.
pub const LINGER_MS: u64 = 250;

const _: () = assert!(DELETE_VALUES * (IDENTIFIER_BYTES * 6 + 3) < LARGE_BODY_BYTES, "a full delete fits, escaped too");
const _: () = assert!(SEARCH_VALUES_MAX * (IDENTIFIER_BYTES * 6 + 3) < LARGE_BODY_BYTES, "so does a full search");
const _: () = assert!(METER_MS * 2 <= 1_000, "a crash loses at most a second");
const _: () = assert!(KEYS_SEEN <= METER_ROWS, "whoever is known can be counted");
const _: () = assert!(TOKEN_BYTES < HEAD_BYTES, "a token fits into a head, with other headers");
const _: () = assert!(KEYS_SEEN * 2 <= BUCKETS, "whoever is known has their buckets");
const _: () = assert!(SPANS_AT_ONCE <= SPANS_WAITING);
const _: () = assert!(PROFILE_SHOWN_BYTES <= BODY_BYTES, "what a profile may hold can be sent at once");

/// Connections that wait for being accepted; the system may allow fewer (`net.core.somaxconn`).
pub const BACKLOG: u32 = 4_096;

/// How long the queues are looked at before more or fewer calls are refused for them.
pub const OVERLOAD_INTERVAL: Duration = Duration::from_millis(100);

/// Between two looks at how long a task waits for a processor.
pub const OVERLOAD_LOOK: Duration = Duration::from_millis(5);

/// Thousandths of all calls that get in however long they wait for a processor: only they show that it is over, and a
/// refusal costs a processor too, so that refusing nearly all would leave time for nothing else.
pub const OVERLOAD_SPARED: u32 = 200;

/// Calls other than fetches that may be inside however long they take: as many share one sync, so that a server with a
/// slow disk and little to do refuses nobody.
pub const OVERLOAD_INSIDE: u32 = 64;

/// Bytes of a refused call's body that are read and dropped, so that its connection can be used again.
pub const DRAIN_BYTES: usize = BODY_BYTES;

/// For how long a refused call's body is waited for, likewise.
pub const DRAIN_TIME: Duration = Duration::from_millis(100);
