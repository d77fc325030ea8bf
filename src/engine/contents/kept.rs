//! Blobs of an asset that only the target has.

use jiff::Timestamp;

use crate::model::Blob;

/// A blob that only the target has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptCopy {
    pub(crate) name: String,
    pub(crate) etag: String,
    pub(crate) bytes: u64,
    pub(crate) modified: Option<Timestamp>,
}

impl KeptCopy {
    pub(crate) fn of(copy: &Blob) -> Self {
        let Blob { name, etag, length, last_modified, .. } = copy;
        Self { name: name.clone(), etag: etag.clone(), bytes: *length, modified: *last_modified }
    }
}
