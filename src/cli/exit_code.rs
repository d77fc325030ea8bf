//! The exit codes: one enum, held equal to the table in README.md by a test. An unknown code means failure.

use mediamirror::error::{Disposition, Error, Failure};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Everything in scope is replicated and verified
    Success = 0,
    /// Something unexpected
    Unexpected = 1,
    /// The command line cannot be understood
    Usage = 2,
    /// Finished, but some assets could not be mirrored
    Partial = 3,
    /// `verify` found differences
    Differences = 4,
    /// Configuration, credential or permission; nothing was changed
    Refused = 5,
    /// Another run holds the lock of the ledger
    Locked = 6,
    /// The ledger cannot be used
    Ledger = 8,
    /// Interrupted (SIGINT) after draining; the next run goes on from there
    Interrupted = 130,
    /// Terminated (SIGTERM) after draining; the next run goes on from there
    Terminated = 143,
}

impl ExitCode {
    /// The code of an error that ended a command. `changed`: had anything been written to the target by then?
    pub(crate) fn of(error: &Error, changed: bool) -> Self {
        match error {
            Error::Config(_) => Self::Refused,
            Error::Ledger(error) => Self::of_ledger(error),
            Error::Call(_) if changed => Self::Unexpected,
            Error::Call(call) if call.disposition == Disposition::Fatal || is_set_up_wrong(&call.failure) => Self::Refused,
            Error::Call(_) => Self::Unexpected,
            Error::Conflict { .. }
            | Error::Unsuitable { .. }
            | Error::Changing { .. }
            | Error::Vanished { .. }
            | Error::Differs { .. } => Self::Partial,
        }
    }

    /// The code of a ledger that cannot be opened or written.
    pub(crate) fn of_ledger(_error: &mediamirror::ledger::LedgerError) -> Self {
        Self::Ledger
    }
}

/// Does the failure say that an address or a permission is wrong, rather than that a service is in trouble?
fn is_set_up_wrong(failure: &Failure) -> bool {
    match failure {
        Failure::Connect(_) | Failure::Unexpected(_) | Failure::ForeignHost(_) | Failure::Credential(_) => true,
        Failure::Refused { status, .. } => matches!(status, 400..=404),
        Failure::Timeout(_) | Failure::Interrupted(_) => false,
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
