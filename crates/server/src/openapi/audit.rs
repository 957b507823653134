//! The operations that show what was done, and prove it: the audit log, receipts, keys of the server itself; and the one
//! that keeps everything, a backup.

use super::operations::{LIST, Operation, of};
use onefold_api::admin::{AuditView, ChainView, ListView, ServerKeyBody, ServerKeyView};
use onefold_api::receipts::{PublicKeys, SignedReceipt};

/// They.
pub(super) const AUDIT: &[Operation] = &[
    Operation {
        route: ("GET", "/admin/v1/audit"),
        id: "listServerAudit",
        summary: "Lists what was done to the server itself and all organisations with the root key, the newest first",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<AuditView>>))],
        takes: LIST,
        fails: &[],
    },
    Operation {
        route: ("GET", "/admin/v1/audit/verify"),
        id: "verifyServerAudit",
        summary: "Verifies the server's audit log, one chain a page",
        body: None,
        answers: &[(200, "What became of a chain; none where there is none", Some(of::<ListView<ChainView>>))],
        takes: &["cursor"],
        fails: &[],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/audit"),
        id: "listAudit",
        summary: "Lists what was done to an organisation, the newest first",
        body: None,
        answers: &[(200, "A page", Some(of::<ListView<AuditView>>))],
        takes: LIST,
        fails: &[404],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/audit/verify"),
        id: "verifyAudit",
        summary: "Verifies an organisation's audit log, one chain a page",
        body: None,
        answers: &[(200, "What became of a chain; none where there is none", Some(of::<ListView<ChainView>>))],
        takes: &["cursor"],
        fails: &[404],
    },
    Operation {
        route: ("GET", "/cdp/v1/deletions/{deletionId}"),
        id: "showReceipt",
        summary: "Shows the signed receipt of a delete, which anyone can verify without the server",
        body: None,
        answers: &[(200, "It", Some(of::<SignedReceipt>))],
        takes: &[],
        fails: &[404],
    },
    Operation {
        route: ("GET", "/.well-known/onefold-keys.json"),
        id: "publicKeys",
        summary: "Shows the public keys that receipts are verified with",
        body: None,
        answers: &[(200, "They, the present one first", Some(of::<PublicKeys>))],
        takes: &[],
        fails: &[],
    },
    Operation {
        route: ("POST", "/admin/v1/server-keys/rotate"),
        id: "rotateServerKey",
        summary: "Puts a new key of the server itself in place of the present one, at once",
        body: Some(of::<ServerKeyBody>),
        answers: &[(200, "What took its place", Some(of::<ServerKeyView>))],
        takes: &[],
        fails: &[409],
    },
    Operation {
        route: ("POST", "/admin/v1/backup"),
        id: "backup",
        summary: "Streams everything that is kept, as it is now, as one file for `onefold restore`; one at a time",
        body: Some(|_| serde_json::json!({ "type": "object", "additionalProperties": false })),
        answers: &[(200, "The file; one that breaks off is none", Some(|_| serde_json::json!({})))],
        takes: &[],
        fails: &[409],
    },
];
