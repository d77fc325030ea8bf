//! The commands on single assets, in the order of the failover tutorial: upload, encode, publish, browse, remove,
//! prune.
//!
//! Unlike the engine, these functions work on one account, either source or target, and without a plan. They leave
//! nothing temporary behind: an upload writes with the storage account's key, so it needs no policy and no locator. A
//! mark on its asset identifies an interrupted upload.

mod browse;
pub mod encode;
mod policies;
mod publish;
mod remove;
mod upload;

pub use browse::{Details, Listed, Opening, Record, find, list, show, storage_of};
pub use policies::{prune, unused};
pub use publish::{Download, Downloads, Published, StreamUrl, publish, publish_for_download, unpublish};
pub use remove::{all, remove};
pub use upload::{UploadOptions, Uploaded, UploadedFile, upload};
