//! The state that all assets of a run share: the accounts, the ledger, the counts, the batches.

mod findings;
mod limits;
mod planned;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::blob::BlobAccount;
use crate::claims::digest::FilesDigest;
use crate::claims::guards::{self, Guard, Passed};
use crate::claims::{Census, Claims, Revoked, Screened, Work};
use crate::clock;
use crate::config::policy::Accepted;
use crate::connect::Pair;
use crate::engine::expired::explained;
use crate::engine::keeper::Keeper;
use crate::engine::methods::MethodCounter;
use crate::engine::options::Options;
use crate::engine::schedule::batcher::Batcher;
use crate::engine::schedule::copy_queue::CopyQueue;
use crate::engine::schedule::deletions::Deletions;
use crate::engine::schedule::in_flight::{Ahead, Made, Publication, Registration};
use crate::engine::schedule::outages::Outages;
use crate::engine::schedule::overwrites::Overwrites;
use crate::engine::schedule::sizes::Sizes;
use crate::engine::schedule::slots::AssetSlots;
use crate::engine::tally::Tally;
use crate::error::{Error, Failure};
use crate::ledger::{Facts, Ledger, Status, Step};
use crate::model::{AccountName, Asset, AssetId, LeftOut, LocatorId, Plane};
use crate::monitor::{Monitor, RunEvent};
use crate::throttle::Room;
use crate::verdict::{Cause, Change, Class, Finding};

/// Source and target of each asset; the digest of the written records.
type FilesBatcher = Arc<Batcher<Registration, FilesDigest>>;
/// The locators of each asset; one result per locator.
type LocatorsBatcher = Arc<Batcher<Publication, Vec<Result<Made, Error>>>>;

/// One run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) pair: Arc<Pair>,
    pub(crate) ledger: Ledger,
    pub(crate) options: Options,
    /// Both catalogues.
    pub(crate) claims: Claims,
    /// The guard against overwriting.
    pub(crate) overwrites: Overwrites,
    /// The deletions at the end of the run.
    pub(crate) deletions: Deletions,
    /// Storage accounts of the source that are down.
    pub(crate) outages: Outages,
    /// The target's lock and the state of the pair.
    pub(crate) keeper: Arc<Keeper>,
    /// What the operator allows.
    pub(crate) passed: Passed,
    /// Locators that are withheld.
    pub(crate) withheld: OnceLock<HashSet<LocatorId>>,
    accepted: Mutex<Accepted>,
    pub(crate) monitor: Arc<dyn Monitor>,
    /// Counts the copies on their way to the monitor.
    pub(crate) methods: Arc<MethodCounter>,
    /// Cancelled when the run must not start anything new.
    pub(crate) stop: CancellationToken,
    /// The slots of the assets in progress.
    pub(crate) slots: Arc<AssetSlots>,
    sizes: Sizes,
    files: FilesBatcher,
    locators: LocatorsBatcher,
    pending_copies: HashMap<AccountName, Arc<Semaphore>>,
    copy_queues: HashMap<AccountName, Arc<CopyQueue>>,
    started: AtomicU64,
    tally: Mutex<Tally>,
    fatal: Mutex<Option<Error>>,
    /// Findings about copies of assets whose contents are not processed yet.
    pending: Mutex<HashMap<AssetId, Vec<Finding>>>,
    /// The number of assets in a row that lacked a permission since the last success, and the first such error.
    refused_in_a_row: AtomicU32,
    refused: Mutex<Option<Error>>,
}

impl Run {
    /// A run that has not started.
    pub(crate) fn new(
        pair: Arc<Pair>,
        ledger: Ledger,
        options: Options,
        claims: Claims,
        (keeper, passed): (Arc<Keeper>, Passed),
        monitor: Arc<dyn Monitor>,
        stop: CancellationToken,
    ) -> Self {
        let most = pair.target.pending_copies.max(1);
        let pending_copies = pair
            .target
            .storage
            .iter()
            .map(|account| (account.name().clone(), Arc::new(Semaphore::new(most))))
            .collect();
        let copy_queues =
            pair.target.storage.iter().map(|account| (account.name().clone(), CopyQueue::into_account(account)));
        let copy_queues = copy_queues.collect();
        let batches = pair.target.library.batches();
        let methods = MethodCounter::new(monitor, options.copy_method);
        Self {
            pair,
            ledger,
            overwrites: Overwrites::new(options.policy.guards.max_overwrite),
            deletions: Deletions::default(),
            outages: Outages::default(),
            keeper,
            passed,
            accepted: Mutex::new(Accepted::new(&options.policy.accept)),
            withheld: OnceLock::new(),
            options,
            claims,
            monitor: Arc::<MethodCounter>::clone(&methods),
            methods,
            stop,
            slots: AssetSlots::new(batches.records.items + batches.locators.items),
            sizes: Sizes::default(),
            files: Batcher::new(batches.records),
            locators: Batcher::new(batches.locators),
            pending_copies,
            copy_queues,
            started: AtomicU64::new(0),
            tally: Mutex::new(Tally::default()),
            fatal: Mutex::new(None),
            pending: Mutex::default(),
            refused_in_a_row: AtomicU32::new(0),
            refused: Mutex::new(None),
        }
    }

    /// The slots for asynchronous copies pending in a target account.
    pub(crate) fn pending_copies(&self, account: &BlobAccount) -> Arc<Semaphore> {
        Arc::clone(self.pending_copies.get(account.name()).expect("every target account has its slots"))
    }

    /// The queue of the copies into a target account.
    pub(crate) fn copy_queue(&self, account: &BlobAccount) -> Arc<CopyQueue> {
        Arc::clone(self.copy_queues.get(account.name()).expect("every target account has a queue"))
    }

    /// Announces that items may be submitted.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead { files: self.files.announce(), locators: self.locators.announce() }
    }

    /// The copy priority of an asset that starts now.
    pub(crate) fn next_priority(&self) -> u64 {
        self.started.fetch_add(1, Ordering::Relaxed)
    }

    /// Changes the counts.
    pub(crate) fn count<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().expect("no panic while held"))
    }

    /// Records the number of blobs of an asset.
    pub(crate) fn sized(&self, blobs: u64) {
        self.sizes.add(blobs);
    }

    /// Records that an asset was compared, and how many of its blobs are to be copied.
    pub(crate) fn compared(&self, to_copy: u64) {
        self.sizes.compared(to_copy);
    }

    /// The number of blobs of the source's assets so far.
    pub(crate) fn blobs_seen(&self) -> u64 {
        self.sizes.blobs()
    }

    /// A run without data must not succeed: the configuration leaves out every existing blob.
    pub(crate) fn nothing_selected(&self, left_out: LeftOut) -> Option<Finding> {
        let nothing = left_out.by_path > 0 && self.sizes.is_nothing();
        nothing.then(|| Finding::new(Cause::NothingSelected, format!("{} blobs are left out", left_out.blobs())))
    }

    /// The number of assets that are processed at once.
    pub(crate) fn assets_at_once(&self) -> usize {
        let by_room = || {
            let lanes = self.pair.source.lanes.iter().chain(&self.pair.target.lanes);
            let storage = lanes.filter(|lane| matches!(lane.plane(), Plane::BlobRead | Plane::BlobWrite));
            self.sizes.assets_at_once(storage.map(|lane| lane.room()).fold(Room::default(), Room::with))
        };
        self.options.assets_in_flight.unwrap_or_else(by_room)
    }

    /// The counts so far.
    pub(crate) fn take_tally(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().expect("no panic while held"))
    }

    /// Puts counts back.
    pub(crate) fn put_tally(&self, tally: Tally) {
        *self.tally.lock().expect("no panic while held") = tally;
    }

    /// Records a step.
    pub(crate) async fn record(&self, asset: &Asset, step: Step, status: Status, facts: Facts) -> Result<(), Error> {
        Ok(self.ledger.record(&asset.id, step, status, facts).await?)
    }

    /// Records a failed step and passes its error on.
    pub(crate) async fn failed<T>(&self, asset: &Asset, step: Step, error: Error) -> Result<T, Error> {
        let facts = Facts { error: Some(error.to_string()), ..Facts::default() };
        self.record(asset, step, Status::Failed, facts).await?;
        Err(error)
    }

    /// Records that a step succeeded and the next one starts.
    pub(crate) async fn advance(&self, asset: &Asset, ended: (Step, Facts), begun: (Step, Facts)) -> Result<(), Error> {
        Ok(self.ledger.advance(&asset.id, ended, begun).await?)
    }

    /// The configured storage account of the source that holds an asset.
    pub(crate) fn source_account(&self, asset: &Asset) -> Option<&AccountName> {
        self.pair.source.blobs(asset.storage_account.as_ref()).map(|account| account.name())
    }

    /// The configured storage account of the target in which a copy of an asset is created.
    pub(crate) fn account_of_new_copy(&self, asset: &Asset) -> Option<&BlobAccount> {
        self.pair.target.blobs(self.pair.storage_for(asset)).map(AsRef::as_ref)
    }

    /// Records that the blobs of an asset could not be read or copied.
    pub(crate) fn note_outage(&self, asset: &Asset, error: Error) -> Error {
        let error = explained(error, &self.pair);
        if let Some(account) = self.source_account(asset) {
            self.outages.failed(account, error.finding(asset.label()));
        }
        error
    }

    /// Does a guard hold the whole run?
    pub(crate) fn is_held(&self) -> bool {
        let tally = self.tally.lock().expect("no panic while held");
        tally.findings.iter().any(|finding| finding.class() == Class::Held)
    }

    /// Processes an asset for the first time, unless it waited for the others.
    pub(crate) fn begin(&self, asset: &Asset) {
        let deferred = self.overwrites.is_decided();
        self.count(|tally| tally.assets.total += u64::from(!deferred));
        tracing::trace!(asset = %asset.id, deferred, "begins");
    }

    /// Reports the changes of an asset.
    pub(crate) fn changed(&self, asset: &Asset, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.note_changes(&asset.id, asset.label(), &changes);
            let (asset, name) = (asset.id.clone(), asset.label().to_owned());
            self.monitor.event(RunEvent::Changed { asset, name, changes });
        }
    }

    /// May the target be written to now? Checked before every change.
    ///
    /// # Errors
    /// The lock is lost: another run may hold it.
    pub(crate) fn may_write(&self) -> Result<(), Error> {
        self.keeper.check()?;
        self.options.base.as_ref().map_or(Ok(()), |base| base.check())
    }

    /// The source's time, according to its last answer.
    pub(crate) fn service_time(&self) -> jiff::Timestamp {
        let skew = self.pair.source.library.clock_skew().unwrap_or_default();
        clock::now().checked_add(skew).unwrap_or_else(|_| clock::now())
    }

    /// May this number of the copies that play stop playing tonight?
    pub(crate) fn may_withdraw(&self, published: u64, stopping: u64) -> bool {
        let limit = self.options.policy.guards.max_withdraw;
        guards::may_withdraw(&self.keeper.nights(), clock::now(), published, stopping, limit)
    }

    /// Does the operator allow its copy to be overwritten, even if the guard does not?
    pub(crate) fn may_overwrite(&self, work: &Work) -> bool {
        let preferred = self.options.base.as_ref().is_some_and(|base| base.prefers(work));
        preferred || self.passed.overwrite.contains(&work.asset.id)
    }

    /// Has the source lost more than the guard and the operator allow?
    pub(crate) fn is_shrunken(&self, census: &Census) -> Result<bool, Error> {
        let Passed { withdraw, shrink, .. } = &self.passed;
        let known = self.claims.spool.count_gone(shrink.union(withdraw))?;
        let census = Census { lost: census.lost.saturating_sub(known), ..*census };
        Ok(guards::is_shrunken(&census, self.options.policy.guards.max_shrink))
    }

    /// Records how many copies are about to stop playing, before the first of them stops.
    pub(crate) async fn count_ahead(&self, stopping: u64) -> Result<(), Error> {
        if stopping == 0 || self.options.dry_run {
            return Ok(());
        }
        let published = self.tally.lock().expect("no panic while held").published;
        self.keeper.count_ahead(clock::now(), published, stopping).await
    }

    /// Counts copies that stopped playing.
    pub(crate) fn stopped(&self, copies: u64) {
        self.count(|tally| tally.stopped += copies);
    }

    /// Is the copy with this locator part of the run? If the source does not list its asset, the copy's name decides.
    pub(crate) fn covers_copy(&self, revoked: &Revoked) -> bool {
        revoked.covered.unwrap_or_else(|| self.options.covers_id(&revoked.source, revoked.copy.label()))
    }

    /// Remembers locators that another program created on the copy and that play the source's ids, unless they become
    /// ours.
    pub(crate) fn note_theirs(&self, work: &Work) {
        if !work.theirs.is_empty() && !work.adopting && !self.options.dry_run {
            self.keeper.change(|state| state.theirs.extend(work.theirs.iter().map(ToString::to_string)));
        }
    }

    /// Does the operator withhold the locator or its asset?
    pub(crate) fn is_withheld(&self, revoked: &Revoked) -> bool {
        let locator = self.withheld.get().is_some_and(|ids| ids.contains(&revoked.locator.id));
        locator || revoked.screened == Some(Screened::Withheld)
    }

    /// The file records of an asset changed, and the asset was not mirrored. The listing of a later run does not
    /// contain that change again, so the ledger must not keep the digest of its records.
    pub(crate) async fn forget_files(&self, asset: &AssetId) {
        if !self.options.dry_run
            && let Err(error) = self.ledger.forget_files(asset).await
        {
            self.abandon(error.into());
        }
    }

    /// Can the run record that it saw the changes of every asset's file records? It processed all assets of the source,
    /// and none is hidden from it.
    pub(crate) fn saw_everything(&self) -> bool {
        let whole = self.options.covers_all() && !self.options.dry_run && !self.stop.is_cancelled();
        let tally = self.tally.lock().expect("no panic while held");
        let incomplete = tally.causes.contains_key(&Cause::ListingIncomplete)
            || tally.findings.iter().any(|finding| finding.cause == Cause::ListingIncomplete);
        whole && !incomplete && !tally.held_by.contains_key(&Guard::Shrink)
    }

    /// Stops the run permanently.
    pub(crate) fn abandon(&self, error: Error) {
        self.stop.cancel();
        // The first fatal error is reported; later errors result from it.
        let mut fatal = self.fatal.lock().expect("no panic while held");
        if fatal.is_none() {
            *fatal = Some(explained(error, &self.pair));
        }
    }

    /// Did a missing permission stop the run permanently?
    pub(crate) fn is_refused(&self) -> bool {
        self.fatal.lock().expect("no panic while held").as_ref().is_some_and(is_of_rights)
    }

    /// The error that stopped the run permanently, if any. A missing permission does if it affects all assets.
    pub(crate) fn fatal(&self) -> Option<Error> {
        let fatal = self.fatal.lock().expect("no panic while held").take();
        fatal.or_else(|| {
            let refused = self.refused.lock().expect("no panic while held").take();
            let tally = self.tally.lock().expect("no panic while held");
            refused.filter(|_| tally.blobs.copied + tally.assets.mirrored + tally.assets.unchanged == 0)
        })
    }
}

/// Does a service refuse this because of a missing permission? (A 401 is different: it applies to every asset.)
pub(crate) fn is_of_rights(error: &Error) -> bool {
    matches!(error.failure(), Some(Failure::Refused { status, .. }) if *status != 401)
}
