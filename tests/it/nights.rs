//! Nights in simulation: people edit both accounts by day, the program mirrors by night, in virtual time. A seed decides
//! the library, the edits and what goes wrong. After each night an oracle that knows nothing of the planner looks at what
//! both accounts hold and play.
//!
//! `MEDIAMIRROR_NIGHT_SEED=17 cargo test --test it nights -- --nocapture` replays one seed and shows what happened in it,
//! `MEDIAMIRROR_NIGHTS=10000` runs so many seeds, from `MEDIAMIRROR_FIRST_NIGHT` on.
//! What is not from the seed: the ids that services make up.

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
fn after_each_night_the_target_is_right_for_all_that_people_do_by_day() {
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
