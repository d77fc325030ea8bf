//! Blobs that only the target has, of assets that the source still has: since when each is missing in the source, and
//! whether it is certain that mediamirror copied it. They are recorded only if the configuration allows their deletion.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::rows::parsed;
use crate::model::AssetId;

/// A blob that only the target has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBlob {
    /// Its name.
    pub name: String,
    /// Its entity tag on the target.
    pub etag: String,
    /// The first night in which the source confirmed that it is deleted; `None` if it did not.
    pub since: Option<Timestamp>,
    /// Did a run find it in the source, too? Otherwise another program may have made it.
    pub ours: bool,
}

/// Changes to the kept blobs of an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeptChange {
    pub(super) seen: Option<Timestamp>,
    pub(super) written: Vec<KeptBlob>,
    pub(super) removed: Vec<String>,
}

/// The kept blobs of an asset.
pub(super) fn all(connection: &Connection, from: &str, source: &AssetId) -> rusqlite::Result<Vec<KeptBlob>> {
    connection
        .prepare_cached("SELECT name, etag, since, ours FROM kept WHERE from_account = ?1 AND source = ?2")?
        .query_map([from, source.as_str()], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeptBlob> {
    let since = match row.get_ref(2)?.data_type() {
        Type::Null => None,
        _ => Some(parsed(row, 2, |text| text.parse().ok())?),
    };
    Ok(KeptBlob { name: row.get(0)?, etag: row.get(1)?, since, ours: row.get(3)? })
}

/// Writes a change.
pub(super) fn write(
    connection: &Connection,
    from: &str,
    source: &AssetId,
    change: &KeptChange,
) -> rusqlite::Result<()> {
    let seen = "UPDATE relation SET kept_seen = ?3 WHERE from_account = ?1 AND source = ?2";
    let known = connection.prepare_cached(seen)?.execute(params![
        from,
        source.as_str(),
        change.seen.map(|at| at.to_string())
    ])?;
    if known == 0 {
        return Ok(());
    }
    let mut delete =
        connection.prepare_cached("DELETE FROM kept WHERE from_account = ?1 AND source = ?2 AND name = ?3")?;
    for name in &change.removed {
        delete.execute([from, source.as_str(), name])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO kept (from_account, source, name, etag, since, ours) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for KeptBlob { name, etag, since, ours } in &change.written {
        insert.execute(params![from, source.as_str(), name, etag, since.map(|at| at.to_string()), ours])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, Status, Step};
    use super::*;
    use crate::ledger::Ledger;

    fn blob(name: &str, since: Option<i64>) -> KeptBlob {
        let since = since.map(|second| Timestamp::from_second(second).unwrap());
        KeptBlob { name: name.to_owned(), etag: "\"1\"".to_owned(), since, ours: true }
    }

    #[tokio::test]
    async fn kept_blobs_are_read_unchanged_and_removed_with_their_asset() {
        let (ledger, asset) = (Ledger::in_memory().unwrap(), AssetId::new("a"));
        let seen = Some(Timestamp::UNIX_EPOCH);
        ledger.set_kept(&asset, seen, vec![blob("x", None)], Vec::new()).await.unwrap();
        assert_eq!(ledger.kept(&asset).await.unwrap(), [], "an asset without a row has none");
        ledger.record(&asset, Step::CreateTarget, Status::Started, Facts::default()).await.unwrap();
        ledger.set_kept(&asset, seen, vec![blob("x", None), blob("y", Some(5))], Vec::new()).await.unwrap();
        assert_eq!(ledger.asset(&asset).await.unwrap().unwrap().kept_seen, seen);
        ledger.set_kept(&asset, None, vec![blob("x", Some(7))], vec!["y".to_owned()]).await.unwrap();
        assert_eq!(ledger.kept(&asset).await.unwrap(), [blob("x", Some(7))]);
        assert_eq!(ledger.asset(&asset).await.unwrap().unwrap().kept_seen, None);
        ledger.forget(&asset).await.unwrap();
        assert_eq!(ledger.kept(&asset).await.unwrap(), []);
    }
}
