//! Large blobs: many blocks copied at once, then one list that makes them a blob.

use azure_core::http::RequestContent;
use azure_storage_blob::models::{BlockBlobClientStageBlockFromUrlOptions, BlockLookupList};
use futures::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::super::properties::{header, refused_with};
use super::super::{BlobAccount, Copied, CopySource};
use super::remedy::Plan;
use super::{arriving_with, copy_call};
use crate::call::Call;
use crate::error::{CallError, Error};
use crate::model::{BlobProperties, BlobRef};
use crate::retry::Idempotency;

/// Every block is a paid write. At the 60 MB/s that one stream reaches in the field, this one takes a second: long beside its
/// latency, short beside a retry.
const SMALLEST_BLOCK: u64 = 64 << 20;
/// The service's limit.
const LARGEST_BLOCK: u64 = 4_000 << 20;
/// The service's limit.
const MOST_BLOCKS: u64 = 50_000;
/// Enough blocks to keep many at work until near the end, few enough that they do not use up the request rate: the vendor's
/// own measurements copy 50 GB in blocks of 128 MiB.
const WANTED_BLOCKS: u64 = 400;
/// Blocks of one blob at once. One blob must not take a whole lane; with 32 blocks in flight each, a few
/// large blobs fill it.
const BLOCKS_AT_ONCE: usize = 32;
/// Blocks there that do not fit ours: of another program, with ids of another length, or cleared away meanwhile.
const UNFIT_BLOCKS: &[&str] = &["InvalidBlobOrBlock", "InvalidBlockList", "BlockCountExceedsLimit"];

impl BlobAccount {
    /// Put Block From URL in parallel, then Put Block List: done when it returns.
    pub async fn put_blocks_from_url(&self, to: &BlobRef, from: &CopySource) -> Result<Copied, Error> {
        let size = block_size(from.blob.length);
        if from.blob.length.div_ceil(size) > MOST_BLOCKS {
            let reason = format!("it has {} bytes, more than a block blob may have", from.blob.length);
            return Err(Error::Unsuitable { subject: from.subject(), reason });
        }
        let ids = block_ids(&from.blob.etag, from.blob.length.div_ceil(size));
        let mut plan = self.plan(from);
        let mut restarted = false;
        loop {
            let result = match self.stage_all(to, &plan, &ids, size).await? {
                Ok(()) => self.commit(to, &plan, &ids).await?,
                Err(error) => Err(error),
            };
            match result {
                Ok(copied) => return Ok(copied),
                Err(error) if !restarted && refused_with(&error, UNFIT_BLOCKS) => {
                    restarted = true;
                    self.clear_blocks(to).await?;
                }
                Err(error) => self.remedy(error, &mut plan)?,
            }
        }
    }

    async fn stage_all(
        &self,
        to: &BlobRef,
        plan: &Plan<'_>,
        ids: &[Vec<u8>],
        size: u64,
    ) -> Result<Result<(), CallError>, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let subject = &to.to_string();
        let staged = (0_u64..).zip(ids).map(|(index, id)| async move {
            let start = index * size;
            let end = plan.from.blob.length.min(start + size);
            let call = copy_call("PutBlockFromUrl", subject, plan.from, end - start);
            let staged = self.write.run(call, |_| async move {
                let options = BlockBlobClientStageBlockFromUrlOptions {
                    source_if_match: Some(plan.from.blob.etag.clone().into()),
                    source_range: Some((start..end).into()),
                    ..BlockBlobClientStageBlockFromUrlOptions::default()
                };
                client.stage_block_from_url(id, 0, plan.source_url(), Some(options)).await?;
                Ok(())
            });
            staged.await
        });
        // Collected, so that the futures have one plain type whatever they borrow.
        let staged: Vec<_> = staged.collect();
        Ok(stream::iter(staged).buffer_unordered(BLOCKS_AT_ONCE).try_collect::<()>().await)
    }

    async fn commit(&self, to: &BlobRef, plan: &Plan<'_>, ids: &[Vec<u8>]) -> Result<Result<Copied, CallError>, Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let subject = to.to_string();
        let call = copy_call("PutBlockList", &subject, plan.from, 0);
        Ok(self
            .write
            .run(call, |_| async move {
                let list = BlockLookupList { latest: Some(ids.to_vec()), ..BlockLookupList::default() };
                let options = arriving_with!(
                    BlockBlobClientCommitBlockListOptions,
                    &plan.from.blob.properties,
                    plan.tier.clone()
                );
                let answer = client.commit_block_list(RequestContent::try_from(list)?, Some(options)).await?;
                Ok(Copied { etag: header(answer.headers(), "etag") })
            })
            .await)
    }

    /// Drops the uncommitted blocks of a blob that is about to be written: an empty list does.
    async fn clear_blocks(&self, to: &BlobRef) -> Result<(), Error> {
        let client = &self.blob_client(to)?.block_blob_client();
        let subject = to.to_string();
        let call = Call {
            operation: "PutBlockList",
            attempted: "clear the blocks of blob",
            subject: &subject,
            idempotency: Idempotency::Repeatable,
            bytes: 0,
            source: None,
        };
        let nothing = &BlobProperties::default();
        self.write
            .run(call, |_| async move {
                let list = BlockLookupList { latest: Some(Vec::new()), ..BlockLookupList::default() };
                let options = arriving_with!(BlockBlobClientCommitBlockListOptions, nothing, None);
                client.commit_block_list(RequestContent::try_from(list)?, Some(options)).await?;
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// The size of a blob's blocks: 64 MiB, doubled until there are few enough of them.
pub(super) fn block_size(length: u64) -> u64 {
    let mut size = SMALLEST_BLOCK;
    while length.div_ceil(size) > WANTED_BLOCKS && size < LARGEST_BLOCK {
        size *= 2;
    }
    size.min(LARGEST_BLOCK)
}

/// Ids of one length that follow from the source's state: blocks of another state never mix with these. Hexadecimal text
/// only, so that their base64 has no character that a URL treats in a special way.
fn block_ids(etag: &str, count: u64) -> Vec<Vec<u8>> {
    let digest = Sha256::digest(etag.as_bytes());
    let state = digest[..8].iter().fold(0_u64, |state, byte| state << 8 | u64::from(*byte));
    (0..count).map(|index| format!("{state:016x}{index:08x}").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_few_but_never_too_many_or_too_large() {
        assert_eq!(block_size(0), 64 << 20);
        assert_eq!(block_size(400 * (64 << 20)), 64 << 20);
        assert_eq!(block_size(400 * (64 << 20) + 1), 128 << 20);
        assert_eq!(block_size(50 << 30), 128 << 20);
        let largest = MOST_BLOCKS * LARGEST_BLOCK;
        assert_eq!(largest.div_ceil(block_size(largest)), MOST_BLOCKS);
    }

    #[test]
    fn block_ids_differ_by_state_and_index_but_not_in_length() {
        let (one, other) = (block_ids("\"0x1\"", 3), block_ids("\"0x2\"", 3));
        let all: std::collections::BTreeSet<&Vec<u8>> = one.iter().chain(&other).collect();
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|id| id.len() == 24));
    }
}
