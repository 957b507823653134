//! Planted defects: steps of the protocol left out on purpose, to see that the simulator finds each.
//!
//! They exist only with the feature `planted`, which the simulator alone turns on, and then only in a [`Service`] that
//! was told to have them. Without the feature [`Service::has`] is `false` at compile time.
//!
//! [`Service`]: crate::service::Service
//! [`Service::has`]: crate::service::Service

/// One step left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The winner forgets the link as it absorbs the loser, before the loser is a redirect.
    ClearAtAbsorb,
    /// An alias is taken from another row without that row letting it go first.
    TakeWithoutRelease,
    /// A release frees the alias without looking whether the row is still releasing it.
    ReleaseOnOldView,
    /// New aliases are not claimed for the very version of the row that is to list them, nor looked at again.
    AliasNotReadAgain,
    /// A reader does not fold in a loser that is sealed and not yet absorbed.
    ReadWithoutFold,
    /// A reader that folded does not look whether the row moved on meanwhile.
    ReadWithoutRecheck,
    /// A person is erased while a link is under way.
    EraseWhilePending,
    /// An unknown outcome of a commit is taken for a failure, and the write done anew.
    RetryWithoutFate,
    /// The loser is sealed without looking whether the winner still intends it.
    SealOnOldView,
    /// The loser is sealed without judging once more whether the two may be joined.
    SealWithoutEvaluating,
    /// A split does not keep the two apart.
    SplitWithoutApart,
    /// A split part gets its row back without looking whether the split is still meant.
    PartOnOldView,
    /// A primary value whose profile was left alone is copied to the person of the record.
    CopyForeignPrimary,
    /// Profiles with different values of a kind that is kept at one are joined.
    ForgetOneKept,
    /// A split gives back what was said before the merge, without what was written since.
    RestoreWithoutLaterWrites,
    /// Identifiers expire by the client's timestamp instead of the time of receipt.
    ExpireOnWrongClock,
    /// A value that moves stays listed on the row that it leaves.
    MoveWithoutLeaving,
    /// The aliases of a person who is deleted for good are freed without being marked.
    EraseWithoutSuppressing,
}

impl Defect {
    /// All of them.
    pub const ALL: &'static [Defect] = &[
        Defect::ClearAtAbsorb,
        Defect::TakeWithoutRelease,
        Defect::ReleaseOnOldView,
        Defect::AliasNotReadAgain,
        Defect::ReadWithoutFold,
        Defect::ReadWithoutRecheck,
        Defect::EraseWhilePending,
        Defect::RetryWithoutFate,
        Defect::SealOnOldView,
        Defect::SealWithoutEvaluating,
        Defect::SplitWithoutApart,
        Defect::PartOnOldView,
        Defect::CopyForeignPrimary,
        Defect::ForgetOneKept,
        Defect::RestoreWithoutLaterWrites,
        Defect::ExpireOnWrongClock,
        Defect::MoveWithoutLeaving,
        Defect::EraseWithoutSuppressing,
    ];
}
