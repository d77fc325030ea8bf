//! Compares the complete tables of both sides.

use std::collections::HashSet;

use rusqlite::{Row, params};

use super::super::standing::{Screened, TargetAsset};
use super::row::{REVOKED, Revoked, SOURCE_ASSET, asset_id, encryption, revoked, source_asset, target_asset};
use super::tables::{Spool, failed};
use crate::error::Error;
use crate::model::{Asset, AssetEncryption, AssetId};

/// A copy of ours whose source asset is not in the source's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gone {
    /// The copy.
    pub(crate) copy: TargetAsset,
    /// Its source asset.
    pub(crate) source: AssetId,
}

/// The numbers that the guards judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Source assets.
    pub(crate) source: u64,
    /// Those that are part of the run.
    pub(crate) covered: u64,
    /// Complete copies of ours that are not retired.
    pub(crate) copies: u64,
    /// The number of these whose source asset is not listed.
    pub(crate) lost: u64,
    /// Complete copies of ours.
    pub(crate) complete: u64,
    /// Copies that are retired.
    pub(crate) retired: u64,
    /// Copies with a locator of ours.
    pub(crate) published: u64,
}

/// Our locators that the source has moved: the row number of each, and the asset that it is on now.
const MOVED: &str = "
    SELECT tl.rowid AS n, sl.asset AS heir
    FROM target_locator AS tl INDEXED BY target_locator_by_id
    CROSS JOIN source_locator AS sl INDEXED BY source_locator_by_id ON sl.id = tl.id
    CROSS JOIN target_asset AS t ON t.id = tl.asset
    WHERE tl.ours AND t.source <> sl.asset";

/// The query of [`Spool::census`].
const CENSUS: &str = "
    SELECT (SELECT count(*) FROM source_asset),
           (SELECT count(*) FROM source_asset WHERE covered),
           (SELECT count(*) FROM target_asset INDEXED BY target_by_source
            WHERE source IS NOT NULL AND NOT retired AND standing = 1),
           (SELECT count(*) FROM target_asset AS t INDEXED BY target_by_source
            WHERE source IS NOT NULL AND NOT retired AND standing = 1
              AND NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = t.source)),
           (SELECT count(*) FROM target_asset INDEXED BY target_by_source WHERE source IS NOT NULL AND retired),
           (SELECT count(*) FROM target_asset INDEXED BY target_by_source
            WHERE source IS NOT NULL AND standing = 1),
           (SELECT count(*) FROM (SELECT DISTINCT asset FROM target_locator INDEXED BY target_locator_by_asset
                                  WHERE ours) AS l
            WHERE EXISTS (SELECT 1 FROM target_asset AS t WHERE t.id = l.asset AND source IS NOT NULL))";

/// The row numbers of our locators that the source lacks.
const WITHDRAWN: &str = "
    SELECT tl.rowid FROM target_locator AS tl INDEXED BY target_locator_by_id
    WHERE tl.ours AND NOT EXISTS (SELECT 1 FROM source_locator AS sl WHERE sl.id = tl.id)";

impl Spool {
    /// The source assets to which the source has moved our locators, if the target may publish them.
    pub(crate) fn heirs(&self) -> Result<Vec<Asset>, Error> {
        let (clear, storage) = (Screened::Clear as usize, encryption(AssetEncryption::Storage));
        let sql = format!(
            "SELECT {SOURCE_ASSET} FROM source_asset
             WHERE id IN (SELECT heir FROM ({MOVED})) AND protection = {clear} AND encryption <> {storage} ORDER BY n"
        );
        self.rows(&sql, [], source_asset)
    }

    /// The target assets without a mark that have locators of ours.
    pub(crate) fn unmarked(&self) -> Result<HashSet<AssetId>, Error> {
        let sql = "
            SELECT id FROM target_asset AS t
            WHERE source IS NULL AND coalesce(alternate_id, '') NOT LIKE 'mediamirror:%'
              AND EXISTS (SELECT 1 FROM target_locator AS l WHERE l.asset = t.id AND l.ours)";
        let unmarked = self.rows(sql, [], |row| Ok(asset_id(row.get_ref(0)?.as_blob()?)))?;
        Ok(unmarked.into_iter().collect())
    }

    /// Our locators that the source does not publish on their assets, after that row number, with their row numbers. A
    /// call with `after` 0 computes them.
    pub(crate) fn revoked(&self, after: i64, limit: usize) -> Result<Vec<(i64, Revoked)>, Error> {
        if after == 0 {
            self.find_revoked()?;
        }
        let sql = format!(
            "{REVOKED}
            FROM revocation AS found
            CROSS JOIN target_locator AS tl ON tl.rowid = found.n
            JOIN target_asset AS t ON t.id = tl.asset
            LEFT JOIN source_asset AS s ON s.id = t.source
            WHERE found.n > ?1 AND t.source IS NOT NULL ORDER BY found.n LIMIT ?2"
        );
        self.rows(&sql, params![after, limit], revoked)
    }

    fn find_revoked(&self) -> Result<(), Error> {
        // If the source has moved a locator to an asset that is never published on the target, no copy serves the
        // locator.
        let (barred, closed) = (numbers(Screened::is_barred), numbers(Screened::is_closed));
        let storage = encryption(AssetEncryption::Storage);
        let sql = format!(
            "DELETE FROM revocation;
             INSERT INTO revocation
                 {WITHDRAWN}
                 UNION
                 SELECT tl.rowid FROM source_asset AS s
                 CROSS JOIN target_asset AS t ON t.source = s.id
                 CROSS JOIN target_locator AS tl ON tl.asset = t.id
                 WHERE s.protection IN ({barred}) AND tl.ours
                 UNION
                 SELECT tl.rowid FROM source_asset AS heir
                 CROSS JOIN source_locator AS sl ON sl.asset = heir.id
                 CROSS JOIN target_locator AS tl ON tl.id = sl.id
                 CROSS JOIN target_asset AS t ON t.id = tl.asset
                 WHERE (heir.protection IN ({closed}) OR heir.encryption = {storage})
                   AND tl.ours AND t.source <> heir.id;"
        );
        self.lock().execute_batch(&sql).map_err(failed("read"))
    }

    /// Our locators that the source has moved to an asset that is not part of the run, after that row number.
    pub(crate) fn moved_out(&self, after: i64, limit: usize) -> Result<Vec<(i64, Revoked)>, Error> {
        let sql = format!(
            "{REVOKED}
            FROM ({MOVED}) AS moved
            CROSS JOIN source_asset AS heir ON heir.id = moved.heir
            CROSS JOIN target_locator AS tl ON tl.rowid = moved.n
            JOIN target_asset AS t ON t.id = tl.asset
            LEFT JOIN source_asset AS s ON s.id = t.source
            WHERE NOT heir.covered AND moved.n > ?1 ORDER BY moved.n LIMIT ?2"
        );
        self.rows(&sql, params![after, limit], revoked)
    }

    /// Our copies whose source asset is not listed and that are not retired, after that row number, with their row
    /// numbers.
    pub(crate) fn gone(&self, after: i64, limit: usize) -> Result<Vec<(i64, Gone)>, Error> {
        let sql = "
            SELECT t.id, t.name, t.alternate_id, t.account, t.container, t.standing, t.metadata, t.source, t.n
            FROM target_asset AS t
            WHERE t.source IS NOT NULL AND NOT t.retired AND t.n > ?1
              AND NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = t.source)
            ORDER BY t.n LIMIT ?2";
        self.rows(sql, params![after, limit], placed_gone)
    }

    /// Our retired copies whose source asset is not listed, after that row number, with their row numbers. Parts of
    /// other assets are not included.
    pub(crate) fn retired(&self, after: i64, limit: usize) -> Result<Vec<(i64, Gone)>, Error> {
        let sql = "
            SELECT t.id, t.name, t.alternate_id, t.account, t.container, t.standing, t.metadata, t.source, t.n
            FROM target_asset AS t
            WHERE t.source IS NOT NULL AND t.retired AND t.standing = 1 AND NOT t.part AND t.n > ?1
              AND NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = t.source)
            ORDER BY t.n LIMIT ?2";
        self.rows(sql, params![after, limit], placed_gone)
    }

    /// The source assets that have several complete copies.
    pub(crate) fn copied_twice(&self) -> Result<Vec<AssetId>, Error> {
        let sql = "
            SELECT source FROM target_asset INDEXED BY target_by_source
            WHERE source IS NOT NULL AND standing = 1 GROUP BY source HAVING count(*) > 1";
        self.rows(sql, [], |row| Ok(asset_id(row.get_ref(0)?.as_blob()?)))
    }

    /// Assets that have locators in the source and that its listing omits, except those of copies that [`Self::gone`]
    /// returns.
    pub(crate) fn unlisted(&self, limit: usize) -> Result<Vec<AssetId>, Error> {
        let sql = "
            SELECT DISTINCT l.asset FROM source_locator AS l
            WHERE NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = l.asset)
              AND NOT EXISTS (SELECT 1 FROM target_asset AS t WHERE t.source = l.asset AND NOT t.retired)
            LIMIT ?1";
        self.rows(sql, params![limit], |row| Ok(asset_id(row.get_ref(0)?.as_blob()?)))
    }

    /// The numbers that the guards judge.
    pub(crate) fn census(&self) -> Result<Census, Error> {
        let census = |row: &Row<'_>| {
            Ok(Census {
                source: row.get(0)?,
                covered: row.get(1)?,
                copies: row.get(2)?,
                lost: row.get(3)?,
                retired: row.get(4)?,
                complete: row.get(5)?,
                published: row.get(6)?,
            })
        };
        Ok(self.row(CENSUS, [], census)?.unwrap_or_default())
    }
}

/// A copy with its source asset and its row number.
fn placed_gone(row: &Row<'_>) -> rusqlite::Result<(i64, Gone)> {
    Ok((row.get(8)?, Gone { copy: target_asset(row)?, source: asset_id(row.get_ref(7)?.as_blob()?) }))
}

/// The numbers of the screening results for which `is_so` is true, as an SQL list.
fn numbers(is_so: impl Fn(Screened) -> bool) -> String {
    let numbers = Screened::ALL.into_iter().filter(|one| is_so(*one)).map(|one| (one as usize).to_string());
    numbers.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn comparisons_of_whole_tables_read_only_indexes_in_order() {
        let spool = Spool::open().unwrap();
        spool.index().await.unwrap();
        for sql in [CENSUS, WITHDRAWN, MOVED] {
            let plan = spool.rows(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get::<_, String>(3)).unwrap();
            let is_cheap = |step: &String| {
                let looks_up = step.starts_with("SEARCH") || step.starts_with("SCAN");
                let in_an_index = step.contains("COVERING INDEX") && !step.contains("AUTOMATIC");
                !looks_up || in_an_index || !step.contains("INDEX")
            };
            assert!(plan.iter().all(is_cheap) && !plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
        }
    }
}
