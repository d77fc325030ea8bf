//! What the target knows: which run may write to it, and the state of a pair of accounts.
//!
//! Both are small blobs in one container of the target's default storage account. The lock is a lease on a blob that is
//! named after the target. It promises that no other run of mediamirror has the lock at the same time. It cannot fence
//! writes to other blobs: whoever has the lock calls [`TargetLock::check`] before each write.

mod error;
mod holder;
mod lock;
mod moment;
mod pair;

use crate::blob::{BlobAccount, LeaseState};
use crate::error::Error;
use crate::model::{AccountName, BlobRef, ContainerName};

pub use error::{LockLoss, StateError};
pub use holder::Holder;
pub use lock::TargetLock;
pub use pair::{Active, Held, Night, PairState, Withheld};

/// The container that holds the state. It is never mirrored.
pub const CONTAINER: &str = "mediamirror-state";

/// A lock's blob is larger only if somebody else wrote it.
const HOLDER_LIMIT: usize = 16 << 10;

/// The holder of a target's lock; `None`: no run has it.
pub async fn holder(account: &BlobAccount, target: &AccountName) -> Result<Option<Holder>, Error> {
    let Some(found) = account.read_small(&lock_blob(target), HOLDER_LIMIT).await? else { return Ok(None) };
    let held = matches!(found.lease, LeaseState::Leased | LeaseState::Breaking);
    Ok(held.then(|| Holder::read(&found.content)))
}

/// Breaks a target's lock at once, and returns who had it; `None`: no run had it.
///
/// A holder that still runs notices it only with its next renewal, up to 20 seconds later. Until then two runs can write.
pub async fn unlock(account: &BlobAccount, target: &AccountName) -> Result<Option<Holder>, Error> {
    let held = holder(account, target).await?;
    if held.is_some() {
        account.break_lease(&lock_blob(target)).await?;
    }
    Ok(held)
}

/// Is the container there? A run creates it.
pub async fn container_exists(account: &BlobAccount) -> Result<bool, Error> {
    account.container_exists(&ContainerName::new(CONTAINER)).await
}

/// The blob whose lease is the lock.
fn lock_blob(target: &AccountName) -> BlobRef {
    blob(format!("lock-{target}"))
}

/// A blob of the state.
fn blob(name: String) -> BlobRef {
    BlobRef { container: ContainerName::new(CONTAINER), name }
}
