//! The states of a job, the names of its links, and its tasks.

use crate::emulator::media_account::schema::TASKS;
use crate::emulator::media_account::store::State;

/// Values of a job's `State`.
pub(super) const QUEUED: i32 = 0;
pub(super) const SCHEDULED: i32 = 1;
pub(super) const PROCESSING: i32 = 2;
pub(super) const FINISHED: i32 = 3;
pub(super) const ERROR: i32 = 4;
pub(super) const CANCELED: i32 = 5;
pub(super) const CANCELING: i32 = 6;

pub(super) const INPUTS: &str = "InputMediaAssets";
pub(super) const OUTPUTS: &str = "OutputMediaAssets";

/// The ids of the tasks of a job.
pub(super) fn tasks(state: &State, job: &str) -> Vec<String> {
    state.find(&TASKS, "JobId", job).map(|t| t.key().to_owned()).collect()
}
