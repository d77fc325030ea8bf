//! Why the streaming host refuses a request, and the status of the answer.

use axum::http::StatusCode;

use crate::emulator::media_v2::Protocol;
use crate::emulator::storage::StorageError;

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("The streaming endpoint is stopped.")]
    Stopped,
    #[error("Only GET, HEAD and OPTIONS are served.")]
    Method,
    #[error("The path is not /<locator id>/<file>.")]
    Path,
    #[error("There is no streaming locator {0}.")]
    NoLocator(String),
    #[error("The locator is not valid before {0}.")]
    NotYet(jiff::Timestamp),
    #[error("The locator expired at {0}.")]
    Expired(jiff::Timestamp),
    #[error("The {protocol} protocol is not allowed here: {reason}.", protocol = .0.name(), reason = .1)]
    Protected(Protocol, &'static str),
    #[error("The storage account {0} of the asset is not attached.")]
    NoStorage(String),
    #[error("Not found: {0}.")]
    NotFound(StorageError),
    #[error("The storage account failed: {0}.")]
    Storage(StorageError),
    #[error("The server manifest {name} cannot be used: {problem}.")]
    Manifest { name: String, problem: String },
    #[error("MPE_EGRESS_FILTER_NOT_FOUND: the filter {0:?} does not exist.")]
    NoFilter(String),
    #[error("A URL has at most {0} filters.")]
    TooManyFilters(usize),
    #[error("There is no presentation {0:?} here.")]
    Format(String),
    #[error("The range is outside the file of {0} bytes.")]
    Range(u64),
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoContainer(_) | StorageError::NoBlob(_) => Self::NotFound(error),
            other => Self::Storage(other),
        }
    }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path
            | Self::NoLocator(_)
            | Self::NotFound(_)
            | Self::NoStorage(_)
            | Self::Format(_)
            | Self::NoFilter(_) => StatusCode::NOT_FOUND,
            Self::TooManyFilters(_) => StatusCode::BAD_REQUEST,
            Self::NotYet(_) | Self::Expired(_) | Self::Protected(..) => StatusCode::FORBIDDEN,
            Self::Storage(_) => StatusCode::BAD_GATEWAY,
            Self::Manifest { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }
}
