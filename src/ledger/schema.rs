//! The file: opening, checking, migrating it. Migrations are only ever appended; each runs once, in a transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{LedgerError, seal};
use crate::files;
use crate::model::AccountName;
use crate::plan::LedgerAt;

/// Marks the file as a ledger: `mmir` in ASCII.
const APPLICATION_ID: i32 = 0x6d6d_6972;

/// How long to wait for a program that holds the file, such as an operator's database tool. A guess: longer than a
/// manual query takes, but not too long for an operator.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The flags for opening the file. It is never opened through a link.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_NOFOLLOW);
/// The characters with a special meaning for `SQLite` in the path of a `file:` URI.
const URI_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Number n brings a file from version n to n + 1. Never change a released one.
///
/// `from_account` is the source account of the run that wrote the row: both directions of a pair share the file, and
/// each reads its own rows. Names such as those of steps are text without a CHECK, so that a new one needs no new
/// table; a name that this release does not know is refused when it is read. Each row has a seal, a checksum of its
/// columns ([`seal`]).
const MIGRATIONS: &[&str] = &["
    CREATE TABLE meta (
        key   TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL,
        seal  INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE mark (
        from_account TEXT NOT NULL,
        name         TEXT NOT NULL,
        at           TEXT NOT NULL,
        seal         INTEGER,
        PRIMARY KEY (from_account, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE relation (
        from_account    TEXT NOT NULL,
        source          TEXT NOT NULL,
        step            TEXT NOT NULL,
        status          TEXT NOT NULL,
        updated         TEXT NOT NULL,
        name            TEXT,
        target          TEXT,
        container       TEXT,
        source_digest   TEXT,
        target_digest   TEXT,
        files_digest    TEXT,
        locators_digest TEXT,
        kept_digest     TEXT,
        kept_seen       TEXT,
        blobs           INTEGER,
        bytes           INTEGER,
        error           TEXT,
        seal            INTEGER,
        PRIMARY KEY (from_account, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kept (
        from_account TEXT NOT NULL,
        source       TEXT NOT NULL,
        name         TEXT NOT NULL,
        etag         TEXT NOT NULL,
        since        TEXT,
        ours         INTEGER NOT NULL,
        seal         INTEGER,
        PRIMARY KEY (from_account, source, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE run (
        number       INTEGER PRIMARY KEY,
        id           TEXT NOT NULL,
        from_account TEXT NOT NULL,
        began        TEXT NOT NULL,
        ended        TEXT,
        outcome      TEXT,
        summary      TEXT,
        error        TEXT,
        seal         INTEGER
    ) STRICT;
    CREATE INDEX run_by_id ON run (id);
    CREATE TABLE event (
        run    INTEGER NOT NULL,
        number INTEGER NOT NULL,
        asset  TEXT,
        name   TEXT,
        at     TEXT NOT NULL,
        code   TEXT NOT NULL,
        detail TEXT,
        seal   INTEGER,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
"];

/// A ledger in memory.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    migrate(&mut connection)?;
    seal::install(&connection)?;
    Ok(connection)
}

/// Fails if the folder for a new ledger is missing.
pub(super) fn require_directory(path: &Path) -> Result<(), LedgerError> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() && !directory.is_dir() => {
            Err(LedgerError::NoDirectory { path: path.to_owned(), directory: directory.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Opens or makes the file of a pair of accounts for writing. The caller holds the run lock.
pub(super) fn open_for_writing(
    path: &Path,
    source: &AccountName,
    target: &AccountName,
) -> Result<Connection, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::of("open", path, &error);
    let real =
        files::open_own(path).and_then(|_| real(path)).map_err(|error| LedgerError::of_io("open", path, &error))?;
    let mut connection =
        Connection::open_with_flags(real, OpenFlags::SQLITE_OPEN_READ_WRITE | FLAGS).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(LedgerError::NotWritable { attempted: "open", path: path.to_owned() });
    }
    recognise(&connection, path)?;
    // FULL: an acknowledged record survives a power cut, because the log is synced at each commit.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let reason = format!("its file system cannot keep a write-ahead log (journal mode {mode})");
        return Err(LedgerError::Unusable { attempted: "open", path: path.to_owned(), reason });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    migrate(&mut connection).map_err(failed)?;
    seal::check(&connection, path)?;
    seal::install(&connection).map_err(failed)?;
    claim(&connection, source, target).map_err(failed)?;
    identify(&connection).map_err(failed)?;
    same_pair(&connection, path, source, target)?;
    Ok(connection)
}

/// Opens the file for one small write, without the run lock: a run may write to it at the same time. `None` if there is
/// none yet, or if it has to be updated first, which needs the lock. Its rows are not checked: the caller has read it
/// before.
pub(super) fn open_beside_run(
    path: &Path,
    source: &AccountName,
    target: &AccountName,
) -> Result<Option<Connection>, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::of("open", path, &error);
    if !path.try_exists().map_err(|error| LedgerError::of_io("open", path, &error))? {
        return Ok(None);
    }
    // This process must have no other connection to the file: closing this one would drop the locks of the other.
    let real = real(path).map_err(|error| LedgerError::of_io("open", path, &error))?;
    let connection = Connection::open_with_flags(real, OpenFlags::SQLITE_OPEN_READ_WRITE | FLAGS).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(LedgerError::NotWritable { attempted: "open", path: path.to_owned() });
    }
    recognise(&connection, path)?;
    if version(&connection).map_err(failed)? < known() {
        return Ok(None);
    }
    same_pair(&connection, path, source, target)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    seal::install(&connection).map_err(failed)?;
    Ok(Some(connection))
}

/// Which other programs may use the file while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// A writer, of this process or another one.
    Writer,
    /// None: the run lock prevents writers. Then no other files are created.
    Nobody,
}

/// Opens the file for reading. `None` if nothing was ever recorded.
pub(super) fn open_for_reading(path: &Path, beside: Beside) -> Result<Option<Connection>, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::of("read", path, &error);
    if !path.try_exists().map_err(|error| LedgerError::of_io("read", path, &error))? {
        return Ok(None);
    }
    let connection = read_only(path, beside).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    recognise(&connection, path)?;
    match version(&connection).map_err(failed)? {
        0 => Ok(None),
        found if found < known() => Err(LedgerError::Older { path: path.to_owned(), found, known: known() }),
        _ => Ok(Some(connection)),
    }
}

/// Fails if the file belongs to another pair of accounts. Which of the two is the source does not matter.
pub(super) fn same_pair(
    connection: &Connection,
    path: &Path,
    source: &AccountName,
    target: &AccountName,
) -> Result<(), LedgerError> {
    let read = |key: &str| {
        connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0))
            .optional()
            .map_err(|error| LedgerError::of("read", path, &error))
    };
    let (theirs, ours) = ((read("left_account")?, read("right_account")?), in_order(source, target));
    if (theirs.0.as_deref(), theirs.1.as_deref()) == (Some(ours.0), Some(ours.1)) {
        return Ok(());
    }
    let unknown = || "?".to_owned();
    Err(LedgerError::OtherPair {
        path: path.to_owned(),
        theirs: format!("{} and {}", theirs.0.unwrap_or_else(unknown), theirs.1.unwrap_or_else(unknown)),
        ours: format!("{} and {}", ours.0, ours.1),
    })
}

/// The accounts of a pair in the order of names, as in the file.
fn in_order<'a>(source: &'a AccountName, target: &'a AccountName) -> (&'a str, &'a str) {
    let (source, target) = (source.as_str(), target.as_str());
    (source.min(target), source.max(target))
}

/// Fails if the file is, as far as it can be read, a ledger of another pair of accounts. The caller holds the run lock.
pub(super) fn refuse_other_pair(path: &Path, source: &AccountName, target: &AccountName) -> Result<(), LedgerError> {
    let readable = read_only(path, Beside::Nobody).ok().filter(|connection| recognise(connection, path).is_ok());
    // In a damaged file, the names of the accounts may be wrong.
    let whole = readable.filter(|connection| seal::check(connection, path).is_ok());
    match whole.map(|connection| same_pair(&connection, path, source, target)) {
        Some(Err(other @ LedgerError::OtherPair { .. })) => Err(other),
        _ => Ok(()),
    }
}

fn read_only(path: &Path, beside: Beside) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | FLAGS;
    let real = real(path).unwrap_or_else(|_| path.to_owned());
    if beside == Beside::Writer || leftover_log(path) {
        return Connection::open_with_flags(real, flags);
    }
    // A normal reader would create an empty log and its index, and leave them there.
    let name = percent_encode(real.as_os_str().as_encoded_bytes(), URI_PATH);
    Connection::open_with_flags(format!("file:{name}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// Writes the pair into a new ledger.
fn claim(connection: &Connection, source: &AccountName, target: &AccountName) -> rusqlite::Result<()> {
    let (left, right) = in_order(source, target);
    connection.execute(
        "INSERT INTO meta (key, value)
         SELECT 'left_account', ?1 WHERE NOT EXISTS (SELECT 1 FROM meta)
         UNION ALL SELECT 'right_account', ?2 WHERE NOT EXISTS (SELECT 1 FROM meta)",
        [left, right],
    )?;
    Ok(())
}

/// Gives a new ledger its identity: another ledger of the same pair has another one.
fn identify(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO meta (key, value) SELECT 'id', ?1 WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'id')",
        [uuid::Uuid::new_v4().to_string()],
    )?;
    Ok(())
}

/// The ledger's identity, which one in memory does not have, and the number of its last run.
pub(super) fn at(connection: &Connection) -> rusqlite::Result<LedgerAt> {
    let id = connection.query_row("SELECT value FROM meta WHERE key = 'id'", (), |row| row.get(0)).optional()?;
    let serial = connection.query_row("SELECT coalesce(max(number), 0) FROM run", (), |row| row.get(0))?;
    Ok(LedgerAt { id, serial })
}

/// Fails if the file is not a ledger, or one of a newer release. An empty database is accepted as a new ledger.
fn recognise(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::of("open", path, &error);
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let found = version(connection).map_err(failed)?;
    let objects: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(failed)?;
    let empty = id == 0 && found == 0 && objects == 0;
    if id != APPLICATION_ID && !empty {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    if found == 0 && !empty {
        let reason = "it has tables and no version".to_owned();
        return Err(LedgerError::Corrupt { attempted: "open", path: path.to_owned(), reason });
    }
    if found > known() {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known: known() });
    }
    if found == known()
        && layout(connection).map_err(failed)? != in_memory().and_then(|new| layout(&new)).map_err(failed)?
    {
        return Err(LedgerError::OtherLayout { path: path.to_owned(), format: found });
    }
    Ok(())
}

/// The statements that made the tables and indexes, in order of name.
fn layout(connection: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let mut objects = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    objects.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Brings the schema up to date.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for number in version(connection)?..known() {
        let step = connection.transaction()?;
        step.execute_batch(MIGRATIONS[usize::try_from(number).expect("a few migrations")])?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", number + 1)?;
        step.commit()?;
    }
    Ok(())
}

/// The path with all links resolved: with these flags, SQLite refuses a path with a link.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(path.file_name().unwrap_or_default()))
}

/// Is there a write-ahead log? Closing removes it, so its process was killed.
fn leftover_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("a few migrations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = in_memory().unwrap();
        let dump = |connection: &Connection| -> Vec<String> {
            let mut rows = connection.prepare("SELECT name || sql FROM sqlite_schema ORDER BY 1").unwrap();
            rows.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let before = dump(&connection);
        migrate(&mut connection).unwrap();
        assert_eq!(dump(&connection), before);
        assert_eq!(version(&connection).unwrap(), known());
    }
}
