//! The record of a drill, and its SQL.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::rows::parsed;

/// A drill: a test of a failover that changes nothing in the accounts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Drill {
    /// When.
    pub at: Timestamp,
    /// Were as many assets ready as required, and did the target answer a probe?
    pub passed: bool,
    /// Assets that should have played.
    pub total: u64,
    /// Assets that would have played.
    pub ready: u64,
    /// Assets that the probe played.
    pub played: u64,
    /// When a drill last passed; `null`: none has passed.
    pub last_passed: Option<Timestamp>,
}

/// Replaces the drill of the direction that starts at that account.
pub(super) fn put(connection: &Connection, path: &Path, from: &str, drill: &Drill) -> Result<(), LedgerError> {
    let text = serde_json::to_string(drill).expect("plain fields are JSON");
    let written = connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key(from), text]);
    written.map(drop).map_err(|error| LedgerError::of("write", path, &error))
}

/// Reads the last drill in the direction that starts at that account.
pub(super) fn last(connection: &Connection, from: &str) -> rusqlite::Result<Option<Drill>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key(from)], |row| parsed(row, 0, |text| serde_json::from_str(text).ok()))
        .optional()
}

fn key(from: &str) -> String {
    format!("drill {from}")
}
