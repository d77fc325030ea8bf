//! One request to a token service, and its answer.

use azure_core::http::{HttpClient, Request};
use jiff::Timestamp;
use url::Url;

use super::answer::{read, refusal};
use super::token::Token;
use crate::clock;
use crate::failure::Failure;
use crate::transport::{self, authority};

/// The most bytes of an answer that are read; a token has a few thousand.
const LONGEST: usize = 64 << 10;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) body: String,
    /// When the request was sent.
    pub(super) asked_at: Timestamp,
}

/// Sends a request; answers with any status are returned.
pub(super) async fn send(client: &dyn HttpClient, request: &Request) -> Result<Answer, Failure> {
    let asked_at = clock::now();
    let (status, headers, body) = client.execute_request(request).await?.deconstruct();
    let retry_after = headers.iter().find(|(name, _)| name.as_str() == "retry-after");
    let retry_after = retry_after.map(|(_, value)| value.as_str().to_owned());
    let mut body = transport::collect(body).await?;
    body.truncate(LONGEST);
    Ok(Answer { status: status.into(), retry_after, body: String::from_utf8_lossy(&body).into_owned(), asked_at })
}

/// Reads a token from an answer. A refusal is final, unless its status shows a problem of the service.
pub(super) fn token(url: &Url, answer: &Answer) -> Result<Token, Failure> {
    let host = authority(url);
    match answer.status {
        200 => read(&answer.body, answer.asked_at)
            .ok_or_else(|| Failure::Credential(format!("{host} did not answer with a token; is the token URL right?"))),
        408 | 429 | 500..=599 => Err(refusal(answer.status, answer.retry_after.as_deref(), &answer.body)),
        status => Err(Failure::Credential(format!("{host} answered {}", refusal(status, None, &answer.body)))),
    }
}
