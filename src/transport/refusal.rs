//! Converts the SDK's errors to our failures without printing them: their chains contain URLs with signatures.

use std::time::Duration;

use crate::failure::{Failure, SourceRefusal};
use crate::redact::{scrub, scrub_beginning};

/// The longest excerpt of a foreign text, in characters.
const EXCERPT: usize = 120;

impl From<azure_core::Error> for Failure {
    /// Reads the SDK's error without printing it: its chain contains URLs with signatures.
    fn from(error: azure_core::Error) -> Self {
        use azure_core::error::ErrorKind;
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, raw_response } => {
                let header = |name: &str| {
                    raw_response.as_ref().and_then(|raw| {
                        raw.headers().iter().find(|(key, _)| key.as_str() == name).map(|(_, v)| v.as_str().to_owned())
                    })
                };
                let body = raw_response.as_ref().map(|raw| String::from_utf8_lossy(raw.body().as_ref()).into_owned());
                let body = body.unwrap_or_default();
                // Without a code in a header or in JSON, the SDK uses the status as the code.
                let code = error_code.clone().filter(|code| *code != status.to_string());
                let code = header("x-ms-error-code").or_else(|| xml_text(&body, "Code").map(str::to_owned)).or(code);
                let source_status = header("x-ms-copy-source-status-code")
                    .or_else(|| xml_text(&body, "CopySourceStatusCode").map(str::to_owned));
                Self::Refused {
                    status: u16::from(*status),
                    code: code.as_deref().map(excerpt),
                    message: excerpt(xml_message(&body)),
                    retry_after: retry_after(header),
                    source_refusal: source_status.and_then(|status| {
                        Some(SourceRefusal {
                            status: status.trim().parse().ok()?,
                            code: header("x-ms-copy-source-error-code")
                                .or_else(|| xml_text(&body, "CopySourceErrorCode").map(str::to_owned))
                                .as_deref()
                                .map(excerpt),
                        })
                    }),
                }
            }
            ErrorKind::Connection => Self::Connect(innermost(&error)),
            ErrorKind::Io => super::timed_out(&error).map_or_else(|| Self::Interrupted(chain(&error)), Self::Timeout),
            _ => match (super::foreign_host(&error), super::too_large(&error)) {
                (Some(host), _) => Self::ForeignHost(host),
                (None, Some(limit)) => Self::TooLarge(limit),
                (None, None) => Self::Unexpected(chain(&error)),
            },
        }
    }
}

/// `Retry-After` in seconds. A date is not used by these services; negative or garbage values are ignored.
pub(crate) fn parse_retry_after(value: &str) -> Option<Duration> {
    value.trim().parse::<u64>().ok().map(Duration::from_secs)
}

/// The innermost causes of an error as one redacted line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    scrub(&text)
}

/// The innermost cause of an error, redacted: above "connection refused", the layers only report that they failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    scrub(&cause.to_string())
}

/// The wait that an answer requests, in one of the storage services' three headers.
fn retry_after(header: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    ["x-ms-retry-after-ms", "retry-after-ms"]
        .iter()
        .find_map(|name| header(name)?.trim().parse().ok().map(Duration::from_millis))
        .or_else(|| parse_retry_after(&header("retry-after")?))
}

/// The text of an element of an error body.
fn xml_text<'a>(body: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{element}>"))?;
    rest.split_once(&format!("</{element}>")).map(|(text, _)| text)
}

/// The first line of the `<Message>` of a storage error body, or of a body of another kind.
fn xml_message(body: &str) -> &str {
    xml_text(body, "Message").unwrap_or(body).lines().next().unwrap_or_default()
}

/// The first 120 characters, redacted.
fn excerpt(text: &str) -> String {
    scrub_beginning(text).chars().take(EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use azure_core::error::{Error as SdkError, ErrorKind};
    use azure_core::http::headers::Headers;
    use azure_core::http::{RawResponse, StatusCode};

    use super::*;

    /// The SDK's error for an answer.
    fn sdk_error(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> SdkError {
        let mut map = Headers::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let status = StatusCode::from(status);
        let kind = ErrorKind::HttpResponse {
            status,
            error_code: Some(status.to_string()),
            raw_response: Some(Box::new(RawResponse::from_bytes(status, map, body))),
        };
        SdkError::with_message(kind, "x")
    }

    #[test]
    fn a_refusal_has_code_message_wait_and_the_refusal_of_the_source() {
        let headers = [
            ("x-ms-error-code", "CannotVerifyCopySource"),
            ("x-ms-copy-source-status-code", "503"),
            ("x-ms-copy-source-error-code", "ServerBusy"),
            ("retry-after", "3"),
        ];
        let body = "<?xml version=\"1.0\"?><Error><Code>C</Code><Message>Busy: http://h/c?sig=abc\nRequestId:1</Message></Error>";
        let failure = Failure::from(sdk_error(503, &headers, body));
        let expected = Failure::Refused {
            status: 503,
            code: Some("CannotVerifyCopySource".to_owned()),
            message: "Busy: http://h/c?sig=REDACTED".to_owned(),
            retry_after: Some(Duration::from_secs(3)),
            source_refusal: Some(SourceRefusal { status: 503, code: Some("ServerBusy".to_owned()) }),
        };
        assert_eq!(failure, expected);
    }

    #[test]
    fn the_body_is_used_for_fields_that_the_headers_do_not_have() {
        let body = "<Error><Code>CannotVerifyCopySource</Code><Message>m</Message>\
                    <CopySourceStatusCode>404</CopySourceStatusCode></Error>";
        let failure = Failure::from(sdk_error(404, &[("x-ms-retry-after-ms", "250")], body));
        let expected = Failure::Refused {
            status: 404,
            code: Some("CannotVerifyCopySource".to_owned()),
            message: "m".to_owned(),
            retry_after: Some(Duration::from_millis(250)),
            source_refusal: Some(SourceRefusal { status: 404, code: None }),
        };
        assert_eq!(failure, expected);
    }

    #[test]
    fn a_status_is_not_used_as_a_code() {
        assert_eq!(Failure::from(sdk_error(502, &[], "bad gateway")).code(), None);
    }
}
