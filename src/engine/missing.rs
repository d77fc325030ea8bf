//! Which of an asset's blobs have to be copied, by what the listings of both sides and an earlier run tell.

use std::sync::Arc;

use futures::TryStreamExt;
use jiff::Timestamp;

use super::compare;
use super::contents::{Contents, side_by_side};
use super::plan::Work;
use crate::error::Error;
use crate::model::Blob;

/// What an earlier run tells of the blobs that are on the target.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// Nothing.
    Nothing,
    /// They were copied for this very state of the source: every copy is bound to its entity tag.
    Copied,
    /// So they were, and all were complete then; but the target has been changed. What is younger somebody else wrote.
    CompleteAt(Timestamp),
}

impl Known {
    fn of(work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> Self {
        match &work.row {
            Some(row) if row.facts.source_digest.as_ref() == Some(&source.digest) => {
                let changed = row.complete() && row.facts.target_digest.as_ref() != Some(&present.digest);
                if changed { Self::CompleteAt(row.updated) } else { Self::Copied }
            }
            _ => Self::Nothing,
        }
    }

    /// Is that a copy of the source blob as it is now?
    fn is_current(self, source: &Blob, copy: &Blob) -> bool {
        match self {
            Self::Nothing => compare::is_current(source, copy),
            Self::Copied => compare::difference(source, copy).is_none(),
            Self::CompleteAt(then) => {
                // Without a checksum the time alone tells that it was written over with as many bytes.
                let ours = source.properties.content_md5.is_some() || copy.last_modified.is_some_and(|at| at <= then);
                ours && compare::difference(source, copy).is_none()
            }
        }
    }
}

/// The blobs that are not on the target as they are on the source.
pub(super) fn missing<'a>(
    work: &Work,
    source: &'a Contents<'_>,
    present: &'a Contents<'_>,
) -> impl futures::Stream<Item = Result<Arc<Blob>, Error>> + Send + 'a {
    let known = Known::of(work, source, present);
    side_by_side(source, present).try_filter_map(move |(blob, copy)| async move {
        Ok((!copy.is_some_and(|copy| known.is_current(&blob, &copy))).then_some(blob))
    })
}
