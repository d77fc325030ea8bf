//! The current holder of a target's lock, and the blobs of the state.

use super::error::StateError;
use super::holder::Holder;
use crate::blob::{BlobAccount, LeaseBreak, LeaseState, SmallBlob, SmallRead};
use crate::error::Error;
use crate::model::{AccountName, BlobRef, ContainerName};

/// The container of the state. It is never mirrored.
pub const CONTAINER: &str = "mediamirror-state";

/// The largest lock blob: a larger one is from another program.
const HOLDER_LIMIT: usize = 16 << 10;

/// The holder of a target's lock; `None` if no run has it.
pub async fn holder(account: &BlobAccount, target: &AccountName) -> Result<Option<Holder>, Error> {
    Ok(holding(account, target).await?.map(|holding| holding.holder))
}

/// Breaks a target's lock immediately, and returns its holder; `None` if no run had it. If another run took the lock
/// meanwhile, it is not broken.
///
/// A holder that still runs notices it only with its next renewal, up to 20 seconds later. Until then two runs can
/// write.
///
/// # Errors
/// [`Error::Locked`] if another run took the lock meanwhile.
pub async fn unlock(account: &BlobAccount, target: &AccountName) -> Result<Option<Holder>, Error> {
    let Some(held) = holding(account, target).await? else { return Ok(None) };
    match held.end(account, target).await? {
        LeaseBreak::Ended => Ok(Some(held.holder)),
        LeaseBreak::Changed => {
            let holder = holder(account, target).await?.unwrap_or_default();
            Err(Error::Locked { target: target.clone(), holder, at: crate::clock::now() })
        }
    }
}

/// The holder of a lock, and the state of the lock's blob when it was read.
pub(super) struct Holding {
    pub(super) holder: Holder,
    pub(super) etag: String,
}

impl Holding {
    /// Breaks the lock of this holder, and of no other: each holder writes its name into the blob after it has taken
    /// the lock. A holder that has not written its name yet loses the lock before its run starts, and ends.
    pub(super) async fn end(&self, account: &BlobAccount, target: &AccountName) -> Result<LeaseBreak, Error> {
        account.break_lease(&lock_blob(target), &self.etag).await
    }
}

pub(super) async fn holding(account: &BlobAccount, target: &AccountName) -> Result<Option<Holding>, Error> {
    let Some(found) = read(account, &lock_blob(target), HOLDER_LIMIT).await? else { return Ok(None) };
    let held = matches!(found.lease, LeaseState::Leased | LeaseState::Breaking);
    Ok(held.then(|| Holding { holder: Holder::read(&found.content), etag: found.etag }))
}

/// Reads a blob of the state; `None` if it does not exist.
pub(super) async fn read(account: &BlobAccount, blob: &BlobRef, limit: usize) -> Result<Option<SmallBlob>, Error> {
    match account.read_small(blob, limit).await? {
        SmallRead::Missing => Ok(None),
        SmallRead::Whole(found) => Ok(Some(found)),
        SmallRead::TooLarge => {
            let reason = format!("it has more than {limit} bytes");
            Err(StateError::Damaged { account: account.name().to_string(), blob: blob.to_string(), reason }.into())
        }
    }
}

/// Is the container there? A run creates it.
pub async fn container_exists(account: &BlobAccount) -> Result<bool, Error> {
    account.container_exists(&ContainerName::new(CONTAINER)).await
}

/// The blob whose lease is the lock.
pub(super) fn lock_blob(target: &AccountName) -> BlobRef {
    blob(format!("lock-{target}"))
}

/// A blob of the state.
pub(super) fn blob(name: String) -> BlobRef {
    BlobRef { container: ContainerName::new(CONTAINER), name }
}
