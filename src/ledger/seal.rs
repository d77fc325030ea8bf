//! Each row has a seal: a checksum of its other columns. All seals are checked when the file is opened, so a bit that has flipped on
//! the disk is reported as damage. Without seals, a changed id would look like an asset that does not exist.
//!
//! Temporary triggers write the seals. They exist only in the connections of this program.

use std::path::Path;

use crc_fast::{CrcAlgorithm, Digest};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use super::LedgerError;

/// A table: its name, its key, and all columns except the seal.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
}

const TABLES: &[Table] = &[
    Table { name: "meta", key: &["key"], columns: &["key", "value"] },
    Table { name: "mark", key: &["from_account", "name"], columns: &["from_account", "name", "at"] },
    Table {
        name: "relation",
        key: &["from_account", "source"],
        columns: &[
            "from_account",
            "source",
            "step",
            "status",
            "updated",
            "name",
            "target",
            "container",
            "source_digest",
            "target_digest",
            "files_digest",
            "locators_digest",
            "kept_digest",
            "kept_seen",
            "blobs",
            "bytes",
            "error",
        ],
    },
    Table {
        name: "kept",
        key: &["from_account", "source", "name"],
        columns: &["from_account", "source", "name", "etag", "since", "ours"],
    },
    Table {
        name: "run",
        key: &["number"],
        columns: &["number", "id", "from_account", "began", "ended", "outcome", "summary", "error"],
    },
    Table {
        name: "event",
        key: &["run", "number"],
        columns: &["run", "number", "asset", "name", "at", "code", "detail"],
    },
];

impl Table {
    /// The columns as arguments of a function, each with that prefix.
    fn all(&self, prefix: &str) -> String {
        self.columns.iter().map(|column| format!("{prefix}{column}")).collect::<Vec<_>>().join(", ")
    }

    /// The triggers that seal a row when it is written. A change of only the seal does not start them.
    fn triggers(&self) -> String {
        let Self { name, key, .. } = self;
        let row = key.iter().map(|column| format!("{column} = NEW.{column}")).collect::<Vec<_>>().join(" AND ");
        let seal = format!("BEGIN UPDATE {name} SET seal = seal({}) WHERE {row}; END;", self.all("NEW."));
        format!(
            "CREATE TEMP TRIGGER seal_new_{name} AFTER INSERT ON main.{name} {seal}
             CREATE TEMP TRIGGER seal_changed_{name} AFTER UPDATE OF {} ON main.{name} {seal}",
            self.all("")
        )
    }
}

/// Makes a connection seal the rows that it writes.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    define(connection)?;
    TABLES.iter().try_for_each(|table| connection.execute_batch(&table.triggers()))
}

/// Fails if the file is damaged: if its pages or indexes are inconsistent, or if a seal does not match its row. Reads the whole file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::of("check", path, &error);
    let corrupt = |reason: String| LedgerError::Corrupt { attempted: "check", path: path.to_owned(), reason };
    define(connection).map_err(failed)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return Err(corrupt(verdict));
    }
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM {} WHERE seal IS NOT seal({})", table.name, table.all(""));
        let broken: u64 = connection.query_row(&sql, (), |row| row.get(0)).map_err(failed)?;
        if broken > 0 {
            return Err(corrupt(format!("{broken} rows of table {} have changed since they were written", table.name)));
        }
    }
    Ok(())
}

fn define(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("seal", -1, flags, |row| Ok(seal(row)))
}

/// A checksum of some values, including their types and lengths.
fn seal(row: &Context<'_>) -> i64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    for at in 0..row.len() {
        let value = row.get_raw(at);
        let number;
        let bytes: &[u8] = match value {
            ValueRef::Null => &[],
            ValueRef::Integer(whole) => {
                number = whole.to_le_bytes();
                &number
            }
            ValueRef::Real(real) => {
                number = real.to_le_bytes();
                &number
            }
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        };
        digest.update(&[value.data_type() as u8]);
        digest.update(&(bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    }
    digest.finalize().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::schema;

    #[test]
    fn each_table_and_each_column_is_sealed() {
        let connection = schema::in_memory().unwrap();
        let read = |sql: &str| -> Vec<String> {
            let mut rows = connection.prepare(sql).unwrap();
            rows.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let mut tables = read("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
        let mut sealed: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        tables.sort();
        sealed.sort_unstable();
        assert_eq!(tables, sealed);
        for table in TABLES {
            let columns = read(&format!("SELECT name FROM pragma_table_info('{}')", table.name));
            assert_eq!(columns, [table.columns, &["seal"]].concat(), "{}", table.name);
            let keys = read(&format!("SELECT name FROM pragma_table_info('{}') WHERE pk ORDER BY pk", table.name));
            assert_eq!(keys, table.key, "{}", table.name);
        }
    }

    #[test]
    fn a_row_that_another_program_changed_is_reported_as_damage() {
        let connection = schema::in_memory().unwrap();
        connection.execute("INSERT INTO mark (from_account, name, at) VALUES ('a', 'b', 'c')", ()).unwrap();
        check(&connection, Path::new("l")).unwrap();
        connection.execute("UPDATE mark SET at = 'd'", ()).unwrap();
        check(&connection, Path::new("l")).unwrap();
        connection.execute_batch("DROP TRIGGER seal_changed_mark").unwrap();
        for change in ["at = 'e'", "at = 'd', name = 'B'", "name = 'b', seal = NULL", "seal = 7"] {
            connection.execute(&format!("UPDATE mark SET {change}"), ()).unwrap();
            let error = check(&connection, Path::new("l")).unwrap_err().to_string();
            assert!(error.contains("1 rows of table mark have changed since they were written"), "{change}: {error}");
            assert!(error.contains("sync --rebuild-ledger"), "{error}");
        }
    }
}
