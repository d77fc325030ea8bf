//! Our own small blobs: read and written as a whole, with a condition.

use azure_core::http::headers::Headers;
use azure_core::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::account::BlobAccount;
use super::properties::{ABSENT, control_call, header, refused_with};
use super::write::write_call;
use crate::error::{CallError, Error, Failure};
use crate::failure::copy_refusal;
use crate::model::{BlobRef, LeaseId};

/// The content type of these blobs.
const CONTENT_TYPE: &str = "application/json";
/// Codes of status 409 for an unmet condition; 412 always means this.
const UNMET: &[&str] = &["BlobAlreadyExists", "LeaseAlreadyPresent"];

/// A blob that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallBlob {
    /// Its content.
    pub content: Bytes,
    /// Its entity tag, quotes included.
    pub etag: String,
    /// Does it have an active lease?
    pub lease: LeaseState,
}

/// The state of a blob's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// There is none.
    Available,
    /// It has an active lease.
    Leased,
    /// It expired.
    Expired,
    /// It was broken and ends soon.
    Breaking,
    /// It was broken and has ended.
    Broken,
}

/// The condition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteIf<'a> {
    /// There is no such blob.
    Absent,
    /// The blob has that entity tag.
    Etag(&'a str),
    /// The lease is ours.
    Lease(&'a LeaseId),
}

/// The result of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Done {
        /// The new entity tag, quotes included.
        etag: String,
    },
    /// The condition is not met. This is also the result if an earlier attempt of the same write took effect and its
    /// answer was lost: the caller reads the blob to find out.
    ConditionFailed,
}

/// The result of a conditional deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The blob does not exist now.
    Done,
    /// The condition is not met.
    ConditionFailed,
}

/// The result of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmallRead {
    /// There is no such blob or container.
    Missing,
    /// It was read whole.
    Whole(SmallBlob),
    /// It is larger than expected, so another program wrote it.
    TooLarge,
}

impl SmallRead {
    /// The blob, if it was read.
    pub fn whole(self) -> Option<SmallBlob> {
        match self {
            Self::Whole(found) => Some(found),
            Self::Missing | Self::TooLarge => None,
        }
    }
}

impl BlobAccount {
    /// Reads a blob of up to `limit` bytes.
    pub async fn read_small(&self, blob: &BlobRef, limit: usize) -> Result<SmallRead, Error> {
        let url = &self.blob_url(blob)?;
        let subject = blob.to_string();
        let call = control_call("GetBlob", "read blob", &subject);
        let read = self.read.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Get);
            match self.send_within(&mut request, limit).await? {
                Some((headers, content)) => small_blob(&headers, content).map(SmallRead::Whole),
                None => Ok(SmallRead::TooLarge),
            }
        });
        match read.await {
            Ok(read) => Ok(read),
            Err(error) if refused_with(&error, ABSENT) => Ok(SmallRead::Missing),
            Err(error) => Err(error.into()),
        }
    }

    /// Put Blob: writes a blob of JSON in one request if the condition is met.
    pub async fn write_small(&self, blob: &BlobRef, content: Bytes, condition: WriteIf<'_>) -> Result<Written, Error> {
        let url = &self.blob_url(blob)?;
        let subject = blob.to_string();
        let call = write_call("PutBlob", "write blob", &subject, content.len() as u64);
        let content = &content;
        let written = self.write.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Put);
            request.insert_header("content-length", content.len().to_string());
            // The service refuses content that was truncated or changed in transit.
            request.insert_header("content-md5", BASE64.encode(Md5::digest(content)));
            request.insert_header("x-ms-blob-type", "BlockBlob");
            request.insert_header("x-ms-blob-content-type", CONTENT_TYPE);
            condition.put_on(&mut request);
            request.set_body(content.clone());
            let answer = self.send(&mut request, &[201]).await?;
            header(answer.headers(), "etag").ok_or_else(without_etag)
        });
        match written.await {
            Ok(etag) => Ok(Written::Done { etag }),
            Err(error) if condition.failed(&error) => Ok(Written::ConditionFailed),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a blob if the condition is met. It is a success if the blob does not exist.
    pub async fn delete_blob(&self, blob: &BlobRef, condition: WriteIf<'_>) -> Result<Deleted, Error> {
        let url = &self.blob_url(blob)?;
        let subject = blob.to_string();
        let call = control_call("DeleteBlob", "delete blob", &subject);
        let deleted = self.write.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Delete);
            condition.put_on(&mut request);
            self.send(&mut request, &[202]).await?;
            Ok(())
        });
        match deleted.await {
            Ok(()) => Ok(Deleted::Done),
            Err(error) if refused_with(&error, ABSENT) => Ok(Deleted::Done),
            Err(error) if condition.failed(&error) => Ok(Deleted::ConditionFailed),
            Err(error) => Err(match error.failure.code().and_then(copy_refusal::of_target) {
                Some(cause) => Error::Copy { subject, cause, failure: Some(error.failure) },
                None => error.into(),
            }),
        }
    }
}

impl WriteIf<'_> {
    fn put_on(self, request: &mut Request) {
        match self {
            Self::Absent => request.insert_header("if-none-match", "*"),
            Self::Etag(etag) => request.insert_header("if-match", etag.to_owned()),
            Self::Lease(lease) => request.insert_header("x-ms-lease-id", lease.to_string()),
        }
    }

    /// Does the error say that the condition is not met?
    fn failed(self, error: &CallError) -> bool {
        let gone = self != Self::Absent && refused_with(error, &["BlobNotFound"]);
        gone || error.failure.status() == Some(412) || refused_with(error, UNMET)
    }
}

fn small_blob(headers: &Headers, content: Bytes) -> Result<SmallBlob, Failure> {
    let lease = match header(headers, "x-ms-lease-state").as_deref() {
        None | Some("available") => LeaseState::Available,
        Some("leased") => LeaseState::Leased,
        Some("expired") => LeaseState::Expired,
        Some("breaking") => LeaseState::Breaking,
        Some("broken") => LeaseState::Broken,
        Some(other) => return Err(Failure::Unexpected(format!("a lease with the state {other:?}"))),
    };
    let etag = header(headers, "etag").ok_or_else(without_etag)?;
    Ok(SmallBlob { content, etag, lease })
}

fn without_etag() -> Failure {
    Failure::Unexpected("an answer about a blob has no ETag; is this a blob service?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer, refusal};
    use super::*;
    use crate::model::ContainerName;

    const HEADERS: &[(&str, &str)] = &[("etag", "\"0x1\""), ("x-ms-lease-state", "leased")];

    fn lock() -> BlobRef {
        BlobRef { container: ContainerName::new("state"), name: "lock".to_owned() }
    }

    #[tokio::test]
    async fn a_small_blob_is_read_with_its_tag_and_lease() {
        let fake = Fake::new([answer(200, HEADERS).with_body("{}")]);
        let read = fake.account("acct").read_small(&lock(), 2).await.unwrap().whole().unwrap();
        assert_eq!((read.content, read.etag.as_str()), (Bytes::from("{}"), "\"0x1\""));
        assert_eq!(read.lease, LeaseState::Leased);
    }

    #[tokio::test]
    async fn a_blob_above_the_limit_and_a_missing_one_are_no_errors() {
        let large = Fake::new([answer(200, HEADERS).with_body("{} ")]).account("acct");
        assert_eq!(large.read_small(&lock(), 2).await.unwrap(), SmallRead::TooLarge);
        for code in ABSENT {
            let missing = Fake::new([refusal(404, code)]).account("acct");
            assert_eq!(missing.read_small(&lock(), 2).await.unwrap(), SmallRead::Missing);
        }
        let forbidden = Fake::new([refusal(403, "AuthorizationFailure")]).account("acct");
        forbidden.read_small(&lock(), 2).await.unwrap_err();
    }

    #[tokio::test]
    async fn an_answer_without_tag_or_with_an_unknown_lease_is_no_blob() {
        let unknown = [HEADERS[0], ("x-ms-lease-state", "sublet")];
        for headers in [&HEADERS[1..], &unknown] {
            Fake::new([answer(200, headers)]).account("acct").read_small(&lock(), 2).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_write_carries_its_condition() {
        let lease = &LeaseId::random();
        let id = lease.to_string();
        let cases = [
            (WriteIf::Absent, ["*", "", ""]),
            (WriteIf::Etag("\"0x1\""), ["", "\"0x1\"", ""]),
            (WriteIf::Lease(lease), ["", "", &id]),
        ];
        for (condition, headers) in cases {
            let fake = Fake::new([answer(201, HEADERS), answer(202, &[])]);
            let account = fake.account("acct");
            let written = account.write_small(&lock(), Bytes::from("{}"), condition).await.unwrap();
            assert_eq!(written, Written::Done { etag: "\"0x1\"".to_owned() });
            assert_eq!(account.delete_blob(&lock(), condition).await.unwrap(), Deleted::Done);
            let asked = fake.asked();
            for asked in &asked {
                let sent = ["if-none-match", "if-match", "x-ms-lease-id"].map(|name| asked.header(name));
                assert_eq!(sent, headers, "{} {condition:?}", asked.method);
            }
            assert_eq!((asked[0].body.as_str(), asked[0].header("content-length")), ("{}", "2"));
            assert_eq!(asked[0].header("x-ms-blob-content-type"), CONTENT_TYPE);
        }
    }

    #[tokio::test]
    async fn an_unmet_condition_is_no_error() {
        let lease = &LeaseId::random();
        let unmet = [
            (WriteIf::Absent, refusal(409, "BlobAlreadyExists")),
            (WriteIf::Etag("\"0x1\""), refusal(412, "ConditionNotMet")),
            (WriteIf::Etag("\"0x1\""), refusal(412, "LeaseIdMissing")),
            (WriteIf::Lease(lease), refusal(412, "LeaseLost")),
        ];
        for (condition, refused) in unmet {
            let account = Fake::new([refused]).account("acct");
            let written = account.write_small(&lock(), Bytes::new(), condition).await.unwrap();
            assert_eq!(written, Written::ConditionFailed);
            assert_eq!(account.delete_blob(&lock(), condition).await.unwrap(), Deleted::ConditionFailed);
        }
        let gone = Fake::new([refusal(404, "BlobNotFound")]).account("acct");
        let written = gone.write_small(&lock(), Bytes::new(), WriteIf::Lease(lease)).await.unwrap();
        assert_eq!(written, Written::ConditionFailed);
        assert_eq!(gone.delete_blob(&lock(), WriteIf::Lease(lease)).await.unwrap(), Deleted::Done);
        let immutable = Fake::new([refusal(409, "BlobImmutableDueToPolicy")]).account("acct");
        immutable.write_small(&lock(), Bytes::new(), WriteIf::Absent).await.unwrap_err();
        immutable.delete_blob(&lock(), WriteIf::Absent).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_write_whose_answer_was_lost_ends_with_an_unmet_condition() {
        let fake = Fake::new([refusal(500, "InternalError"), refusal(409, "BlobAlreadyExists")]);
        let written = fake.account("acct").write_small(&lock(), Bytes::from("{}"), WriteIf::Absent).await.unwrap();
        assert_eq!((written, fake.asked().len()), (Written::ConditionFailed, 2));
    }
}
