//! Moves an unusable ledger aside. Nothing is deleted, so that it can be examined later.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::LedgerError;

/// The files of a database: itself, its write-ahead log, and the index of the log.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Renames all files of the ledger, to names with the time. Returns the new names, the ledger's own first; none if
/// there were no files. The caller holds the run lock.
///
/// # Errors
/// A file cannot be renamed.
pub(super) fn move_aside(ledger: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    let there = PARTS.map(|part| (part, with(ledger, part)));
    let mut present = Vec::new();
    for (part, path) in there {
        if is_there(ledger, &path)? {
            present.push((part, path));
        }
    }
    if present.is_empty() {
        return Ok(Vec::new());
    }
    let aside = free_name(ledger)?;
    let mut moved = Vec::with_capacity(present.len());
    for (part, path) in present {
        // The new names still belong together, so that the moved ledger can be opened with its log.
        let to = with(&aside, part);
        fs::rename(&path, &to).map_err(|error| LedgerError::of_io("move", ledger, &error))?;
        moved.push(to);
    }
    Ok(moved)
}

/// Is there a file? A folder or a device with that name is not moved.
fn is_there(ledger: &Path, path: &Path) -> Result<bool, LedgerError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(LedgerError::NotALedger { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(LedgerError::of_io("move", ledger, &error)),
    }
}

/// `<ledger>.<time>`, with a number if that exists, as after two runs within one second.
fn free_name(ledger: &Path) -> Result<PathBuf, LedgerError> {
    let stamp = crate::clock::now().strftime(".%Y%m%dT%H%M%SZ").to_string();
    let names = (1_u32..).map(|n| if n == 1 { with(ledger, &stamp) } else { with(ledger, &format!("{stamp}-{n}")) });
    for name in names {
        if all_free(&name).map_err(|error| LedgerError::of_io("move", ledger, &error))? {
            return Ok(name);
        }
    }
    unreachable!("some number is free")
}

fn all_free(name: &Path) -> std::io::Result<bool> {
    for part in PARTS {
        if with(name, part).try_exists()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The path with a suffix.
fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_ledger_are_moved_together_and_never_replace_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("l.db");
        assert_eq!(move_aside(&ledger).unwrap(), Vec::<PathBuf>::new());
        let mut seen = Vec::new();
        for round in 0..3 {
            fs::write(&ledger, format!("ledger {round}")).unwrap();
            fs::write(with(&ledger, "-wal"), format!("log {round}")).unwrap();
            let moved = move_aside(&ledger).unwrap();
            assert_eq!(moved.len(), 2, "{moved:?}");
            assert_eq!(moved[1], with(&moved[0], "-wal"));
            assert!(!ledger.exists() && !with(&ledger, "-wal").exists());
            seen.push(moved);
        }
        for (round, moved) in seen.iter().enumerate() {
            assert_eq!(fs::read_to_string(&moved[0]).unwrap(), format!("ledger {round}"));
            assert_eq!(fs::read_to_string(&moved[1]).unwrap(), format!("log {round}"));
        }
    }

    #[test]
    fn a_folder_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(move_aside(dir.path()), Err(LedgerError::NotALedger { .. })));
    }
}
