//! Writing what is not a copy: containers, and blobs from this machine. Libraries are filled with it, in trials and tests.

use std::num::NonZeroU64;

use azure_core::http::RequestContent;
use azure_storage_blob::models::{BlockBlobClientStageBlockOptions, BlockLookupList};
use bytes::Bytes;

use super::copy::arriving_with;
use super::properties::{header, refused_with};
use super::{BlobAccount, Copied};
use crate::call::Call;
use crate::error::Error;
use crate::model::{BlobProperties, BlobRef, ContainerName};
use crate::retry::Idempotency;

/// How a container came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerCreation {
    /// It was made now.
    Made,
    /// It was there already. Also the answer where an earlier attempt made it and its answer was lost.
    AlreadyThere,
}

impl BlobAccount {
    /// Makes a container, unless it is there already.
    pub async fn create_container(&self, container: &ContainerName) -> Result<ContainerCreation, Error> {
        let client = &self.service.blob_container_client(container.as_str());
        let call = write_call("CreateContainer", "create container", container.as_str(), 0);
        let created = self.write.run(call, |_| async move {
            client.create(None).await?;
            Ok(())
        });
        match created.await {
            Ok(()) => Ok(ContainerCreation::Made),
            Err(error) if refused_with(&error, &["ContainerAlreadyExists"]) => Ok(ContainerCreation::AlreadyThere),
            Err(error) => Err(error.into()),
        }
    }

    /// Put Blob: writes `content` in one request, over what is there.
    pub async fn put_blob(&self, blob: &BlobRef, content: Bytes, properties: &BlobProperties) -> Result<Copied, Error> {
        let client = &self.blob_client(blob)?.block_blob_client();
        let subject = blob.to_string();
        let length = content.len() as u64;
        let content = &content;
        let call = write_call("PutBlob", "write blob", &subject, length);
        let written = self.write.run(call, |_| async move {
            let mut options = arriving_with!(BlockBlobClientUploadOptions, properties, None);
            // One part, whatever its size: one request.
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

    /// Put Block List: makes the blob of blocks that are there, in that order.
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
            let options = arriving_with!(BlockBlobClientCommitBlockListOptions, properties, None);
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
    use super::super::fake::{Fake, answer, refusal};
    use super::*;

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

    #[tokio::test]
    async fn a_container_is_made_or_there_already_and_one_being_deleted_is_an_error() {
        let container = ContainerName::new("c");
        let absent = Fake::new([answer(201, &[])]).account("acct");
        assert_eq!(absent.create_container(&container).await.unwrap(), ContainerCreation::Made);
        let there = Fake::new([refusal(409, "ContainerAlreadyExists")]).account("acct");
        assert_eq!(there.create_container(&container).await.unwrap(), ContainerCreation::AlreadyThere);
        let going = Fake::new([refusal(409, "ContainerBeingDeleted")]).account("acct");
        assert!(going.create_container(&container).await.is_err());
    }
}
