//! Writing what is not a copy: containers, and blobs from this machine. Libraries are filled with it, in trials and tests.

use std::num::NonZeroU64;

use azure_core::http::RequestContent;
use bytes::Bytes;

use super::copy::arriving_with;
use super::properties::refused_with;
use super::{BlobAccount, Copied};
use crate::call::Call;
use crate::error::Error;
use crate::model::{BlobProperties, BlobRef, ContainerName};
use crate::retry::Idempotency;

impl BlobAccount {
    /// Makes a container; one that is there already is no error.
    pub async fn create_container(&self, container: &ContainerName) -> Result<(), Error> {
        let client = &self.service.blob_container_client(container.as_str());
        let call = write_call("CreateContainer", "create container", container.as_str(), 0);
        let created = self.write.run(call, |_| async move {
            client.create(None).await?;
            Ok(())
        });
        match created.await {
            Err(error) if !refused_with(&error, &["ContainerAlreadyExists"]) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Put Block Blob: writes `content` in one request, over what is there.
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
            client.upload(RequestContent::from(content.to_vec()), Some(options)).await?;
            Ok(Copied { etag: None })
        });
        Ok(written.await?)
    }
}

fn write_call<'a>(operation: &'static str, attempted: &'static str, subject: &'a str, bytes: u64) -> Call<'a> {
    Call { operation, attempted, subject, idempotency: Idempotency::Repeatable, bytes, source: None }
}
