//! The lives of the program: it runs with faults, is killed, and is started again with the same ledger.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use fastrand::Rng;
use mediamirror::connect::connect;
use mediamirror::engine::{Outcome, Summary, mirror};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;
use mediamirror::monitor::{Monitor, TestMonitor};
use tokio_util::sync::CancellationToken;

use super::oracle::Oracle;
use super::scenario::{self, Death, Troubles};
use crate::credentials;
use crate::virtual_time;
use crate::world::World;

/// The longest time that a run of a small library may take, even with faults.
const LONGEST_RUN: Duration = Duration::from_hours(24);
/// The number of runs without faults that must repair everything: the first one finds the effects of the faults, the
/// second one what the first one could not know.
const CLEAN_RUNS: u32 = 2;

/// Runs one seed to its end; panics with the violated condition.
pub(super) fn simulate(seed: u64) {
    // The jitter of retries and the order of random choices in the emulator depend on the seed, too.
    fastrand::seed(seed);
    virtual_time::block_on(lives(seed));
}

async fn lives(seed: u64) {
    let mut dice = Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.ledger");
    let (library, settings) = (scenario::library(&mut dice), scenario::settings(&mut dice));
    let options = scenario::options(&mut dice);
    let world = World::filled(settings, library).await;
    let mut oracle = Oracle::new(&world).await;
    for _ in 0..dice.u8(1..=4) {
        let (troubles, death) = (Troubles::roll(&mut dice), Death::roll(&mut dice));
        tell(&death, &troubles);
        let before = world.emulator.stats();
        world.emulator.set_faults(&troubles.plan).unwrap();
        let life = Life { world: &world, ledger: path.clone(), detached: dice.bool() };
        let end = life.run(options.clone(), death).await;
        let strikes = world.emulator.fault_strikes();
        world.emulator.set_faults(&mediamirror::emulator::FaultPlan::default()).unwrap();
        oracle.learn(&world, &troubles, &strikes, &end).await;
        oracle.check_told(&world, &end, &before, &troubles);
        oracle.check_promises(&world, &path, &end, &troubles).await;
        oracle.check_target(&world, &path).await;
        oracle.check_secrets(&end, folder.path());
        if dice.bool() {
            // Requests that were in flight at the kill take effect before or after the next start.
            tokio::time::sleep(Duration::from_hours(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_hours(1)).await;
    finish(&world, &path, &options, &mut oracle).await;
}

/// Prints a replayed life.
#[expect(clippy::print_stdout, reason = "what a replayed seed does is asked for")]
fn tell(death: &Death, troubles: &Troubles) {
    if std::env::var_os("MEDIAMIRROR_SEED").is_some() {
        println!("{death:?} {:#?}", troubles.plan);
    }
}

/// Runs without faults until everything is repaired, and checks this.
async fn finish(world: &World, path: &Path, options: &mediamirror::engine::Options, oracle: &mut Oracle) {
    for run in 1..=CLEAN_RUNS {
        let before = world.emulator.stats();
        let life = Life { world, ledger: path.to_owned(), detached: false };
        let end = life.run(options.clone(), Death::None).await;
        oracle.check_told(world, &end, &before, &Troubles::roll(&mut Rng::with_seed(0)));
        let summary = match end.ended {
            Some(Ok(summary)) => summary,
            other => panic!("a run without faults ended with {other:?}"),
        };
        if summary.outcome == Outcome::Complete {
            break;
        }
        assert!(run < CLEAN_RUNS, "still incomplete after {run} runs without faults: {:?}", summary.problems);
    }
    oracle.check_target(world, path).await;
    oracle.check_end(world, path).await;
}

/// One life of the program.
struct Life<'w> {
    world: &'w World,
    ledger: PathBuf,
    /// Do services continue requests in flight when the program is killed?
    detached: bool,
}

/// How a life ended.
pub(super) struct End {
    /// `None`: it died.
    pub(super) ended: Option<Result<Summary, Error>>,
    pub(super) monitor: Arc<TestMonitor>,
    /// Copies in flight when it was killed.
    pub(super) copies_in_flight: u64,
    /// Requests it sent.
    pub(super) requests: u64,
    /// The credentials of these requests.
    pub(super) credentials: BTreeSet<String>,
}

impl Life<'_> {
    async fn run(&self, options: mediamirror::engine::Options, death: Death) -> End {
        let line = Arc::new(Line {
            inner: self.world.emulator.http_client(),
            sent: AtomicU64::new(0),
            copies: Arc::default(),
            dies_at: if let Death::AtRequest(n) = death { n } else { u64::MAX },
            dead: CancellationToken::new(),
            detached: self.detached,
            credentials: Mutex::default(),
        });
        let dead = line.dead.clone();
        let client: Arc<dyn HttpClient> = Arc::clone(&line) as Arc<dyn HttpClient>;
        let pair = Arc::new(connect(&self.world.config, client).unwrap());
        let monitor = Arc::new(TestMonitor::default());
        let ledger = open(&self.ledger).await;
        virtual_time::follow(&ledger);
        let told: Arc<dyn Monitor> = Arc::clone(&monitor) as Arc<dyn Monitor>;
        let run = mirror(pair, ledger, options, told, CancellationToken::new());
        let death_comes = async {
            match death {
                Death::After(time) => tokio::time::sleep(time).await,
                _ => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            () = dead.cancelled() => None,
            () = death_comes => None,
            ended = tokio::time::timeout(LONGEST_RUN, run) => {
                Some(ended.unwrap_or_else(|_| panic!("the run does not come to an end")))
            }
        };
        let copies_in_flight = line.copies.load(Ordering::Relaxed);
        let requests = line.sent.load(Ordering::Relaxed);
        virtual_time::forget();
        let credentials = std::mem::take(&mut *line.credentials.lock().unwrap());
        End { ended, monitor, copies_in_flight, requests, credentials }
    }
}

/// Opens the ledger. The tasks of a killed run end one after the other; the last one releases the lock.
async fn open(path: &Path) -> Ledger {
    let (source, target) = (AccountName::new("mediawest"), AccountName::new("mediaeast"));
    for attempt in 0..11_000 {
        match Ledger::open(path, &source, &target) {
            Ok(ledger) => return ledger,
            Err(mediamirror::ledger::LedgerError::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("the ledger cannot be opened again: {error}"),
        }
        if attempt > 1_000 {
            // The ledger's own threads need real time, which can be long on a busy machine.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    panic!("a run that died keeps its ledger locked");
}

/// The program's connection to the services, which ends when it is killed.
struct Line {
    inner: Arc<dyn HttpClient>,
    sent: AtomicU64,
    copies: Arc<AtomicU64>,
    dies_at: u64,
    dead: CancellationToken,
    detached: bool,
    credentials: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

/// Counts a copy while it is in flight.
struct OnItsWay(Arc<AtomicU64>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for Line {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if self.dead.is_cancelled() || self.sent.load(Ordering::Relaxed) >= self.dies_at {
            self.dead.cancel();
            return std::future::pending().await;
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.credentials.lock().unwrap().extend(credentials::sent_with(request));
        let copies = request.headers().iter().any(|(name, _)| name.as_str() == "x-ms-copy-source")
            || request.url().query().is_some_and(|query| query.contains("comp=blocklist"));
        let _on_its_way = copies.then(|| {
            self.copies.fetch_add(1, Ordering::Relaxed);
            OnItsWay(Arc::clone(&self.copies))
        });
        if !self.detached {
            return self.inner.execute_request(request).await;
        }
        let (inner, request) = (Arc::clone(&self.inner), request.clone());
        tokio::spawn(async move { inner.execute_request(&request).await }).await.expect("the emulator does not panic")
    }
}
