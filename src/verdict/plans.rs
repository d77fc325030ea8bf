//! The causes of a run that applies a plan, in order of code.

use super::table::{Entry, entry};
use super::{Cause, Class};

pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::NotInPlan,
        "not-in-plan",
        Class::Failed,
        "there is something to do that the plan does not have, so it is left",
        "make a new plan with `mediamirror plan --out`, or run `mediamirror sync`",
    ),
    entry(
        Cause::PlanStale,
        "plan-stale",
        Class::Failed,
        "something changed after the plan was made, so nothing of it was done",
        "make a new plan with `mediamirror plan --out`, or run `mediamirror sync`",
    ),
];
