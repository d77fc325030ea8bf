//! Ids in little room: a library of a million assets is known by its ids, most of which are GUIDs behind a fixed prefix.

use crate::model::{AssetId, ContainerName, LocatorId};

/// What the service puts before the GUID of an asset.
const ASSET: &str = "nb:cid:UUID:";
/// What the service puts before the GUID of an asset's container.
const CONTAINER: &str = "asset-";
/// A locator's id is a GUID alone.
const LOCATOR: &str = "";

/// An id that reads back exactly as it was: sixteen bytes where it is the usual prefix and a lower-case GUID, else its
/// text. Ids of different kinds are never compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CompactId {
    /// The GUID behind the prefix of its kind.
    Guid([u8; 16]),
    /// Any other text.
    Text(Box<str>),
}

impl CompactId {
    /// An asset's.
    pub(crate) fn asset(id: &AssetId) -> Self {
        Self::new(ASSET, id.as_str())
    }

    /// The asset's that a text names.
    pub(crate) fn asset_named(id: &str) -> Self {
        Self::new(ASSET, id)
    }

    /// A locator's.
    pub(crate) fn locator(id: &LocatorId) -> Self {
        Self::new(LOCATOR, id.as_str())
    }

    /// A container's.
    pub(crate) fn container(name: &ContainerName) -> Self {
        Self::new(CONTAINER, name.as_str())
    }

    /// The asset's id as it was.
    pub(crate) fn to_asset(&self) -> AssetId {
        AssetId::new(self.text(ASSET))
    }

    /// The locator's id as it was.
    pub(crate) fn to_locator(&self) -> LocatorId {
        LocatorId::new(self.text(LOCATOR))
    }

    /// The container's name as it was.
    pub(crate) fn to_container(&self) -> ContainerName {
        ContainerName::new(self.text(CONTAINER))
    }

    fn new(prefix: &str, id: &str) -> Self {
        let guid = id.strip_prefix(prefix).and_then(|guid| {
            let parsed = uuid::Uuid::try_parse(guid).ok()?;
            let mut spelled = uuid::Uuid::encode_buffer();
            // Braces, capitals and missing hyphens would not read back.
            (parsed.hyphenated().encode_lower(&mut spelled) == guid).then(|| parsed.into_bytes())
        });
        guid.map_or_else(|| Self::Text(id.into()), Self::Guid)
    }

    fn text(&self, prefix: &str) -> String {
        match self {
            Self::Guid(bytes) => format!("{prefix}{}", uuid::Uuid::from_bytes(*bytes)),
            Self::Text(text) => text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_as_it_was() {
        for id in [
            "nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "nb:cid:UUID:0B2E5B1C-7F0A-4D4E-9A55-0123456789AB",
            "nb:cid:UUID:{0b2e5b1c-7f0a-4d4e-9a55-0123456789ab}",
            "nb:cid:UUID:0b2e5b1c7f0a4d4e9a550123456789ab",
            "nb:pid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "",
        ] {
            assert_eq!(CompactId::asset(&AssetId::new(id)).to_asset().as_str(), id);
            assert_eq!(CompactId::locator(&LocatorId::new(id)).to_locator().as_str(), id);
            assert_eq!(CompactId::container(&ContainerName::new(id)).to_container().as_str(), id);
        }
    }

    #[test]
    fn a_usual_id_needs_no_text() {
        let id = AssetId::new("nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab");
        assert!(matches!(CompactId::asset(&id), CompactId::Guid(_)));
        assert!(size_of::<Option<CompactId>>() <= 24);
    }
}
