//! Deterministic simulation: the whole engine over the emulator, in virtual time. A seed decides the library, the faults,
//! and when the program dies; after every death and at the end the guarantees are checked.
//!
//! `MEDIAMIRROR_SEED=17 cargo test --test it simulation -- --nocapture` replays one seed, `MEDIAMIRROR_SEEDS=10000` runs so many,
//! from `MEDIAMIRROR_FIRST_SEED` on.
//! What is not from the seed: ids that services make up, and on which side of a moment a commit to the disk falls.

mod life;
mod oracle;
mod scenario;

use self::life::simulate;
use crate::seeds::{SEEDS, Simulation};

#[test]
fn nothing_is_lost_and_no_report_is_wrong_in_any_life() {
    let simulation = Simulation {
        filter: "simulation",
        replay: "MEDIAMIRROR_SEED",
        seeds: "MEDIAMIRROR_SEEDS",
        first: "MEDIAMIRROR_FIRST_SEED",
        ordinary: SEEDS,
        simulate,
        // What a replayed seed does is printed as it happens.
        story: String::new,
    };
    simulation.run();
}
