//! One signed request, straight to the transport, and its answer.

use azure_core::error::{CheckSuccessOptions, check_success};
use azure_core::http::{AsyncRawResponse, HttpClient, RawResponse, Request};

use super::signer::Signer;
use crate::transport;

/// Signs and sends; returns the answer without checking its status.
pub(super) async fn exchange(
    signer: &Signer,
    transport: &dyn HttpClient,
    request: &mut Request,
) -> azure_core::Result<AsyncRawResponse> {
    let token = signer.sign(request);
    let answer = transport.execute_request(request).await?;
    signer.note(token.as_ref(), answer.status().into(), answer.headers());
    Ok(answer)
}

/// Signs and sends; returns the whole answer, or an error if its status is not in `success_codes`.
pub(super) async fn send(
    signer: &Signer,
    transport: &dyn HttpClient,
    request: &mut Request,
    success_codes: &'static [u16],
) -> azure_core::Result<RawResponse> {
    // Read to its end, so that the connection can be used again.
    let (status, headers, body) = exchange(signer, transport, request).await?.deconstruct();
    let answer = RawResponse::from_bytes(status, headers, transport::collect(body).await?);
    check_success(answer, Some(CheckSuccessOptions { success_codes })).await
}
