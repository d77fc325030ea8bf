//! Writes listed pages into the tables. A page is one transaction.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Transaction, params};

use super::super::digest::FilesDigest;
use super::super::standing::{Standing, target_standing};
use super::row::{asset_key, container, encryption, kind_number, locator_key, metadata, side_number, ticks};
use super::tables::{Spool, failed};
use crate::error::Error;
use crate::model::{AccountName, Asset, AssetFile, AssetId, Locator, Side};

impl Spool {
    /// Adds source assets, without those of write tests; `covered` decides which of them are part of the run.
    pub(crate) fn add_source_assets(&self, page: &[Asset], covered: impl Fn(&Asset) -> bool) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO source_asset (id, name, alternate_id, created, encryption, account, container, metadata, covered)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for asset in page.iter().filter(|asset| !asset.is_scratch()) {
                insert.execute(params![
                    asset_key(&asset.id),
                    asset.name,
                    asset.alternate_id,
                    asset.created.map(ticks),
                    encryption(asset.encryption),
                    asset.storage_account.as_ref().map(AccountName::as_str),
                    container(&asset.id, asset.container.as_ref()),
                    metadata(&asset.metadata),
                    covered(asset),
                ])?;
            }
            Ok(())
        })
    }

    /// Adds target assets; `source` is the account whose copies are searched, and `is_part` decides which assets are
    /// parts of another one.
    pub(crate) fn add_target_assets(
        &self,
        page: &[Asset],
        source: &AccountName,
        is_part: impl Fn(&AssetId) -> bool,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO target_asset (id, name, alternate_id, account, container, standing, source, retired, metadata, part)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            for asset in page {
                let (standing, mark) = target_standing(asset, source);
                let copy_of = mark.as_ref().filter(|_| standing != Standing::Foreign);
                insert.execute(params![
                    asset_key(&asset.id),
                    asset.name,
                    asset.alternate_id,
                    asset.storage_account.as_ref().map(AccountName::as_str),
                    container(&asset.id, asset.container.as_ref()),
                    standing as usize,
                    copy_of.map(|mark| asset_key(&mark.source)),
                    copy_of.is_some_and(|mark| mark.retired.is_some()),
                    metadata(&asset.metadata),
                    is_part(&asset.id),
                ])?;
            }
            Ok(())
        })
    }

    /// Adds the source's locators that are mirrored.
    pub(crate) fn add_source_locators(&self, page: &[Locator]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO source_locator (id, asset, name, start, expiry, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for locator in page.iter().filter(|locator| locator.kind.is_mirrored()) {
                let Locator { id, asset, name, start, expiry, kind, .. } = locator;
                let (id, asset, start) = (locator_key(id), asset_key(asset), start.map(ticks));
                insert.execute(params![id, asset, name, start, ticks(*expiry), kind_number(*kind)])?;
            }
            Ok(())
        })
    }

    /// Adds the target's locators; those on one of `our_policies`, and those that were `adopted`, are ours.
    pub(crate) fn add_target_locators(
        &self,
        page: &[Locator],
        our_policies: &HashSet<String>,
        adopted: &BTreeSet<String>,
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO target_locator (id, asset, name, start, expiry, kind, ours)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for locator in page.iter().filter(|locator| locator.kind.is_mirrored()) {
                let Locator { id, asset, name, start, expiry, kind, policy, .. } = locator;
                let made = policy.as_ref().is_some_and(|policy| our_policies.contains(policy));
                let ours = made || adopted.contains(id.as_str());
                insert.execute(params![
                    locator_key(id),
                    asset_key(asset),
                    name,
                    start.map(ticks),
                    ticks(*expiry),
                    kind_number(*kind),
                    ours
                ])?;
            }
            let mut insert =
                transaction.prepare_cached("INSERT INTO target_read_locator (id, asset) VALUES (?1, ?2)")?;
            for locator in page.iter().filter(|locator| !locator.kind.is_mirrored()) {
                insert.execute(params![locator_key(&locator.id), asset_key(&locator.asset)])?;
            }
            Ok(())
        })
    }

    /// Adds file records of one side. Consecutive records of an asset are stored as one sum. If a record is listed
    /// twice, the sums of both sides differ, and the records of that asset are then compared one by one.
    pub(crate) fn add_files(&self, side: Side, page: &[AssetFile]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO file_part (side, asset, a, b, c, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for records in page.chunk_by(|one, next| one.asset == next.asset) {
                let digest = FilesDigest::of(records);
                let [a, b, c] = digest.parts();
                let bytes = i64::try_from(digest.bytes()).unwrap_or(i64::MAX);
                insert.execute(params![side_number(side), asset_key(&records[0].asset), a, b, c, bytes])?;
            }
            Ok(())
        })
    }

    fn write(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed("write"))?;
        change(&transaction).map_err(failed("write"))?;
        transaction.commit().map_err(failed("write"))
    }
}
