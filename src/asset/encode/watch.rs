//! Follows a job: polls its state at growing intervals, and reads its result at the end.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::authoring::{Job, JobTask};
use crate::model::{AssetId, JobId, JobState};
use crate::monitor::{Monitor, RunEvent};

/// The pause before the second poll. It is short, so that short jobs end quickly.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The factor from each pause to the next (guess).
const GROWTH: f64 = 1.5;
/// The longest pause: the bar still moves four times a minute, and a job of one hour costs a few hundred requests. (The
/// service's own library asks every 2.5 s.)
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The state of a job.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct JobReport {
    /// The job.
    pub job: Job,
    /// Its tasks.
    pub tasks: Vec<JobTask>,
    /// The assets it makes or made.
    pub outputs: Vec<Output>,
}

/// An asset a job makes.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Output {
    /// Its id.
    pub id: AssetId,
    /// Its name.
    pub name: Option<String>,
    /// The primary file, if the job was followed until it was set.
    pub primary: Option<String>,
}

impl JobReport {
    /// How much of its tasks is done, 0 to 100.
    pub fn percent(&self) -> u8 {
        percent(&self.tasks)
    }
}

/// The state of a job now.
///
/// # Errors
/// There is no job with this id.
pub async fn report(account: &Endpoint, id: &JobId) -> Result<JobReport, Error> {
    let job = read(account, id).await?;
    let tasks = account.authoring()?.tasks_of(id).await?;
    let outputs = account.authoring()?.outputs_of(id).await?;
    let outputs = outputs.into_iter().map(|asset| Output { id: asset.id, name: asset.name, primary: None }).collect();
    Ok(JobReport { job, tasks, outputs })
}

/// Waits for the end of a job and returns its last state. It reports the job's progress to the monitor.
pub async fn watch(account: &Endpoint, id: &JobId, monitor: &dyn Monitor) -> Result<JobState, Error> {
    let mut reported = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let state = read(account, id).await?.state;
        let percent = match state {
            JobState::Queued | JobState::Scheduled => 0,
            JobState::Finished => 100,
            _ => percent(&account.authoring()?.tasks_of(id).await?),
        };
        if reported != Some((state, percent)) {
            monitor.event(RunEvent::JobMoved { job: id.clone(), state, percent });
            reported = Some((state, percent));
        }
        if state.is_final() {
            return Ok(state);
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
    }
}

async fn read(account: &Endpoint, id: &JobId) -> Result<Job, Error> {
    account.authoring()?.job(id).await?.ok_or_else(|| {
        Error::input(id.as_str(), "the account has no job with that id", "`mediamirror asset jobs` prints ids")
    })
}

/// The mean progress of tasks, rounded down: 100 means that all are done.
fn percent(tasks: &[JobTask]) -> u8 {
    #[expect(clippy::cast_precision_loss, reason = "a job has thirty tasks at most")]
    let mean = tasks.iter().map(|task| task.progress).sum::<f64>() / (tasks.len().max(1) as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let percent = mean.clamp(0.0, 100.0) as u8;
    percent
}
