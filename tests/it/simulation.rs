//! Deterministic simulation: the whole engine over the emulator, in virtual time. A seed decides the library, the faults,
//! and when the program dies; after every death and at the end the guarantees are checked.
//!
//! `MEDIAMIRROR_SEED=17 cargo test --test it simulation` replays one seed, `MEDIAMIRROR_SEEDS=10000` runs so many,
//! from `MEDIAMIRROR_FIRST_SEED` on.
//! What is not from the seed: ids that services make up, and on which side of a moment a commit to the disk falls.

mod life;
mod oracle;
mod scenario;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use self::life::simulate;
pub(crate) use self::life::{follow, paused_runtime};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 200;
/// Failing seeds that are named; one is enough to know, a few show what they have in common.
const NAMED: usize = 10;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Runs one seed; why it failed, if it did.
fn failure_of(seed: u64) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| simulate(seed))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

#[test]
fn whatever_happens_nothing_is_lost_and_nobody_is_lied_to() {
    if let Some(seed) = number("MEDIAMIRROR_SEED") {
        simulate(seed);
        return;
    }
    let (started, seeds) = (Instant::now(), number("MEDIAMIRROR_SEEDS").unwrap_or(SEEDS));
    let first = number("MEDIAMIRROR_FIRST_SEED").unwrap_or(0);
    let (next, failures) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, Ordering::Relaxed)
                    && seed < first + seeds
                    && failures.lock().unwrap().len() < NAMED
                {
                    if let Some(why) = failure_of(seed) {
                        // At once: a long run is not to be waited for.
                        println!("seed {seed}: {why}");
                        failures.lock().unwrap().push((seed, why));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let told: Vec<String> = failures
        .iter()
        .map(|(seed, why)| format!("MEDIAMIRROR_SEED={seed} cargo test --test it simulation\n    {why}"))
        .collect();
    assert!(told.is_empty(), "replay with\n{}", told.join("\n"));
    println!("{seeds} seeds in {:.1} s", started.elapsed().as_secs_f64());
}
