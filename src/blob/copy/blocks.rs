//! Large blobs: many blocks are copied at the same time, then one block list makes them a blob.
//!
//! A block's id follows from its source, so that an interrupted copy can be resumed: the service keeps uncommitted
//! blocks for a week and lists their ids.

use std::collections::HashMap;
use std::ops::Range;

use azure_core::http::RequestContent;
use azure_storage_blob::BlockBlobClient;
use azure_storage_blob::models::{BlockBlobClientStageBlockFromUrlOptions, BlockListType, BlockLookupList};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use sha2::{Digest, Sha256};

use super::super::account::{BlobAccount, Copied, CopySource};
use super::super::arriving::arriving_with;
use super::super::properties::{control_call, header, refused_with};
use super::remedy::{Plan, check_md5, copy_call};
use super::sizes::{MOST_BLOCKS, PUT_LIMIT, block_size};
use crate::error::{CallError, Error};
use crate::model::{BlobProperties, BlobRef};
use crate::verdict::Cause;

/// Blocks of one blob at the same time. One blob can use the whole ingress of an account: 25 Gbps are 52 streams of 60
/// MB/s. It is a quarter of a lane's default slots, so that other blobs are copied, too.
const BLOCKS_AT_ONCE: usize = 64;
/// Codes for blocks at the destination that do not match ours: another program's, with ids of another length, or
/// removed meanwhile.
const UNFIT_BLOCKS: &[&str] = &["InvalidBlobOrBlock", "InvalidBlockId", "InvalidBlockList", "BlockCountExceedsLimit"];

/// A block of a blob that is being made.
struct Block {
    id: Vec<u8>,
    start: u64,
    end: u64,
    /// Is it at the destination already?
    there: bool,
}

impl BlobAccount {
    /// Put Block From URL in parallel, then Put Block List: done when it returns.
    pub async fn put_blocks_from_url(&self, to: &BlobRef, from: &CopySource<'_>) -> Result<Copied, Error> {
        let blocks = blocks_of(from)?;
        self.put_missing_blocks(to, from, blocks).await
    }

    /// Resumes an interrupted copy: lists the existing blocks, and copies only the missing ones of this state of the
    /// source.
    pub async fn finish_blocks_from_url(&self, to: &BlobRef, from: &CopySource<'_>) -> Result<Copied, Error> {
        let mut blocks = blocks_of(from)?;
        // Listing the blocks costs as much as copying one.
        if blocks.len() > 1 {
            let staged = self.staged_blocks(to).await?;
            for block in &mut blocks {
                block.there = staged.get(&block.id) == Some(&(block.end - block.start));
            }
            let there = blocks.iter().filter(|block| block.there).count();
            tracing::debug!(blob = %to, there, of = blocks.len(), "blocks that an earlier run left");
        }
        self.put_missing_blocks(to, from, blocks).await
    }

    async fn put_missing_blocks(
        &self,
        to: &BlobRef,
        from: &CopySource<'_>,
        mut blocks: Vec<Block>,
    ) -> Result<Copied, Error> {
        check_md5(from)?;
        let mut plan = self.plan(from);
        let mut restarted = false;
        loop {
            let result = match self.stage_missing(to, &plan, &mut blocks).await? {
                Ok(()) => self.commit(to, &plan, &blocks).await?,
                Err(error) => Err(error),
            };
            match result {
                Ok(copied) => return Ok(copied),
                Err(error) if !restarted && refused_with(&error, UNFIT_BLOCKS) => {
                    restarted = true;
                    if !self.clear_blocks(to).await? {
                        return self.replace(to, from, error).await;
                    }
                    for block in &mut blocks {
                        block.there = false;
                    }
                }
                // Copied blocks stay valid: another signature or tier does not change them.
                Err(error) => self.remedy(to, error, &mut plan).await?,
            }
        }
    }

    /// The uncommitted blocks at a destination and their lengths.
    pub async fn staged_blocks(&self, to: &BlobRef) -> Result<HashMap<Vec<u8>, u64>, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let subject = to.to_string();
        let call = control_call("GetBlockList", "look at the blocks of blob", &subject);
        let listed = self.read.run(call, |_| async move {
            Ok(client.get_block_list(BlockListType::Uncommitted, None).await?.into_model()?)
        });
        match listed.await {
            Ok(list) => {
                let blocks = list.uncommitted_blocks.into_iter().flatten();
                Ok(blocks.filter_map(|block| Some((block.name?, u64::try_from(block.size?).ok()?))).collect())
            }
            Err(error) if refused_with(&error, &["BlobNotFound"]) => Ok(HashMap::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn stage_missing(
        &self,
        to: &BlobRef,
        plan: &Plan<'_>,
        blocks: &mut [Block],
    ) -> Result<Result<(), CallError>, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let missing = blocks.iter().enumerate().filter(|(_, block)| !block.there);
        let missing: Vec<_> = missing.map(|(index, block)| (index, block.id.clone(), block.start..block.end)).collect();
        let staged = missing.into_iter().map(|(index, id, range)| {
            // Boxed, so that all futures have one type, independent of their borrows.
            async move { self.stage(client, to, plan, &id, range).await.map(|()| index) }.boxed()
        });
        let mut staged = stream::iter(staged).buffer_unordered(BLOCKS_AT_ONCE);
        while let Some(end) = staged.next().await {
            match end {
                Ok(index) => blocks[index].there = true,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    async fn stage(
        &self,
        client: &BlockBlobClient,
        to: &BlobRef,
        plan: &Plan<'_>,
        id: &[u8],
        range: Range<u64>,
    ) -> Result<(), CallError> {
        let call = copy_call("PutBlockFromUrl", to, plan.from, range.end - range.start);
        let range = &range;
        self.write
            .run(call, |_| async move {
                let options = BlockBlobClientStageBlockFromUrlOptions {
                    source_if_match: Some(plan.from.blob.etag.clone().into()),
                    source_range: Some(range.clone().into()),
                    ..BlockBlobClientStageBlockFromUrlOptions::default()
                };
                client.stage_block_from_url(id, 0, plan.source_url(), Some(options)).await?;
                Ok(())
            })
            .await
    }

    async fn commit(
        &self,
        to: &BlobRef,
        plan: &Plan<'_>,
        blocks: &[Block],
    ) -> Result<Result<Copied, CallError>, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let call = copy_call("PutBlockList", to, plan.from, 0);
        Ok(self
            .write
            .run(call, |_| async move {
                let ids = blocks.iter().map(|block| block.id.clone()).collect();
                let list = BlockLookupList { latest: Some(ids), ..BlockLookupList::default() };
                let options = arriving_with!(
                    BlockBlobClientCommitBlockListOptions,
                    self,
                    &plan.from.blob.properties,
                    plan.tier.clone()
                );
                let answer = client.commit_block_list(RequestContent::try_from(list)?, Some(options)).await?;
                Ok(Copied { etag: header(answer.headers(), "etag") })
            })
            .await)
    }

    /// Copies over a blob that also has uncommitted blocks that do not match ours. One request replaces both, and the
    /// blob is never empty. A blob too large for one request fails for now: the service drops such blocks after a week.
    async fn replace(&self, to: &BlobRef, from: &CopySource<'_>, unfit: CallError) -> Result<Copied, Error> {
        if from.blob.length > PUT_LIMIT || self.lacks_put_from_url() {
            return Err(unfit.into());
        }
        tracing::debug!(blob = %to, "it has blocks of another program, and is replaced as a whole");
        self.put_from_url(to, from).await
    }

    /// Drops the uncommitted blocks of a blob that does not exist yet: it commits an empty list. If the blob exists, it
    /// changes nothing and returns `false`: the list would empty a blob that may play.
    async fn clear_blocks(&self, to: &BlobRef) -> Result<bool, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let subject = to.to_string();
        let call = control_call("PutBlockList", "clear the blocks of blob", &subject);
        let nothing = &BlobProperties::default();
        let cleared = self.write.run(call, |_| async move {
            let list = BlockLookupList { latest: Some(Vec::new()), ..BlockLookupList::default() };
            let mut options = arriving_with!(BlockBlobClientCommitBlockListOptions, self, nothing, None);
            options.if_none_match = Some("*".to_owned().into());
            client.commit_block_list(RequestContent::try_from(list)?, Some(options)).await?;
            Ok(())
        });
        match cleared.await {
            Ok(()) => Ok(true),
            Err(error) if refused_with(&error, &["BlobAlreadyExists", "ConditionNotMet"]) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The blocks of a source, all marked as missing.
fn blocks_of(from: &CopySource<'_>) -> Result<Vec<Block>, Error> {
    let length = from.blob.length;
    let size = block_size(length);
    let count = length.div_ceil(size);
    if count > MOST_BLOCKS {
        let reason = format!("it has {length} bytes, more than a block blob may have");
        return Err(Error::found(from.subject(), Cause::NotSupported, reason));
    }
    let state = state_of(&from.subject(), &from.blob.etag, length, size);
    let block = |index: u64| Block {
        id: block_id(state, index),
        start: index * size,
        end: length.min((index + 1) * size),
        there: false,
    };
    Ok((0..count).map(block).collect())
}

/// A hash of the source's state and the block size. Another state of the source has another entity tag; a release with
/// another block size has another hash.
fn state_of(subject: &str, etag: &str, length: u64, size: u64) -> u64 {
    let digest = Sha256::digest(format!("{subject}\0{etag}\0{length}\0{size}"));
    digest[..8].iter().fold(0, |state, byte| state << 8 | u64::from(*byte))
}

/// A block id that follows from the source's state: blocks of another state never match, and blocks of the same state
/// are recognised. All ids have the same length. Hexadecimal text only, so that their base64 has no character that a
/// URL treats in a special way.
fn block_id(state: u64, index: u64) -> Vec<u8> {
    format!("{state:016x}{index:08x}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ids_differ_by_state_block_size_and_index_but_not_in_length() {
        let states = [
            state_of("c/a", "\"0x1\"", 9, 3),
            state_of("c/a", "\"0x2\"", 9, 3),
            state_of("c/a", "\"0x1\"", 8, 3),
            state_of("c/a", "\"0x1\"", 9, 4),
            state_of("c/b", "\"0x1\"", 9, 3),
        ];
        let all: std::collections::BTreeSet<Vec<u8>> =
            states.iter().flat_map(|state| (0..3).map(|index| block_id(*state, index))).collect();
        assert_eq!(all.len(), 15);
        assert!(all.iter().all(|id| id.len() == 24));
        assert_eq!(block_id(states[0], MOST_BLOCKS).len(), 24);
        assert_eq!(state_of("c/a", "\"0x1\"", 9, 3), states[0], "the next run finds them again");
    }
}
