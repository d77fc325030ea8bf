//! Errors, named by the action that failed.

use jiff::Timestamp;

pub use crate::failure::{Disposition, Failure, SourceRefusal};
use crate::model::AccountName;
use crate::state::error::LockLoss;
use crate::state::holder::Holder;
use crate::verdict::{Cause, Class, Finding};

/// Which kind of service a call was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The service itself.
    Service,
    /// The service that issues its access tokens.
    TokenService,
}

/// A call that failed after all retries: the action, its subject, and the reason.
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
    /// The service that was called.
    pub asked: Asked,
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() }
}

fn in_brackets(failure: Option<&Failure>) -> String {
    failure.map(|failure| format!(" ({failure})")).unwrap_or_default()
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
    /// The listings cannot be kept in a temporary database.
    #[error("failed to {attempted} the temporary tables of the listings: {reason}")]
    Spool {
        /// The action on the tables.
        attempted: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// A plan cannot be written, read or applied.
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    /// The state that the target keeps cannot be used.
    #[error(transparent)]
    State(#[from] crate::state::error::StateError),
    /// Another run may write to the target now.
    #[error(
        "another run holds the lock of target account {target}: {}; wait until it ends; if that process is dead, the lock \
         expires within two minutes", holder.described_at(*at)
    )]
    Locked {
        /// The target's media account.
        target: AccountName,
        /// The other run.
        holder: Holder,
        /// When it was found.
        at: Timestamp,
    },
    /// This run may no longer write to the target.
    #[error(
        "lost the lock of target account {target}: {reason}; run this command again when no other run holds the lock"
    )]
    LockLost {
        /// The target's media account.
        target: AccountName,
        /// Why.
        reason: LockLoss,
    },
    /// An asset, a blob or a locator is not mirrored, or cannot be.
    #[error("{subject}: {finding}")]
    Found {
        /// What it concerns.
        subject: String,
        /// Why.
        finding: Finding,
    },
    /// The services refuse to copy a blob, or to change its copy, for a known cause.
    #[error("{subject}: {}: {}{}", cause.code(), cause.sentence(), in_brackets(failure.as_ref()))]
    Copy {
        /// The blob.
        subject: String,
        /// Why.
        cause: Cause,
        /// The refusal that shows the cause, if there was one.
        failure: Option<Failure>,
    },
    /// A command that needs locators, in a library that has none.
    #[error("account {account} has no locators: viewers read its blobs at the blobs' own URLs")]
    NoLocators {
        /// The account.
        account: AccountName,
    },
    /// A command cannot be run with the given arguments.
    #[error("{subject}: {reason}")]
    Input {
        /// The argument: a name, an id, a file.
        subject: String,
        /// Why it cannot be used.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    /// What this means for the run.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Call(call) => call.disposition,
            // If the source refuses one copy, no other blob of that account can be read either.
            Self::Config(_)
            | Self::Ledger(_)
            | Self::Spool { .. }
            | Self::Plan(_)
            | Self::State(_)
            | Self::Locked { .. }
            | Self::LockLost { .. }
            | Self::Copy { cause: Cause::SourceRefusesTarget | Cause::SourceSignatureRefused, .. } => {
                Disposition::Fatal
            }
            Self::Found { finding, .. } => match finding.class() {
                Class::Conflict => Disposition::Conflict,
                _ if finding.cause == Cause::SourceChanging => Disposition::Exhausted,
                _ => Disposition::Permanent,
            },
            Self::Copy { .. } | Self::NoLocators { .. } | Self::Input { .. } => Disposition::Permanent,
        }
    }

    /// The error of a subject with that cause.
    pub(crate) fn found(subject: impl Into<String>, cause: Cause, detail: impl Into<String>) -> Self {
        Self::Found { subject: subject.into(), finding: Finding::new(cause, detail) }
    }

    /// The error if `--include` and `--exclude` leave no asset.
    pub(crate) fn nothing_matched() -> Self {
        let remedy = "use globs that match asset names, such as `--include 'film*'`";
        Self::input("--include and --exclude", "no asset of the source matches", remedy)
    }

    /// The error of a selection of this many assets by id, none of which exists any more.
    pub(crate) fn none_left(assets: usize) -> Self {
        let reason = format!("none of them is in the source, and the target has no copy of them ({assets} in all)");
        Self::input("the selected assets", reason, "`mediamirror sync` mirrors what the source has now")
    }

    /// The error of an argument that cannot be used.
    pub(crate) fn input(subject: impl Into<String>, reason: impl Into<String>, remedy: &'static str) -> Self {
        Self::Input { subject: subject.into(), reason: reason.into(), remedy }
    }

    /// What to do about it, if that follows from the error alone.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Input { remedy, .. } => Some(remedy),
            Self::Plan(error) => Some(error.remedy()),
            Self::NoLocators { .. } => Some("compare the libraries with `mediamirror verify`"),
            _ => self.cause().map(Cause::remedy),
        }
    }

    /// The cause, if the error has one.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Found { finding, .. } => Some(finding.cause),
            Self::Copy { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// Did the service that issues access tokens cause it?
    pub fn is_of_tokens(&self) -> bool {
        matches!(self, Self::Call(CallError { asked: Asked::TokenService, .. }))
    }

    /// The verdict on the asset of that name, which was not mirrored because of the error.
    pub fn finding(&self, name: &str) -> Finding {
        let cause = match self {
            Self::Found { subject, finding } if subject == name => return finding.clone(),
            Self::Found { subject, finding } => return finding.about(subject),
            Self::Copy { subject, cause, failure } => {
                return Finding::new(*cause, format!("{subject}{}", in_brackets(failure.as_ref())));
            }
            Self::Call(call) => cause_of(call),
            Self::Config(_)
            | Self::Ledger(_)
            | Self::Spool { .. }
            | Self::Plan(_)
            | Self::State(_)
            | Self::Locked { .. }
            | Self::LockLost { .. } => Cause::ServiceUnavailable,
            Self::NoLocators { .. } | Self::Input { .. } => Cause::NotSupported,
        };
        Finding::new(cause, self.to_string())
    }

    /// The failure of the last attempt, if a call failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Call(call) => Some(&call.failure),
            Self::Copy { failure, .. } => failure.as_ref(),
            _ => None,
        }
    }
}

/// What a failed call means for the asset it was made for.
fn cause_of(call: &CallError) -> Cause {
    match &call.failure {
        Failure::Refused { status: 401 | 403, .. } | Failure::Credential(_) => Cause::PermissionMissing,
        Failure::Refused { status: 400..=428, .. } if call.disposition == Disposition::Permanent => {
            Cause::RequestRefused
        }
        Failure::Absent(_) => Cause::RequestRefused,
        _ => Cause::ServiceUnavailable,
    }
}

/// The same error for each of several items of one request.
pub(crate) fn for_all<T>(error: Error, count: usize) -> Vec<Result<T, Error>> {
    let call = match error {
        Error::Call(call) => call,
        other => CallError {
            attempted: "serve",
            subject: format!("{count} items"),
            failure: Failure::Unexpected(other.to_string()),
            attempts: 1,
            disposition: other.disposition(),
            asked: Asked::Service,
        },
    };
    std::iter::repeat_n(call, count).map(|call| Err(Error::Call(call))).collect()
}
