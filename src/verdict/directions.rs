//! The causes of a run's direction: which side is active, and what changed on both sides. Code, class, sentence,
//! remedy, in order of code.

use super::table::{Entry, entry};
use super::{Cause, Class};

/// The causes about the side that may be written, and about changes on both sides.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::ChangedOnBothSides,
        "changed-on-both-sides",
        Class::Conflict,
        "it was changed on both sides since they were equal, so both stay as they are",
        "make both sides equal, or take it from the active side with `mediamirror reprotect --prefer NAME`",
    ),
    entry(
        Cause::DirectionReversed,
        "direction-reversed",
        Class::Held,
        "the source contains copies of the target's assets, so this run would change originals",
        "exchange source and target in the configuration; after a failover, leave them and run `mediamirror reprotect`",
    ),
    entry(
        Cause::OriginalChanged,
        "original-changed",
        Class::Noted,
        "only the original was changed since both sides were equal, so it stays as it is",
        "do nothing; when the source is active again, the next `sync` mirrors it",
    ),
    entry(
        Cause::SourceActive,
        "source-active",
        Class::Held,
        "the source is the active side of this pair, so nothing is written to its originals",
        "if viewers play the target now, run `mediamirror failover` first; else run `mediamirror sync`",
    ),
    entry(
        Cause::StateMissing,
        "state-missing",
        Class::Held,
        "the target has copies of the source, but the state of this pair is missing, so the active side is unknown",
        "if the source is the active side, run `mediamirror sync --rebuild-ledger`",
    ),
    entry(
        Cause::TargetActive,
        "target-active",
        Class::Held,
        "the target is the active side of this pair, so a run would overwrite what viewers play",
        "bring the source up to date with `mediamirror reprotect`, then make it active with `mediamirror failover --commit`",
    ),
];
