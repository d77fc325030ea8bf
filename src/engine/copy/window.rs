//! Groups the blobs of an asset: the blobs of a group are copied in order of size, and together they fit into memory.

use std::sync::Arc;

use futures::{Stream, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::error::Error;
use crate::memory::Memory;
use crate::model::Blob;

/// The most blobs of a window: those of one page of a listing.
const WINDOW: usize = 5_000;

/// Blobs of one asset that are sorted by size together.
pub(super) struct Window {
    /// The largest first.
    pub(super) blobs: Vec<Arc<Blob>>,
    /// Their share of the memory for copies. It is released when the last of them is copied.
    pub(super) room: Arc<Option<OwnedSemaphorePermit>>,
}

/// The blobs in windows, in the order of the listing. A window ends early when the memory for copies is used up. An
/// empty window waits until other copies end, so that every asset makes progress.
pub(super) fn windows<'a>(
    blobs: impl Stream<Item = Result<Arc<Blob>, Error>> + Send + 'a,
    memory: &'a Memory,
) -> impl Stream<Item = Result<Window, Error>> + Send + 'a {
    stream::try_unfold((Box::pin(blobs), None), async move |(mut blobs, mut next): (_, Option<Arc<Blob>>)| {
        let (mut window, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while window.len() < WINDOW {
            let Some(blob) = (match next.take() {
                Some(blob) => Some(blob),
                None => blobs.try_next().await?,
            }) else {
                break;
            };
            let bytes = blob.bytes_in_memory();
            let taken = match memory.try_to_copy(bytes) {
                None if window.is_empty() => memory.to_copy(bytes).await,
                None => {
                    next = Some(blob);
                    break;
                }
                taken => taken,
            };
            match (&mut room, taken) {
                (Some(room), Some(taken)) => room.merge(taken),
                (room, taken) => *room = taken,
            }
            window.push(blob);
        }
        window.sort_by_key(|blob: &Arc<Blob>| std::cmp::Reverse(blob.length));
        let window = Window { blobs: window, room: Arc::new(room) };
        Ok((!window.blobs.is_empty()).then_some((window, (blobs, next))))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{BlobProperties, IndexTags};

    /// A blob with `metadata` bytes of metadata.
    fn blob(number: u64, metadata: usize) -> Arc<Blob> {
        let metadata = [("m".to_owned(), "x".repeat(metadata))].into();
        Arc::new(Blob {
            name: format!("{number:05}"),
            length: number,
            etag: "\"0x1\"".to_owned(),
            last_modified: None,
            properties: BlobProperties { metadata, tags: IndexTags::default(), ..BlobProperties::default() },
            tier: None,
            kind: crate::model::BlobKind::Block,
            copy: None,
        })
    }

    fn stream_of(blobs: Vec<Arc<Blob>>) -> impl Stream<Item = Result<Arc<Blob>, Error>> + Send {
        stream::iter(blobs.into_iter().map(Ok))
    }

    #[tokio::test]
    async fn a_window_has_the_blobs_of_a_page_with_the_largest_first() {
        let memory = Memory::default();
        let blobs: Vec<_> = (0..=WINDOW as u64).map(|number| blob(number, 0)).collect();
        let windows: Vec<Window> = windows(stream_of(blobs), &memory).try_collect().await.unwrap();
        let sizes: Vec<_> = windows.iter().map(|window| window.blobs.len()).collect();
        assert_eq!(sizes, [WINDOW, 1]);
        assert_eq!(windows[0].blobs[0].length, WINDOW as u64 - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_ends_when_memory_is_used_up_and_the_next_one_starts_when_copies_end() {
        let memory = Memory::default();
        let blobs: Vec<_> = (0..5).map(|number| blob(number, 10 << 20)).collect();
        let mut windows = std::pin::pin!(windows(stream_of(blobs), &memory));
        let first = windows.try_next().await.unwrap().unwrap();
        assert_eq!(first.blobs.len(), 3, "three times 10 MiB fit into 32 MiB");
        let waits = tokio::time::timeout(Duration::from_secs(9), windows.try_next()).await;
        assert!(waits.is_err(), "nothing is released yet");
        drop(first);
        let second = windows.try_next().await.unwrap().unwrap();
        assert_eq!(second.blobs.len(), 2, "none is lost");
        assert!(windows.try_next().await.unwrap().is_none());
    }
}
