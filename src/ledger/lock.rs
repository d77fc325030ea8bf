//! The run lock: one run per ledger. It is an advisory lock on a file next to it, which the kernel releases when the
//! process ends.
//!
//! The lock file itself is kept: removing it would let two runs hold locks on two files of the same name.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::files::{self, Links};
use crate::machine::host_name;

/// A held lock. Dropping it releases it.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
    /// Does the file name its holder?
    says_so: bool,
}

/// The most bytes that are read from a lock file.
const LONGEST: u64 = 4_096;

/// Who holds it; the content of the lock file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    /// A [`Timestamp`] as text.
    since: String,
}

impl RunLock {
    /// Takes the lock of that ledger, without waiting.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let failed = |error: &std::io::Error| LedgerError::of_io("lock", ledger, error);
        let mut file = files::open_own(&lock_path(ledger)).map_err(|e| failed(&e))?;
        lock(ledger, &file)?;
        let holder = Holder { pid: std::process::id(), host: host_name(), since: crate::clock::now().to_string() };
        let text = serde_json::to_string(&holder).expect("three plain fields");
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{text}"));
        written.map_err(|e| failed(&e))?;
        Ok(Self { file, says_so: true })
    }

    /// Prevents runs without writing anything. If there is no lock file of an earlier run, no run holds the lock, and
    /// no file is created.
    pub(super) fn keep_out(ledger: &Path) -> Result<Option<Self>, LedgerError> {
        let file = match files::open(&lock_path(ledger), Links::Refused) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| LedgerError::of_io("lock", ledger, &error))?,
        };
        lock(ledger, &file)?;
        Ok(Some(Self { file, says_so: false }))
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file shows an operator that no process holds the lock; closing it releases the lock even if this
        // fails.
        if self.says_so {
            let _ = self.file.set_len(0);
        }
    }
}

/// Locks the file, if it is one of ours.
fn lock(ledger: &Path, file: &File) -> Result<(), LedgerError> {
    match file.try_lock() {
        Ok(()) if content(file).is_some_and(|text| !text.is_empty() && holder(&text).is_none()) => {
            Err(LedgerError::NotALock { path: ledger.to_owned(), lock: lock_path(ledger) })
        }
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(held(ledger, file)),
        Err(TryLockError::Error(error)) => Err(LedgerError::of_io("lock", ledger, &error)),
    }
}

/// `<ledger>.lock`.
fn lock_path(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".lock");
    name.into()
}

/// The error for a lock that another process holds. Its file may still be empty if the holder has not written it yet.
fn held(ledger: &Path, file: &File) -> LedgerError {
    let path = ledger.to_owned();
    match content(file).as_deref().and_then(holder) {
        Some(Holder { pid, host, since }) => {
            LedgerError::Locked { path, pid, host, since: since.parse::<Timestamp>().ok() }
        }
        None => LedgerError::Locked { path, pid: 0, host: String::new(), since: None },
    }
}

/// The content of the file; `None` if it cannot be read.
fn content(file: &File) -> Option<String> {
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn holder(text: &str) -> Option<Holder> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_second_run_names_the_process_that_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("l.db");
        let lock = RunLock::take(&ledger).unwrap();
        let error = RunLock::take(&ledger).unwrap_err();
        let LedgerError::Locked { pid, since, path, .. } = error else { panic!("{error}") };
        assert_eq!((pid, path), (std::process::id(), ledger.clone()));
        assert!(since.is_some());
        drop(lock);
        RunLock::take(&ledger).unwrap();
    }

    #[test]
    fn an_empty_lock_file_still_locks() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("l.db");
        let lock = RunLock::take(&ledger).unwrap();
        lock.file.set_len(0).unwrap();
        assert!(matches!(RunLock::take(&ledger), Err(LedgerError::Locked { pid: 0, since: None, .. })));
    }

    #[test]
    fn a_lock_file_left_by_a_killed_run_does_not_lock() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("l.db");
        std::fs::write(lock_path(&ledger), r#"{"pid":1,"host":"h","since":"2026-01-01T00:00:00Z"}"#).unwrap();
        RunLock::take(&ledger).unwrap();
    }

    #[test]
    fn a_file_of_another_program_is_not_used_as_a_lock_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, other) = (dir.path().join("Cargo"), dir.path().join("Cargo.lock"));
        std::fs::write(&other, "[[package]]\n").unwrap();
        for error in [RunLock::take(&ledger).unwrap_err(), RunLock::keep_out(&ledger).unwrap_err()] {
            assert!(matches!(&error, LedgerError::NotALock { lock, .. } if *lock == other), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "[[package]]\n");
    }

    #[test]
    fn preventing_runs_writes_nothing_and_creates_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("l.db");
        assert!(RunLock::keep_out(&ledger).unwrap().is_none());
        assert!(!lock_path(&ledger).exists());
        let left = r#"{"pid":1,"host":"h","since":"2026-01-01T00:00:00Z"}"#;
        std::fs::write(lock_path(&ledger), left).unwrap();
        let out = RunLock::keep_out(&ledger).unwrap().expect("the file is there");
        assert!(matches!(RunLock::take(&ledger), Err(LedgerError::Locked { pid: 1, .. })));
        drop(out);
        assert_eq!(std::fs::read_to_string(lock_path(&ledger)).unwrap(), left);
    }
}
