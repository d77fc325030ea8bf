//! The SQL of runs and their events.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

use super::rows::{parsed, stored};
use super::runs::{Event, RunBegin, RunEnd, RunRow};
use crate::model::{AccountName, AssetId};
use crate::redact::scrub;
use crate::verdict::Outcome;

/// Runs whose events are kept: a month of nights.
const RUNS_WITH_EVENTS: u32 = 30;

/// Runs that are kept: three years of nights, some 100 KB.
const RUNS: u32 = 1_000;

/// Events deleted in one transaction: so that the write-ahead log stays small, although the first run of a library can
/// have a million events. A guess.
const DELETED_AT_ONCE: usize = 10_000;

/// Which of a run's events are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// The position after which they are.
    pub(super) after: u64,
    /// How many, at most.
    pub(super) limit: usize,
}

/// Writes the start of a run and removes old events: usually those of one run, thirty runs ago.
pub(super) fn begin(connection: &mut Connection, from: &str, begin: &RunBegin) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // The changes since the mark do not include what the other direction wrote to this source.
    transaction.execute(
        "DELETE FROM mark WHERE from_account = ?1
             AND (SELECT from_account FROM run ORDER BY number DESC LIMIT 1) <> ?1",
        [from],
    )?;
    transaction.execute(
        "INSERT INTO run (id, from_account, began) VALUES (?1, ?2, ?3)",
        params![begin.id, from, begin.at.to_string()],
    )?;
    let number = transaction.last_insert_rowid();
    transaction.execute("DELETE FROM run WHERE number <= ?1", [number - i64::from(RUNS)])?;
    transaction.commit()?;
    let delete = "DELETE FROM event WHERE (run, number) IN
                      (SELECT run, number FROM event WHERE run <= ?1 ORDER BY run, number LIMIT ?2)";
    let oldest = number - i64::from(RUNS_WITH_EVENTS);
    while connection.execute(delete, params![oldest, DELETED_AT_ONCE])? == DELETED_AT_ONCE {}
    Ok(())
}

/// Writes the end of the last run of that id, if it has none yet.
pub(super) fn end(connection: &Connection, run: &str, end: &RunEnd) -> rusqlite::Result<()> {
    let RunEnd { at, outcome, summary, error } = end;
    connection.execute(
        "UPDATE run SET ended = ?2, outcome = ?3, summary = ?4, error = ?5
         WHERE number = (SELECT max(number) FROM run WHERE id = ?1) AND ended IS NULL",
        params![
            run,
            at.to_string(),
            outcome.code(),
            summary.as_ref().map(|summary| scrubbed(summary.clone()).to_string()),
            error.as_ref().map(|error| scrub(error)),
        ],
    )?;
    Ok(())
}

/// Writes an event after the others of its run; does nothing if there is no such run.
pub(super) fn add(connection: &Connection, run: &str, event: &Event) -> rusqlite::Result<()> {
    let detail = (!event.detail.is_empty()).then(|| scrubbed(Value::Object(event.detail.clone())).to_string());
    let statement = "INSERT INTO event (run, number, asset, name, at, code, detail)
         SELECT last.number, (SELECT coalesce(max(number), 0) + 1 FROM event WHERE run = last.number), ?2, ?3, ?4, ?5, ?6
         FROM (SELECT number FROM run WHERE id = ?1 ORDER BY number DESC LIMIT 1) AS last";
    connection.prepare_cached(statement)?.execute(params![
        run,
        event.asset.as_ref().map(AssetId::as_str),
        event.name.as_ref().map(|name| scrub(name)),
        event.at.to_string(),
        event.code,
        detail,
    ])?;
    Ok(())
}

/// The last check before writing: removes signatures. Each text is scrubbed separately, so that the result is still
/// JSON.
fn scrubbed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(&text)),
        Value::Array(values) => Value::Array(values.into_iter().map(scrubbed).collect()),
        Value::Object(values) => Value::Object(values.into_iter().map(|(key, value)| (key, scrubbed(value))).collect()),
        other => other,
    }
}

/// The last runs, the newest first.
pub(super) fn runs(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<RunRow>> {
    connection
        .prepare_cached(
            "SELECT id, from_account, began, ended, outcome, summary, error, number,
                 (SELECT coalesce(max(number), 0) FROM event WHERE run = run.number)
             FROM run ORDER BY number DESC LIMIT ?1",
        )?
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read_run)?
        .collect()
}

/// The events of the last run of that id after that position, at most `limit`, with their positions.
pub(super) fn events(connection: &Connection, run: &str, page: Page) -> rusqlite::Result<Vec<(u64, Event)>> {
    connection
        .prepare_cached(
            "SELECT asset, name, at, code, detail, number FROM event
             WHERE run = (SELECT max(number) FROM run WHERE id = ?1) AND number > ?2 ORDER BY number LIMIT ?3",
        )?
        .query_map(params![run, stored(page.after), stored(page.limit as u64)], read_event)?
        .collect()
}

/// Removes runs and their events.
pub(super) fn remove(connection: &mut Connection, numbers: &[i64]) -> rusqlite::Result<()> {
    for number in numbers {
        let delete = "DELETE FROM event WHERE run = ?1 AND number IN
                          (SELECT number FROM event WHERE run = ?1 ORDER BY number LIMIT ?2)";
        while connection.execute(delete, params![number, DELETED_AT_ONCE])? == DELETED_AT_ONCE {}
        connection.execute("DELETE FROM run WHERE number = ?1", [number])?;
    }
    Ok(())
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let summary = optional(row, 5, |text| serde_json::from_str(text).ok())?;
    let ended = match optional(row, 3, |text| text.parse().ok())? {
        Some(at) => {
            let outcome = parsed(row, 4, Outcome::of_code)?;
            Some(RunEnd { at, outcome, summary, error: row.get(6)? })
        }
        None => None,
    };
    Ok(RunRow {
        id: row.get(0)?,
        source: AccountName::new(row.get::<_, String>(1)?),
        began: parsed(row, 2, |text| text.parse().ok())?,
        ended,
        number: row.get(7)?,
        events: row.get(8)?,
    })
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<(u64, Event)> {
    let event = Event {
        asset: row.get::<_, Option<String>>(0)?.map(AssetId::new),
        name: row.get(1)?,
        at: parsed(row, 2, |text| text.parse().ok())?,
        code: row.get(3)?,
        detail: optional(row, 4, |text| serde_json::from_str(text).ok())?.unwrap_or_default(),
    };
    Ok((row.get(5)?, event))
}

/// The same as [`parsed`] for a column that may be empty.
fn optional<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    if row.get_ref(column)?.data_type() == Type::Null { Ok(None) } else { parsed(row, column, parse).map(Some) }
}
