//! Writes blobs from this machine, for uploads, and for filling libraries in trials and tests.

use std::num::NonZeroU64;

use azure_core::http::RequestContent;
use azure_storage_blob::models::{BlockBlobClientStageBlockOptions, BlockLookupList};
use bytes::Bytes;

use super::account::{BlobAccount, Copied};
use super::arriving::arriving_with;
use super::properties::header;
use crate::call::Call;
use crate::error::Error;
use crate::model::{BlobProperties, BlobRef};
use crate::retry::Idempotency;

impl BlobAccount {
    /// Put Blob: writes `content` in one request, and overwrites an existing blob.
    pub async fn put_blob(&self, blob: &BlobRef, content: Bytes, properties: &BlobProperties) -> Result<Copied, Error> {
        let client = &self.blob_client(blob)?.block_blob_client();
        let subject = blob.to_string();
        let length = content.len() as u64;
        let content = &content;
        let call = write_call("PutBlob", "write blob", &subject, length);
        let written = self.write.run(call, |_| async move {
            let mut options = arriving_with!(BlockBlobClientUploadOptions, self, properties, None);
            // A single part of any size, so a single request.
            options.partition_size = NonZeroU64::new(length.max(1));
            let written = client.upload(content.clone().into(), Some(options)).await?;
            Ok(Copied { etag: written.etag.map(|etag| etag.to_string()) })
        });
        Ok(written.await?)
    }

    /// Put Block: keeps `content` under `id` until it is committed. `crc64` is its checksum, which the service compares
    /// before it keeps anything (`CRC-64/NVME`).
    pub async fn stage_block(&self, blob: &BlobRef, id: &[u8], content: Bytes, crc64: u64) -> Result<(), Error> {
        let client = &self.blob_client(blob)?.block_blob_client();
        let subject = blob.to_string();
        let length = content.len() as u64;
        let content = &content;
        let call = write_call("PutBlock", "write a block of blob", &subject, length);
        let staged = self.write.run(call, |_| async move {
            let options = BlockBlobClientStageBlockOptions {
                transactional_content_crc64: Some(crc64.to_le_bytes().to_vec()),
                ..BlockBlobClientStageBlockOptions::default()
            };
            client.stage_block(id, length, content.clone().into(), Some(options)).await?;
            Ok(())
        });
        Ok(staged.await?)
    }

    /// Put Block List: makes the blob from uploaded blocks, in that order.
    pub async fn commit_blocks(
        &self,
        blob: &BlobRef,
        ids: &[Vec<u8>],
        properties: &BlobProperties,
    ) -> Result<Copied, Error> {
        let client = &self.blob_client(blob)?.block_blob_client();
        let subject = blob.to_string();
        let call = write_call("PutBlockList", "commit the blocks of blob", &subject, 0);
        let committed = self.write.run(call, |_| async move {
            let list = BlockLookupList { latest: Some(ids.to_vec()), ..BlockLookupList::default() };
            let options = arriving_with!(BlockBlobClientCommitBlockListOptions, self, properties, None);
            let answer = client.commit_block_list(RequestContent::try_from(list)?, Some(options)).await?;
            Ok(Copied { etag: header(answer.headers(), "etag") })
        });
        Ok(committed.await?)
    }
}

/// A call that writes `bytes` from this machine and may be sent twice.
pub(super) fn write_call<'a>(
    operation: &'static str,
    attempted: &'static str,
    subject: &'a str,
    bytes: u64,
) -> Call<'a> {
    Call { operation, attempted, subject, idempotency: Idempotency::Repeatable, bytes, source: None }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer};
    use super::*;
    use crate::model::ContainerName;

    #[tokio::test]
    async fn a_blob_is_written_in_one_request() {
        let blob = BlobRef { container: ContainerName::new("c"), name: "a b".to_owned() };
        for content in ["", "some text"] {
            let fake = Fake::new([answer(201, &[("etag", "\"0x1\"")])]);
            let properties = BlobProperties { content_type: Some("text/html".to_owned()), ..BlobProperties::default() };
            let written = fake.account("acct").put_blob(&blob, Bytes::from(content), &properties).await.unwrap();
            assert_eq!(written.etag.as_deref(), Some("\"0x1\""));
            let asked = fake.asked();
            assert_eq!((asked.len(), asked[0].header("x-ms-blob-content-type")), (1, "text/html"));
            assert_eq!(asked[0].header("content-length"), content.len().to_string());
        }
    }
}
