//! The causes of `ready`: code, class, sentence, remedy, in order of code.

use super::table::{Entry, entry};
use super::{Cause, Class};

/// Reasons why something does not play from the target now.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::CopyAltered,
        "copy-altered",
        Class::Failed,
        "the copy was changed on the target since it was proven equal to its source",
        "run `sync` to copy it again; if the source is down, check with `ready --probe segment` whether it plays",
    ),
    entry(
        Cause::CopyMissing,
        "copy-missing",
        Class::Failed,
        "the ledger names a copy that is not on the target",
        "run `sync` to make it again; if the source is down, undelete its container on the target",
    ),
    entry(
        Cause::CopyProtected,
        "copy-protected",
        Class::Failed,
        "the copy has content keys or delivery policies, so it does not play as its source does",
        "remove them from the copy on the target",
    ),
    entry(
        Cause::DoesNotPlay,
        "does-not-play",
        Class::Failed,
        "viewers of the target do not get what they ask for",
        "run `verify --play` to compare it with the source; check the streaming host and the copy's blobs",
    ),
    entry(
        Cause::LocatorMissing,
        "locator-missing",
        Class::Failed,
        "a locator that plays in the source does not play from the target",
        "run `sync` to publish it",
    ),
    entry(
        Cause::NotMirroredYet,
        "not-mirrored-yet",
        Class::Failed,
        "the target has no complete copy yet",
        "run `sync`; while the source is down, it cannot be mirrored",
    ),
    entry(
        Cause::NotProven,
        "not-proven",
        Class::Unchecked,
        "neither the source nor the ledger says whether it should play, or whether the copy is complete",
        "run `ready` when the source answers, restore the ledger from a backup, or run `ready --probe segment`",
    ),
    entry(
        Cause::ProbeUnanswered,
        "probe-unanswered",
        Class::Unchecked,
        "it is unknown whether it plays from the target",
        "correct what the detail names, then run `ready --probe` again",
    ),
];
