//! How ids, times and containers are stored in a row.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{Type, Value};

use super::super::standing::{Holding, Screened, Standing, TargetAsset};
use crate::model::{
    AccountName, Asset, AssetEncryption, AssetId, ContainerName, Locator, LocatorId, LocatorKind, Mark, Side,
};

/// Nanoseconds per tick, the unit of time of the services.
const TICK: i128 = 100;
/// The number of characters of a GUID.
const GUID: usize = 36;
/// The first byte of a key that is stored as text.
const TEXT: u8 = 0;
/// The first byte of a key that is stored as a GUID and the text before it.
const PACKED: u8 = 1;
/// The first byte of a container that is named after its asset, before the text that replaces the asset's prefix.
const NAMED_AFTER_ASSET: u8 = 1;

/// All encryptions, by their number in a row.
const ENCRYPTIONS: [AssetEncryption; 4] =
    [AssetEncryption::None, AssetEncryption::Storage, AssetEncryption::Common, AssetEncryption::Envelope];

/// The kinds of locators that are mirrored, by their number in a row.
const KINDS: [LocatorKind; 2] = [LocatorKind::Streaming, LocatorKind::Public];

/// A locator of ours that the source no longer publishes on the asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revoked {
    /// The locator on the target.
    pub(crate) locator: Locator,
    /// The copy that it is on, and the copy's source asset.
    pub(crate) copy: TargetAsset,
    pub(crate) source: AssetId,
    /// If the source lists that asset: whether it is protected.
    pub(crate) screened: Option<Screened>,
    /// Is the source asset part of the run? `None`: it is not listed, and the copy's name decides.
    pub(crate) covered: Option<bool>,
}

/// The text before the GUID at the end of an id, and the GUID. Braces, capitals and missing hyphens would be lost.
fn split(id: &str) -> Option<(&str, uuid::Uuid)> {
    let (prefix, guid) = id.split_at_checked(id.len().checked_sub(GUID)?)?;
    let parsed = uuid::Uuid::try_parse(guid).ok()?;
    let mut spelled = uuid::Uuid::encode_buffer();
    (parsed.hyphenated().encode_lower(&mut spelled) == guid).then_some((prefix, parsed))
}

/// The key of an id. An id that ends with a GUID takes twenty bytes less.
fn key(id: &str) -> Vec<u8> {
    match split(id) {
        Some((prefix, guid)) => [&[PACKED], guid.as_bytes().as_slice(), prefix.as_bytes()].concat(),
        None => [&[TEXT], id.as_bytes()].concat(),
    }
}

/// The id of a key.
fn id(key: &[u8]) -> String {
    let Some((form, rest)) = key.split_first() else { return String::new() };
    match rest.split_first_chunk() {
        Some((guid, prefix)) if *form == PACKED => {
            format!("{}{}", String::from_utf8_lossy(prefix), uuid::Uuid::from_bytes(*guid))
        }
        _ => String::from_utf8_lossy(rest).into_owned(),
    }
}

/// The key of an asset.
pub(super) fn asset_key(asset: &AssetId) -> Vec<u8> {
    key(asset.as_str())
}

/// The key of a locator.
pub(super) fn locator_key(locator: &LocatorId) -> Vec<u8> {
    key(locator.as_str())
}

pub(super) fn asset_id(key: &[u8]) -> AssetId {
    AssetId::new(id(key))
}

fn locator_id(key: &[u8]) -> LocatorId {
    LocatorId::new(id(key))
}

/// A container: null if the service does not report it; for a container that ends with its asset's GUID, the text
/// before that.
pub(super) fn container(asset: &AssetId, container: Option<&ContainerName>) -> Value {
    let Some(container) = container else { return Value::Null };
    Value::Blob(match (split(asset.as_str()), split(container.as_str())) {
        (Some((_, of_asset)), Some((prefix, guid))) if of_asset == guid => {
            [&[NAMED_AFTER_ASSET], prefix.as_bytes()].concat()
        }
        _ => [&[TEXT], container.as_str().as_bytes()].concat(),
    })
}

fn container_of(asset: &AssetId, kept: Option<Vec<u8>>) -> Option<ContainerName> {
    let kept = kept?;
    let (form, text) = kept.split_first()?;
    let text = String::from_utf8_lossy(text);
    Some(match (*form, split(asset.as_str())) {
        (NAMED_AFTER_ASSET, Some((_, guid))) => ContainerName::new(format!("{text}{guid}")),
        _ => ContainerName::new(text),
    })
}

/// A side in a row.
pub(super) fn side_number(side: Side) -> u8 {
    match side {
        Side::Source => 0,
        Side::Target => 1,
    }
}

/// A time in ticks.
pub(super) fn ticks(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().div_euclid(TICK)).expect("twenty thousand years have fewer ticks")
}

fn timestamp(column: usize, ticks: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_nanosecond(i128::from(ticks) * TICK)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}

fn maybe_timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|ticks| timestamp(column, ticks)).transpose()
}

pub(super) fn encryption(encryption: AssetEncryption) -> usize {
    ENCRYPTIONS.iter().position(|one| *one == encryption).expect("all of them are there")
}

pub(super) fn kind_number(kind: LocatorKind) -> usize {
    KINDS.iter().position(|one| *one == kind).expect("what is not mirrored is in another table")
}

/// Metadata; most assets have none.
pub(super) fn metadata(metadata: &BTreeMap<String, String>) -> Option<String> {
    (!metadata.is_empty()).then(|| serde_json::json!(metadata).to_string())
}

fn metadata_of(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeMap<String, String>> {
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    let text: Option<String> = row.get(column)?;
    text.map_or_else(|| Ok(BTreeMap::new()), |text| serde_json::from_str(&text).map_err(unreadable))
}

/// The columns that [`source_asset`] reads.
pub(super) const SOURCE_ASSET: &str = "id, name, alternate_id, created, encryption, account, container, metadata";

pub(super) fn source_asset(row: &Row<'_>) -> rusqlite::Result<Asset> {
    let id = asset_id(row.get_ref(0)?.as_blob()?);
    Ok(Asset {
        name: row.get(1)?,
        alternate_id: row.get(2)?,
        created: maybe_timestamp(row, 3)?,
        encryption: ENCRYPTIONS[row.get::<_, usize>(4)?],
        storage_account: row.get::<_, Option<String>>(5)?.map(AccountName::new),
        container: container_of(&id, row.get(6)?),
        metadata: metadata_of(row, 7)?,
        id,
    })
}

/// The columns that [`target_asset`] reads.
pub(super) const TARGET_ASSET: &str = "id, name, alternate_id, account, container, standing, metadata";

pub(super) fn target_asset(row: &Row<'_>) -> rusqlite::Result<TargetAsset> {
    target_asset_from(row, 0)
}

/// As [`target_asset`], with columns that begin at `first`.
fn target_asset_from(row: &Row<'_>, first: usize) -> rusqlite::Result<TargetAsset> {
    let id = asset_id(row.get_ref(first)?.as_blob()?);
    let alternate_id: Option<String> = row.get(first + 2)?;
    Ok(TargetAsset {
        name: row.get(first + 1)?,
        mark: alternate_id.as_deref().and_then(Mark::parse),
        alternate_id,
        storage_account: row.get::<_, Option<String>>(first + 3)?.map(AccountName::new),
        container: container_of(&id, row.get(first + 4)?),
        standing: Standing::ALL[row.get::<_, usize>(first + 5)?],
        metadata: metadata_of(row, first + 6)?,
        id,
    })
}

/// The columns that [`locator`] reads.
pub(super) const LOCATOR: &str = "id, asset, name, start, expiry, kind";

pub(super) fn locator(row: &Row<'_>) -> rusqlite::Result<Locator> {
    Ok(Locator {
        id: locator_id(row.get_ref(0)?.as_blob()?),
        asset: asset_id(row.get_ref(1)?.as_blob()?),
        kind: KINDS[row.get::<_, usize>(5)?],
        name: row.get(2)?,
        start: maybe_timestamp(row, 3)?,
        expiry: timestamp(4, row.get(4)?)?,
        path: None,
        policy: None,
    })
}

/// A target locator and whether it is ours; its columns are [`LOCATOR`] and `ours`.
pub(super) fn holding(row: &Row<'_>) -> rusqlite::Result<Holding> {
    Ok(Holding { locator: locator(row)?, ours: row.get(6)? })
}

/// The columns of a locator of ours (`tl`), its copy (`t`) and the copy's source asset (`s`).
pub(super) const REVOKED: &str = "
    SELECT tl.id, tl.asset, tl.name, tl.start, tl.expiry, tl.kind,
           t.id, t.name, t.alternate_id, t.account, t.container, t.standing, t.metadata,
           t.source, s.protection, s.covered, tl.rowid";

/// A locator of ours with its row number.
pub(super) fn revoked(row: &Row<'_>) -> rusqlite::Result<(i64, Revoked)> {
    let revoked = Revoked {
        locator: locator(row)?,
        copy: target_asset_from(row, 6)?,
        source: asset_id(row.get_ref(13)?.as_blob()?),
        screened: row.get::<_, Option<usize>>(14)?.map(|number| Screened::ALL[number]),
        covered: row.get(15)?,
    };
    Ok((row.get(16)?, revoked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_as_it_was() {
        for text in [
            "nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "nb:cid:UUID:0B2E5B1C-7F0A-4D4E-9A55-0123456789AB",
            "nb:cid:UUID:{0b2e5b1c-7f0a-4d4e-9a55-0123456789ab}",
            "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "é0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            &format!("{}0b2e5b1c-7f0a-4d4e-9a55-0123456789ab", "long".repeat(100)),
            "a text of more than thirty-six bytes, ü inside",
            "sixteen chars...",
            "",
        ] {
            assert_eq!(asset_id(&asset_key(&AssetId::new(text))).as_str(), text);
            assert_eq!(locator_id(&locator_key(&LocatorId::new(text))).as_str(), text);
        }
        assert_eq!(asset_key(&AssetId::new("nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab")).len(), 29);
        assert_eq!(locator_key(&LocatorId::new("0b2e5b1c-7f0a-4d4e-9a55-0123456789ab")).len(), 17);
    }

    #[test]
    fn times_of_the_service_read_back() {
        for text in ["2026-01-02T03:04:05.1234567Z", "9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(timestamp(0, ticks(at)).unwrap(), at, "{text}");
        }
    }

    #[test]
    fn containers_named_after_their_assets_and_others_read_back() {
        let asset = AssetId::new("nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab");
        for name in [None, Some("asset-0b2e5b1c-7f0a-4d4e-9a55-0123456789ab"), Some("other")] {
            let name = name.map(ContainerName::new);
            let kept = match container(&asset, name.as_ref()) {
                Value::Blob(bytes) => Some(bytes),
                _ => None,
            };
            assert_eq!(container_of(&asset, kept), name);
        }
    }
}
