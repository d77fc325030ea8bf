//! The blobs of a container whose listing is not in name order, sorted in a temporary table. It is in memory while it
//! is small, then in a file without a name that is removed with the process.

use std::sync::{Mutex, MutexGuard};

use rusqlite::{Connection, params};

use super::tables::failed;
use crate::error::Error;
use crate::model::Blob;

/// Memory for pages of the table, in KiB. Every asset in progress may have two tables.
const CACHE_KIB: i64 = 512;
/// Names are compared by their bytes, as everywhere else.
const TABLE: &str = "CREATE TABLE blob (name BLOB PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID";

/// Blobs in name order.
#[derive(Debug)]
pub(crate) struct SortedBlobs(Mutex<Connection>);

impl SortedBlobs {
    /// An empty table.
    pub(crate) fn open() -> Result<Self, Error> {
        let connection = Connection::open("").map_err(failed("make"))?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed("make"))?;
        connection.pragma_update(None, "journal_mode", "OFF").map_err(failed("make"))?;
        connection.pragma_update(None, "synchronous", "OFF").map_err(failed("make"))?;
        connection.execute_batch(TABLE).map_err(failed("make"))?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Adds blobs. A blob with an existing name replaces the earlier one.
    pub(crate) fn add(&self, blobs: &[&Blob]) -> Result<(), Error> {
        let mut connection = self.lock();
        let adding = connection.transaction().map_err(failed("fill"))?;
        {
            let mut insert =
                adding.prepare_cached("INSERT OR REPLACE INTO blob VALUES (?1, ?2)").map_err(failed("fill"))?;
            for blob in blobs {
                let entry = serde_json::to_string(blob).map_err(unreadable("fill"))?;
                insert.execute(params![blob.name.as_bytes(), entry]).map_err(failed("fill"))?;
            }
        }
        adding.commit().map_err(failed("fill"))
    }

    /// Removes a blob.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = self.lock().execute("DELETE FROM blob WHERE name = ?1", [name.as_bytes()]);
        removed.map(drop).map_err(failed("change"))
    }

    /// Up to `most` blobs whose names come after that name; all names come after the empty one.
    pub(crate) fn after(&self, name: &str, most: usize) -> Result<Vec<Blob>, Error> {
        let connection = self.lock();
        let query = "SELECT entry FROM blob WHERE name > ?1 ORDER BY name LIMIT ?2";
        let mut select = connection.prepare_cached(query).map_err(failed("read"))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let entries = select.query_map(params![name.as_bytes(), most], |row| row.get::<_, String>(0));
        entries
            .map_err(failed("read"))?
            .map(|entry| serde_json::from_str(&entry.map_err(failed("read"))?).map_err(unreadable("read")))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().expect("no panic while held")
    }
}

fn unreadable(attempted: &'static str) -> impl Fn(serde_json::Error) -> Error {
    move |error| Error::Spool { attempted, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BlobKind, BlobProperties, CopyState, CopyStatus, IndexTags};

    fn blob(name: &str, length: u64) -> Blob {
        let tags = if length == 0 { IndexTags::Unreadable } else { [("k".to_owned(), "v".to_owned())].into() };
        Blob {
            name: name.to_owned(),
            length,
            etag: "\"0x1\"".to_owned(),
            last_modified: Some("2026-11-22T19:50:50Z".parse().unwrap()),
            properties: BlobProperties {
                content_md5: Some((0..16).collect()),
                metadata: [("a".to_owned(), "ü".to_owned())].into(),
                tags,
                ..BlobProperties::default()
            },
            tier: Some("Hot".to_owned()),
            kind: BlobKind::SealedAppend,
            copy: Some(CopyState {
                id: "1".to_owned(),
                status: CopyStatus::Failed,
                progress: Some((1, 2)),
                description: None,
            }),
        }
    }

    #[test]
    fn blobs_read_back_unchanged_and_in_the_byte_order_of_their_names() {
        let sorted = SortedBlobs::open().unwrap();
        let listed: Vec<Blob> = ["a", "a/1", "a-1/x", "a.txt", "é", "Z"].map(|name| blob(name, 7)).into();
        sorted.add(&listed.iter().collect::<Vec<_>>()).unwrap();
        let names = |after: &str, most| -> Vec<String> {
            sorted.after(after, most).unwrap().into_iter().map(|blob| blob.name).collect()
        };
        assert_eq!(names("", 99), ["Z", "a", "a-1/x", "a.txt", "a/1", "é"]);
        assert_eq!((names("a", 2), names("é", 2)), (vec!["a-1/x".to_owned(), "a.txt".to_owned()], vec![]));
        assert_eq!(sorted.after("a-1/x", 1).unwrap(), [blob("a.txt", 7)]);
        sorted.add(&[&blob("a.txt", 0)]).unwrap();
        sorted.remove("Z").unwrap();
        assert_eq!(sorted.after("", 3).unwrap()[2], blob("a.txt", 0));
        assert_eq!(names("", 99).len(), 5);
    }
}
