//! Deterministic simulation: the whole engine over the emulator, in virtual time. A seed decides the library, the
//! faults, and when the program is killed; the guarantees are checked after every kill and at the end.
//!
//! `MEDIAMIRROR_SEED=17 cargo test --test it simulation -- --nocapture` replays one seed, `MEDIAMIRROR_SEEDS=10000`
//! runs this number, starting with `MEDIAMIRROR_FIRST_SEED`. Only ids that services generate, and the exact time of
//! commits to the disk, do not depend on the seed.

mod life;
mod oracle;
mod scenario;

use self::life::simulate;
use crate::seeds::{SEEDS, Simulation};

#[test]
fn nothing_is_lost_and_no_report_is_wrong_after_any_faults_and_kills() {
    let simulation = Simulation {
        filter: "simulation",
        replay: "MEDIAMIRROR_SEED",
        seeds: "MEDIAMIRROR_SEEDS",
        first: "MEDIAMIRROR_FIRST_SEED",
        ordinary: SEEDS,
        simulate,
        // The events of a replayed seed are printed immediately.
        story: String::new,
    };
    simulation.run();
}
