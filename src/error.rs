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
            Self::Unsuitable { .. } => Disposition::Permanent,
            Self::Changing { .. } => Disposition::Exhausted,
            Self::Vanished { .. } | Self::Differs { .. } => Disposition::Permanent,
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
                let header = |name: &'static str| {
                    raw_response.as_ref().and_then(|raw| {
                        raw.headers().iter().find(|(key, _)| key.as_str() == name).map(|(_, v)| v.as_str().to_owned())
                    })
                };
                let body = raw_response.as_ref().map(|raw| String::from_utf8_lossy(raw.body().as_ref()).into_owned());
                Self::Refused {
                    status: u16::from(*status),
                    code: header("x-ms-error-code").or_else(|| error_code.clone()),
                    message: scrub(&body.as_deref().map(xml_message).unwrap_or_default()),
                    retry_after: header("retry-after").as_deref().and_then(parse_retry_after),
                    source_refusal: header("x-ms-copy-source-status-code").and_then(|status| {
                        Some(SourceRefusal {
                            status: status.parse().ok()?,
                            code: header("x-ms-copy-source-error-code"),
                        })
                    }),
                }
            }
            ErrorKind::Connection => Self::Connect(chain(&error)),
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

/// The `<Message>` of a storage error body, first line only; a body of another kind gives its first 120 characters.
fn xml_message(body: &str) -> String {
    let text = match (body.find("<Message>"), body.find("</Message>")) {
        (Some(from), Some(to)) if from < to => &body[from + "<Message>".len()..to],
        _ => body,
    };
    text.lines().next().unwrap_or_default().chars().take(120).collect()
}
