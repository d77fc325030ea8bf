//! Nights in simulation: people edit both accounts by day, the program mirrors by night, in virtual time. A seed decides
//! the library, the edits and what goes wrong. After each night an oracle that knows nothing of the planner looks at what
//! both accounts hold and play.
//!
//! `MEDIAMIRROR_NIGHT_SEED=17 cargo test --test it nights -- --nocapture` replays one seed and shows what happened in it,
//! `MEDIAMIRROR_NIGHTS=10000` runs so many seeds, from `MEDIAMIRROR_FIRST_NIGHT` on.
//! What is not from the seed: the ids that services make up.

mod edits_a;
mod edits_b;
mod look;
mod mass;
mod oracle;
mod run;
mod story;
mod two_writers;
mod verdicts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 200;
/// Failing seeds that are named.
const NAMED: usize = 10;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Runs one seed; what happened in it and why it failed, if it did.
fn failure_of(seed: u64) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| run::simulate(seed))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    let why = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
    Some(format!("{}\n  {why}", story::told()))
}

#[test]
fn whatever_people_do_by_day_the_target_is_right_after_each_night() {
    if let Some(seed) = number("MEDIAMIRROR_NIGHT_SEED") {
        let failure = failure_of(seed);
        println!("{}", story::told());
        assert!(failure.is_none(), "{}", failure.unwrap_or_default());
        return;
    }
    let (started, seeds) = (Instant::now(), number("MEDIAMIRROR_NIGHTS").unwrap_or(SEEDS));
    let first = number("MEDIAMIRROR_FIRST_NIGHT").unwrap_or(0);
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
                        println!("MEDIAMIRROR_NIGHT_SEED={seed}\n{why}");
                        failures.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "replay with MEDIAMIRROR_NIGHT_SEED={failures:?}");
    println!("{seeds} seeds in {:.1} s", started.elapsed().as_secs_f64());
}
