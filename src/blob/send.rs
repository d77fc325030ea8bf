//! Requests that this crate writes itself: signed, and straight to the transport.
//!
//! The library's own pipeline could send them, too. But these requests only need its signature step, and every step
//! boxes a future and copies headers. For the one request per blob, this is more work than writing and sending it.

use azure_core::error::{CheckSuccessOptions, check_success};
use azure_core::http::headers::Headers;
use azure_core::http::{Method, RawResponse, Request};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use url::Url;

use super::account::BlobAccount;
use super::exchange::{exchange, send};

impl BlobAccount {
    /// A request with the service version; not signed yet.
    pub(super) fn request(&self, url: Url, method: Method) -> Request {
        let mut request = Request::new(url, method);
        request.insert_header("x-ms-version", self.version.clone());
        request
    }

    /// See [`send`].
    pub(super) async fn send(
        &self,
        request: &mut Request,
        success_codes: &'static [u16],
    ) -> azure_core::Result<RawResponse> {
        send(&self.signer, self.transport.as_ref(), request, success_codes).await
    }

    /// Signs and sends a read; returns headers and content. `None`: the content has more than `limit` bytes and was not
    /// read to its end.
    pub(super) async fn send_within(
        &self,
        request: &mut Request,
        limit: usize,
    ) -> azure_core::Result<Option<(Headers, Bytes)>> {
        let answer = exchange(&self.signer, self.transport.as_ref(), request).await?;
        if u16::from(answer.status()) != 200 {
            let options = CheckSuccessOptions { success_codes: &[200] };
            let answer = check_success(answer.try_into_raw_response().await?, Some(options)).await?;
            return Ok(Some((answer.headers().clone(), Bytes::new())));
        }
        let (_, headers, mut body) = answer.deconstruct();
        let mut content = BytesMut::new();
        while let Some(piece) = body.try_next().await? {
            if content.len() + piece.len() > limit {
                return Ok(None);
            }
            content.extend_from_slice(&piece);
        }
        Ok(Some((headers, content.freeze())))
    }
}
