//! One asset's life around a mirror, as the failover tutorial goes through it: upload, encode, publish, look, remove, tidy up.
//!
//! Unlike the engine these functions work on one account, whichever it is, and do at once what they are asked for.
//! Nothing temporary is left behind: an upload writes with the storage account's key, so it needs no policy and no
//! locator, and what it had not finished is found again by a mark on its asset.

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
