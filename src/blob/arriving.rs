//! The properties that are sent with a blob, by each operation that creates one.

use std::collections::HashMap;

use azure_storage_blob::models::AccessTier;

use crate::model::BlobProperties;

/// The options that all operations share that create a block blob.
macro_rules! arriving_with {
    ($options:ident, $account:expr, $properties:expr, $tier:expr) => {{
        let properties: &crate::model::BlobProperties = $properties;
        azure_storage_blob::models::$options {
            blob_cache_control: properties.cache_control.clone(),
            blob_content_disposition: properties.content_disposition.clone(),
            blob_content_encoding: properties.content_encoding.clone(),
            blob_content_language: properties.content_language.clone(),
            blob_content_md5: properties.content_md5.clone(),
            blob_content_type: properties.content_type.clone(),
            blob_tags_string: $account.tags_header(properties),
            metadata: $crate::blob::arriving::metadata_headers(properties),
            tier: $tier,
            ..Default::default()
        }
    }};
}
pub(super) use arriving_with;

/// Metadata as the library takes it.
pub(super) fn metadata_headers(properties: &BlobProperties) -> Option<HashMap<String, String>> {
    let metadata = &properties.metadata;
    (!metadata.is_empty()).then(|| metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// The tier to request: the source's, if a blob can be created in it.
pub(super) fn tier_of(name: Option<&str>) -> Option<AccessTier> {
    match name? {
        "Hot" => Some(AccessTier::Hot),
        "Cool" => Some(AccessTier::Cool),
        "Cold" => Some(AccessTier::Cold),
        _ => None,
    }
}
