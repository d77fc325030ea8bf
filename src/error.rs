//! What can go wrong, named by what was attempted, and what it means for the run.

use std::fmt;
use std::time::Duration;

use crate::redact::scrub;

/// What a failure means for the run. The engine decides by this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// May work if tried again now.
    Transient,
    /// Was transient, was tried again as often as the policy allows, and still fails.
    Exhausted,
    /// Will not work by trying again.
    Permanent,
    /// Something of somebody else's is in the way.
    Conflict,
    /// The run cannot go on: credentials refused, ledger not writable.
    Fatal,
}

/// What the source answered to the destination of a copy, as the destination reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRefusal {
    /// The source's HTTP status.
    pub status: u16,
    /// The source's error code.
    pub code: Option<String>,
}

/// Why one attempt of one request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service answered with an error.
    #[error("{}", refusal_text(*.status, code.as_deref(), message, source_refusal.as_ref()))]
    Refused {
        /// HTTP status.
        status: u16,
        /// The service's error code, such as `ServerBusy`.
        code: Option<String>,
        /// The service's words, redacted.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// Set where the destination of a copy reports a refusal of the source.
        source_refusal: Option<SourceRefusal>,
    },
    /// No connection: the request was never sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No answer in time: whether the request took effect is not known.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke: whether the request took effect is not known.
    #[error("the connection broke: {0}")]
    Interrupted(String),
    /// The answer is not what the API promises.
    #[error("the answer is not what the API promises: {0}")]
    Unexpected(String),
    /// The request would have gone to a host that is not configured.
    #[error("host {0} is not one of the configured ones; if it is right, add it to `redirect_hosts`")]
    ForeignHost(String),
    /// No token could be had.
    #[error("no access token: {0}")]
    Credential(String),
}

/// One readable line for a refusal.
fn refusal_text(status: u16, code: Option<&str>, message: &str, source: Option<&SourceRefusal>) -> String {
    use fmt::Write as _;
    let mut text = format!("HTTP {status}");
    if let Some(code) = code {
        let _ = write!(text, " {code}");
    }
    if let Some(SourceRefusal { status, code }) = source {
        let _ = write!(text, " (the source answered {status} {})", code.as_deref().unwrap_or(""));
    }
    if !message.is_empty() {
        let _ = write!(text, ": {message}");
    }
    text
}

impl Failure {
    /// The HTTP status, where the service answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The service's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Is it unknown whether the request took effect?
    pub fn ambiguous(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Interrupted(_) => true,
            Self::Refused { status, .. } => matches!(status, 500 | 502 | 504),
            _ => false,
        }
    }
}

/// A call that failed for good: what was attempted, on what, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("failed to {attempted} {subject}: {failure}{}", tries(*attempts))]
pub struct CallError {
    /// The action, as in "failed to …", such as `create asset`.
    pub attempted: &'static str,
    /// What it was done to.
    pub subject: String,
    /// Why the last attempt failed.
    pub failure: Failure,
    /// How often it was tried.
    pub attempts: u32,
    /// What it means for the run.
    pub disposition: Disposition,
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() }
}

/// Everything the library reports as an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call to a service failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// Something of somebody else's is in the way in the target account.
    #[error("{subject}: {reason}")]
    Conflict {
        /// What we wanted to make.
        subject: String,
        /// What is there instead.
        reason: String,
    },
    /// An asset that cannot be mirrored as it is.
    #[error("{subject}: {reason}")]
    Unsuitable {
        /// The asset or blob.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The source changed while it was being copied, again and again.
    #[error("{subject} keeps changing while it is copied")]
    Changing {
        /// The blob.
        subject: String,
    },
    /// The source disappeared while it was being copied.
    #[error("{subject} disappeared from the source during the run")]
    Vanished {
        /// The asset or blob.
        subject: String,
    },
    /// What arrived is not what was sent.
    #[error("{subject} differs from its source after the copy: {reason}")]
    Differs {
        /// The blob or asset.
        subject: String,
        /// In what.
        reason: String,
    },
}

impl Error {
    /// What this means for the run.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Call(call) => call.disposition,
            Self::Config(_) | Self::Ledger(_) => Disposition::Fatal,
            Self::Conflict { .. } => Disposition::Conflict,
            Self::Changing { .. } => Disposition::Exhausted,
            Self::Unsuitable { .. } | Self::Vanished { .. } | Self::Differs { .. } => Disposition::Permanent,
        }
    }

    /// The failure of the last attempt, if a call failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Call(call) => Some(&call.failure),
            _ => None,
        }
    }
}

impl From<azure_core::Error> for Failure {
    /// Reads the SDK's error without printing it: its chain holds URLs with signatures.
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
                // Without a code in a header or in JSON the SDK repeats the status as its code.
                let told = error_code.clone().filter(|code| *code != status.to_string());
                let code = header("x-ms-error-code").or_else(|| xml_text(&body, "Code").map(scrub)).or(told);
                let source_status = header("x-ms-copy-source-status-code")
                    .or_else(|| xml_text(&body, "CopySourceStatusCode").map(str::to_owned));
                Self::Refused {
                    status: u16::from(*status),
                    code,
                    message: scrub(&xml_message(&body)),
                    retry_after: retry_after(header),
                    source_refusal: source_status.and_then(|status| {
                        Some(SourceRefusal {
                            status: status.trim().parse().ok()?,
                            code: header("x-ms-copy-source-error-code")
                                .or_else(|| xml_text(&body, "CopySourceErrorCode").map(scrub)),
                        })
                    }),
                }
            }
            ErrorKind::Connection => Self::Connect(innermost(&error)),
            ErrorKind::Io => {
                crate::transport::timed_out(&error).map_or_else(|| Self::Interrupted(chain(&error)), Self::Timeout)
            }
            _ => match crate::transport::foreign_host(&error) {
                Some(host) => Self::ForeignHost(host),
                None => Self::Unexpected(chain(&error)),
            },
        }
    }
}

/// The same error for each of several items that were asked for together.
pub(crate) fn for_all<T>(error: Error, count: usize) -> Vec<Result<T, Error>> {
    let call = match error {
        Error::Call(call) => call,
        other => CallError {
            attempted: "serve",
            subject: format!("{count} items"),
            failure: Failure::Unexpected(other.to_string()),
            attempts: 1,
            disposition: other.disposition(),
        },
    };
    std::iter::repeat_n(call, count).map(|call| Err(Error::Call(call))).collect()
}

/// `Retry-After` in seconds. A date is not used by these services; negative or garbage values are ignored.
pub fn parse_retry_after(value: &str) -> Option<Duration> {
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

/// What is at the bottom of an error, redacted: above "connection refused" the layers only repeat that they failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    scrub(&cause.to_string())
}

/// The wait an answer asks for, by whichever of the storage services' three headers it asks.
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

/// The `<Message>` of a storage error body, first line only; a body of another kind gives its first 120 characters.
fn xml_message(body: &str) -> String {
    xml_text(body, "Message").unwrap_or(body).lines().next().unwrap_or_default().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use azure_core::error::{Error as SdkError, ErrorKind};
    use azure_core::http::headers::Headers;
    use azure_core::http::{RawResponse, StatusCode};

    use super::*;

    /// What the SDK makes of an answer.
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
    fn a_refusal_keeps_code_message_wait_and_what_the_source_said() {
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
    fn a_body_tells_what_the_headers_do_not() {
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
    fn a_status_is_not_taken_for_a_code() {
        assert_eq!(Failure::from(sdk_error(502, &[], "bad gateway")).code(), None);
    }
}
