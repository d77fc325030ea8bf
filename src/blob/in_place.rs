//! Changes of a blob that do not change its content: headers, metadata, index tags, seal.
//!
//! Each may be sent twice. If the first attempt took effect and its answer was lost, the retry finds another entity tag
//! and reports an unmet condition: the caller reads the blob to find out.

use std::collections::{BTreeMap, HashMap};

use azure_core::http::RequestContent;
use azure_core::http::headers::Headers;
use azure_storage_blob::models::{
    AppendBlobClientSealOptions, BlobClientSetMetadataOptions, BlobClientSetPropertiesOptions, BlobTags,
};

use super::account::BlobAccount;
use super::copy::target_refusal;
use super::properties::{ABSENT, control_call, header, refused_with};
use crate::error::{CallError, Error};
use crate::model::{BlobProperties, BlobRef};

/// The result of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It was made.
    Done {
        /// The new entity tag, quotes included. Tags do not change it.
        etag: Option<String>,
    },
    /// The blob has another entity tag.
    ConditionFailed,
    /// There is no such blob or container.
    Missing,
}

impl BlobAccount {
    /// Set Blob Properties: replaces all content headers, including the MD5, and clears those that are missing here.
    /// Metadata and tags do not change.
    pub async fn set_headers(
        &self,
        blob: &BlobRef,
        properties: &BlobProperties,
        if_match: &str,
    ) -> Result<Changed, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let call = control_call("SetBlobProperties", "set the headers of blob", &subject);
        let changed = self.write.run(call, |_| async move {
            let options = BlobClientSetPropertiesOptions {
                blob_cache_control: properties.cache_control.clone(),
                blob_content_disposition: properties.content_disposition.clone(),
                blob_content_encoding: properties.content_encoding.clone(),
                blob_content_language: properties.content_language.clone(),
                blob_content_md5: properties.content_md5.clone(),
                blob_content_type: properties.content_type.clone(),
                if_match: Some(if_match.to_owned().into()),
                ..BlobClientSetPropertiesOptions::default()
            };
            Ok(done(client.set_properties(Some(options)).await?.headers()))
        });
        self.settled(changed.await, blob).await
    }

    /// Set Blob Metadata: replaces all metadata.
    pub async fn set_metadata(
        &self,
        blob: &BlobRef,
        metadata: &BTreeMap<String, String>,
        if_match: &str,
    ) -> Result<Changed, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let metadata = &owned(metadata);
        let call = control_call("SetBlobMetadata", "set the metadata of blob", &subject);
        let changed = self.write.run(call, |_| async move {
            let options = BlobClientSetMetadataOptions {
                if_match: Some(if_match.to_owned().into()),
                ..BlobClientSetMetadataOptions::default()
            };
            Ok(done(client.set_metadata(metadata, Some(options)).await?.headers()))
        });
        self.settled(changed.await, blob).await
    }

    /// Append Blob Seal: nothing can be added to the blob from then on. The entity tag does not change.
    pub async fn seal(&self, blob: &BlobRef, if_match: &str) -> Result<Changed, Error> {
        let client = &self.blob_client(blob)?.append_blob_client();
        let subject = blob.to_string();
        let call = control_call("AppendBlobSeal", "seal blob", &subject);
        let changed = self.write.run(call, |_| async move {
            let options = AppendBlobClientSealOptions {
                if_match: Some(if_match.to_owned().into()),
                ..AppendBlobClientSealOptions::default()
            };
            Ok(done(client.seal(Some(options)).await?.headers()))
        });
        self.settled(changed.await, blob).await
    }

    /// Set Blob Tags: replaces all index tags. It has no condition, because the entity tag does not change.
    pub async fn set_tags(&self, blob: &BlobRef, tags: &BTreeMap<String, String>) -> Result<Changed, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let call = control_call("SetBlobTags", "set the tags of blob", &subject);
        let changed = self.write.run(call, |_| async move {
            let tags = RequestContent::try_from(BlobTags::from(owned(tags)))?;
            client.set_tags(tags, None).await?;
            Ok(Changed::Done { etag: None })
        });
        self.settled(changed.await, blob).await
    }

    async fn settled(&self, changed: Result<Changed, CallError>, blob: &BlobRef) -> Result<Changed, Error> {
        let error = match changed {
            Ok(changed) => return Ok(changed),
            Err(error) => error,
        };
        if refused_with(&error, ABSENT) {
            return Ok(Changed::Missing);
        }
        match target_refusal(&error) {
            Some(cause) => Err(Error::Copy { subject: blob.to_string(), cause, failure: Some(error.failure) }),
            None if error.failure.status() == Some(412) => Ok(Changed::ConditionFailed),
            None => Err(self.refused_write(blob, error).await),
        }
    }
}

fn owned(pairs: &BTreeMap<String, String>) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn done(headers: &Headers) -> Changed {
    Changed::Done { etag: header(headers, "etag") }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Fake, answer, refusal};
    use super::*;
    use crate::model::ContainerName;
    use crate::verdict::Cause;

    fn blob() -> BlobRef {
        BlobRef { container: ContainerName::new("c"), name: "a b".to_owned() }
    }

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    async fn set_headers(answers: impl IntoIterator<Item = Answer>) -> Result<Changed, Error> {
        Fake::new(answers).account("acct").set_headers(&blob(), &BlobProperties::default(), "\"0x1\"").await
    }

    fn made() -> Changed {
        Changed::Done { etag: Some("\"0x2\"".to_owned()) }
    }

    const ETAG: &[(&str, &str)] = &[("etag", "\"0x2\"")];

    #[tokio::test]
    async fn all_headers_are_sent_together_and_absent_ones_are_not() {
        let fake = Fake::new([answer(200, ETAG)]);
        let properties = BlobProperties {
            content_type: Some("video/mp4".to_owned()),
            cache_control: Some("no-store".to_owned()),
            content_md5: Some((0..16).collect()),
            metadata: pairs(&[("k", "v")]),
            ..BlobProperties::default()
        };
        assert_eq!(fake.account("acct").set_headers(&blob(), &properties, "\"0x1\"").await.unwrap(), made());
        let asked = &fake.asked()[0];
        assert_eq!(asked.url.query(), Some("comp=properties"));
        let names = ["content-type", "cache-control", "content-md5", "content-language", "content-encoding"];
        let sent = names.map(|name| asked.header(&format!("x-ms-blob-{name}")));
        assert_eq!(sent, ["video/mp4", "no-store", "AAECAwQFBgcICQoLDA0ODw==", "", ""]);
        assert_eq!((asked.header("if-match"), asked.header("x-ms-meta-k")), ("\"0x1\"", ""));
    }

    #[tokio::test]
    async fn metadata_is_replaced_as_a_whole() {
        for metadata in [pairs(&[("k", "v")]), pairs(&[])] {
            let fake = Fake::new([answer(200, ETAG)]);
            assert_eq!(fake.account("acct").set_metadata(&blob(), &metadata, "\"0x1\"").await.unwrap(), made());
            let asked = &fake.asked()[0];
            assert_eq!((asked.url.query(), asked.header("if-match")), (Some("comp=metadata"), "\"0x1\""));
            assert_eq!(asked.header("x-ms-meta-k"), metadata.get("k").map_or("", String::as_str));
        }
    }

    #[tokio::test]
    async fn tags_are_replaced_as_a_whole_and_removed_with_an_empty_set() {
        for (tags, set) in [
            (pairs(&[("k 1", "a<b")]), "<TagSet><Tag><Key>k 1</Key><Value>a&lt;b</Value></Tag></TagSet>"),
            (pairs(&[]), "<TagSet/>"),
        ] {
            let fake = Fake::new([answer(204, &[])]);
            let changed = fake.account("acct").set_tags(&blob(), &tags).await.unwrap();
            assert_eq!(changed, Changed::Done { etag: None });
            let asked = &fake.asked()[0];
            assert_eq!(asked.url.query(), Some("comp=tags"));
            assert!(asked.body.contains(set), "{}", asked.body);
        }
    }

    #[tokio::test]
    async fn a_blob_is_sealed_only_in_the_listed_state() {
        let fake = Fake::new([answer(200, &[("etag", "\"0x1\""), ("x-ms-blob-sealed", "true")])]);
        let changed = fake.account("acct").seal(&blob(), "\"0x1\"").await.unwrap();
        assert_eq!(changed, Changed::Done { etag: Some("\"0x1\"".to_owned()) });
        let asked = &fake.asked()[0];
        assert_eq!((asked.url.query(), asked.header("if-match")), (Some("comp=seal"), "\"0x1\""));
    }

    #[tokio::test]
    async fn another_entity_tag_and_a_missing_blob_are_answers() {
        assert_eq!(set_headers([refusal(412, "ConditionNotMet")]).await.unwrap(), Changed::ConditionFailed);
        assert_eq!(set_headers([refusal(404, "BlobNotFound")]).await.unwrap(), Changed::Missing);
        let tags = Fake::new([refusal(404, "ContainerNotFound")]).account("acct");
        assert_eq!(tags.set_tags(&blob(), &pairs(&[])).await.unwrap(), Changed::Missing);
        set_headers([answer(404, &[])]).await.unwrap_err();
        set_headers([refusal(403, "AuthorizationPermissionMismatch")]).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_blob_that_the_target_refuses_to_change_has_a_cause() {
        for (status, code, expected) in [
            (412, "LeaseIdMissing", Cause::BlobLeased),
            (409, "BlobImmutableDueToPolicy", Cause::BlobImmutable),
            (409, "BlobArchived", Cause::ArchivedInTarget),
        ] {
            let error = set_headers([refusal(status, code)]).await.unwrap_err();
            assert!(matches!(error, Error::Copy { cause, .. } if cause == expected), "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_whose_answer_was_lost_ends_as_a_condition_that_is_not_met() {
        let changed = set_headers([refusal(500, "InternalError"), refusal(412, "ConditionNotMet")]).await.unwrap();
        assert_eq!(changed, Changed::ConditionFailed);
    }
}
