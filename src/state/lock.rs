//! The lock of a target: a lease of one minute that is renewed every 20 seconds, and given up well before it can
//! expire.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::error::{LockLoss, StateError};
use super::holder::Holder;
use super::holding::{holding, lock_blob};
use super::moment::Moment;
use crate::blob::{BlobAccount, LeaseAnswer, LeaseRenewal, WriteIf, Written};
use crate::error::Error;
use crate::model::{AccountName, BlobRef, LeaseId};

/// How long the lease lasts from each renewal; the longest lease that expires by itself.
const LEASE_SECONDS: u32 = 60;
/// The time from one renewal to the next: two may fail before the lease expires.
const RENEWED_EVERY: SignedDuration = SignedDuration::from_secs(20);
/// How long after the last renewal the lock is given up. Requests that were sent before arrive before the lease
/// expires.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_secs(45);
/// How often the clocks are checked. A machine that wakes up notices within this time that the lock is lost.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait for a lock whose holder has no name: it is just starting, or died before it wrote its name. After a
/// lease has ended, the service may also refuse another one for up to a minute.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long to wait between two attempts to take such a lock.
const PAUSE: Duration = Duration::from_secs(5);

/// The lock of a target, held by this run.
///
/// Dropping it stops the renewals, and the lease expires within a minute. [`TargetLock::release`] ends it immediately.
#[derive(Debug)]
pub struct TargetLock {
    lease: Arc<Lease>,
    /// Keeps the task alive that renews the lease.
    _renewals: AbortOnDropHandle<()>,
}

impl TargetLock {
    /// Takes the lock of a target in that storage account. It does not wait for a holder with a name. It creates the
    /// container and the blob if they are missing.
    ///
    /// # Errors
    /// [`Error::Locked`] if another run has it.
    pub async fn take(account: Arc<BlobAccount>, target: &AccountName, who: &Holder) -> Result<Self, Error> {
        let (blob, id) = (lock_blob(target), LeaseId::random());
        let sent = acquire(&account, target, &blob, &id).await?;
        let lease = Arc::new(Lease {
            account,
            target: target.clone(),
            blob,
            id,
            sent: Mutex::new(sent),
            renewal_error: Mutex::default(),
            loss: OnceLock::new(),
            lost: CancellationToken::new(),
        });
        match lease.start(who).await {
            Ok(()) => {
                let renewals = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&lease).keep()));
                Ok(Self { lease, _renewals: renewals })
            }
            Err(error) => {
                // The first error is the one to report; a lease that is not released expires.
                let _ = lease.account.release_lease(&lease.blob, &lease.id).await;
                Err(error)
            }
        }
    }

    /// May this run still write to the target? Call it before each write: it sends nothing.
    ///
    /// # Errors
    /// [`Error::LockLost`], as soon as another run may have the lock.
    pub fn check(&self) -> Result<(), Error> {
        self.lease.check()
    }

    /// A token that is cancelled when the lock is lost.
    pub fn lost(&self) -> CancellationToken {
        self.lease.lost.child_token()
    }

    /// Why the last renewal failed, reported once; `None` if it succeeded or had no answer.
    pub fn take_renewal_error(&self) -> Option<Error> {
        self.lease.renewal_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The target's media account.
    pub fn target(&self) -> &AccountName {
        &self.lease.target
    }

    /// The storage account with the target's state.
    pub fn account(&self) -> &Arc<BlobAccount> {
        &self.lease.account
    }

    /// Ends the lock, so that the next run need not wait.
    pub async fn release(self) -> Result<(), Error> {
        let Self { lease, _renewals: renewals } = self;
        drop(renewals);
        lease.account.release_lease(&lease.blob, &lease.id).await
    }
}

/// Acquires the lease; returns the time from which its duration counts.
async fn acquire(account: &BlobAccount, target: &AccountName, blob: &BlobRef, id: &LeaseId) -> Result<Moment, Error> {
    // Only the pauses count: slow answers of the account do not shorten the time that a holder gets.
    let mut pauses = PATIENCE.as_secs() / PAUSE.as_secs();
    // How often another run may break the lease or delete the blob meanwhile.
    let mut repairs = 3;
    loop {
        let sent = Moment::now();
        match account.acquire_lease(blob, id, LEASE_SECONDS).await? {
            LeaseAnswer::Granted => return Ok(sent),
            LeaseAnswer::Missing if repairs > 0 => {
                repairs -= 1;
                create(account, blob).await?;
                continue;
            }
            LeaseAnswer::Missing => return Err(changed(account, blob)),
            LeaseAnswer::HeldByAnother => {}
        }
        // It may have ended meanwhile.
        let holding = holding(account, target).await?;
        if let Some(dead) = holding.as_ref().filter(|holding| holding.holder.is_dead())
            && repairs > 0
        {
            repairs -= 1;
            // Broken or taken by another run meanwhile: the next attempt shows it.
            dead.end(account, target).await?;
            continue;
        }
        let holder = holding.map(|holding| holding.holder).unwrap_or_default();
        // A holder without a name is just starting, or died before it wrote it: then its lease expires soon.
        if holder.is_named() || pauses == 0 {
            let target = target.clone();
            return Err(Error::Locked { target, holder, at: crate::clock::now() });
        }
        pauses -= 1;
        sleep(PAUSE).await;
    }
}

/// Creates the lock's blob, and its container.
async fn create(account: &BlobAccount, blob: &BlobRef) -> Result<(), Error> {
    account.create_container(&blob.container).await?;
    // Another run may have created it meanwhile.
    account.write_small(blob, Bytes::new(), WriteIf::Absent).await.map(drop)
}

fn changed(account: &BlobAccount, blob: &BlobRef) -> Error {
    StateError::Changed { account: account.name().to_string(), blob: blob.to_string() }.into()
}

/// The lease behind a lock.
struct Lease {
    account: Arc<BlobAccount>,
    target: AccountName,
    blob: BlobRef,
    id: LeaseId,
    /// When the last successful renewal was sent: the lease cannot expire earlier than one minute after that.
    sent: Mutex<Moment>,
    /// Why the last renewal failed.
    renewal_error: Mutex<Option<Error>>,
    /// Set once, when the lock is lost.
    loss: OnceLock<LockLoss>,
    lost: CancellationToken,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("blob", &self.blob.to_string()).field("loss", &self.loss).finish_non_exhaustive()
    }
}

impl Lease {
    /// Writes the holder's name into the blob.
    async fn start(&self, who: &Holder) -> Result<(), Error> {
        // A throttled account may have answered late, and nothing renews the lease yet.
        if self.since_renewal() >= RENEWED_EVERY {
            self.renew().await?;
        }
        match self.account.write_small(&self.blob, who.content(), WriteIf::Lease(&self.id)).await? {
            Written::Done { .. } => Ok(()),
            Written::ConditionFailed => Err(self.lose(LockLoss::Taken)),
        }
    }

    /// Renews the lease and checks the clocks until the lock is lost.
    async fn keep(self: Arc<Self>) {
        tokio::select! {
            () = self.keep_renewing() => {}
            () = self.watch() => {}
        }
    }

    async fn keep_renewing(&self) {
        while self.check().is_ok() {
            if self.since_renewal() >= RENEWED_EVERY
                && let Err(error) = self.renew().await
            {
                tracing::warn!(target_account = %self.target, %error, "cannot renew the lock; will try again");
                *self.renewal_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            sleep(TICK).await;
        }
    }

    /// Ends when the lock is lost, even while a renewal waits for its answer.
    async fn watch(&self) {
        while self.check().is_ok() {
            sleep(TICK).await;
        }
    }

    async fn renew(&self) -> Result<(), Error> {
        let sent = Moment::now();
        match self.account.renew_lease(&self.blob, &self.id).await? {
            LeaseRenewal::Renewed => {
                *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = sent;
                *self.renewal_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            LeaseRenewal::Lost => return Err(self.lose(LockLoss::Taken)),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        match self.loss.get() {
            Some(loss) => Err(self.lose(*loss)),
            None if self.since_renewal() >= GIVEN_UP_AFTER => Err(self.lose(LockLoss::NotRenewed)),
            None => Ok(()),
        }
    }

    fn since_renewal(&self) -> SignedDuration {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Gives the lock up permanently; the first reason is kept.
    fn lose(&self, loss: LockLoss) -> Error {
        let reason = *self.loss.get_or_init(|| loss);
        self.lost.cancel();
        Error::LockLost { target: self.target.clone(), reason }
    }
}
