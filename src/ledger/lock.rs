//! The run lock: one run a ledger. An advisory lock on a file beside it, which the kernel frees however the run ends.
//!
//! The lock file itself stays: removing it would let two runs hold locks on two files of the same name.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::machine::host_name;

/// A held lock. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct RunLock {
    file: File,
}

/// Who holds it; the content of the lock file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    /// A [`Timestamp`] as text.
    since: String,
}

impl RunLock {
    /// Takes the lock of that ledger, at once or not at all.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let failed = |error: &std::io::Error| LedgerError::of_io("lock", ledger, error);
        let mut file =
            private(OpenOptions::new().create(true).truncate(false)).open(lock_path(ledger)).map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(ledger, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let holder = Holder { pid: std::process::id(), host: host_name(), since: crate::clock::now().to_string() };
        let text = serde_json::to_string(&holder).expect("three plain fields");
        file.set_len(0).and_then(|()| writeln!(file, "{text}")).map_err(|e| failed(&e))?;
        Ok(Self { file })
    }
}

impl RunLock {
    /// Takes the lock if an earlier run created its file. Without that file no run can hold the lock, and none is
    /// created.
    pub(super) fn take_if_there(ledger: &Path) -> Result<Option<Self>, LedgerError> {
        let there = lock_path(ledger).try_exists().map_err(|error| LedgerError::of_io("lock", ledger, &error))?;
        if there { Self::take(ledger).map(Some) } else { Ok(None) }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file shows an operator that no process holds the lock; closing it releases the lock even if this
        // fails.
        let _ = self.file.set_len(0);
    }
}

/// Makes a file that only its owner can read or write.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.read(true).write(true)
}

/// `<ledger>.lock`.
fn lock_path(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".lock");
    name.into()
}

/// The error for a lock that another process holds. Its file may still be empty if the holder has not written it yet.
fn held(ledger: &Path, file: &mut File) -> LedgerError {
    let mut text = String::new();
    let holder: Option<Holder> =
        file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(text.trim()).ok());
    let path = ledger.to_owned();
    match holder {
        Some(Holder { pid, host, since }) => {
            LedgerError::Locked { path, pid, host, since: since.parse::<Timestamp>().ok() }
        }
        None => LedgerError::Locked { path, pid: 0, host: String::new(), since: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_learns_which_process_holds_the_lock() {
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
    fn a_lock_file_that_says_nothing_still_locks() {
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
}
