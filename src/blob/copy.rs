//! Server-side copies: the target's storage reads the source itself; we only send the request for it.
//!
//! Every copy requires the entity tag with which the source was listed, so it has one state of its source or fails.
//! Content headers, metadata and tags are always sent along, so that the copy does not depend on the operation's
//! defaults.

mod blocks;
mod remedy;
mod sizes;

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{Method, Request};
use azure_storage_blob::models::BlobClientStartCopyFromUrlOptions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use url::Url;

use super::account::{BlobAccount, Copied, CopySource};
use super::properties::{control_call, copy_status, header, refused_with};
use super::small::WriteIf;
use crate::error::{CallError, Error, Failure};
use crate::model::{Blob, BlobRef, CopyState, CopyStatus};
use crate::transport::authority;
use crate::verdict::Cause;
use remedy::{Plan, check_md5, copy_call};

use super::arriving::metadata_headers;
pub(super) use remedy::target_refusal;
pub use sizes::{PUT_COMFORTABLE, PUT_LIMIT, blocks, choose, within_limits};

/// The status of an operation that a service does not have.
const NOT_IMPLEMENTED: u16 = 501;

/// Capacity for the headers of a copy, including those of its signature and of the transport.
const USUAL_HEADERS: usize = 24;

/// How often a copy is read that the service reports as pending.
const ADOPTIONS: u32 = 5;

impl BlobAccount {
    /// Put Blob From URL: done when it returns.
    pub async fn put_from_url(&self, to: &BlobRef, from: &CopySource<'_>) -> Result<Copied, Error> {
        if from.blob.length > PUT_LIMIT {
            let reason = format!("it has {} bytes; Put Blob From URL takes {PUT_LIMIT}", from.blob.length);
            return Err(Error::found(from.subject(), Cause::NotSupported, reason));
        }
        check_md5(from)?;
        let mut plan = self.plan(from);
        loop {
            match self.put_once(to, &plan).await? {
                Ok(copied) => return Ok(copied),
                Err(error) if error.failure.status() == Some(NOT_IMPLEMENTED) => {
                    self.without_put_from_url.store(true, Ordering::Relaxed);
                    return Err(Error::Copy {
                        subject: to.to_string(),
                        cause: Cause::NotSupported,
                        failure: Some(error.failure),
                    });
                }
                // Boxed: it is rare, and every blob in progress would have its size.
                Err(error) => Box::pin(self.remedy(to, error, &mut plan)).await?,
            }
        }
    }

    /// Did the service say that it does not implement Put Blob From URL? Some compatible services do not.
    pub fn lacks_put_from_url(&self) -> bool {
        self.without_put_from_url.load(Ordering::Relaxed)
    }

    async fn put_once(&self, to: &BlobRef, plan: &Plan<'_>) -> Result<Result<Copied, CallError>, Error> {
        let url = &self.blob_url(to)?;
        let call = copy_call("PutBlobFromUrl", to, plan.from, plan.from.blob.length);
        Ok(self
            .write
            .run(call, |_| async move {
                let mut request = self.put_request(url.clone(), plan);
                let answer = self.send(&mut request, &[201]).await?;
                Ok(Copied { etag: header(answer.headers(), "etag") })
            })
            .await)
    }

    /// Put Blob From URL, written by hand: nearly every blob needs exactly this one request ([`super::send`]).
    fn put_request(&self, url: Url, plan: &Plan<'_>) -> Request {
        let Blob { etag, properties, .. } = plan.from.blob;
        let mut request = Request::new(url, Method::Put);
        *request.headers_mut() = HashMap::with_capacity(USUAL_HEADERS).into();
        request.insert_header(const { HeaderName::from_static("content-length") }, "0");
        request.insert_header(const { HeaderName::from_static("x-ms-version") }, self.version.clone());
        request.insert_header(const { HeaderName::from_static("x-ms-blob-type") }, "BlockBlob");
        request.insert_header(const { HeaderName::from_static("x-ms-copy-source") }, plan.source_url());
        request.insert_header(const { HeaderName::from_static("x-ms-source-if-match") }, etag.clone());
        let headers = const {
            [
                HeaderName::from_static("x-ms-blob-cache-control"),
                HeaderName::from_static("x-ms-blob-content-disposition"),
                HeaderName::from_static("x-ms-blob-content-encoding"),
                HeaderName::from_static("x-ms-blob-content-language"),
                HeaderName::from_static("x-ms-blob-content-type"),
            ]
        };
        let headers = headers.into_iter().zip([
            &properties.cache_control,
            &properties.content_disposition,
            &properties.content_encoding,
            &properties.content_language,
            &properties.content_type,
        ]);
        for (name, value) in headers {
            if let Some(value) = value {
                request.insert_header(name, value.clone());
            }
        }
        if let Some(md5) = &properties.content_md5 {
            request.insert_header(const { HeaderName::from_static("x-ms-blob-content-md5") }, BASE64.encode(md5));
        }
        for (key, value) in &properties.metadata {
            request.insert_header(format!("x-ms-meta-{key}"), value.clone());
        }
        if let Some(tags) = self.tags_header(properties) {
            request.insert_header(const { HeaderName::from_static("x-ms-tags") }, tags);
        }
        if let Some(tier) = &plan.tier {
            request.insert_header(const { HeaderName::from_static("x-ms-access-tier") }, tier.to_string());
        }
        request
    }

    /// Starts a Copy Blob, which often completes at once. If a copy of the same source is already pending there, it is
    /// followed instead.
    pub async fn start_copy(&self, to: &BlobRef, from: &CopySource<'_>) -> Result<CopyState, Error> {
        check_md5(from)?;
        let mut plan = self.plan(from);
        let mut looks = 0;
        loop {
            match self.start_once(to, &plan).await? {
                Ok(state) => return Ok(state),
                // A second attempt also ends like this if the first one's answer was lost.
                Err(error) if refused_with(&error, &["PendingCopyOperation"]) => {
                    looks += 1;
                    match self.adopt(to, from).await? {
                        Some(state) => return Ok(state),
                        // It ended meanwhile, or the properties are older than the refusal: it is unknown which copy
                        // they describe.
                        None if looks < ADOPTIONS => {}
                        None => return Err(error.into()),
                    }
                }
                Err(error) => self.remedy(to, error, &mut plan).await?,
            }
        }
    }

    async fn start_once(&self, to: &BlobRef, plan: &Plan<'_>) -> Result<Result<CopyState, CallError>, Error> {
        let client = &self.blob_client(to)?;
        let call = copy_call("CopyBlob", to, plan.from, plan.from.blob.length);
        Ok(self
            .write
            .run(call, |_| async move {
                let properties = &plan.from.blob.properties;
                let options = BlobClientStartCopyFromUrlOptions {
                    blob_tags_string: self.tags_header(properties),
                    // If none is given, the service copies the source's own metadata, which is empty, too.
                    metadata: metadata_headers(properties),
                    source_if_match: Some(plan.from.blob.etag.clone().into()),
                    // The service seals a copy only on request.
                    seal_blob: plan.from.blob.kind.is_sealed().then_some(true),
                    tier: plan.tier.clone(),
                    ..BlobClientStartCopyFromUrlOptions::default()
                };
                let answer = client.start_copy_from_url(plan.source_url(), Some(options)).await?;
                started(answer.headers())
            })
            .await)
    }

    /// The copy that is already pending at the destination, if it has the same source; `None` if there is none.
    async fn adopt(&self, to: &BlobRef, from: &CopySource<'_>) -> Result<Option<CopyState>, Error> {
        let Some(head) = self.head(to).await? else { return Ok(None) };
        match (head.copy_source, head.blob.copy.filter(|copy| copy.status == CopyStatus::Pending)) {
            (Some(source), Some(copy)) if same_blob(&source, from.url.unsigned()) => Ok(Some(copy)),
            (_, None) => Ok(None),
            _ => Err(Error::found(to.to_string(), Cause::ForeignCopy, "a copy of something else is pending there")),
        }
    }

    /// Aborts a pending copy and removes the empty blob that it leaves. A copy that has already ended is not an error.
    pub async fn abort_copy(&self, to: &BlobRef, copy_id: &str) -> Result<(), Error> {
        let client = &self.blob_client(to)?;
        let subject = to.to_string();
        let call = control_call("AbortCopy", "abort the copy to", &subject);
        let aborted = self.write.run(call, |_| async move {
            client.abort_copy(copy_id, None).await?;
            Ok(())
        });
        match aborted.await {
            Ok(()) => {}
            // The copy has ended; also the answer to a second attempt.
            Err(error) if refused_with(&error, &["NoPendingCopyOperation", "CopyIdMismatch"]) => {}
            Err(error) if error.failure.status() == Some(404) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let Some(head) = self.head(to).await? else { return Ok(()) };
        let leftover = head.blob.length == 0
            && head.blob.copy.is_some_and(|copy| copy.id == copy_id && copy.status == CopyStatus::Aborted);
        if !leftover {
            return Ok(());
        }
        // If another program wrote there meanwhile, the blob is no longer ours to remove.
        self.delete_blob(to, WriteIf::Etag(&head.blob.etag)).await?;
        Ok(())
    }
}

/// The state of a copy, from the answer to its start.
fn started(headers: &Headers) -> Result<CopyState, Failure> {
    let missing = || Failure::Unexpected("the answer has no copy id or state".to_owned());
    let id = header(headers, "x-ms-copy-id").ok_or_else(missing)?;
    let status = header(headers, "x-ms-copy-status").and_then(|word| copy_status(&word)).ok_or_else(missing)?;
    Ok(CopyState { id, status, progress: None, description: None })
}

/// Is it the same blob? Signature and spelling of the path are ignored.
fn same_blob(theirs: &str, ours: &str) -> bool {
    let path = |url: &Url| percent_decode_str(url.path()).collect::<Vec<u8>>();
    let place = |url: &str| Url::parse(url).map(|url| (authority(&url), path(&url)));
    place(theirs).is_ok_and(|theirs| place(ours) == Ok(theirs))
}

#[cfg(test)]
mod tests;
