//! Converts rows into the types of the model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use url::Url;

use super::odata::Row;
use crate::error::Failure;
use crate::model::{
    AccountName, Asset, AssetChange, AssetEncryption, AssetFile, AssetId, ContainerName, Locator, LocatorId,
    LocatorKind,
};

/// The prefix of an asset's id.
const ASSET_PREFIX: &str = "nb:cid:UUID:";
/// The prefix of a locator's id in the API.
pub(super) const LOCATOR_PREFIX: &str = "nb:lid:UUID:";

/// A file record with its id in the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileRow {
    /// The record's own id.
    pub(super) id: String,
    /// The record.
    pub(super) file: AssetFile,
}

/// The id of any entity.
pub(super) fn id(row: &Row) -> Result<&str, Failure> {
    row.words("Id").ok_or_else(|| missing("Id"))
}

fn missing(property: &str) -> Failure {
    Failure::Unexpected(format!("an entity without a usable {property}"))
}

/// An asset.
pub(super) fn asset(row: &Row) -> Result<Asset, Failure> {
    Ok(Asset {
        id: AssetId::new(id(row)?),
        name: row.text("Name").map(str::to_owned),
        alternate_id: row.text("AlternateId").map(str::to_owned),
        created: row.date("Created"),
        encryption: match row.whole("Options").unwrap_or(0) {
            0 => AssetEncryption::None,
            2 => AssetEncryption::Common,
            4 => AssetEncryption::Envelope,
            // An unknown option is treated as the one that cannot be mirrored.
            _ => AssetEncryption::Storage,
        },
        storage_account: row.words("StorageAccountName").map(AccountName::new),
        container: row.words("Uri").and_then(container),
        metadata: BTreeMap::new(),
    })
}

/// The API's number of an encryption option.
pub(super) fn options(encryption: AssetEncryption) -> u8 {
    match encryption {
        AssetEncryption::None => 0,
        AssetEncryption::Storage => 1,
        AssetEncryption::Common => 2,
        AssetEncryption::Envelope => 4,
    }
}

/// The body that makes a change of an asset; `None` if there is nothing to change.
pub(super) fn asset_changes(change: &AssetChange) -> Option<Value> {
    let mut changes = Map::new();
    for (property, text) in [("Name", &change.name), ("AlternateId", &change.alternate_id)] {
        if let Some(text) = text {
            changes.insert(property.to_owned(), json!(text));
        }
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}

/// The container in the URL of an asset or a SAS locator: the last segment of its path.
pub(super) fn container(url: &str) -> Option<ContainerName> {
    let url = Url::parse(url).ok()?;
    url.path_segments()?.rfind(|piece| !piece.is_empty()).map(ContainerName::new)
}

/// A file record.
pub(super) fn file(row: &Row) -> Result<FileRow, Failure> {
    Ok(FileRow {
        id: id(row)?.to_owned(),
        file: AssetFile {
            asset: AssetId::new(row.words("ParentAssetId").ok_or_else(|| missing("ParentAssetId"))?),
            name: row.text("Name").ok_or_else(|| missing("Name"))?.to_owned(),
            size: row.whole("ContentFileSize").unwrap_or(0),
            mime_type: row.words("MimeType").map(str::to_owned),
            primary: row.truth("IsPrimary"),
            encrypted: row.truth("IsEncrypted"),
        },
    })
}

/// A locator; `None` for a type that is neither SAS nor streaming.
pub(super) fn locator(row: &Row) -> Result<Option<Locator>, Failure> {
    let kind = match row.whole("Type") {
        Some(1) => LocatorKind::Sas,
        Some(2) => LocatorKind::Streaming,
        _ => return Ok(None),
    };
    Ok(Some(Locator {
        id: locator_id(id(row)?),
        asset: AssetId::new(row.words("AssetId").ok_or_else(|| missing("AssetId"))?),
        kind,
        name: row.text("Name").map(str::to_owned),
        start: row.date("StartTime"),
        expiry: row.date("ExpirationDateTime").ok_or_else(|| missing("ExpirationDateTime"))?,
        path: row
            .words("Path")
            .filter(|_| kind == LocatorKind::Streaming)
            .map(|path| if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }),
        policy: row.words("AccessPolicyId").map(str::to_owned),
    }))
}

/// The part of a locator's id that is in URLs.
pub(super) fn locator_id(wire: &str) -> LocatorId {
    let bare = match wire.get(..LOCATOR_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(LOCATOR_PREFIX) => &wire[LOCATOR_PREFIX.len()..],
        _ => wire,
    };
    LocatorId::new(bare.to_ascii_lowercase())
}

/// A locator's id in the spelling of the service.
pub(super) fn wire_id(id: &LocatorId) -> String {
    format!("{LOCATOR_PREFIX}{id}")
}

/// The asset ids that an operator can mean: unchanged, and a GUID with the prefix.
pub(super) fn asset_ids(text: &str) -> Vec<AssetId> {
    let spelled = guid_of(text, ASSET_PREFIX).map(|guid| format!("{ASSET_PREFIX}{guid}"));
    std::iter::once(text.to_owned()).chain(spelled).map(AssetId::new).collect()
}

/// The locator ids that an operator can mean, without the prefix.
pub(super) fn locator_ids(text: &str) -> Vec<LocatorId> {
    std::iter::once(text.to_ascii_lowercase()).chain(guid_of(text, LOCATOR_PREFIX)).map(LocatorId::new).collect()
}

/// The GUID of an id with or without that prefix, in lower case.
fn guid_of(text: &str, prefix: &str) -> Option<String> {
    let begins = text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let rest = if begins { &text[prefix.len()..] } else { text };
    Some(uuid::Uuid::try_parse(rest).ok()?.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_can_write_an_id_without_its_prefix_and_in_capitals() {
        let guid = "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab";
        for text in [guid.to_uppercase(), format!("nb:cid:UUID:{guid}"), format!("NB:CID:UUID:{}", guid.to_uppercase())]
        {
            let asset = AssetId::new(format!("nb:cid:UUID:{guid}"));
            assert!(asset_ids(&text).contains(&asset), "{text}");
        }
        for text in [guid.to_uppercase(), format!("nb:lid:UUID:{guid}"), format!("NB:LID:UUID:{}", guid.to_uppercase())]
        {
            assert!(locator_ids(&text).contains(&LocatorId::new(guid)), "{text}");
        }
        assert_eq!(asset_ids("Trailer"), [AssetId::new("Trailer")]);
    }

    fn row(value: &Value) -> Row {
        crate::library::ams_v2::odata::row(&value.to_string()).unwrap()
    }

    #[test]
    fn an_old_asset_without_uri_and_name_is_read() {
        let asset = asset(&row(&json!({"Id": "nb:cid:UUID:1", "Options": 0, "Name": null}))).unwrap();
        assert_eq!((asset.name.as_deref(), asset.container, asset.storage_account), (None, None, None));
    }

    #[test]
    fn the_container_is_the_last_segment_of_the_uri_in_both_styles() {
        for uri in [
            "https://acct.blob.core.windows.net/asset-1",
            "http://127.0.0.1:10000/acct/asset-1",
            "https://acct.blob.core.windows.net/asset-1?sv=2012-02-12&sig=x%2Fy",
        ] {
            assert_eq!(container(uri), Some(ContainerName::new("asset-1")), "{uri}");
        }
        assert_eq!(container("https://acct.blob.core.windows.net/"), None);
    }

    #[test]
    fn a_sas_locator_is_read_without_its_path() {
        let sas = locator(&row(&json!({
            "Id": "nb:lid:UUID:ABCD", "AssetId": "a", "Type": 1, "ExpirationDateTime": "/Date(0)/",
            "Path": "https://h/c?sig=x",
        })))
        .unwrap()
        .unwrap();
        assert_eq!((sas.id.as_str(), sas.path), ("abcd", None));
    }

    #[test]
    fn an_entity_without_id_is_an_unexpected_answer() {
        assert!(matches!(asset(&row(&json!({"Name": "x"}))), Err(Failure::Unexpected(_))));
    }
}
