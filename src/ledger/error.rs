//! Why the ledger cannot be used: the action, the file, and what an operator can do.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::{Status, Step};
use crate::model::AssetId;

/// Why the ledger cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another run uses it.
    #[error(
        "cannot open the ledger {}: another run holds its lock ({}); wait until it ends, or give this run a ledger of \
         its own", path.display(), holder_text(*pid, host, *since)
    )]
    Locked {
        /// The ledger.
        path: PathBuf,
        /// The other run's process id; 0 = not known.
        pid: u32,
        /// The machine it runs on; empty = not known.
        host: String,
        /// When it took the lock.
        since: Option<Timestamp>,
    },
    /// Its folder does not exist.
    #[error("cannot open the ledger {}: the folder {} does not exist; create it, or set another path",
        path.display(), directory.display())]
    NoDirectory {
        /// The ledger.
        path: PathBuf,
        /// The missing folder.
        directory: PathBuf,
    },
    /// The file is something else.
    #[error("cannot open {} as a ledger: it is a file of another kind and was not changed; set another path, \
        or, if it was a ledger, create a new one with `sync --rebuild-ledger`", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file of its lock is something else.
    #[error("cannot lock the ledger {}: {} is a file of another kind and was not changed; give the ledger another name",
        path.display(), lock.display())]
    NotALock {
        /// The ledger.
        path: PathBuf,
        /// The file that would be its lock.
        lock: PathBuf,
    },
    /// A ledger whose tables are not those of its format.
    #[error("cannot open the ledger {}: it is a ledger of mediamirror (format {format}) with other tables than this release \
        makes, so another build wrote it; use that build, or create a new one with `sync --rebuild-ledger`, which keeps this \
        one, compares both accounts again and copies only what is missing", path.display())]
    OtherLayout {
        /// The ledger.
        path: PathBuf,
        /// The format in the file.
        format: u32,
    },
    /// Written by a newer release.
    #[error("cannot open the ledger {}: it was written by a newer release (format {found}, this one knows {known}); \
        use that release, or create a new one with `sync --rebuild-ledger`", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// Written by an older release, and it must not be changed now.
    #[error("cannot read the ledger {}: it was written by an older release (format {found}, this one reads {known}); \
        run `sync`, which updates it", path.display())]
    Older {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// It belongs to another pair of accounts.
    #[error("cannot open the ledger {}: it belongs to the accounts {theirs}, but this run is for {ours}; use one ledger \
        per pair of accounts", path.display())]
    OtherPair {
        /// The ledger.
        path: PathBuf,
        /// The pair it was made for.
        theirs: String,
        /// The pair of this run.
        ours: String,
    },
    /// Its content is damaged.
    #[error("cannot {attempted} the ledger {}: it is damaged ({reason}); restore it from a backup, or create a new one \
        with `sync --rebuild-ledger`, which keeps this one, compares both accounts again and copies only what is missing",
        path.display())]
    Corrupt {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No space left.
    #[error("cannot {attempted} the ledger {}: its disk is full; free some space and run again; no record is lost",
        path.display())]
    DiskFull {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
    },
    /// It is read-only.
    #[error("cannot {attempted} the ledger {}: it is read-only; check the permissions of the file and its folder",
        path.display())]
    NotWritable {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
    },
    /// Another program is writing to it.
    #[error("cannot {attempted} the ledger {}: another program holds it (an open database tool?); close that program",
        path.display())]
    Busy {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {attempted} the ledger {}: {reason}; check the file, its folder and its disk", path.display())]
    Unusable {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A record that must not follow the last one: a mistake in this program, not in the file.
    #[error("cannot record {step} {status} of asset {asset} in the ledger {}: {reason} (last record: {last}); \
        this is a defect of mediamirror, please report it", path.display())]
    OutOfOrder {
        /// The ledger.
        path: PathBuf,
        /// The asset.
        asset: AssetId,
        /// The step that was to be recorded.
        step: Step,
        /// Its status.
        status: Status,
        /// The last record, such as `copy-blobs failed`.
        last: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// It was closed.
    #[error("cannot {attempted} the ledger {}: it is closed", path.display())]
    Closed {
        /// The action.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
    },
}

impl LedgerError {
    /// The meaning of an error of the database.
    pub(super) fn of(attempted: &'static str, path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let reason = error.to_string();
        match error {
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                Self::Corrupt { attempted, path, reason }
            }
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { attempted, path, reason },
                Some(ErrorCode::NotADatabase) => Self::NotALedger { path },
                Some(ErrorCode::DiskFull) => Self::DiskFull { attempted, path },
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::NotWritable { attempted, path },
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { attempted, path },
                _ => Self::Unusable { attempted, path, reason },
            },
        }
    }

    /// The meaning of an error of the file system.
    pub(super) fn of_io(attempted: &'static str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { attempted, path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotWritable { attempted, path },
            _ => Self::Unusable { attempted, path, reason: error.to_string() },
        }
    }
}

/// The holder of the lock, if known.
fn holder_text(pid: u32, host: &str, since: Option<Timestamp>) -> String {
    use std::fmt::Write as _;
    let mut text = if pid == 0 { "process unknown".to_owned() } else { format!("process {pid}") };
    if !host.is_empty() {
        text.push_str(" on ");
        text.push_str(host);
    }
    if let Some(since) = since {
        let _ = write!(text, " since {since:.0}");
    }
    text
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn every_error_of_the_database_has_a_remedy() {
        let of = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            LedgerError::of("write", Path::new("l.db"), &error)
        };
        let table = [
            (ffi::SQLITE_FULL, "disk is full"),
            (ffi::SQLITE_READONLY, "permissions"),
            (ffi::SQLITE_PERM, "permissions"),
            (ffi::SQLITE_CORRUPT, "sync --rebuild-ledger"),
            (ffi::SQLITE_NOTADB, "sync --rebuild-ledger"),
            (ffi::SQLITE_BUSY, "close that program"),
            (ffi::SQLITE_IOERR, "check the file"),
        ];
        for (code, words) in table {
            let text = of(code).to_string();
            assert!(text.contains("l.db") && text.contains(words), "{code}: {text}");
        }
        assert!(matches!(of(ffi::SQLITE_FULL), LedgerError::DiskFull { attempted: "write", .. }));
    }

    #[test]
    fn a_locked_ledger_names_its_holder() {
        let since = Some("2026-01-02T03:04:05Z".parse().unwrap());
        let error = LedgerError::Locked { path: "l.db".into(), pid: 7, host: "ark".into(), since };
        assert!(error.to_string().contains("process 7 on ark since 2026-01-02T03:04:05Z"), "{error}");
        let error = LedgerError::Locked { path: "l.db".into(), pid: 0, host: String::new(), since: None };
        assert!(error.to_string().contains("process unknown"), "{error}");
    }
}
