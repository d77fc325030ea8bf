//! One request and its answer, read as a whole.

use azure_core::http::{HttpClient, Request};

use crate::error::Failure;
use crate::transport;

/// The most JSON values of an answer. A page of 1,000 jobs has about 100,000, a batch of 1,000 operations fewer. A
/// parsed value takes up to thirty times as much memory as its text.
const MOST_VALUES: usize = 250_000;
/// The most bytes of a refusal that are read. Its code and its message need one or two kilobytes.
const REFUSAL: usize = 64 << 10;

/// An answer.
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
    /// The body as text. For a refusal, its first 64 KiB.
    pub(super) body: String,
}

/// Sends a request; answers with any status are returned.
pub(super) async fn send(client: &dyn HttpClient, request: &Request) -> Result<Answer, Failure> {
    let answer = client.execute_request(request).await?;
    let (status, headers, body) = answer.deconstruct();
    let header = |wanted: &str| {
        headers.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted)).map(|(_, v)| v.as_str().to_owned())
    };
    let mut body = transport::collect(body).await?;
    if status.is_success() {
        within_bounds(&body)?;
    } else {
        body.truncate(REFUSAL);
    }
    // Valid UTF-8 is not copied.
    let body = String::from_utf8(body.into());
    Ok(Answer {
        status: u16::from(status),
        content_type: header("content-type"),
        location: header("location"),
        date: header("date"),
        retry_after: header("retry-after"),
        body: body.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    })
}

/// Refuses an answer with too many values. Commas in texts are counted, too; ordinary answers stay far below the limit.
fn within_bounds(body: &[u8]) -> Result<(), Failure> {
    let values = memchr::memchr3_iter(b',', b'[', b'{', body).count();
    if values > MOST_VALUES {
        return Err(Failure::Unexpected(format!("it has {values} values; {MOST_VALUES} are read at most")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_more_values_than_any_listing_is_refused() {
        let body = |values: usize| format!("[{}0]", "0,".repeat(values - 1));
        assert_eq!(within_bounds(body(MOST_VALUES).as_bytes()), Ok(()));
        let refused = within_bounds(body(MOST_VALUES + 1).as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), "unexpected answer: it has 250001 values; 250000 are read at most");
    }
}
