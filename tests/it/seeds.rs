//! Runs a simulation over many seeds, in parallel on all processors, or replays one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The number of seeds in a normal run of the tests.
pub(crate) const SEEDS: u64 = 200;
/// The number of failing seeds that are reported: a few show what they have in common.
const NAMED: usize = 10;

/// A simulation that depends on a seed, and the environment variables that choose its seeds.
pub(crate) struct Simulation {
    /// Selects the test on the command line.
    pub(crate) filter: &'static str,
    /// Replays one seed.
    pub(crate) replay: &'static str,
    /// How many seeds to run.
    pub(crate) seeds: &'static str,
    /// The first of them.
    pub(crate) first: &'static str,
    /// The number of seeds in a normal run of the tests.
    pub(crate) ordinary: u64,
    /// Runs one seed to its end; panics with the violated condition.
    pub(crate) simulate: fn(u64),
    /// The events of the last seed of this thread.
    pub(crate) story: fn() -> String,
}

impl Simulation {
    /// Runs the seeds that the environment chooses.
    ///
    /// # Panics
    /// A seed fails; the message has the command that replays it.
    #[expect(clippy::print_stdout, reason = "what the seeds do is what the test is run for")]
    pub(crate) fn run(&self) {
        if let Some(seed) = number(self.replay) {
            let failure = self.failure_of(seed);
            println!("{}", (self.story)());
            assert!(failure.is_none(), "{}", failure.unwrap_or_default());
            return;
        }
        let (started, seeds) = (Instant::now(), number(self.seeds).unwrap_or(self.ordinary));
        let failures = self.failures(number(self.first).unwrap_or(0), seeds);
        let commands: Vec<String> = failures.iter().map(|seed| self.command(*seed)).collect();
        assert!(commands.is_empty(), "replay with\n{}", commands.join("\n"));
        println!("{seeds} seeds in {:.1} s", started.elapsed().as_secs_f64());
    }

    #[expect(clippy::print_stdout, reason = "what the seeds do is what the test is run for")]
    fn failures(&self, first: u64, seeds: u64) -> Vec<u64> {
        let (next, failures) = (AtomicU64::new(first), Mutex::new(Vec::new()));
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let seed = next.fetch_add(1, Ordering::Relaxed)
                        && seed < first + seeds
                        && failures.lock().unwrap().len() < NAMED
                    {
                        if let Some(why) = self.failure_of(seed) {
                            // Printed immediately, without waiting for the end of a long run.
                            println!("{}\n{why}", self.command(seed));
                            failures.lock().unwrap().push(seed);
                        }
                    }
                });
            }
        });
        failures.into_inner().unwrap()
    }

    /// The command that replays a seed.
    fn command(&self, seed: u64) -> String {
        format!("{}={seed} cargo test --test it {} -- --nocapture", self.replay, self.filter)
    }

    /// Runs one seed; returns its events and the error, if it failed.
    fn failure_of(&self, seed: u64) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(|| (self.simulate)(seed))).err()?;
        let text = panic.downcast_ref::<String>().cloned();
        let why = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        Some(format!("{}\n  {why}", (self.story)()))
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn a_failing_seed_is_reported_with_the_command_that_replays_it() {
    let odd = |seed: u64| assert!(seed.is_multiple_of(2), "it is odd");
    let simulation = Simulation {
        filter: "odd",
        replay: "MEDIAMIRROR_NO_SUCH_SEED",
        seeds: "MEDIAMIRROR_NO_SUCH_SEEDS",
        first: "MEDIAMIRROR_NO_SUCH_FIRST",
        ordinary: SEEDS,
        simulate: odd,
        story: || "a story".to_owned(),
    };
    let mut failures = simulation.failures(10, 4);
    failures.sort_unstable();
    assert_eq!(failures, [11, 13]);
    assert_eq!(simulation.failure_of(11).unwrap(), "a story\n  it is odd");
    assert_eq!(simulation.command(11), "MEDIAMIRROR_NO_SUCH_SEED=11 cargo test --test it odd -- --nocapture");
}
