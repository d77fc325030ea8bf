//! What all assets of a run share: the accounts, the ledger, the counts, the batches.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::choices::Choices;
use super::digest::FilesDigest;
use super::expired::explained;
use super::forecast::Outlook;
use super::publish::Registration;
use super::register::{Announced, Batcher, Capacity};
use super::room::{Place, Room};
use super::turns::Turns;
use super::{AssetCounts, BlobCounts, LocatorCounts, Options, Problem};
use crate::blob::BlobAccount;
use crate::connect::Pair;
use crate::error::{Disposition, Error, Failure};
use crate::ledger::{Facts, Ledger, Status, Step};
use crate::model::{AccountName, Asset, Locator};
use crate::monitor::{AssetOutcome, Monitor, RunEvent};
use crate::verdict::{Cause, Class, Finding};

/// Assets whose file records are read and written in one go: one filter names 15 parents (URL length), a page of the
/// answer has fewer than 1,000 rows, and a `$batch` takes 1,000 operations. Then both are one request each.
pub(super) const FILES_A_BATCH: Capacity = Capacity { items: 15, weight: 999 };
/// Assets whose locators are made in one go: those whose files were registered together. A hundred locators, of up to
/// two operations each, are one `$batch`.
pub(super) const LOCATORS_A_BATCH: Capacity = Capacity { items: 15, weight: 100 };

/// An asset that is ready waits for company at least so long: little beside the time in which people decide to fail over.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// And longer where it was long under way already: by no more than this part of it.
pub(super) const PATIENCE_PART: u32 = 10;

/// Assets in a row that are refused for want of rights, nothing having arrived in between, until the rights are taken for
/// lost. One may be refused alone: a condition of a role, a firewall or a proxy can look at names.
const REFUSED_IN_A_ROW: u32 = 3;

/// Source and target of each asset; what was written of it.
type FilesBatcher = Arc<Batcher<Registration, FilesDigest>>;
/// The locators of each asset; one result per locator.
type LocatorsBatcher = Arc<Batcher<Vec<Locator>, Vec<Result<Locator, Error>>>>;

/// What an asset, or the listing that finds assets, may yet hand in. Batches wait as long as there is one of these.
#[derive(Debug, Clone)]
pub(crate) struct Ahead {
    pub(crate) files: Announced<Registration, FilesDigest>,
    pub(crate) locators: Announced<Vec<Locator>, Vec<Result<Locator, Error>>>,
}

/// An asset under way.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) place: Place,
    pub(crate) ahead: Ahead,
}

/// How long an asset waits for company in a batch.
pub(super) fn patience(place: &Place) -> Duration {
    PATIENCE.max(place.since.elapsed() / PATIENCE_PART)
}

/// The counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) assets: AssetCounts,
    pub(crate) blobs: BlobCounts,
    pub(crate) locators: LocatorCounts,
    pub(crate) bytes_copied: u64,
    pub(crate) problems: Vec<Problem>,
    /// Of the problems: how many by cause, and those that the target owes.
    pub(crate) causes: BTreeMap<Cause, u64>,
    pub(crate) owed: u64,
    /// Of a dry run: what is to be done.
    pub(crate) outlook: Outlook,
}

impl Tally {
    /// Adds an asset that is not on the target as it is on the source.
    fn add(&mut self, asset: &Asset, finding: &Finding, accepted: &[Cause]) {
        let class = finding.class();
        match class {
            Class::Skipped | Class::Withheld => self.assets.skipped += 1,
            Class::Failed | Class::Held | Class::Unchecked => self.assets.failed += 1,
            Class::Conflict => self.assets.conflicts += 1,
        }
        let owed = finding.owed() && !accepted.contains(&finding.cause);
        self.owed += u64::from(owed);
        *self.causes.entry(finding.cause).or_default() += 1;
        let (asset, name) = (asset.id.clone(), asset.label().to_owned());
        self.problems.push(Problem { asset, name, class, finding: finding.clone(), owed });
    }
}

/// One run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) pair: Arc<Pair>,
    pub(crate) ledger: Ledger,
    pub(crate) options: Options,
    pub(crate) monitor: Arc<dyn Monitor>,
    /// Stands before the monitor.
    pub(super) choices: Arc<Choices>,
    /// Cancelled when nothing new shall be begun.
    pub(crate) stop: CancellationToken,
    /// The assets at work.
    pub(crate) room: Arc<Room>,
    files: FilesBatcher,
    locators: LocatorsBatcher,
    pending_copies: HashMap<AccountName, Arc<Semaphore>>,
    turns: HashMap<AccountName, Arc<Turns>>,
    begun: AtomicU64,
    tally: Mutex<Tally>,
    fatal: Mutex<Option<Error>>,
    /// Assets refused for want of rights since something last arrived, and the first such error.
    refused_in_a_row: AtomicU32,
    refused: Mutex<Option<Error>>,
    /// An asset that was complete before could not be dealt with: its changes have to be seen again.
    left_behind: AtomicBool,
}

impl Run {
    /// A run that has done nothing yet.
    pub(crate) fn new(
        pair: Arc<Pair>,
        ledger: Ledger,
        options: Options,
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
        let turns =
            pair.target.storage.iter().map(|account| (account.name().clone(), Arc::new(Turns::new(copies(account)))));
        let turns = turns.collect();
        let choices = Choices::before(monitor, options.copy_method);
        Self {
            pair,
            ledger,
            options,
            monitor: Arc::<Choices>::clone(&choices),
            choices,
            stop,
            room: Room::new(FILES_A_BATCH.items + LOCATORS_A_BATCH.items),
            files: Batcher::new(FILES_A_BATCH),
            locators: Batcher::new(LOCATORS_A_BATCH),
            pending_copies,
            turns,
            begun: AtomicU64::new(0),
            tally: Mutex::new(Tally::default()),
            fatal: Mutex::new(None),
            refused_in_a_row: AtomicU32::new(0),
            refused: Mutex::new(None),
            left_behind: AtomicBool::new(false),
        }
    }

    /// The slots for asynchronous copies pending in a target account.
    pub(crate) fn pending_copies(&self, account: &BlobAccount) -> Arc<Semaphore> {
        Arc::clone(self.pending_copies.get(account.name()).expect("every target account has its slots"))
    }

    /// The turns of the copies into a target account.
    pub(crate) fn turns(&self, account: &BlobAccount) -> Arc<Turns> {
        Arc::clone(self.turns.get(account.name()).expect("every target account has its turns"))
    }

    /// Announces that something may be handed in.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead { files: self.files.announce(), locators: self.locators.announce() }
    }

    /// The turn of an asset that begins now.
    pub(crate) fn next_turn(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    /// Changes the counts.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().expect("no panic while held"));
    }

    /// The counts so far.
    pub(crate) fn take_tally(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().expect("no panic while held"))
    }

    /// Records a step.
    pub(crate) async fn record(&self, asset: &Asset, step: Step, status: Status, facts: Facts) -> Result<(), Error> {
        Ok(self.ledger.record(&asset.id, step, status, facts).await?)
    }

    /// Records that a step succeeded and the next one begins.
    pub(crate) async fn advance(&self, asset: &Asset, ended: (Step, Facts), begun: (Step, Facts)) -> Result<(), Error> {
        Ok(self.ledger.advance(&asset.id, ended, begun).await?)
    }

    /// Counts how an asset ended and tells the monitor.
    pub(crate) fn finish(&self, asset: &Asset, outcome: AssetOutcome) {
        if outcome == AssetOutcome::Mirrored {
            self.arrived();
        }
        self.count(|tally| match &outcome {
            AssetOutcome::Mirrored => tally.assets.mirrored += 1,
            AssetOutcome::Unchanged => tally.assets.unchanged += 1,
            AssetOutcome::Not(finding) => tally.add(asset, finding, &self.options.accept),
        });
        self.monitor.event(RunEvent::AssetFinished {
            asset: asset.id.clone(),
            name: asset.label().to_owned(),
            outcome,
        });
    }

    /// Something of ours has arrived on the target: we have the rights.
    pub(crate) fn arrived(&self) {
        self.refused_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Counts an error of one asset; a fatal one stops the run, refused rights as soon as it is not this asset's alone.
    pub(crate) fn fail(&self, asset: &Asset, error: Error) {
        let error = explained(error, &self.pair);
        match error.disposition() {
            Disposition::Fatal if is_of_rights(&error) => {
                self.finish(asset, AssetOutcome::Not(error.finding(asset.label())));
                if self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= REFUSED_IN_A_ROW {
                    self.abandon(error);
                } else {
                    self.refused.lock().expect("no panic while held").get_or_insert(error);
                }
            }
            Disposition::Fatal => self.abandon(error),
            _ => self.finish(asset, AssetOutcome::Not(error.finding(asset.label()))),
        }
    }

    /// Notes that an asset which was complete before was not dealt with to its end.
    pub(crate) fn leave_behind(&self) {
        self.left_behind.store(true, Ordering::Relaxed);
    }

    /// Has it come to its end with all that changed of every asset dealt with, or to be dealt with whatever changes?
    pub(crate) fn saw_everything(&self) -> bool {
        let whole = self.options.covers_all() && !self.options.dry_run && !self.stop.is_cancelled();
        whole && !self.left_behind.load(Ordering::Relaxed)
    }

    /// Stops the run for good.
    pub(crate) fn abandon(&self, error: Error) {
        self.stop.cancel();
        // The first fatal error is the one to report; later ones follow from it.
        let mut fatal = self.fatal.lock().expect("no panic while held");
        if fatal.is_none() {
            *fatal = Some(explained(error, &self.pair));
        }
    }

    /// What stopped the run for good, if anything did. Refused rights do where there is no asset that they suffice for.
    pub(crate) fn fatal(&self) -> Option<Error> {
        let fatal = self.fatal.lock().expect("no panic while held").take();
        fatal.or_else(|| {
            let refused = self.refused.lock().expect("no panic while held").take();
            let tally = self.tally.lock().expect("no panic while held");
            refused.filter(|_| tally.blobs.copied + tally.assets.mirrored + tally.assets.unchanged == 0)
        })
    }
}

/// Does a service refuse this for want of rights? (Who is not known at all, a 401, is not known for the next asset either.)
fn is_of_rights(error: &Error) -> bool {
    matches!(error.failure(), Some(Failure::Refused { status, .. }) if *status != 401)
}

/// Copies into an account at once: as many as its lane sends, and a quarter more that are ready when one is done.
fn copies(account: &BlobAccount) -> usize {
    let sent = account.copies_in_flight();
    sent + sent / 4
}
