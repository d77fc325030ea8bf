//! The SQL of runs and their events.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

use super::rows::{parsed, stored};
use super::runs::{Event, RunBegin, RunCounts, RunEnd, RunRow};
use crate::model::{AccountName, AssetId};
use crate::redact::scrub;

/// Runs whose events are kept: a month of nights.
const RUNS_WITH_EVENTS: u32 = 30;

/// Runs that are kept: three years of nights, some 100 KB.
const RUNS: u32 = 1_000;

/// Events deleted in one transaction: the write-ahead log stays small although the run that made the library may have
/// left a million of them. A guess.
const DELETED_AT_ONCE: usize = 10_000;

/// Writes the begin of a run and removes what is too old: usually what one run added, thirty runs ago.
pub(super) fn begin(connection: &mut Connection, from: &str, begin: &RunBegin) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // What the other direction wrote to this source does not show in the changes since the mark.
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
    let RunEnd { at, outcome, counts } = end;
    connection.execute(
        "UPDATE run SET ended = ?2, outcome = ?3, assets = ?4, requests = ?5, bytes = ?6
         WHERE number = (SELECT max(number) FROM run WHERE id = ?1) AND ended IS NULL",
        params![
            run,
            at.to_string(),
            outcome,
            counts.as_ref().map(|counts| counts.assets.to_string()),
            counts.as_ref().map(|counts| stored(counts.requests)),
            counts.as_ref().map(|counts| stored(counts.bytes)),
        ],
    )?;
    Ok(())
}

/// Writes an event after the others of its run; without such a run, nothing.
pub(super) fn add(connection: &Connection, run: &str, event: &Event) -> rusqlite::Result<()> {
    let detail = (!event.detail.is_empty()).then(|| scrubbed(Value::Object(event.detail.clone())).to_string());
    let statement = "INSERT INTO event (run, number, asset, at, code, detail)
         SELECT last.number, (SELECT coalesce(max(number), 0) + 1 FROM event WHERE run = last.number), ?2, ?3, ?4, ?5
         FROM (SELECT number FROM run WHERE id = ?1 ORDER BY number DESC LIMIT 1) AS last";
    connection.prepare_cached(statement)?.execute(params![
        run,
        event.asset.as_ref().map(AssetId::as_str),
        event.at.to_string(),
        event.code,
        detail,
    ])?;
    Ok(())
}

/// The last door before the disk: no signature may pass it. Each text by itself, so that what remains is still JSON.
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
            "SELECT id, from_account, began, ended, outcome, assets, requests, bytes FROM run
             ORDER BY number DESC LIMIT ?1",
        )?
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read_run)?
        .collect()
}

/// The events of the last run of that id.
pub(super) fn events(connection: &Connection, run: &str) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare_cached(
            "SELECT asset, at, code, detail FROM event
             WHERE run = (SELECT max(number) FROM run WHERE id = ?1) ORDER BY number",
        )?
        .query_map([run], read_event)?
        .collect()
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let counts = match optional(row, 5, |text| serde_json::from_str(text).ok())? {
        Some(assets) => Some(RunCounts { assets, requests: row.get(6)?, bytes: row.get(7)? }),
        None => None,
    };
    let ended = match optional(row, 3, |text| text.parse().ok())? {
        Some(at) => Some(RunEnd { at, outcome: row.get(4)?, counts }),
        None => None,
    };
    Ok(RunRow {
        id: row.get(0)?,
        source: AccountName::new(row.get::<_, String>(1)?),
        began: parsed(row, 2, |text| text.parse().ok())?,
        ended,
    })
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        asset: row.get::<_, Option<String>>(0)?.map(AssetId::new),
        at: parsed(row, 1, |text| text.parse().ok())?,
        code: row.get(2)?,
        detail: optional(row, 3, |text| serde_json::from_str(text).ok())?.unwrap_or_default(),
    })
}

/// The same as [`parsed`] for a column that may be empty.
fn optional<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
    if row.get_ref(column)?.data_type() == Type::Null { Ok(None) } else { parsed(row, column, parse).map(Some) }
}
