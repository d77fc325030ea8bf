//! The SQL of relations and marks: writes one record, reads one row or a page of rows. `from` is the source account of
//! this run; rows of runs in the other direction are neither read nor changed.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::steps::{self, Position};
use super::{AssetRow, Facts, LedgerError, Mark, Status, Step};
use crate::model::{AssetId, ContainerName};
use crate::redact::scrub;

/// One record to write.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) asset: AssetId,
    pub(super) step: Step,
    pub(super) status: Status,
    pub(super) facts: Facts,
    pub(super) at: Timestamp,
}

/// Columns of an [`AssetRow`], in the order `read_row` takes them.
const COLUMNS: &str = "source, step, status, updated, name, target, container, source_digest, target_digest, \
                       files_digest, locators_digest, blobs, bytes, error, kept_digest, kept_seen";

/// The row of one asset.
fn one(connection: &Connection, from: &str, asset: &AssetId) -> rusqlite::Result<Option<AssetRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM relation WHERE from_account = ?1 AND source = ?2"))?
        .query_row([from, asset.as_str()], read_row)
        .optional()
}

/// The rows of these assets, in order.
pub(super) fn several(
    connection: &Connection,
    from: &str,
    assets: &[AssetId],
) -> rusqlite::Result<Vec<Option<AssetRow>>> {
    assets.iter().map(|asset| one(connection, from, asset)).collect()
}

/// At most `limit` rows in order of id, from the one after `after`.
pub(super) fn page(
    connection: &Connection,
    from: &str,
    after: Option<&AssetId>,
    limit: usize,
) -> rusqlite::Result<Vec<AssetRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query =
        format!("SELECT {COLUMNS} FROM relation WHERE from_account = ?1 AND source > ?2 ORDER BY source LIMIT ?3");
    connection
        .prepare_cached(&query)?
        .query_map(params![from, after.map_or("", AssetId::as_str), limit], read_row)?
        .collect()
}

/// How many rows there are.
pub(super) fn count(connection: &Connection, from: &str) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM relation WHERE from_account = ?1", [from], |row| row.get(0))
}

/// Writes one record, if it may follow the last one.
pub(super) fn write(
    connection: &Connection,
    path: &Path,
    from: &str,
    record: &Record,
) -> rusqlite::Result<Result<(), LedgerError>> {
    let now = position(connection, from, &record.asset)?;
    if let Err(refused) = follow(now, path, record) {
        return Ok(Err(refused));
    }
    store(connection, from, now.last.is_some(), record, None)?;
    Ok(Ok(()))
}

/// Writes two records of an asset as one change, if the first may follow the last one, and the second the first.
pub(super) fn advance(
    connection: &Connection,
    path: &Path,
    from: &str,
    [ended, started]: &[Record; 2],
) -> rusqlite::Result<Result<(), LedgerError>> {
    let now = position(connection, from, &ended.asset)?;
    if let Err(refused) = follow(now, path, ended).and_then(|then| follow(then, path, started)) {
        return Ok(Err(refused));
    }
    store(connection, from, now.last.is_some(), started, Some(&ended.facts))?;
    Ok(Ok(()))
}

/// The position of the asset after that record, if the record may follow.
fn follow(now: Position, path: &Path, record: &Record) -> Result<Position, LedgerError> {
    let target_given = record.facts.target.is_some();
    match steps::check(now, record.step, record.status, target_given) {
        Ok(()) => {
            Ok(Position { last: Some((record.step, record.status)), target_known: now.target_known || target_given })
        }
        Err(reason) => Err(LedgerError::OutOfOrder {
            path: path.to_owned(),
            asset: record.asset.clone(),
            step: record.step,
            status: record.status,
            last: now.last.map_or_else(|| "none".to_owned(), |(step, status)| format!("{step} {status}")),
            reason,
        }),
    }
}

/// Inserts or updates the row of a record, with the facts of the record just `before`.
fn store(
    connection: &Connection,
    from: &str,
    there: bool,
    record: &Record,
    before: Option<&Facts>,
) -> rusqlite::Result<()> {
    // Two statements instead of one with ON CONFLICT, for which SQLite would create a temporary table each time.
    let statement = if there {
        "UPDATE relation SET
             step = ?2,
             status = ?3,
             updated = ?4,
             name = coalesce(?5, name),
             target = coalesce(?6, target),
             container = coalesce(?7, container),
             source_digest = coalesce(?8, source_digest),
             target_digest = coalesce(?9, target_digest),
             files_digest = coalesce(?10, files_digest),
             locators_digest = coalesce(?11, locators_digest),
             blobs = coalesce(?12, blobs),
             bytes = coalesce(?13, bytes),
             error = ?14,
             kept_digest = coalesce(?16, kept_digest)
         WHERE source = ?1 AND from_account = ?15"
    } else {
        "INSERT INTO relation (source, step, status, updated, name, target, container, source_digest, target_digest,
                               files_digest, locators_digest, blobs, bytes, error, from_account, kept_digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
    };
    let text = |fact: fn(&Facts) -> Option<&str>| fact(&record.facts).or_else(|| before.and_then(fact));
    let count = |fact: fn(&Facts) -> Option<u64>| fact(&record.facts).or_else(|| before.and_then(fact)).map(stored);
    connection.prepare_cached(statement)?.execute(params![
        record.asset.as_str(),
        record.step.as_str(),
        record.status.as_str(),
        record.at.to_string(),
        text(|facts| facts.name.as_deref()),
        text(|facts| facts.target.as_ref().map(AssetId::as_str)),
        text(|facts| facts.container.as_ref().map(ContainerName::as_str)),
        text(|facts| facts.source_digest.as_deref()),
        text(|facts| facts.target_digest.as_deref()),
        text(|facts| facts.files_digest.as_deref()),
        text(|facts| facts.locators_digest.as_deref()),
        count(|facts| facts.blobs),
        count(|facts| facts.bytes),
        // The last step before writing removes signatures of any source.
        record.facts.error.as_deref().map(scrub),
        from,
        text(|facts| facts.kept_digest.as_deref()),
    ])?;
    Ok(())
}

/// Removes one asset's row.
pub(super) fn forget(connection: &Connection, from: &str, asset: &AssetId) -> rusqlite::Result<()> {
    let statement = "DELETE FROM relation WHERE from_account = ?1 AND source = ?2";
    connection.prepare_cached(statement)?.execute([from, asset.as_str()])?;
    let statement = "DELETE FROM kept WHERE from_account = ?1 AND source = ?2";
    connection.prepare_cached(statement)?.execute([from, asset.as_str()])?;
    Ok(())
}

/// Removes the fingerprint of an asset's file records.
pub(super) fn forget_files(connection: &Connection, from: &str, asset: &AssetId) -> rusqlite::Result<()> {
    let statement = "UPDATE relation SET files_digest = NULL WHERE from_account = ?1 AND source = ?2";
    connection.prepare_cached(statement)?.execute([from, asset.as_str()])?;
    Ok(())
}

/// Changes the fingerprint of the locators of an asset that has a row.
pub(super) fn set_locators(
    connection: &Connection,
    from: &str,
    (asset, digest, at): &(AssetId, String, Option<Timestamp>),
) -> rusqlite::Result<()> {
    let statement = "UPDATE relation SET locators_digest = ?3, updated = coalesce(?4, updated)
         WHERE from_account = ?1 AND source = ?2";
    let at = at.map(|at| at.to_string());
    connection.prepare_cached(statement)?.execute(params![from, asset.as_str(), digest, at])?;
    Ok(())
}

/// A moment noted earlier.
pub(super) fn mark(connection: &Connection, from: &str, mark: Mark) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT at FROM mark WHERE from_account = ?1 AND name = ?2")?
        .query_row([from, key(mark)], |row| parsed(row, 0, |text| text.parse().ok()))
        .optional()
}

/// Notes a moment.
pub(super) fn set_mark(connection: &Connection, from: &str, mark: Mark, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO mark (from_account, name, at) VALUES (?1, ?2, ?3)")?
        .execute([from, key(mark), &at.to_string()])?;
    Ok(())
}

fn key(mark: Mark) -> &'static str {
    match mark {
        Mark::FilesSeen => "files_seen",
        Mark::FilesListed => "files_listed",
    }
}

fn position(connection: &Connection, from: &str, asset: &AssetId) -> rusqlite::Result<Position> {
    let found = connection
        .prepare_cached(
            "SELECT step, status, target IS NOT NULL FROM relation WHERE from_account = ?1 AND source = ?2",
        )?
        .query_row([from, asset.as_str()], |row| {
            let last = (parsed(row, 0, Step::parse)?, parsed(row, 1, Status::parse)?);
            Ok(Position { last: Some(last), target_known: row.get(2)? })
        })
        .optional()?;
    Ok(found.unwrap_or(Position { last: None, target_known: false }))
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<AssetRow> {
    Ok(AssetRow {
        source: AssetId::new(row.get::<_, String>(0)?),
        step: parsed(row, 1, Step::parse)?,
        status: parsed(row, 2, Status::parse)?,
        updated: parsed(row, 3, |text| text.parse().ok())?,
        facts: Facts {
            name: row.get(4)?,
            target: row.get::<_, Option<String>>(5)?.map(AssetId::new),
            container: row.get::<_, Option<String>>(6)?.map(ContainerName::new),
            source_digest: row.get(7)?,
            target_digest: row.get(8)?,
            files_digest: row.get(9)?,
            locators_digest: row.get(10)?,
            blobs: row.get::<_, Option<i64>>(11)?.map(i64::cast_unsigned),
            bytes: row.get::<_, Option<i64>>(12)?.map(i64::cast_unsigned),
            error: row.get(13)?,
            kept_digest: row.get(14)?,
        },
        kept_seen: match row.get_ref(15)?.data_type() {
            Type::Null => None,
            _ => Some(parsed(row, 15, |text| text.parse().ok())?),
        },
    })
}

/// A column that holds a word of ours.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("unknown value {text:?}").into())
    })
}

/// `SQLite` counts up to 2^63; no library has more.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
