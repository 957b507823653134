//! Routes of the contract that this version does not have yet. They answer 400 `request.not_yet`, as everything of the
//! contract that is not there, but tell nothing to whoever may not call them.

use crate::caller::{Reader, Sender};
use crate::problem::{Problem, ServerCode};

/// For who may read profiles.
pub(super) async fn reader(_: Reader) -> Problem {
    ServerCode::NotYet.into()
}

/// For who may send events.
pub(super) async fn sender(_: Sender) -> Problem {
    ServerCode::NotYet.into()
}

/// The Segment protocol, whose credentials are of another sort that is not there yet either.
pub(super) async fn anyone() -> Problem {
    ServerCode::NotYet.into()
}
