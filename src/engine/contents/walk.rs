//! Reads the blobs of one container, or of two side by side, in name order.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::SemaphorePermit;

use super::{Contents, without_repetition};
use crate::claims::SortedBlobs;
use crate::error::Error;
use crate::memory::Turn;
use crate::model::Blob;
use crate::verdict::Cause;

/// Reads a container's blobs in name order.
pub(crate) enum Walk<'a> {
    /// They are in memory.
    Kept(std::slice::Iter<'a, Arc<Blob>>),
    /// They are in a table.
    Sorted { sorted: &'a SortedBlobs, page: std::vec::IntoIter<Blob>, last: String, most: usize },
    /// They are listed as they are needed.
    Listed {
        pages: BoxStream<'a, Result<Vec<Blob>, Error>>,
        page: std::vec::IntoIter<Blob>,
        last: String,
        contents: &'a Contents<'a>,
    },
}

impl Walk<'_> {
    /// The next blob.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Blob>>, Error> {
        match self {
            Self::Kept(blobs) => Ok(blobs.next().map(Arc::clone)),
            Self::Sorted { sorted, page, last, most } => {
                if page.len() == 0 {
                    *page = sorted.after(last, *most)?.into_iter();
                }
                let Some(blob) = page.next() else { return Ok(None) };
                last.clone_from(&blob.name);
                Ok(Some(Arc::new(blob)))
            }
            Self::Listed { pages, page, last, contents } => loop {
                if let Some(blob) = page.next() {
                    if blob.name < *last {
                        let reason = "its listings are not always in name order".to_owned();
                        return Err(Error::found(contents.container.to_string(), Cause::ListingIncomplete, reason));
                    }
                    last.clone_from(&blob.name);
                    return Ok(Some(Arc::new(blob)));
                }
                match pages.try_next().await? {
                    Some(mut next) => {
                        contents.leave_out(&mut next);
                        without_repetition(&mut next, last);
                        *page = next.into_iter();
                    }
                    None => return Ok(None),
                }
            },
        }
    }
}

/// A blob of the source, of the target, or one of each that have the same name.
pub(crate) type Beside = (Option<Arc<Blob>>, Option<Arc<Blob>>);

/// Every blob of both containers in name order, each with its counterpart in the other one. If the blobs of one
/// container are not kept, the stream waits for its turn; a task must not use two of these streams at the same time.
pub(crate) fn compare_names<'a>(
    source: &'a Contents<'_>,
    target: &'a Contents<'_>,
    turn: Turn,
) -> BoxStream<'a, Result<Beside, Error>> {
    let kept = source.kept.is_some() && target.kept.is_some();
    let turn = async move { if kept { None } else { source.account.memory().walk(turn).await } };
    stream::once(turn).flat_map(move |turn| walk_both(source, target, turn)).boxed()
}

/// Reads both containers. Its turn ends with the stream.
fn walk_both<'a>(
    source: &'a Contents<'_>,
    target: &'a Contents<'_>,
    turn: Option<SemaphorePermit<'a>>,
) -> impl Stream<Item = Result<Beside, Error>> + Send + 'a {
    let start = (source.walk(), target.walk(), None::<Arc<Blob>>, None::<Arc<Blob>>, turn);
    stream::try_unfold(start, |(mut ours, mut theirs, mut blob, mut copy, turn)| async move {
        if blob.is_none() {
            blob = ours.next().await?;
        }
        if copy.is_none() {
            copy = theirs.next().await?;
        }
        let order = match (&blob, &copy) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(blob), Some(copy)) => blob.name.cmp(&copy.name),
        };
        Ok(Some(match order {
            Ordering::Less => ((blob, None), (ours, theirs, None, copy, turn)),
            Ordering::Equal => ((blob, copy), (ours, theirs, None, None, turn)),
            Ordering::Greater => ((None, copy), (ours, theirs, blob, None, turn)),
        }))
    })
}
