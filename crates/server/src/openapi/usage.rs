//! The operations that tell what keys called, and whom they read.

use super::operations::{Operation, of};
use onefold_api::usage::{ReadsView, UsageView};

/// How many reads, of which there are more on a page than of other things.
pub(super) const READS: &str = "limit of reads";

/// They.
pub(super) const USAGE: &[Operation] = &[
    Operation {
        route: ("GET", "/cdp/v1/usage"),
        id: "usage",
        summary: "Tells what the keys of the organisation called",
        body: None,
        answers: &[(
            200,
            "The sums, in the last 24 hours by the hour unless asked for otherwise",
            Some(of::<UsageView>),
        )],
        takes: &["from", "to", "by"],
        fails: &[],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/usage"),
        id: "usageOfOrg",
        summary: "Tells what the keys of an organisation called",
        body: None,
        answers: &[(
            200,
            "The sums, in the last 24 hours by the hour unless asked for otherwise",
            Some(of::<UsageView>),
        )],
        takes: &["from", "to", "by"],
        fails: &[404],
    },
    Operation {
        route: ("GET", "/admin/v1/orgs/{orgId}/keys/{keyId}/reads"),
        id: "readsOfKey",
        summary: "Lists the profiles that a key was shown, of the last 30 days, for the day on which it leaks",
        body: None,
        answers: &[(200, "A page", Some(of::<ReadsView>))],
        takes: &["from", "to", READS, "cursor"],
        fails: &[404],
    },
];
