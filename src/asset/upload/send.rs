//! Sends one file to one blob: a thread reads it and calculates its checksums; its blocks are sent in parallel.
//!
//! The buffers bound the memory: each block that is read fills one, and the buffer is free again when the request ends.
//! So the reader waits for the network, and not the other way round.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError, mpsc as threads};

use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};
use futures::stream::{self, StreamExt};
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::local::{LocalFile, unreadable};
use crate::blob::BlobAccount;
use crate::error::Error;
use crate::files::{self, Links};
use crate::model::{BlobProperties, BlobRef};
use crate::verdict::Cause;

/// Bytes in buffers: a dozen of the smallest blocks, which keeps a gigabit busy over a quarter of a second's latency.
const IN_FLIGHT: u64 = 48 << 20;
/// With one buffer, blocks would be sent one after the other.
const FEWEST_BUFFERS: u64 = 2;

/// The result of sending a file.
#[derive(Debug)]
pub(super) struct Sent {
    /// Bytes that an earlier upload had already sent.
    pub(super) there: u64,
    /// The MD5 of the whole file.
    pub(super) md5: Vec<u8>,
}

/// The buffers of an upload, shared by its files.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    free: Arc<Mutex<threads::Receiver<BytesMut>>>,
    home: threads::Sender<BytesMut>,
    count: usize,
}

impl Buffers {
    /// As many buffers as fit into the memory limit of an upload.
    pub(super) fn for_blocks_of(size: u64) -> Self {
        let count = usize::try_from((IN_FLIGHT / size.max(1)).clamp(FEWEST_BUFFERS, 12)).unwrap_or(1);
        let (home, free) = threads::channel();
        for _ in 0..count {
            // Buffers grow when they are filled. The send cannot fail: the receiver is alive.
            let _ = home.send(BytesMut::new());
        }
        Self { free: Arc::new(Mutex::new(free)), home, count }
    }

    /// Waits for a free buffer; blocks the thread.
    fn take(&self) -> BytesMut {
        // One thread waits for a buffer and holds the lock; the others wait for the lock.
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.recv().unwrap_or_default()
    }

    /// The bytes for sending; the buffer is free again when they are dropped.
    fn lend(&self, bytes: BytesMut) -> Lent {
        Lent { content: bytes.freeze(), home: self.home.clone() }
    }
}

/// A buffer in use, until the request that sends it ends, successfully or not.
#[derive(Debug)]
struct Lent {
    content: Bytes,
    home: threads::Sender<BytesMut>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // If the content is still in use, a new buffer replaces it.
        let buffer = std::mem::take(&mut self.content).try_into_mut().unwrap_or_default();
        let _ = self.home.send(buffer);
    }
}

/// A block that was read.
#[derive(Debug)]
struct Block {
    index: u64,
    id: Vec<u8>,
    length: u64,
    crc64: u64,
    /// `None` = the destination already has it.
    content: Option<Lent>,
}

/// Sends a file and calls `piece` for every block sent. `look`: search for blocks of an interrupted upload.
pub(super) async fn send(
    storage: &BlobAccount,
    to: &BlobRef,
    file: &LocalFile,
    look: bool,
    buffers: Buffers,
    piece: impl Fn(u64),
) -> Result<Sent, Error> {
    let mut staged = HashMap::new();
    if look {
        // The commit is the last step, so a blob with the checksum is complete.
        if let Some(blob) = storage.properties(to).await?
            && let (true, Some(md5)) = (blob.length == file.length, blob.properties.content_md5)
        {
            return Ok(Sent { there: file.length, md5 });
        }
        staged = storage.staged_blocks(to).await?;
    }
    let at_once = buffers.count;
    let (sender, receiver) = mpsc::channel(1);
    let reading = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || read(&file, &staged, &buffers, &sender))
    };
    let blocks = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let blocks = blocks
        .map(|block: Block| async move {
            let mut there = block.length;
            if let Some(lent) = &block.content {
                storage.stage_block(to, &block.id, lent.content.clone(), block.crc64).await?;
                there = 0;
            }
            Ok::<_, Error>(((block.index, block.id), block.length, there))
        })
        .buffer_unordered(at_once);
    let mut blocks = std::pin::pin!(blocks);
    let (mut ids, mut there) = (Vec::new(), 0);
    while let Some(block) = blocks.next().await {
        let (id, length, already) = block?;
        ids.push(id);
        there += already;
        if already < length {
            piece(length);
        }
    }
    let md5 = match reading.await {
        Ok(Ok(md5)) => md5,
        Ok(Err(error)) => return Err(unreadable(&file.path, &error.to_string())),
        Err(error) => return Err(unreadable(&file.path, &error.to_string())),
    };
    if !file.unchanged() {
        return Err(Error::found(file.path.display().to_string(), Cause::SourceChanging, ""));
    }
    ids.sort_unstable();
    let ids: Vec<Vec<u8>> = ids.into_iter().map(|(_, id)| id).collect();
    commit(storage, to, file, &ids, &md5).await?;
    Ok(Sent { there, md5 })
}

/// Commits the blocks, and checks the length and the checksum of the blob.
async fn commit(
    storage: &BlobAccount,
    to: &BlobRef,
    file: &LocalFile,
    ids: &[Vec<u8>],
    md5: &[u8],
) -> Result<(), Error> {
    let properties = BlobProperties {
        content_type: Some(file.mime_type().to_owned()),
        content_md5: Some(md5.to_vec()),
        ..BlobProperties::default()
    };
    storage.commit_blocks(to, ids, &properties).await?;
    let arrived = storage.properties(to).await?;
    if arrived.is_some_and(|blob| blob.length == file.length && blob.properties.content_md5.as_deref() == Some(md5)) {
        return Ok(());
    }
    let reason = "its length or checksum differs from the file".to_owned();
    Err(Error::found(to.to_string(), Cause::DiffersAfterCopy, reason))
}

/// Reads a file block by block and passes each block on, with its bytes if the destination does not have it. Returns
/// the MD5 of the file. Ends early when the receiver is closed.
fn read(
    file: &LocalFile,
    staged: &HashMap<Vec<u8>, u64>,
    buffers: &Buffers,
    to: &mpsc::Sender<Block>,
) -> io::Result<Vec<u8>> {
    let mut reader = files::open(&file.path, Links::Followed)?;
    let mut sum = Md5::new();
    let (mut index, mut left) = (0, file.length);
    while left > 0 {
        let length = left.min(file.block_size());
        let mut buffer = buffers.take();
        buffer.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        let read = reader.read_exact(&mut buffer);
        let full = buffers.lend(buffer);
        read?;
        let whole = full.content.clone();
        let crc64 = checksum(CrcAlgorithm::Crc64Nvme, &whole);
        let id = file.block_id(index, crc64);
        let there = staged.get(&id) == Some(&length);
        // Passed on before it is added to the MD5, so that both happen at the same time.
        let block = Block { index, id, length, crc64, content: (!there).then_some(full) };
        if to.blocking_send(block).is_err() {
            return Err(io::Error::other("the upload has ended"));
        }
        sum.update(&whole);
        (index, left) = (index + 1, left - length);
    }
    Ok(sum.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffers_fit_into_their_memory_and_are_used_again() {
        let buffers = Buffers::for_blocks_of(4 << 20);
        assert_eq!(buffers.count, 12);
        assert_eq!(Buffers::for_blocks_of(100 << 20).count, 2);
        for _ in 0..100 {
            let mut bytes = buffers.take();
            bytes.resize(5, 1);
            assert_eq!(buffers.lend(bytes).content.len(), 5);
        }
    }

    #[test]
    fn a_file_is_read_in_blocks_and_existing_blocks_have_no_content() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.bin");
        let content: Vec<u8> = (0..9_000_000_u32).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = LocalFile { path, ..LocalFile::of("a.bin", 9_000_000) };
        let run = |staged: HashMap<Vec<u8>, u64>| {
            let (sender, mut receiver) = mpsc::channel(10);
            let md5 = read(&file, &staged, &Buffers::for_blocks_of(4 << 20), &sender).unwrap();
            drop(sender);
            assert_eq!(md5, Md5::digest(&content).to_vec());
            std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<_>>()
        };
        let blocks = run(HashMap::new());
        let whole: Vec<u8> = blocks.iter().flat_map(|block| block.content.as_ref().unwrap().content.to_vec()).collect();
        assert_eq!((blocks.len(), whole == content), (3, true));
        let again = run(HashMap::from([(blocks[1].id.clone(), blocks[1].length)]));
        let sent: Vec<bool> = again.iter().map(|block| block.content.is_some()).collect();
        assert_eq!(sent, [true, false, true]);
    }
}
