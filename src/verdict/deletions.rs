//! The causes of deletions: code, class, sentence, remedy, in order of code.

use super::table::{Entry, entry};
use super::{Cause, Class};

/// Reasons why something that the source has deleted is not deleted on the target.
pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::DeletionsPutOff,
        "deletions-put-off",
        Class::Noted,
        "nothing is deleted in this run, although some copies are due for deletion",
        "do nothing; the next run of the whole library without an error or a held change deletes it",
    ),
    entry(
        Cause::NotDeleted,
        "not-deleted",
        Class::Noted,
        "it is kept, because a part of it may belong to another program",
        "if you want it deleted, delete it yourself",
    ),
];
