//! The refusals of the service: a status and a message, with the texts of the live service, if they are known.

/// A refused request. The `code` of the body is always empty, as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) message: String,
}

impl ApiError {
    /// Any status with any text.
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400: the request itself is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 400: that cannot be done to this resource.
    pub(super) fn unsupported() -> Self {
        Self::bad("The requested operation is not supported on this resource.")
    }

    /// 501 for a missing feature of this emulator.
    pub(super) fn not_implemented(feature: &str) -> Self {
        Self::new(501, format!("This emulator does not implement {feature}."))
    }

    /// 409: the request contradicts the existing data.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 404 for an entity (`Resource Asset not found`, as seen).
    pub(super) fn no_entity(name: &str) -> Self {
        Self::new(404, format!("Resource {name} not found"))
    }

    /// 404 for an unknown segment of the URL (text as seen).
    pub(super) fn no_segment(segment: &str) -> Self {
        Self::new(404, format!("Resource not found for the segment '{segment}'."))
    }

    /// 404 for a storage account that is not attached (the text starts as seen).
    pub(super) fn no_storage(name: &str) -> Self {
        Self::new(404, format!("Cannot find the storage account '{name}'."))
    }

    /// 400 for a property the type does not have in this version.
    pub(super) fn no_property(property: &str, kind: &str) -> Self {
        Self::bad(format!("The property '{property}' does not exist on type '{NAMESPACE}.{kind}'."))
    }

    /// 500 for a storage account that failed.
    pub(super) fn storage(error: &crate::emulator::storage::StorageError) -> Self {
        Self::new(500, format!("Storage account information is temporarily unavailable: {error}"))
    }
}

/// The EDM namespace of all entity types.
pub(super) const NAMESPACE: &str = "Microsoft.Cloud.Media.Vod.Rest.Data.Models";
