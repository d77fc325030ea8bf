//! The properties of one blob, and whether a container exists.

use azure_core::http::headers::Headers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::collections::HashMap;

use super::account::BlobAccount;
use super::tag_access::TagAccess;
use super::tags::refused;
use crate::call::Call;
use crate::error::{CallError, Error, Failure};
use crate::model::{Blob, BlobKind, BlobRef, CopyState, CopyStatus, IndexTags};
use crate::redact::scrub;
use crate::retry::Idempotency;

/// A blob's headers, and those that only this module's callers need.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) blob: Blob,
    /// The source URL of the copy that made it. It may contain a signature.
    pub(super) copy_source: Option<String>,
    /// Was it written by object replication?
    pub(super) replicated: bool,
    tagged: bool,
}

impl BlobAccount {
    /// One blob, or `None`.
    pub async fn properties(&self, blob: &BlobRef) -> Result<Option<Blob>, Error> {
        let Some(head) = self.head(blob).await? else { return Ok(None) };
        let mut found = head.blob;
        found.properties.tags = match self.tag_access() {
            TagAccess::Readable if head.tagged => self.tags(blob).await?,
            TagAccess::Readable => IndexTags::default(),
            access => access.of_a_blob(),
        };
        Ok(Some(found))
    }

    /// A blob's headers, without its tags; `None` = there is no such blob (or container), or it is a directory.
    pub(super) async fn head(&self, blob: &BlobRef) -> Result<Option<Head>, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let call = control_call("GetBlobProperties", "look at blob", &subject);
        let found = self.read.run(call, |_| async move {
            let answer = client.get_properties(None).await?;
            let is_directory = header(answer.headers(), "x-ms-resource-type").is_some_and(|kind| kind == "directory");
            if is_directory {
                Ok(None)
            } else {
                read_head(blob, answer.headers()).map(Some).map_err(Failure::Unexpected)
            }
        });
        match found.await {
            Ok(head) => Ok(head),
            Err(error) if refused_with(&error, ABSENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Does the service answer that the container has no such blob? A missing container is an error, because then
    /// nothing is known about the blob.
    pub async fn is_deleted(&self, blob: &BlobRef) -> Result<bool, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let call = control_call("GetBlobProperties", "look at blob", &subject);
        match self.read.run(call, |_| async move { Ok(client.get_properties(None).await.map(drop)?) }).await {
            Ok(()) => Ok(false),
            Err(error) if refused_with(&error, &[BLOB_NOT_FOUND]) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn tags(&self, blob: &BlobRef) -> Result<IndexTags, Error> {
        let client = &self.blob_client(blob)?;
        let subject = blob.to_string();
        let call = control_call("GetBlobTags", "read the tags of blob", &subject);
        match self.read.run(call, |_| async move { Ok(client.get_tags(None).await?.into_model()?) }).await {
            Ok(tags) => Ok(IndexTags::Read(HashMap::from(tags).into_iter().collect())),
            // The blob has tags. One refusal proves nothing about the account.
            Err(error) if refused(&error.failure).is_some() => Ok(IndexTags::Unreadable),
            Err(error) => Err(error.into()),
        }
    }
}

/// Codes for a missing blob or container. A 404 without a code is not enough: its sender is no blob service.
pub(super) const ABSENT: &[&str] = &[BLOB_NOT_FOUND, "ContainerNotFound"];
/// The code for a missing blob of a container that is there.
const BLOB_NOT_FOUND: &str = "BlobNotFound";

/// A call that moves no content and may be sent twice.
pub(super) fn control_call<'a>(operation: &'static str, attempted: &'static str, subject: &'a str) -> Call<'a> {
    Call { operation, attempted, subject, idempotency: Idempotency::Repeatable, bytes: 0, source: None }
}

/// Reads the headers in one pass: asking `azure_core` for a header that is absent costs it an error with a backtrace.
fn read_head(blob: &BlobRef, headers: &Headers) -> Result<Head, String> {
    let mut found = Blob {
        name: blob.name.clone(),
        length: 0,
        etag: String::new(),
        last_modified: None,
        properties: crate::model::BlobProperties::default(),
        tier: None,
        kind: BlobKind::Block,
        copy: None,
    };
    let mut length = None;
    let (mut copy_id, mut status, mut progress, mut description) = (None, None, None, None);
    let (mut copy_source, mut tagged, mut kind, mut sealed) = (None, false, None, false);
    let mut replicated = false;
    for (name, value) in headers.iter() {
        let text = || Some(value.as_str().to_owned());
        let properties = &mut found.properties;
        match name.as_str() {
            "content-length" => length = value.as_str().parse().ok(),
            "etag" => value.as_str().clone_into(&mut found.etag),
            "last-modified" => found.last_modified = DateTimeParser::new().parse_timestamp(value.as_str()).ok(),
            "content-type" => properties.content_type = text(),
            "content-encoding" => properties.content_encoding = text(),
            "content-language" => properties.content_language = text(),
            "content-disposition" => properties.content_disposition = text(),
            "cache-control" => properties.cache_control = text(),
            "content-md5" => properties.content_md5 = BASE64.decode(value.as_str()).ok(),
            "x-ms-blob-type" => kind = BlobKind::named(value.as_str()),
            "x-ms-or-policy-id" => replicated = true,
            "x-ms-blob-sealed" => sealed = value.as_str() == "true",
            "x-ms-access-tier" => found.tier = text(),
            "x-ms-copy-id" => copy_id = text(),
            "x-ms-copy-status" => status = copy_status(value.as_str()),
            "x-ms-copy-progress" => progress = self::progress(value.as_str()),
            "x-ms-copy-status-description" => description = text().map(|text| scrub(&text)),
            "x-ms-copy-source" => copy_source = text(),
            "x-ms-tag-count" => tagged = value.as_str() != "0",
            name => {
                if let Some(key) = name.strip_prefix("x-ms-meta-") {
                    properties.metadata.insert(key.to_owned(), value.as_str().to_owned());
                }
            }
        }
    }
    found.length = length.ok_or("a blob has no length")?;
    found.kind = kind.ok_or("an answer about a blob has no x-ms-blob-type that is known; is this a blob service?")?;
    if sealed {
        found.kind = found.kind.sealed();
    }
    if let (Some(id), Some(status)) = (copy_id, status) {
        found.copy = Some(CopyState { id, status, progress, description });
    }
    Ok(Head { blob: found, copy_source, replicated, tagged })
}

/// Parses the service's name of a copy state.
pub(super) fn copy_status(word: &str) -> Option<CopyStatus> {
    Some(match word {
        "pending" => CopyStatus::Pending,
        "success" => CopyStatus::Success,
        "failed" => CopyStatus::Failed,
        "aborted" => CopyStatus::Aborted,
        _ => return None,
    })
}

/// `copied/all` bytes.
pub(super) fn progress(text: &str) -> Option<(u64, u64)> {
    let (copied, all) = text.split_once('/')?;
    Some((copied.parse().ok()?, all.parse().ok()?))
}

/// The service's time, from the header of an answer, to the second.
pub(super) fn service_date(headers: &Headers) -> Result<Timestamp, Failure> {
    let date = header(headers, "date").and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
    date.ok_or_else(|| Failure::Unexpected("it has no Date header; is this a blob service?".to_owned()))
}

/// The value of a header.
pub(super) fn header(headers: &Headers, wanted: &str) -> Option<String> {
    headers.iter().find(|(name, _)| name.as_str() == wanted).map(|(_, value)| value.as_str().to_owned())
}

/// Did the service refuse the call with one of these codes?
pub(super) fn refused_with(error: &CallError, codes: &[&str]) -> bool {
    error.failure.code().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer, refusal};
    use super::*;
    use crate::model::ContainerName;

    fn somewhere() -> BlobRef {
        BlobRef { container: ContainerName::new("c"), name: "b".to_owned() }
    }

    const HEAD: &[(&str, &str)] = &[
        ("content-length", "12"),
        ("etag", "\"0x8D\""),
        ("last-modified", "Sun, 22 Nov 2026 19:50:50 GMT"),
        ("content-type", "video/mp4"),
        ("content-md5", "AAECAwQFBgcICQoLDA0ODw=="),
        ("x-ms-blob-type", "PageBlob"),
        ("x-ms-meta-k", "v"),
        ("x-ms-copy-id", "id-1"),
        ("x-ms-copy-status", "failed"),
        ("x-ms-copy-status-description", "404 ResourceNotFound"),
        ("x-ms-tag-count", "1"),
    ];

    #[tokio::test]
    async fn headers_and_tags_make_a_blob() {
        let tags = "<Tags><TagSet><Tag><Key>k</Key><Value>a b</Value></Tag></TagSet></Tags>";
        let fake = Fake::new([answer(200, HEAD), answer(200, &[("content-type", "application/xml")]).with_body(tags)]);
        let blob = fake.account("acct").properties(&somewhere()).await.unwrap().unwrap();
        assert_eq!((blob.length, blob.etag.as_str(), blob.kind), (12, "\"0x8D\"", BlobKind::Page));
        assert_eq!(blob.last_modified, Some("2026-11-22T19:50:50Z".parse().unwrap()));
        assert_eq!(blob.properties.content_md5, Some((0..16).collect()));
        assert_eq!(blob.properties.metadata["k"], "v");
        assert_eq!(blob.properties.tags.read().unwrap()["k"], "a b");
        let copy = blob.copy.unwrap();
        assert_eq!((copy.status, copy.description.as_deref()), (CopyStatus::Failed, Some("404 ResourceNotFound")));
    }

    #[tokio::test]
    async fn only_an_answer_about_the_blob_itself_shows_that_it_is_deleted() {
        let account = |answer| Fake::new([answer]).account("acct");
        assert!(account(refusal(404, "BlobNotFound")).is_deleted(&somewhere()).await.unwrap());
        assert!(!account(answer(200, HEAD)).is_deleted(&somewhere()).await.unwrap());
        for other in [refusal(404, "ContainerNotFound"), answer(404, &[]), refusal(403, "AuthorizationFailure")] {
            account(other).is_deleted(&somewhere()).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_blob_without_tags_costs_one_request() {
        let fake = Fake::new([answer(200, &HEAD[..6])]);
        fake.account("acct").properties(&somewhere()).await.unwrap().unwrap();
        assert_eq!(fake.asked().len(), 1);
    }

    #[tokio::test]
    async fn an_absent_blob_is_no_error_but_a_forbidden_one_is() {
        let absent = Fake::new([refusal(404, "BlobNotFound"), refusal(404, "ContainerNotFound")]).account("acct");
        assert_eq!(absent.properties(&somewhere()).await.unwrap(), None);
        assert!(!absent.container_exists(&ContainerName::new("c")).await.unwrap());
        for page in [answer(200, &[("content-length", "12"), ("content-type", "text/html")]), answer(404, &[])] {
            assert!(Fake::new([page]).account("acct").properties(&somewhere()).await.is_err(), "a web page is no blob");
        }
        let forbidden = Fake::new([refusal(403, "AuthenticationFailed")]).account("acct");
        let error = forbidden.properties(&somewhere()).await.unwrap_err();
        assert_eq!(error.disposition(), crate::error::Disposition::Fatal);
        assert!(forbidden.container_exists(&ContainerName::new("c")).await.is_err());
    }
}
