//! Simulated nights: users edit both accounts during the day, and the program mirrors at night, in virtual time. A seed
//! decides the library, the edits and the faults. After each night, an oracle that is independent of the planner checks
//! the contents and the playback of both accounts.
//!
//! `MEDIAMIRROR_NIGHT_SEED=17 cargo test --test it nights -- --nocapture` replays one seed and shows its events,
//! `MEDIAMIRROR_NIGHTS=10000` runs this number of seeds, starting with `MEDIAMIRROR_FIRST_NIGHT`. Only ids that
//! services generate do not depend on the seed.

mod edits_a;
mod edits_b;
pub(crate) mod look;
mod mass;
mod oracle;
mod run;
mod story;
mod two_writers;
mod verdicts;

use crate::seeds::{SEEDS, Simulation};

#[test]
fn the_target_is_right_after_each_night_whatever_users_do_during_the_day() {
    let simulation = Simulation {
        filter: "nights",
        replay: "MEDIAMIRROR_NIGHT_SEED",
        seeds: "MEDIAMIRROR_NIGHTS",
        first: "MEDIAMIRROR_FIRST_NIGHT",
        ordinary: SEEDS,
        simulate: run::simulate,
        story: story::told,
    };
    simulation.run();
}
