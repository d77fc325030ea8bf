//! Why one attempt of one request failed, and what a failure means for the run.

pub(crate) mod copy_refusal;

use std::fmt;
use std::time::Duration;

/// What a failure means for the run. The engine decides by this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// May work if tried again now.
    Transient,
    /// Is transient, but still fails after all retries that the policy allows.
    Exhausted,
    /// Will not work by trying again.
    Permanent,
    /// A thing that mediamirror did not make is in the way.
    Conflict,
    /// The run cannot continue: credentials refused, ledger not writable.
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
        /// The service's message, redacted.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
        /// Set if the destination of a copy reports a refusal of the source.
        source_refusal: Option<SourceRefusal>,
    },
    /// The service answered that there is no such object (HTTP 404), in its own format. A proxy's error page is not
    /// such an answer.
    #[error("HTTP 404: {0}")]
    Absent(String),
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
    #[error("unexpected answer: {0}")]
    Unexpected(String),
    /// The answer needs more than this number of bytes of memory.
    #[error("the answer takes more than {} MiB of memory", .0 >> 20)]
    TooLarge(usize),
    /// The request would have gone to a host that is not configured.
    #[error("host {0} is not configured; if it is correct, add it to `redirect_hosts`")]
    ForeignHost(String),
    /// No token was issued.
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
    /// The HTTP status, if the service answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Absent(_) => Some(404),
            _ => None,
        }
    }

    /// Did the service itself answer that there is no such object?
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// The service's error code, if it sent one.
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
