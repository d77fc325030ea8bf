//! Queries of the indexed tables.

use std::collections::HashSet;

use rusqlite::{OptionalExtension as _, Params, Row, params};

use super::super::digest::FilesDigest;
use super::super::order::Order;
use super::super::standing::{Holding, Screened, Standing, TargetAsset};
use super::row::{
    LOCATOR, SOURCE_ASSET, TARGET_ASSET, asset_id, asset_key, holding, locator, locator_key, side_number, source_asset,
    target_asset,
};
use super::tables::{Spool, failed};
use crate::error::Error;
use crate::model::{Asset, AssetId, Locator, LocatorId, Side};

impl Spool {
    /// The source assets of the run after that position in the order, with their positions.
    pub(crate) fn page(&self, order: Order, after: i64, limit: usize) -> Result<Vec<(i64, Asset)>, Error> {
        self.prepare_order(order)?;
        let sql = format!(
            "SELECT {SOURCE_ASSET}, turn.n FROM turn JOIN source_asset AS s ON s.n = turn.asset
             WHERE turn.n > ?1 ORDER BY turn.n LIMIT ?2"
        );
        self.rows(&sql, params![after, limit], |row| Ok((row.get(8)?, source_asset(row)?)))
    }

    /// Prepares the positions of the run's assets for an order other than that of the listing.
    fn prepare_order(&self, order: Order) -> Result<(), Error> {
        let connection = self.lock();
        let there = connection.table_exists(Some("main"), "turn").map_err(failed("order"))?;
        if there {
            return Ok(());
        }
        let by = match order {
            Order::Listed => "s.n",
            Order::Newest => "s.created DESC NULLS LAST, s.n",
            Order::Largest => "coalesce(f.bytes, 0) DESC, s.n",
            Order::Smallest => "coalesce(f.bytes, 0), s.n",
            Order::Name => "CASE WHEN coalesce(s.name, '') = '' THEN hex(s.id) ELSE s.name END, s.n",
        };
        let files = if order.by_size() { "LEFT JOIN file_sum AS f ON f.side = 0 AND f.asset = s.id" } else { "" };
        let sql = format!(
            "CREATE TABLE turn (n INTEGER PRIMARY KEY, asset INTEGER NOT NULL);
             INSERT INTO turn (asset) SELECT s.n FROM source_asset AS s {files} WHERE s.covered ORDER BY {by};"
        );
        connection.execute_batch(&sql).map_err(failed("order"))
    }

    /// A source asset, and whether it is part of the run.
    pub(crate) fn source(&self, id: &AssetId) -> Result<Option<(Asset, bool)>, Error> {
        let sql = format!("SELECT {SOURCE_ASSET}, covered FROM source_asset WHERE id = ?1");
        self.row(&sql, params![asset_key(id)], |row| Ok((source_asset(row)?, row.get(8)?)))
    }

    /// The locators of a source asset.
    pub(crate) fn locators_of(&self, source: &AssetId) -> Result<Vec<Locator>, Error> {
        let sql = format!("SELECT {LOCATOR} FROM source_locator WHERE asset = ?1 ORDER BY id");
        self.rows(&sql, params![asset_key(source)], locator)
    }

    /// The source's locator of that id.
    pub(crate) fn source_locator(&self, id: &LocatorId) -> Result<Option<Locator>, Error> {
        let sql = format!("SELECT {LOCATOR} FROM source_locator WHERE id = ?1");
        self.row(&sql, params![locator_key(id)], locator)
    }

    /// The target assets that are marked as copies of a source asset.
    pub(crate) fn copies_of(&self, source: &AssetId) -> Result<Vec<TargetAsset>, Error> {
        let sql = format!("SELECT {TARGET_ASSET} FROM target_asset WHERE source = ?1 ORDER BY id");
        self.rows(&sql, params![asset_key(source)], target_asset)
    }

    /// The copies of source assets after that row number: the row number, the source asset and the copy of each.
    /// Retired copies are not included. A part of an asset is never retired; it only counts as retired if the source
    /// does not list it.
    pub(crate) fn copies(&self, after: i64, limit: usize) -> Result<Vec<(i64, AssetId, AssetId)>, Error> {
        let sql = "
            SELECT n, source, id FROM target_asset
            WHERE source IS NOT NULL AND (part OR NOT retired) AND n > ?1 ORDER BY n LIMIT ?2";
        self.rows(sql, params![after, limit], |row| {
            Ok((row.get(0)?, asset_id(row.get_ref(1)?.as_blob()?), asset_id(row.get_ref(2)?.as_blob()?)))
        })
    }

    /// A target asset.
    pub(crate) fn target(&self, id: &AssetId) -> Result<Option<TargetAsset>, Error> {
        let sql = format!("SELECT {TARGET_ASSET} FROM target_asset WHERE id = ?1");
        self.row(&sql, params![asset_key(id)], target_asset)
    }

    /// The target assets that have exactly that alternate id.
    pub(crate) fn targets_by_alternate_id(&self, alternate_id: &str) -> Result<Vec<TargetAsset>, Error> {
        let sql = format!("SELECT {TARGET_ASSET} FROM target_asset WHERE alternate_id = ?1 ORDER BY id");
        self.rows(&sql, params![alternate_id], target_asset)
    }

    /// Makes a target asset our copy of a source asset.
    pub(crate) fn set_copy_of(&self, target: &AssetId, source: &AssetId) -> Result<(), Error> {
        let sql = "UPDATE target_asset SET source = ?2, standing = ?3 WHERE id = ?1";
        let row = params![asset_key(target), asset_key(source), Standing::Ours as usize];
        self.lock().execute(sql, row).map(drop).map_err(failed("write"))
    }

    /// The target's locator of that id.
    pub(crate) fn target_locator(&self, id: &LocatorId) -> Result<Option<Holding>, Error> {
        let sql = format!("SELECT {LOCATOR}, ours FROM target_locator WHERE id = ?1");
        self.row(&sql, params![locator_key(id)], holding)
    }

    /// The locators on a target asset.
    pub(crate) fn locators_on(&self, target: &AssetId) -> Result<Vec<Holding>, Error> {
        let sql = format!("SELECT {LOCATOR}, ours FROM target_locator WHERE asset = ?1 ORDER BY id");
        self.rows(&sql, params![asset_key(target)], holding)
    }

    /// The number of locators of any kind on a target asset.
    pub(crate) fn count_locators_on(&self, target: &AssetId) -> Result<usize, Error> {
        let sql = "
            SELECT (SELECT count(*) FROM target_locator WHERE asset = ?1)
                 + (SELECT count(DISTINCT id) FROM target_read_locator WHERE asset = ?1)";
        Ok(self.row(sql, params![asset_key(target)], |row| row.get(0))?.unwrap_or(0))
    }

    /// The sum of an asset's file records; `None`: it has none, or none were listed.
    pub(crate) fn files(&self, side: Side, asset: &AssetId) -> Result<Option<FilesDigest>, Error> {
        let sql = "SELECT a, b, c FROM file_sum WHERE side = ?1 AND asset = ?2";
        self.row(sql, params![side_number(side), asset_key(asset)], |row| {
            Ok(FilesDigest::of_parts([row.get(0)?, row.get(1)?, row.get(2)?]))
        })
    }

    /// How many of these source assets are deleted: they have a copy of ours that is not retired, and are not listed.
    pub(crate) fn count_gone<'a>(&self, sources: impl Iterator<Item = &'a AssetId>) -> Result<u64, Error> {
        let sql = "
            SELECT count(*) FROM target_asset AS t
            WHERE t.source = ?1 AND NOT t.retired AND t.standing = 1
              AND NOT EXISTS (SELECT 1 FROM source_asset AS s WHERE s.id = t.source)";
        let mut count = 0;
        for source in sources {
            count += self.row(sql, params![asset_key(source)], |row| row.get::<_, u64>(0))?.unwrap_or_default();
        }
        Ok(count)
    }

    /// The source assets of the run that have locators in the source or on copies, after that row number.
    pub(crate) fn to_screen(&self, after: i64, limit: usize) -> Result<Vec<(i64, AssetId)>, Error> {
        let sql = "
            SELECT s.n, s.id FROM source_asset AS s
            WHERE s.n > ?1 AND (EXISTS (SELECT 1 FROM source_locator AS l WHERE l.asset = s.id)
                                OR EXISTS (SELECT 1 FROM target_asset AS t JOIN target_locator AS l ON l.asset = t.id
                                           WHERE t.source = s.id))
            ORDER BY s.n LIMIT ?2";
        self.rows(sql, params![after, limit], |row| Ok((row.get(0)?, asset_id(row.get_ref(1)?.as_blob()?))))
    }

    /// The result of screening a source asset.
    pub(crate) fn screened(&self, asset: &AssetId) -> Result<Screened, Error> {
        let sql = "SELECT protection FROM source_asset WHERE id = ?1";
        let found = self.row(sql, params![asset_key(asset)], |row| row.get::<_, usize>(0))?;
        Ok(found.map_or(Screened::Clear, |number| Screened::ALL[number]))
    }

    /// The source assets with exactly that name.
    pub(crate) fn sources_named(&self, name: &str) -> Result<Vec<AssetId>, Error> {
        let sql = "SELECT id FROM source_asset WHERE name = ?1";
        self.rows(sql, params![name], |row| Ok(asset_id(row.get_ref(0)?.as_blob()?)))
    }

    /// Treats locators of the source as if they did not exist.
    pub(crate) fn drop_source_locators(&self, ids: &HashSet<LocatorId>) -> Result<(), Error> {
        let connection = self.lock();
        for id in ids {
            let sql = "DELETE FROM source_locator WHERE id = ?1";
            connection.execute(sql, params![locator_key(id)]).map_err(failed("write"))?;
        }
        Ok(())
    }

    /// Removes a locator of the target from the table, because it is withdrawn.
    pub(crate) fn drop_target_locator(&self, id: &LocatorId) -> Result<(), Error> {
        let sql = "DELETE FROM target_locator WHERE id = ?1";
        self.lock().execute(sql, params![locator_key(id)]).map(drop).map_err(failed("write"))
    }

    /// Removes a target asset from the table, because it is deleted.
    pub(crate) fn drop_target(&self, id: &AssetId) -> Result<(), Error> {
        let sql = "DELETE FROM target_asset WHERE id = ?1";
        self.lock().execute(sql, params![asset_key(id)]).map(drop).map_err(failed("write"))
    }

    /// Stores the results of the screening.
    pub(crate) fn set_screened(&self, assets: &[(AssetId, Screened)]) -> Result<(), Error> {
        let connection = self.lock();
        let mut update = connection
            .prepare_cached("UPDATE source_asset SET protection = ?2 WHERE id = ?1")
            .map_err(failed("write"))?;
        for (asset, screened) in assets {
            update.execute(params![asset_key(asset), *screened as usize]).map_err(failed("write"))?;
        }
        Ok(())
    }

    /// Does the target list one of `originals`? These are the assets of the target account that marks of the source
    /// name.
    pub(crate) fn any_target(&self, originals: &[AssetId]) -> Result<bool, Error> {
        for original in originals {
            if self.target(original)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Defers an asset until all contents are compared.
    pub(crate) fn defer(&self, asset: &AssetId) -> Result<(), Error> {
        let sql = "UPDATE source_asset SET deferred = 1 WHERE id = ?1";
        self.lock().execute(sql, params![asset_key(asset)]).map(drop).map_err(failed("write"))
    }

    /// The deferred assets after that row number, with their row numbers.
    pub(crate) fn deferred(&self, after: i64, limit: usize) -> Result<Vec<(i64, Asset)>, Error> {
        let sql = format!("SELECT {SOURCE_ASSET}, n FROM source_asset WHERE deferred AND n > ?1 ORDER BY n LIMIT ?2");
        self.rows(&sql, params![after, limit], |row| Ok((row.get(8)?, source_asset(row)?)))
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql).map_err(failed("read"))?;
        let rows = statement.query_map(params, read).map_err(failed("read"))?;
        rows.collect::<rusqlite::Result<Vec<T>>>().map_err(failed("read"))
    }

    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql).map_err(failed("read"))?;
        statement.query_row(params, read).optional().map_err(failed("read"))
    }
}
