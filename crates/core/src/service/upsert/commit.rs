//! The last step of a write: the guarded write of the person's row, and learning its fate where the store does not say.

use super::{Round, Upsert, Written};
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::profile::{Live, RowOp, codec};
use crate::records::Swap;
use crate::service::draft::Draft;
use crate::service::identity::Root;
use crate::service::operation::{Begun, Turn};
use crate::service::record::Look;
use crate::store::StoreError;
use bytes::Bytes;

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    NotDone,
    /// Done, but what it made of the person is to be read.
    Found,
}

impl Upsert<'_> {
    /// Writes the row that lists and says what the record does, if it is still as it was read.
    pub(super) async fn commit(&self, look: &Look, root: &Root, draft: Draft) -> Result<Round, Error> {
        let (tile, ucid) = (draft.tile, root.ucid);
        let mut live = Live { tiles: draft.tiles, ..Live::clone(&root.live) };
        live.ops = self.identity.unfinished(&root.live.ops).await?;
        live.watch = self.identity.keep_watch(ucid, &live).await?;
        let mut op = self.op;
        if let Some(key) = self.write.idempotency {
            op = match self.identity.turn(key, root, tile).await? {
                Turn::Go(op) => op,
                Turn::Again => return Ok(Round::Again),
                Turn::Done(tile) => {
                    self.finish_op(tile).await;
                    return Ok(Round::Repeated(tile));
                }
            };
            live.ops.push(RowOp { hash: key.key, op, tile });
        }
        live.tiles.entry(tile).or_default().remember(op);
        let rendered = self.identity.render(ucid, &live);
        let bytes = codec::encode_live(&live, &rendered);
        match self.write_row(root, tile, op, bytes).await? {
            Outcome::Done => {}
            Outcome::NotDone => return Ok(Round::Again),
            Outcome::Found => {
                self.finish_op(tile).await;
                return Ok(Round::Repeated(tile));
            }
        }
        self.finish_op(tile).await;
        self.note_refusals(look, root, tile).await;
        let (not_attached, not_linked) = (look.not_attached(&self.record), self.not_linked(look));
        let body = if not_attached.is_empty() && not_linked.is_empty() {
            rendered.answer
        } else {
            self.identity.answer_with(ucid, &live, &not_attached, &not_linked)
        };
        let etag = Some(rendered.etag.into());
        Ok(Round::Written(Written { body, ucid, etag, not_attached, not_linked }))
    }

    /// The write is done by now; that its `Op` row says so too is for the next repeat, who looks at the tile otherwise.
    /// So a failure here is nobody's failure.
    async fn finish_op(&self, tile: Ucid) {
        let Some(key) = self.write.idempotency else { return };
        if let Ok(Begun { op: Some(op), .. }) = self.identity.begun(key).await {
            let _finished_or_left_to_the_next = self.identity.finish_op(key.key, op.op, tile).await;
        }
    }

    /// The guarded write of the row. An unknown outcome is learnt before anything else is done: while the row is as it
    /// was, the same write again; once it moved on, the operation is looked for in its tile, wherever that is by then.
    async fn write_row(&self, root: &Root, tile: Ucid, op: u64, bytes: Bytes) -> Result<Outcome, Error> {
        let mut swap = self.identity.swap_bytes(root.ucid, root.version, bytes.clone()).await?;
        if swap == Swap::Unknown && self.identity.service.has(Defect::RetryWithoutFate) {
            return Ok(Outcome::NotDone);
        }
        match swap {
            Swap::Done(_) => return Ok(Outcome::Done),
            Swap::Conflict => return Ok(Outcome::NotDone),
            Swap::Unknown => {}
        }
        for _ in 0..limits::ROUNDS {
            let (version, _) = self.identity.row(root.ucid).await.map_err(in_doubt)?;
            if version != root.version {
                return self.fate(root, tile, op).await.map_err(may_be_done);
            }
            swap = self.identity.swap_bytes(root.ucid, root.version, bytes.clone()).await.map_err(in_doubt)?;
            if let Swap::Done(_) = swap {
                return Ok(Outcome::Done);
            }
        }
        Err(Code::StoreUnknown.into())
    }

    /// What became of an operation whose row has moved on. The guard keeps a late write from landing now.
    async fn fate(&self, root: &Root, tile: Ucid, op: u64) -> Result<Outcome, Error> {
        for _ in 0..limits::ROUNDS {
            let lead = self.identity.resolve_ucid(tile).await?;
            let Some(now) = lead.roots().next().cloned() else {
                return Err(Code::ErasedMeanwhile.into());
            };
            if now.live.is_busy() {
                self.identity.settle(now.ucid).await?;
                continue;
            }
            let known = |root: &Root| root.live.tiles.get(&tile).map_or_else(Vec::new, |tile| tile.ops.clone());
            let (before, after) = (known(root), known(&now));
            if after.contains(&op) {
                // Under a key another attempt may have done it, to another row than this one had in mind.
                return Ok(if self.write.idempotency.is_some() { Outcome::Found } else { Outcome::Done });
            }
            // Had it been done, it would stand right behind what was there before, unless that is forgotten too.
            let remembered = after.len() < limits::TILE_OPS || before.iter().any(|op| after.contains(op));
            return if remembered { Ok(Outcome::NotDone) } else { Err(Code::StoreUnknown.into()) };
        }
        Err(Code::StoreUnknown.into())
    }
}

/// A failure to show what was done does not say that nothing was.
pub(super) fn may_be_done(error: Error) -> Error {
    let code = if error.code == Code::StoreUnavailable { Code::StoreUnknown } else { error.code };
    Error { code, ..error }
}

/// While it is not known whether a write was done, a store that is gone does not say that it was not.
fn in_doubt(error: StoreError) -> Error {
    match error {
        StoreError::Unavailable(cause) => StoreError::Unknown(cause).into(),
        error => error.into(),
    }
}
