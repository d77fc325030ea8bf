//! One request and its answer, read as a whole.

use azure_core::http::{HttpClient, Request};

use crate::error::Failure;

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// `Content-Type`.
    pub(super) content_type: Option<String>,
    /// `Location`.
    pub(super) location: Option<String>,
    /// `Date`.
    pub(super) date: Option<String>,
    /// `Retry-After`.
    pub(super) retry_after: Option<String>,
    /// The body as text.
    pub(super) body: String,
}

/// Sends a request; any status is an answer.
pub(super) async fn send(client: &dyn HttpClient, request: &Request) -> Result<Answer, Failure> {
    let answer = client.execute_request(request).await?;
    let (status, headers, body) = answer.deconstruct();
    let header = |wanted: &str| {
        headers.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted)).map(|(_, v)| v.as_str().to_owned())
    };
    Ok(Answer {
        status: u16::from(status),
        content_type: header("content-type"),
        location: header("location"),
        date: header("date"),
        retry_after: header("retry-after"),
        body: String::from_utf8_lossy(&body.collect().await?).into_owned(),
    })
}
