//! The causes of a run that applies a plan, in order of code.

use super::table::{Entry, entry};
use super::{Cause, Class};

pub(super) const ENTRIES: &[Entry] = &[
    entry(
        Cause::NotInPlan,
        "not-in-plan",
        Class::Failed,
        "something has to be done that is not in the plan, so it is skipped",
        "make a new plan with `mediamirror plan --out`, or run `mediamirror sync`",
    ),
    entry(
        Cause::PlanStale,
        "plan-stale",
        Class::Failed,
        "it changed after the plan was made, so it is skipped",
        "make a new plan with `mediamirror plan --out`, or run `mediamirror sync`",
    ),
];
