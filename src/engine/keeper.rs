//! Holds the target's lock during a run, and the state of this pair of accounts for the guards.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;

use crate::claims::guards::{Guard, Passed};
use crate::clock;
use crate::config::policy::Allow;
use crate::connect::{Endpoint, Pair};
use crate::error::{Disposition, Error};
use crate::model::{AccountName, AssetId, LocatorId};
use crate::plan::{PlanError, Planned};
use crate::state::{Active, Deleting, Held, Holder, Leaving, Night, PairState, TargetLock, Withheld};
use crate::verdict::{Cause, Finding};

/// The lock and the state of one run.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// The run's id, with which the operator allows what it held.
    pub(crate) run: String,
    /// `None`: the run writes nothing.
    lock: Mutex<Option<Arc<TargetLock>>>,
    source: AccountName,
    /// The state as it was last read or written, with its entity tag; `None`: there was none.
    before: Mutex<Option<(PairState, String)>>,
    now: Mutex<PairState>,
    /// The number of nights in it from earlier runs.
    earlier: usize,
    /// Only one task at a time writes the state.
    writing: tokio::sync::Mutex<()>,
}

/// Takes the lock of an account, so that no other run writes to it.
///
/// # Errors
/// Another run has it.
pub(crate) async fn lock(endpoint: &Endpoint) -> Result<TargetLock, Error> {
    let account = Arc::clone(endpoint.default_storage().await?);
    TargetLock::take(account, endpoint.library.account(), &Holder::here()).await
}

impl Keeper {
    /// Takes the target's lock, unless nothing is to be written, and reads the state.
    pub(crate) async fn open(pair: &Pair, read_only: bool) -> Result<Self, Error> {
        let (source, target) = (pair.source.library.account().clone(), pair.target.library.account());
        let account = pair.target.default_storage().await?;
        let lock = if read_only { None } else { Some(lock(&pair.target).await?) };
        let before = match PairState::read(account, &source, target).await {
            Ok(before) => before,
            Err(error) => {
                // The first error is reported; a lease that is not released expires by itself.
                if let Some(lock) = lock {
                    let _ = lock.release().await;
                }
                return Err(error);
            }
        };
        let now = before.as_ref().map_or_else(PairState::new, |(state, _)| state.clone());
        let run = clock::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let (lock, earlier) = (Mutex::new(lock.map(Arc::new)), now.nights.len());
        let (before, now, writing) = (Mutex::new(before), Mutex::new(now), tokio::sync::Mutex::default());
        Ok(Self { run, lock, source, before, now, earlier, writing })
    }

    /// The requests that a run of one minute sends for the lock and the state, except for reading the state.
    pub(crate) fn cost(&self) -> u64 {
        // Acquire, name the holder, release; for a new pair also the container, the lock's blob, another attempt and
        // the state.
        if held(&self.before).is_some() { 3 } else { 7 }
    }

    /// May the target be written to now?
    pub(crate) fn check(&self) -> Result<(), Error> {
        held(&self.lock).as_ref().map_or(Ok(()), |lock| lock.check())
    }

    /// Ends when the lock is lost, with the reason. Without a lock it never ends.
    pub(crate) async fn lost(&self) -> Error {
        let Some(lock) = held(&self.lock).clone() else { return std::future::pending().await };
        lock.lost().cancelled().await;
        // A refused renewal explains what the operator has to correct.
        let refused = lock.take_renewal_error().filter(|error| error.disposition() == Disposition::Fatal);
        refused.unwrap_or_else(|| lock.check().expect_err("a lock that is lost stays lost"))
    }

    /// The reason why the state forbids the run to write. `complete_copies`: copies of the source on the target.
    pub(crate) fn objection(&self, complete_copies: u64, rebuild: bool) -> Option<Finding> {
        match &*held(&self.before) {
            Some((PairState { active: Active::Target, .. }, _)) => Some(Cause::TargetActive.into()),
            None if complete_copies > 0 && !rebuild => Some(Cause::StateMissing.into()),
            _ => None,
        }
    }

    /// Is the target active after a failover?
    pub(crate) fn is_target_active(&self) -> bool {
        matches!(&*held(&self.before), Some((PairState { active: Active::Target, .. }, _)))
    }

    /// Returns what the operator allows of the changes that an earlier run held.
    ///
    /// # Errors
    /// That run is not the last one that held something.
    pub(crate) fn passed(&self, allow: &Allow) -> Result<Passed, Error> {
        let state = self.state();
        let of = |run: &Option<String>| match (run, &state.held) {
            (None, _) => Ok(None),
            (Some(run), Some(held)) if held.run == *run => Ok(Some(held.clone())),
            (Some(run), held) => {
                let reason = match held {
                    Some(held) => format!("it is not the last run that held changes; that is run {}", held.run),
                    None => "neither it nor any other run has held changes".to_owned(),
                };
                Err(Error::input(format!("run {run}"), reason, "give the id that the last held run printed"))
            }
        };
        let ids = |ids: Vec<String>| ids.into_iter().map(AssetId::new).collect::<HashSet<_>>();
        Ok(Passed {
            withdraw: of(&allow.withdraw)?.map(|held| ids(held.withdraw)).unwrap_or_default(),
            shrink: of(&allow.shrink)?.map(|held| ids(held.shrink)).unwrap_or_default(),
            overwrite: of(&allow.overwrite)?.map(|held| ids(held.overwrite)).unwrap_or_default(),
            delete: of(&allow.delete)?.map(|held| ids(held.delete)).unwrap_or_default(),
        })
    }

    /// The withdrawals of earlier nights.
    pub(crate) fn nights(&self) -> Vec<Night> {
        self.state().nights.clone()
    }

    /// Ids of foreign locators that were adopted.
    pub(crate) fn adopted(&self) -> BTreeSet<String> {
        self.state().adopted.clone()
    }

    /// Ids of foreign locators that played the source's ids.
    pub(crate) fn theirs(&self) -> BTreeSet<String> {
        self.state().theirs.clone()
    }

    /// Entries of the `withhold` list with what they matched.
    pub(crate) fn withheld(&self) -> BTreeMap<String, Withheld> {
        self.state().withheld.clone()
    }

    /// Retired copies that are to be deleted.
    pub(crate) fn leaving(&self) -> BTreeMap<String, Leaving> {
        self.state().leaving.clone()
    }

    /// Copies that are being deleted.
    pub(crate) fn deleting(&self) -> BTreeMap<String, Deleting> {
        self.state().deleting.clone()
    }

    /// Records that the deletion of these copies starts.
    pub(crate) async fn intend(&self, copies: BTreeMap<String, Deleting>) -> Result<(), Error> {
        self.change(|state| state.deleting.extend(copies));
        self.save().await
    }

    /// Changes the state; it is written at the end of the run, or with an earlier write.
    pub(crate) fn change(&self, change: impl FnOnce(&mut PairState)) {
        change(&mut self.state());
    }

    /// Makes locators ours, and records that. If several tasks wait, one write records the locators of all of them.
    pub(crate) async fn adopt(&self, locators: impl IntoIterator<Item = LocatorId>) -> Result<(), Error> {
        self.change(|state| state.adopted.extend(locators.into_iter().map(|id| id.to_string())));
        self.save().await
    }

    /// Counts copies that are about to stop playing, and records that.
    pub(crate) async fn count_ahead(&self, at: Timestamp, published: u64, stopped: u64) -> Result<(), Error> {
        self.change(|state| state.nights.push(Night { at, published, stopped }));
        self.save().await
    }

    /// Notes what this run withdrew and held. `whole`: all guards judged the whole library; only such a run proves that
    /// nothing is held any longer.
    pub(crate) fn note(
        &self,
        at: Timestamp,
        (published, stopped): (u64, u64),
        held: &BTreeMap<Guard, Vec<AssetId>>,
        whole: bool,
    ) {
        self.change(|state| {
            // The actual number replaces the number that was counted in advance.
            state.nights.truncate(self.earlier);
            if stopped > 0 {
                state.nights.push(Night { at, published, stopped });
            }
            let of = |guard| held.get(&guard).into_iter().flatten().map(ToString::to_string).collect::<Vec<String>>();
            let (withdraw, shrink) = (of(Guard::Withdraw), of(Guard::Shrink));
            let (overwrite, delete) = (of(Guard::Overwrite), of(Guard::Delete));
            let any = [&withdraw, &shrink, &overwrite, &delete].into_iter().any(|held| !held.is_empty());
            if !any && !whole {
                return;
            }
            state.held = any.then(|| Held { run: self.run.clone(), withdraw, shrink, overwrite, delete });
        });
    }

    /// Before anything else, writes the state of a new pair, and records that a plan is applied now.
    pub(crate) async fn begin(&self, plan: Option<&Planned>) -> Result<(), Error> {
        if let Some(plan) = plan {
            self.change(|state| {
                state.plans.insert(plan.id.clone(), clock::now());
            });
        }
        let missing = held(&self.before).is_none();
        if missing || plan.is_some() { self.save().await } else { Ok(()) }
    }

    /// Fails if the plan was applied before: a plan is applied only once.
    pub(crate) fn refuse_used(&self, plan: &Planned) -> Result<(), Error> {
        let used = self.state().plans.get(&plan.id).copied();
        used.map_or(Ok(()), |at| Err(PlanError::Used { id: plan.id.clone(), at }.into()))
    }

    /// Writes the state, if it has changed.
    async fn save(&self) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        let Some(lock) = held(&self.lock).clone() else { return Ok(()) };
        let now = self.state().clone();
        let before = held(&self.before).clone();
        if before.as_ref().is_some_and(|(before, _)| *before == now) {
            return Ok(());
        }
        let etag = now.write(&lock, &self.source, before.as_ref().map(|(_, etag)| etag.as_str())).await?;
        *held(&self.before) = Some((now, etag));
        Ok(())
    }

    /// Writes the state, if it has changed, and releases the lock.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        // If nothing was ever written for the pair, it has no state.
        let pair_exists = held(&self.before).is_some();
        let saved = if pair_exists { self.save().await } else { Ok(()) };
        let lock = held(&self.lock).take().and_then(Arc::into_inner);
        let released = match lock {
            Some(lock) => lock.release().await,
            None => Ok(()),
        };
        saved.and(released)
    }

    fn state(&self) -> MutexGuard<'_, PairState> {
        held(&self.now)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}
