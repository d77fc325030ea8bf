//! Blob storage accounts: listing, and the server-side copies into them.
//!
//! It uses the vendor's own library over this crate's transport, with our lanes, our retries, and one signature per
//! attempt. No content of a copied blob passes through this machine.

mod account;
mod account_information;
mod acl;
mod arriving;
mod auth;
mod caller;
mod container;
mod copy;
mod delegation;
mod exchange;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fuzz;
mod in_place;
mod lease;
mod list;
mod namespace;
mod probe;
mod properties;
mod public_access;
mod range;
mod sas;
mod sas_terms;
mod send;
mod settings;
mod signer;
mod small;
mod tag_access;
mod tags;
mod write;

pub use account::{BlobAccount, Copied, CopySource};
pub use acl::Acl;
pub use container::{Container, ContainerCreation};
pub use copy::{PUT_COMFORTABLE, PUT_LIMIT, blocks, choose, within_limits};
pub use in_place::Changed;
pub use lease::{LeaseAnswer, LeaseBreak, LeaseRenewal};
pub(crate) use list::{MOST_BLOBS, PageSize, Selected};
pub use namespace::Namespace;
pub use sas::{SharedAccess, SignedUrl};
pub use settings::{AccountSettings, Cors, Website};
pub use signer::Access;
pub use small::{Deleted, LeaseState, SmallBlob, SmallRead, WriteIf, Written};
pub use tag_access::TagAccess;
