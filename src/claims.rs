//! Claims over the library: which target asset belongs to which source asset, and which locators have to be created,
//! changed, moved or withdrawn. Only this module decides that.
//!
//! Both catalogues are read into a [`spool::Spool`]; the pure functions of [`judge`] and [`guards`] decide from its
//! rows. Nothing here writes to a service.

mod accounts;
mod catalog;
mod common;
pub(crate) mod digest;
mod filters;
pub(crate) mod guards;
pub(crate) mod judge;
mod observed;
mod order;
mod playing;
mod protected;
mod spool;
mod standing;

pub(crate) use catalog::{Claims, FilesWanted};
pub(crate) use common::{Common, without_seal};
pub(crate) use filters::{filter_difference, filters_differ};
pub use guards::Guard;
pub(crate) use judge::{Claim, Move, Work};
pub use order::Order;
pub(crate) use playing::Playing;
pub(crate) use spool::{Census, Gone, Revoked, SortedBlobs};
pub(crate) use standing::{Screened, Standing, TargetAsset, same_terms};
