//! The lock of a target and the state of a pair, in virtual time: how two runs exclude each other, and what a run does
//! after losing its lock.

mod lock;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use mediamirror::blob::{BlobAccount, WriteIf};
use mediamirror::emulator::faults::plan::{Fault, FaultPlan, Hang, Refuse, Rule};
use mediamirror::error::{Disposition, Error};
use mediamirror::model::{AccountName, BlobRef, ContainerName, LeaseId};
use mediamirror::state::{self, Active, Holder, LockLoss, Night, PairState, StateError, TargetLock};
use tokio::time::{Instant, advance, sleep};

use crate::world::World;

/// The emulator's name of every action on a lease.
const LEASE: &str = "LeaseBlob";

/// Two machines that write to the same target.
struct Machines {
    world: World,
    target: AccountName,
    source: AccountName,
}

impl Machines {
    async fn new() -> Self {
        let world = World::empty().await;
        let name = |account: &str| AccountName::new(account);
        Self { target: name(&world.config.target.account), source: name(&world.config.source.account), world }
    }

    /// The target's storage account, with its own lanes.
    fn account(&self) -> Arc<BlobAccount> {
        Arc::clone(&self.world.pair().target.storage[0])
    }

    async fn take(&self, host: &str) -> Result<TargetLock, Error> {
        TargetLock::take(self.account(), &self.target, &Self::holder(host)).await
    }

    fn holder(host: &str) -> Holder {
        Holder { host: host.to_owned(), ..Holder::here() }
    }

    /// The requests since the last call, each with its count.
    fn requests(&self) -> Vec<(String, u64)> {
        let rows = self.world.emulator.stats().requests;
        self.world.emulator.reset_stats();
        rows.into_iter().map(|row| (row.operation, row.count)).collect()
    }

    fn faults(&self, rules: impl IntoIterator<Item = Rule>) {
        let plan = rules.into_iter().fold(FaultPlan::new(1), FaultPlan::rule);
        self.world.emulator.set_faults(&plan).unwrap();
    }

    fn blob(name: &str) -> BlobRef {
        BlobRef { container: ContainerName::new(state::CONTAINER), name: name.to_owned() }
    }

    /// Writes the content of the pair's state without any check.
    async fn overwrite_state(&self, content: &'static str) {
        let blob = Self::blob(&format!("pair-{}-{}.json", self.source, self.target));
        let etag = self.account().read_small(&blob, 1 << 20).await.unwrap().whole().map(|found| found.etag);
        let condition = etag.as_deref().map_or(WriteIf::Absent, WriteIf::Etag);
        self.account().write_small(&blob, Bytes::from_static(content.as_bytes()), condition).await.unwrap();
    }

    async fn read_state(&self) -> Result<Option<(PairState, String)>, Error> {
        PairState::read(&self.account(), &self.source, &self.target).await
    }
}

/// The host that holds the lock, from the error of the second run.
fn refused_by(taken: Result<TargetLock, Error>) -> String {
    match taken {
        Err(Error::Locked { holder, .. }) => holder.host,
        other => panic!("not locked: {other:?}"),
    }
}

/// Why the lock is lost.
fn loss(lock: &TargetLock) -> LockLoss {
    let error = lock.check().unwrap_err();
    assert_eq!(error.disposition(), Disposition::Fatal);
    match error {
        Error::LockLost { reason, .. } => reason,
        other => panic!("not lost: {other}"),
    }
}

fn refuse(status: u16, code: &str) -> Fault {
    Fault::Refuse(Refuse::status(status).code(code))
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_state_of_a_pair_is_read_unchanged_and_only_replaces_the_state_that_was_read() {
    let machines = Machines::new().await;
    assert_eq!(machines.read_state().await.unwrap(), None);
    let lock = machines.take("ark").await.unwrap();
    let mut state = PairState::new();
    let first = state.write(&lock, &machines.source, None).await.unwrap();
    assert_eq!(machines.read_state().await.unwrap(), Some((state.clone(), first.clone())));

    state.active = Active::Target;
    state.nights.push(Night { at: mediamirror::clock::now(), published: 7, stopped: 1 });
    let second = state.write(&lock, &machines.source, Some(&first)).await.unwrap();
    for stale in [None, Some(first.as_str())] {
        let error = PairState::new().write(&lock, &machines.source, stale).await.unwrap_err();
        assert!(matches!(error, Error::State(StateError::Changed { .. })), "{error}");
        assert_eq!(error.disposition(), Disposition::Fatal);
    }
    assert_eq!(machines.read_state().await.unwrap(), Some((state, second)));
    let swapped = PairState::read(&machines.account(), &machines.target, &machines.source).await.unwrap();
    assert_eq!(swapped, None, "each direction is a pair of its own");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_state_is_written_even_if_the_answer_to_the_first_write_is_lost() {
    let machines = Machines::new().await;
    let lock = machines.take("ark").await.unwrap();
    let mut etag = None;
    for published in 1..3 {
        machines.faults([Rule::new(Fault::LostAnswer).operation("PutBlob").times(1)]);
        let night = Night { at: mediamirror::clock::now(), published, stopped: 0 };
        let state = PairState { nights: vec![night], ..PairState::new() };
        let written = state.write(&lock, &machines.source, etag.as_deref()).await.unwrap();
        assert_eq!(machines.world.emulator.fault_strikes(), [1]);
        assert_eq!(machines.read_state().await.unwrap(), Some((state, written.clone())));
        etag = Some(written);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_damaged_state_and_one_of_another_release_are_errors_with_a_remedy() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap();
    for (content, words) in [
        ("", "is damaged (EOF while parsing a value at line 1 column 0); restore an earlier version of the blob"),
        ("{\"version\":1,\"active\":\"both\"}", "is damaged (unknown variant `both`"),
        ("{\"version\":2}", "another release of mediamirror wrote it (version 2, this one knows 1); use that release"),
    ] {
        machines.overwrite_state(content).await;
        let error = machines.read_state().await.unwrap_err();
        let (text, blob) = (error.to_string(), "mediamirror-state/pair-");
        assert!(text.contains(words) && text.contains(blob), "{text}");
        assert_eq!(error.disposition(), Disposition::Fatal);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_blob_of_the_state_that_is_too_large_is_reported_with_the_remedy() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    let (account, blob) = (machines.account(), Machines::blob(&format!("lock-{}", machines.target)));
    let etag = account.read_small(&blob, 1 << 10).await.unwrap().whole().unwrap().etag;
    account.write_small(&blob, vec![b'x'; 20 << 10].into(), WriteIf::Etag(&etag)).await.unwrap();
    let error = state::holder(&account, &machines.target).await.unwrap_err();
    assert!(matches!(error, Error::State(StateError::Damaged { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains(&blob.to_string()) && text.contains("delete the blob"), "{text}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_foreign_lease_on_the_blob_of_the_lock_is_a_lock_without_a_name() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    let (account, blob) = (machines.account(), Machines::blob(&format!("lock-{}", machines.target)));
    let etag = account.read_small(&blob, 1 << 10).await.unwrap().whole().unwrap().etag;
    account.write_small(&blob, Bytes::from_static(b"mine"), WriteIf::Etag(&etag)).await.unwrap();
    let lease = LeaseId::random();
    account.acquire_lease(&blob, &lease, 60).await.unwrap();
    let renewed = async {
        for _ in 0..6 {
            sleep(Duration::from_secs(20)).await;
            account.renew_lease(&blob, &lease).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let taken = tokio::select! {
        taken = machines.take("boat") => taken,
        () = renewed => unreachable!("it renews for ever"),
    };
    let error = taken.unwrap_err();
    assert!(error.to_string().contains(": a run that has not written its name; "), "{error}");
    // A lease that is not renewed expires, such as that of a run that died before it wrote its name.
    machines.take("boat").await.unwrap();
}
