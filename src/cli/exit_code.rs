//! The exit codes: one enum, a test compares it with the table on the manual's page `exit-codes`. An unknown code means
//! failure.

use mediamirror::error::{Disposition, Error, Failure};
use mediamirror::ledger::LedgerError;
use mediamirror::state::StateError;
use mediamirror::verdict::Class;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Everything in scope is mirrored and verified, or its cause is accepted
    Success = 0,
    /// Something unexpected
    Unexpected = 1,
    /// The command line cannot be understood
    Usage = 2,
    /// Finished, but something is not mirrored, not checked or does not play
    Partial = 3,
    /// `verify` or `urls` found differences, less is `ready` than required, or a drill failed
    Differences = 4,
    /// Configuration, credential, permission, or an argument that names nothing; no asset was changed
    Refused = 5,
    /// Another run holds the lock of the ledger or of the target
    Locked = 6,
    /// A limit of the run was reached, and it drained; the next run resumes it
    Limit = 7,
    /// The ledger cannot be used
    Ledger = 8,
    /// A guard holds changes back, the direction is wrong, or the state is damaged; a person has to decide
    Held = 9,
    /// An encoding job failed or was canceled
    Encoding = 10,
    /// Interrupted (SIGINT) after draining; the next run resumes it
    Interrupted = 130,
    /// Terminated (SIGTERM) after draining; the next run resumes it
    Terminated = 143,
}

impl ExitCode {
    /// The code of an error that ended a command. `changed`: was anything written to the target before?
    pub(crate) fn of(error: &Error, changed: bool) -> Self {
        match error {
            Error::Ledger(error) => Self::of_ledger(error),
            Error::Locked { .. } => Self::Locked,
            // A person has to decide how to repair the target's state.
            Error::State(StateError::Damaged { .. } | StateError::UnknownVersion { .. }) => Self::Held,
            Error::Call(_) | Error::State(_) if changed => Self::Unexpected,
            Error::Config(_) | Error::State(_) | Error::Plan(_) | Error::Input { .. } => Self::Refused,
            Error::Call(call) if call.disposition == Disposition::Fatal || is_set_up_wrong(&call.failure) => {
                Self::Refused
            }
            Error::Call(_) | Error::Spool { .. } | Error::LockLost { .. } => Self::Unexpected,
            Error::Copy { .. } if !changed && error.disposition() == Disposition::Fatal => Self::Refused,
            Error::NoLocators { .. } => Self::Usage,
            Error::Found { finding, .. } if finding.class() == Class::Held => Self::Held,
            Error::Copy { .. } | Error::Found { .. } => Self::Partial,
        }
    }

    /// The code of a ledger that cannot be opened or written.
    fn of_ledger(error: &LedgerError) -> Self {
        if matches!(error, LedgerError::Locked { .. }) { Self::Locked } else { Self::Ledger }
    }
}

/// Does the failure mean that an address or a permission is wrong, and not that a service has a problem?
fn is_set_up_wrong(failure: &Failure) -> bool {
    match failure {
        Failure::Absent(_)
        | Failure::Connect(_)
        | Failure::Unexpected(_)
        | Failure::TooLarge(_)
        | Failure::ForeignHost(_)
        | Failure::Credential(_) => true,
        Failure::Refused { status, .. } => matches!(status, 400..=404),
        Failure::Timeout(_) | Failure::Interrupted(_) => false,
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use jiff::Timestamp;
    use mediamirror::config::ConfigError;
    use mediamirror::error::{Asked, CallError};
    use mediamirror::manual;
    use mediamirror::model::AccountName;
    use mediamirror::state::{Holder, LockLoss};

    use super::*;

    /// Every code with the first words of its documentation.
    const ALL: [(ExitCode, &str); 13] = [
        (ExitCode::Success, "Everything in scope is mirrored and verified, or its cause is accepted"),
        (ExitCode::Unexpected, "Something unexpected"),
        (ExitCode::Usage, "The command line cannot be understood"),
        (ExitCode::Partial, "Finished, but something is not mirrored, not checked or does not play"),
        (
            ExitCode::Differences,
            "`verify` or `urls` found differences, less is `ready` than required, or a drill failed",
        ),
        (
            ExitCode::Refused,
            "Configuration, credential, permission, or an argument that names nothing; no asset was changed",
        ),
        (ExitCode::Locked, "Another run holds the lock of the ledger or of the target"),
        (ExitCode::Limit, "A limit of the run was reached, and it drained; the next run resumes it"),
        (ExitCode::Ledger, "The ledger cannot be used"),
        (
            ExitCode::Held,
            "A guard holds changes back, the direction is wrong, or the state is damaged; a person has to decide",
        ),
        (ExitCode::Encoding, "An encoding job failed or was canceled"),
        (ExitCode::Interrupted, "Interrupted (SIGINT) after draining; the next run resumes it"),
        (ExitCode::Terminated, "Terminated (SIGTERM) after draining; the next run resumes it"),
    ];

    /// The rows of the table on the manual's page `exit-codes`.
    fn table_of_the_manual() -> Vec<(u8, String)> {
        let page = manual::page("exit-codes").expect("the manual has the page");
        let row = |line: &str| {
            let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
            Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
        };
        page.text.lines().filter_map(row).collect()
    }

    #[test]
    fn the_manual_lists_exactly_these_codes_with_these_words() {
        let code: Vec<(u8, String)> = ALL.iter().map(|(code, words)| (*code as u8, (*words).to_owned())).collect();
        assert_eq!(table_of_the_manual(), code);
    }

    #[test]
    fn every_code_of_the_enum_is_in_the_table() {
        let source = include_str!("exit_code.rs").split("#[cfg(test)]").next().expect("the part before the tests");
        let declared = source.lines().filter(|line| line.starts_with("    ") && line.contains(" = ")).count();
        assert_eq!(declared, ALL.len());
        for (_, words) in ALL {
            assert!(source.contains(&format!("    /// {words}\n")), "{words} is not a doc comment of the enum");
        }
    }

    fn call(failure: Failure, disposition: Disposition) -> Error {
        Error::Call(CallError {
            attempted: "list",
            subject: "assets".to_owned(),
            failure,
            attempts: 1,
            disposition,
            asked: Asked::Service,
        })
    }

    fn refused(status: u16) -> Failure {
        Failure::Refused { status, code: None, message: String::new(), retry_after: None, source_refusal: None }
    }

    #[test]
    fn a_wrong_setup_ends_with_five_if_nothing_was_changed() {
        for failure in [
            refused(401),
            refused(403),
            Failure::Connect("refused".to_owned()),
            Failure::Unexpected("HTML".to_owned()),
            Failure::ForeignHost("h".to_owned()),
            Failure::Credential("no".to_owned()),
        ] {
            let error = call(failure.clone(), Disposition::Exhausted);
            assert_eq!(ExitCode::of(&error, false), ExitCode::Refused, "{failure}");
            assert_eq!(ExitCode::of(&error, true), ExitCode::Unexpected, "{failure} after changes");
        }
    }

    #[test]
    fn a_failing_service_is_not_a_configuration_error() {
        for failure in [refused(500), refused(503), Failure::Timeout(Duration::from_secs(1))] {
            assert_eq!(ExitCode::of(&call(failure, Disposition::Exhausted), false), ExitCode::Unexpected);
        }
    }

    #[test]
    fn a_locked_ledger_is_distinguished_from_an_unusable_one() {
        let path = PathBuf::from("mirror.ledger");
        let locked = LedgerError::Locked { path: path.clone(), pid: 7, host: "h".to_owned(), since: None };
        assert_eq!(ExitCode::of(&Error::Ledger(locked), false), ExitCode::Locked);
        assert_eq!(ExitCode::of(&Error::Ledger(LedgerError::NotALedger { path }), true), ExitCode::Ledger);
    }

    #[test]
    fn errors_of_the_lock_and_the_state_have_their_own_codes() {
        let (target, holder) = (AccountName::new("east"), Holder::here());
        let locked = Error::Locked { target: target.clone(), holder, at: Timestamp::UNIX_EPOCH };
        assert_eq!(ExitCode::of(&locked, false), ExitCode::Locked);
        let lost = Error::LockLost { target, reason: LockLoss::Taken };
        assert_eq!(ExitCode::of(&lost, true), ExitCode::Unexpected);
        let (account, blob, reason) = ("a".to_owned(), "b".to_owned(), "r".to_owned());
        let damaged = Error::State(StateError::Damaged { account, blob, reason });
        assert_eq!(ExitCode::of(&damaged, false), ExitCode::Held);
        let changed = Error::State(StateError::Changed { account: "a".to_owned(), blob: "b".to_owned() });
        assert_eq!(ExitCode::of(&changed, false), ExitCode::Refused);
        assert_eq!(ExitCode::of(&changed, true), ExitCode::Unexpected);
    }

    #[test]
    fn a_command_that_needs_locators_in_a_library_without_them_is_two() {
        assert_eq!(ExitCode::of(&Error::NoLocators { account: AccountName::new("a") }, false), ExitCode::Usage);
    }

    #[test]
    fn a_configuration_error_is_five() {
        let place = || String::new();
        let error = ConfigError { place: place(), problem: place(), remedy: place(), excerpt: None };
        assert_eq!(ExitCode::of(&Error::Config(error), false), ExitCode::Refused);
    }
}
