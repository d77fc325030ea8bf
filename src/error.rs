//! What can go wrong, named by what was attempted.

pub use crate::failure::{Disposition, Failure, SourceRefusal};

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
