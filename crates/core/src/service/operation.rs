//! Operations under an idempotency key: `Op` rows, and what keeps one from being done twice.
//!
//! An operation *begins* when its `Op` row names the tile that it will write; it is *committed* when that tile's row
//! carries it; it is *done* when the `Op` row says so. Whoever repeats the request goes on from wherever that is. If the
//! record leads to another tile by then, the operation is first moved: the `Op` row says that it is moving, the old
//! tile's row is rewritten (so that a commit that is still under way fails), and only then the new tile is named.

use super::Service;
use super::identity::{Identity, Root};
use super::upsert::Idempotency;
use crate::error::{Code, Error};
use crate::id::{OrgId, Ucid};
use crate::limits;
use crate::profile::{Live, Profile, RowOp};
use crate::records::{Record, Swap, unchanged};
use crate::store::{StoreError, Version};
use crate::tables::{self, RowHash};
use crate::time::Ms;
use serde::{Deserialize, Serialize};

/// An operation with an idempotency key. Nothing in it is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Op {
    /// What stands for the request.
    pub(crate) body: RowHash,
    /// When it began; a day later the key is free again.
    pub(crate) begun: Ms,
    /// Tells it from an earlier use of the key.
    pub(crate) op: u64,
    pub(crate) state: OpState,
}

impl Record for Op {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OpState {
    /// A write that will go to this tile, or, when `moving`, no longer will.
    Writing { tile: Ucid, moving: bool },
    /// A write that was done, in this tile.
    Written { tile: Ucid },
    /// A delete under way.
    Deleting { deletion: u128 },
    /// A delete that was done, and its answer.
    Deleted { deletion: u128, ucids: Vec<Ucid>, deleted: Vec<Ucid>, not_found: Vec<u32> },
}

/// An `Op` row as read: its version, and the operation if it is still of use.
pub(crate) struct Begun {
    pub(crate) version: Option<Version>,
    pub(crate) op: Option<Op>,
}

/// Whether a commit under way may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The operation is begun and names this tile.
    Go(u64),
    /// Something moved: resolve anew.
    Again,
    /// It is done already, in this tile.
    Done(Ucid),
}

impl Identity<'_> {
    /// The operation under this key. Another request under it is a conflict.
    pub(crate) async fn begun(&self, key: Idempotency) -> Result<Begun, Error> {
        let row = self.service.records.read::<Op>(&tables::op(self.org, key.key)).await?;
        let Some((version, op)) = row else {
            return Ok(Begun { version: None, op: None });
        };
        let op = Some(op).filter(|op| !is_over(op, self.service.clock.now()));
        if op.as_ref().is_some_and(|op| op.body != key.body) {
            return Err(Code::IdempotencyMismatch.into());
        }
        Ok(Begun { version: Some(version), op })
    }

    pub(crate) async fn swap_op(&self, hash: RowHash, version: Option<Version>, op: &Op) -> Result<Swap, StoreError> {
        self.service.records.swap(&tables::op(self.org, hash), unchanged(version), op.encode()).await
    }

    /// Before a commit to a tile of `root`: begins the operation, or takes it over. Read after the row that is to be
    /// committed, so that whoever moves the operation away from here makes that commit fail.
    pub(crate) async fn turn(&self, key: Idempotency, root: &Root, tile: Ucid) -> Result<Turn, Error> {
        let begun = self.begun(key).await?;
        let fresh = self.service.entropy.bits() as u64;
        let blank = Op {
            body: key.body,
            begun: self.service.clock.now(),
            op: fresh,
            state: OpState::Writing { tile, moving: false },
        };
        let Some(op) = begun.op else {
            let swap = self.swap_op(key.key, begun.version, &blank).await?;
            return Ok(if swap.is_done() { Turn::Go(fresh) } else { Turn::Again });
        };
        match op.state {
            OpState::Written { tile } => Ok(Turn::Done(tile)),
            OpState::Writing { tile: at, moving: false } if at == tile => {
                Ok(taken_in(&root.live, key.key, op.op).map_or(Turn::Go(op.op), Turn::Done))
            }
            OpState::Writing { tile: at, .. } => self.move_op(key, begun.version, &op, at, tile).await,
            OpState::Deleting { .. } | OpState::Deleted { .. } => Err(Code::IdempotencyMismatch.into()),
        }
    }

    /// Moves a begun operation from one tile to another, unless it is committed already.
    async fn move_op(
        &self,
        key: Idempotency,
        version: Option<Version>,
        op: &Op,
        from: Ucid,
        to: Ucid,
    ) -> Result<Turn, Error> {
        let moving = Op { state: OpState::Writing { tile: from, moving: true }, ..op.clone() };
        let Swap::Done(version) = self.swap_op(key.key, version, &moving).await? else {
            return Ok(Turn::Again);
        };
        let lead = self.resolve_ucid(from).await?;
        if let Some(root) = lead.roots().next() {
            if root.live.is_busy() {
                self.settle(root.ucid).await?;
                return Ok(Turn::Again);
            }
            if let Some(tile) = taken_in(&root.live, key.key, op.op) {
                return Ok(Turn::Done(tile));
            }
            if !self.swap_live(root, Live::clone(&root.live)).await?.is_done() {
                return Ok(Turn::Again);
            }
        } else if lead.erased.is_some() {
            return Err(Code::ErasedMeanwhile.into());
        } else if !self.swap(from, None, &Profile::Live(Live::blank(from, self.service.clock.now()))).await?.is_done() {
            return Ok(Turn::Again); // a row that was never written is fenced by writing it
        }
        let moved = Op { state: OpState::Writing { tile: to, moving: false }, ..op.clone() };
        self.swap_op(key.key, Some(version), &moved).await?;
        Ok(Turn::Again)
    }

    /// Says that a write is done.
    pub(crate) async fn finish_op(&self, hash: RowHash, op: u64, tile: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let Some((version, row)) = self.service.records.read::<Op>(&tables::op(self.org, hash)).await? else {
                return Ok(());
            };
            if row.op != op || !matches!(row.state, OpState::Writing { .. }) {
                return Ok(());
            }
            let done = Op { state: OpState::Written { tile }, ..row };
            if self.swap_op(hash, Some(version), &done).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    /// The operations of a row that still need it: finishes the others and leaves them out.
    pub(crate) async fn unfinished(&self, ops: &[RowOp]) -> Result<Vec<RowOp>, Error> {
        if ops.len() < limits::ROW_OPS_TIDY {
            return Ok(ops.to_vec());
        }
        for op in ops {
            self.finish_op(op.hash, op.op, op.tile).await?;
        }
        Ok(Vec::new())
    }
}

impl Service {
    /// Removes the operations of an organisation whose day is over, from one of its 256 partitions.
    pub(crate) async fn sweep_ops(&self, org: OrgId, first: u8) -> Result<usize, Error> {
        let (partition, now) = (tables::ops(org, first), self.clock.now());
        let (mut after, mut removed) = (None, 0);
        loop {
            let rows = self.records.store().scan(&partition, after.as_ref(), limits::SWEEP_BATCH).await?;
            let Some((last, _)) = rows.last() else {
                return Ok(removed);
            };
            after = Some(last.clone());
            for (sort, row) in rows {
                if is_over(&Op::decode(&row.value)?, now) {
                    self.records.store().remove(&partition.clone().row(&sort), row.version).await?;
                    removed += 1;
                }
            }
        }
    }
}

/// Which tile of a row has taken in an operation.
pub(crate) fn taken_in(live: &Live, hash: RowHash, op: u64) -> Option<Ucid> {
    live.ops.iter().find(|done| done.hash == hash && done.op == op).map(|done| done.tile)
}

fn is_over(op: &Op, now: Ms) -> bool {
    op.begun.saturating_add(limits::IDEMPOTENCY_MS) <= now
}
