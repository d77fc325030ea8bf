//! The temporary tables.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::Error;

/// Memory for pages of the tables, in KiB; the rest is in the file.
const CACHE_KIB: i64 = 16_384;
/// The longest time for which other tasks may be blocked.
const LONGEST: Duration = Duration::from_millis(500);
/// Long enough to send a request that is due, and to read an answer that has arrived.
const PAUSE: Duration = Duration::from_millis(10);

const TABLES: &str = "
    CREATE TABLE source_asset (
        n            INTEGER PRIMARY KEY,
        id           BLOB NOT NULL,
        name         TEXT,
        alternate_id TEXT,
        created      INTEGER,
        encryption   INTEGER NOT NULL,
        account      TEXT,
        container    BLOB,
        metadata     TEXT,
        covered      INTEGER NOT NULL,
        protection   INTEGER NOT NULL DEFAULT 0,
        deferred     INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE target_asset (
        n            INTEGER PRIMARY KEY,
        id           BLOB NOT NULL,
        name         TEXT,
        alternate_id TEXT,
        account      TEXT,
        container    BLOB,
        metadata     TEXT,
        standing     INTEGER NOT NULL,
        source       BLOB,
        retired      INTEGER NOT NULL,
        -- Is it a part of another one, which alone is marked?
        part         INTEGER NOT NULL
    );
    CREATE TABLE source_locator (
        id BLOB NOT NULL, asset BLOB NOT NULL, name TEXT, start INTEGER, expiry INTEGER NOT NULL, kind INTEGER NOT NULL
    );
    CREATE TABLE target_locator (
        id BLOB NOT NULL, asset BLOB NOT NULL, name TEXT, start INTEGER, expiry INTEGER NOT NULL, kind INTEGER NOT NULL,
        ours INTEGER NOT NULL
    );
    -- SAS locators count against the room for locators, and for nothing else.
    CREATE TABLE target_read_locator (id BLOB NOT NULL, asset BLOB NOT NULL);
    CREATE TABLE file_part (
        side INTEGER NOT NULL, asset BLOB NOT NULL,
        a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER NOT NULL, bytes INTEGER NOT NULL
    );
    -- The places of the target's locators that `revoked` found.
    CREATE TABLE revocation (n INTEGER PRIMARY KEY);
";

/// Indexes for the queries after everything is listed. A comparison of whole tables reads two indexes in the same
/// order, which contain all columns that it needs: at a million assets, where the tables are many times [`CACHE_KIB`],
/// single look-ups take minutes instead of seconds. Parts of one asset's file records are added to one sum: a digest is
/// three numbers below 2^42, so that two million of them add up without an overflow.
const INDEXES: &[&str] = &[
    "CREATE INDEX source_by_id ON source_asset (id)",
    "CREATE INDEX target_by_id ON target_asset (id, source)",
    "CREATE INDEX target_by_source ON target_asset (source, retired, standing) WHERE source IS NOT NULL",
    "CREATE INDEX source_locator_by_id ON source_locator (id, asset)",
    "CREATE INDEX source_locator_by_asset ON source_locator (asset)",
    "CREATE INDEX target_locator_by_id ON target_locator (id, ours, asset)",
    "CREATE INDEX target_locator_by_asset ON target_locator (asset, ours)",
    "CREATE INDEX target_part ON target_asset (source) WHERE part",
    "CREATE INDEX target_read_locator_by_asset ON target_read_locator (asset, id)",
];

/// Tables in which a row may be listed twice.
const LISTED: [&str; 4] = ["source_asset", "target_asset", "source_locator", "target_locator"];

/// The last steps, after repeated rows are deleted.
const SUMS: &[&str] = &[
    // If a mark does not name its asset, and the asset has foreign locators, another program copied the mark. With
    // locators of ours it is our copy, because we create locators only on our copies: the service acknowledged the
    // complete mark and did not store it.
    "UPDATE target_asset SET standing = 0, source = NULL
     WHERE standing = 2 AND EXISTS (SELECT 1 FROM target_locator AS l WHERE l.asset = target_asset.id AND NOT l.ours)",
    // Nothing is withdrawn from a part that the source has deleted, and the part has no mark.
    "UPDATE target_asset SET retired = 1
     WHERE part AND source IS NOT NULL AND NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = target_asset.source)",
    "CREATE TABLE file_sum AS
         SELECT side, asset, sum(a) & 4398046511103 AS a, sum(b) & 4398046511103 AS b, sum(c) & 4398046511103 AS c,
                total(bytes) AS bytes
         FROM file_part GROUP BY side, asset",
    "DROP TABLE file_part",
    "CREATE INDEX file_sum_by_asset ON file_sum (side, asset)",
];

/// Deletes all rows with the same id except the first one. Reads the index by id once, in order.
fn without_repetition(table: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE rowid IN (
             SELECT again.rowid
             FROM (SELECT id, min(rowid) AS first FROM {table} GROUP BY id HAVING count(*) > 1) AS twice
             CROSS JOIN {table} AS again ON again.id = twice.id
             WHERE again.rowid <> twice.first)"
    )
}

/// The tables.
#[derive(Debug)]
pub(crate) struct Spool {
    connection: Mutex<Connection>,
    /// The time when other tasks could last run.
    paused: Mutex<Instant>,
}

impl Spool {
    /// Empty tables.
    pub(crate) fn open() -> Result<Self, Error> {
        // An empty name: a private temporary database, which spills into a file that has no name.
        let connection = Connection::open("").map_err(failed("make"))?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed("make"))?;
        connection.pragma_update(None, "journal_mode", "OFF").map_err(failed("make"))?;
        connection.pragma_update(None, "synchronous", "OFF").map_err(failed("make"))?;
        connection.execute_batch(TABLES).map_err(failed("make"))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection: Mutex::new(connection), paused: Mutex::new(Instant::now()) })
    }

    /// Creates the indexes; afterwards the tables are read.
    pub(crate) async fn index(&self) -> Result<(), Error> {
        for step in INDEXES {
            self.step(step).await?;
        }
        for table in LISTED {
            self.step(&without_repetition(table)).await?;
        }
        for step in SUMS {
            self.step(step).await?;
        }
        Ok(())
    }

    async fn step(&self, step: &str) -> Result<(), Error> {
        self.lock().execute_batch(step).map_err(failed("index"))?;
        self.pause().await;
        Ok(())
    }

    /// Lets other tasks run between steps that take seconds in a large library: a lock that is not renewed in time is
    /// lost. In a small library it does nothing.
    pub(crate) async fn pause(&self) {
        let is_due = self.paused.lock().expect("no panic while held").elapsed() >= LONGEST;
        if is_due {
            tokio::time::sleep(PAUSE).await;
            *self.paused.lock().expect("no panic while held") = Instant::now();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().expect("no panic while held")
    }
}

/// The error of a step on the tables.
pub(super) fn failed(attempted: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| Error::Spool { attempted, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::model::{AssetId, Locator, LocatorId, LocatorKind};

    #[tokio::test(start_paused = true)]
    async fn a_row_that_was_listed_twice_is_kept_once_as_first_listed() {
        let spool = Spool::open().unwrap();
        let locator = |asset: &str, name: &str| Locator {
            id: LocatorId::new("0b2e5b1c-7f0a-4d4e-9a55-0123456789ab"),
            asset: AssetId::new(asset),
            kind: LocatorKind::Streaming,
            name: Some(name.to_owned()),
            start: None,
            expiry: jiff::Timestamp::UNIX_EPOCH,
            path: None,
            policy: None,
        };
        for page in [[locator("a", "first")], [locator("b", "moved")]] {
            spool.add_source_locators(&page).unwrap();
            spool.add_target_locators(&page, &HashSet::new(), &BTreeSet::new()).unwrap();
        }
        let sas = Locator { kind: LocatorKind::Sas, ..locator("a", "") };
        for _ in 0..2 {
            spool.add_target_locators(std::slice::from_ref(&sas), &HashSet::new(), &BTreeSet::new()).unwrap();
        }
        spool.index().await.unwrap();
        assert_eq!(spool.source_locator(&sas.id).unwrap().unwrap().name.as_deref(), Some("first"));
        assert_eq!(spool.locators_on(&AssetId::new("b")).unwrap(), []);
        assert_eq!(spool.count_locators_on(&AssetId::new("a")).unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_were_listed_twice_are_found_by_reading_an_index_once() {
        let spool = Spool::open().unwrap();
        spool.index().await.unwrap();
        for table in LISTED {
            let sql = format!("EXPLAIN QUERY PLAN {}", without_repetition(table));
            let plan = spool.rows(&sql, [], |row| row.get::<_, String>(3)).unwrap();
            assert!(plan.iter().any(|step| step.contains(&format!("SCAN {table} USING COVERING INDEX"))), "{plan:#?}");
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("AUTOMATIC")), "{plan:#?}");
        }
    }
}
