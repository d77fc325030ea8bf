//! The state that the target stores: the lock of the run that may write to it, and the state of a pair of accounts.
//!
//! Both are small blobs in one container of the target's default storage account. The lock is a lease on a blob that is
//! named after the target. It guarantees that no other run of mediamirror has the lock at the same time. It cannot
//! prevent writes to other blobs: whoever has the lock calls [`TargetLock::check`] before each write.

pub(crate) mod error;
pub(crate) mod holder;
mod holding;
mod lock;
mod moment;
mod pair;

pub use error::{LockLoss, StateError};
pub use holder::Holder;
pub use holding::{CONTAINER, container_exists, holder, unlock};
pub use lock::TargetLock;
pub use pair::{Active, Deleting, Held, Leaving, Night, PairState, Withheld};
