//! Reads a part of a blob.

use azure_core::http::Method;
use bytes::Bytes;

use super::account::BlobAccount;
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::model::{Blob, BlobRef};
use crate::retry::Idempotency;

impl BlobAccount {
    /// Get Blob: `length` bytes from `from` on, at least one, if the blob still has the entity tag it was listed with.
    /// They count against the account's limit of bytes.
    ///
    /// # Errors
    /// The blob was changed (412), is archived (409), or does not exist; or the answer has another length.
    pub async fn read_range(&self, container: &BlobRef, blob: &Blob, from: u64, length: u64) -> Result<Bytes, Error> {
        let url = &self.blob_url(container)?;
        let subject = container.to_string();
        let call = Call {
            operation: "GetBlob",
            attempted: "read blob",
            subject: &subject[..],
            idempotency: Idempotency::Repeatable,
            bytes: length,
            source: None,
        };
        let read = self.read.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Get);
            request
                .insert_header("x-ms-range", format!("bytes={from}-{}", from.saturating_add(length).saturating_sub(1)));
            request.insert_header("if-match", blob.etag.clone());
            let content = self.send(&mut request, &[206]).await?.deconstruct().2;
            let content = Bytes::from(content);
            match content.len() as u64 {
                all if all == length => Ok(content),
                other => Err(Failure::Unexpected(format!("{other} bytes instead of {length}"))),
            }
        });
        Ok(read.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer, refusal};
    use super::*;
    use crate::model::{BlobProperties, ContainerName};

    fn blob() -> (BlobRef, Blob) {
        let at = BlobRef { container: ContainerName::new("films"), name: "a.ts".to_owned() };
        let blob = Blob {
            name: at.name.clone(),
            length: 9,
            etag: "\"1\"".to_owned(),
            last_modified: None,
            properties: BlobProperties::default(),
            tier: None,
            kind: crate::model::BlobKind::Block,
            copy: None,
        };
        (at, blob)
    }

    #[tokio::test]
    async fn a_part_is_read_only_if_the_blob_is_as_it_was_listed() {
        let (at, blob) = blob();
        let fake = Fake::new([answer(206, &[]).with_body("45678")]);
        assert_eq!(fake.account("acct").read_range(&at, &blob, 4, 5).await.unwrap(), "45678");
        let asked = &fake.asked()[0];
        assert_eq!((asked.header("x-ms-range"), asked.header("if-match")), ("bytes=4-8", "\"1\""));
    }

    #[tokio::test]
    async fn a_changed_blob_and_an_answer_of_another_length_are_errors() {
        let (at, blob) = blob();
        for wrong in
            [refusal(412, "ConditionNotMet"), answer(206, &[]).with_body("4"), answer(200, &[]).with_body("45678")]
        {
            Fake::new([wrong]).account("acct").read_range(&at, &blob, 4, 5).await.unwrap_err();
        }
    }
}
