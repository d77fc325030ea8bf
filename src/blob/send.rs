//! Requests that this crate writes itself: signed, and straight to the transport.
//!
//! The library's own pipeline could send them, too. Of its steps these need the signature alone, and each of the others
//! boxes a future and copies headers; for the one request that a blob costs, that is more work than to write and send it.

use azure_core::error::{CheckSuccessOptions, check_success};
use azure_core::http::{RawResponse, Request};

use super::BlobAccount;

impl BlobAccount {
    /// Signs and sends; returns the whole answer, or, with a status not in `success_codes`, what it says as an error.
    pub(super) async fn send(
        &self,
        request: &mut Request,
        success_codes: &'static [u16],
    ) -> azure_core::Result<RawResponse> {
        self.signer.sign(request);
        // Read to its end, so that the connection can be used again.
        let answer = self.transport.execute_request(request).await?.try_into_raw_response().await?;
        check_success(answer, Some(CheckSuccessOptions { success_codes })).await
    }
}
