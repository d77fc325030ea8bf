//! Runs a job from queued to its end: the clock drives it, one task after the other, as with one reserved unit.
//!
//! A task that fails ends the job in error; the tasks after it are canceled, and its output assets are deleted unless
//! its options forbid that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::assets;
use super::super::protection;
use super::super::service::Service;
use super::super::transaction::Transaction;
use super::encode::{self, Failed, Work};
use super::states::{CANCELED, CANCELING, ERROR, FINISHED, INPUTS, OUTPUTS, PROCESSING, QUEUED, SCHEDULED, tasks};
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::schema::{JOBS, TASKS};
use crate::emulator::media_account::store::{Journal, Row, State};
use crate::emulator::media_account::value::Value;

/// Documented options of a task, as flags.
const KEEP_OUTPUT_ON_FAILURE: i32 = 2;
const GO_ON_AFTER_FAILURE: i32 = 4;

/// States of a task; its final states are those of a job.
const TASK_ACTIVE: i32 = 1;
const TASK_RUNNING: i32 = 2;

/// The largest progress of a running task, before its outputs exist: 100 means done.
const MOST_PROGRESS: f64 = 99.0;

/// Runs a job from its submission to its end, unless it is cancelled.
pub(in crate::emulator::media_v2) async fn run(service: Service<'_>, job: &str) {
    for (from, to) in [(QUEUED, SCHEDULED), (SCHEDULED, PROCESSING)] {
        tokio::time::sleep(half_queue(service)).await;
        if !advance(service, job, from, to) {
            return;
        }
    }
    let order = tasks(&service.state(), job);
    let mut failed = false;
    for task in order {
        let Some(options) = still_to_run(service, job, &task) else { return };
        if failed && options & GO_ON_AFTER_FAILURE == 0 {
            end_task(service, &task, CANCELED, None);
            continue;
        }
        let outcome = run_task(service, job, &task).await;
        if still_to_run(service, job, &task).is_none() {
            return;
        }
        match outcome {
            Ok(()) => end_task(service, &task, FINISHED, None),
            Err(failure) => {
                failed = true;
                end_task(service, &task, ERROR, Some(&failure));
                if options & KEEP_OUTPUT_ON_FAILURE == 0 {
                    delete_outputs(service, &task).await;
                }
            }
        }
    }
    let now = service.now();
    end_job(&mut service.state(), &mut Journal::default(), job, if failed { ERROR } else { FINISHED }, now);
}

/// Half of the time in the queue: a job is queued for one half and scheduled for the other. A cancellation takes as
/// long.
pub(in crate::emulator::media_v2) fn half_queue(service: Service<'_>) -> Duration {
    Duration::from_millis(service.settings().encode_queue_ms) / 2
}

/// Moves a job to its next state; false if another task has moved it.
fn advance(service: Service<'_>, job: &str, from: i32, to: i32) -> bool {
    let now = service.now();
    let mut state = service.state();
    if state.get(&JOBS, job).is_none_or(|j| j.int("State") != from) {
        return false;
    }
    let mut journal = Journal::default();
    state.update(&JOBS, job, &mut journal, |j| {
        j.set("State", Value::Int(to));
        j.set("LastModified", Value::Date(now));
        if to == PROCESSING {
            j.set("StartTime", Value::Date(now));
        }
    });
    for task in tasks(&state, job) {
        state.update(&TASKS, &task, &mut journal, |t| {
            if t.int("State") != TASK_ACTIVE {
                t.set("State", Value::Int(TASK_ACTIVE));
                note(t, "Scheduled", "The task is scheduled.", now);
            }
        });
    }
    true
}

/// The options of a task of a job that is being processed; `None` if the job is not being processed.
fn still_to_run(service: Service<'_>, job: &str, task: &str) -> Option<i32> {
    let state = service.state();
    let running = state.get(&JOBS, job).is_some_and(|j| j.int("State") == PROCESSING);
    state.get(&TASKS, task).filter(|_| running).map(|t| t.int("Options"))
}

async fn run_task(service: Service<'_>, job: &str, task: &str) -> Result<(), Failed> {
    let (job_name, configuration, inputs, outputs) = {
        let state = service.state();
        let Some(row) = state.get(&TASKS, task) else { return Ok(()) };
        let linked = |nav| -> Vec<Arc<str>> { state.linked(task, nav).to_vec() };
        let name = state.get(&JOBS, job).map(|j| j.text("Name").to_owned()).unwrap_or_default();
        (name, protection::configuration(&state, row), linked(INPUTS), linked(OUTPUTS))
    };
    let work = match &configuration {
        Some(configuration) => encode::prepare(service, configuration, &inputs).await,
        None => Err(Failed::new("The configuration of the task cannot be decrypted.")),
    };
    let configuration = configuration.unwrap_or_default();
    let length = Duration::from_millis(run_ms(service, work.as_ref().ok()));
    begin_task(service, task, length);
    let work = work?;
    if let Some(fault) = service.world.faults.of_task(&service.region().settings.account, &job_name, &configuration) {
        tokio::time::sleep(length / 2).await;
        return Err(Failed { code: fault.code, message: fault.message });
    }
    tokio::time::sleep(length).await;
    if still_to_run(service, job, task).is_some() {
        for output in &outputs {
            encode::make(service, &work, output).await?;
        }
    }
    Ok(())
}

/// How long a task takes: the part every task takes, and one that grows with its input.
fn run_ms(service: Service<'_>, work: Option<&Work>) -> u64 {
    let settings = service.settings();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an encoding are far below 2^52")]
    let by_input = work.map_or(0.0, |work| work.seconds * settings.encode_ms_per_input_second as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    settings.encode_ms.saturating_add(by_input as u64)
}

fn begin_task(service: Service<'_>, task: &str, length: Duration) {
    let now = service.now();
    service.state().update(&TASKS, task, &mut Journal::default(), |t| {
        t.set("State", Value::Int(TASK_RUNNING));
        t.set("StartTime", Value::Date(now));
        t.set("RunMs", Value::Long(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)));
        note(t, "Processing", "The task is being processed.", now);
    });
}

fn end_task(service: Service<'_>, task: &str, end: i32, failure: Option<&Failed>) {
    let now = service.now();
    service.state().update(&TASKS, task, &mut Journal::default(), |t| close_task(t, end, failure, now));
}

fn close_task(task: &mut Row, end: i32, failure: Option<&Failed>, now: Moment) {
    bring_up(task, now);
    task.set("State", Value::Int(end));
    task.set("EndTime", Value::Date(now));
    task.set("RunningDuration", Value::Double(since(task, now)));
    match (end, failure) {
        (FINISHED, _) => {
            task.set("Progress", Value::Double(100.0));
            note(task, "Finished", "The task is finished.", now);
        }
        (_, Some(Failed { code, message })) => {
            let details = json!([{ "Code": code, "Message": message }]);
            task.set("ErrorDetails", Value::Json(Arc::new(details)));
            note(task, code, message, now);
        }
        _ => note(task, "Canceled", "The task was canceled.", now),
    }
}

/// Milliseconds since a task or job was started; captures show milliseconds where the documents say seconds.
fn since(row: &Row, now: Moment) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a duration is far below 2^52 ms")]
    row.date("StartTime").map_or(0.0, |start| (now.millis() - start.millis()) as f64)
}

/// Appends to a task's history. Its codes are not documented; these are invented.
fn note(task: &mut Row, code: &str, message: &str, now: Moment) {
    let mut events = match task.get("HistoricalEvents") {
        Value::Json(events) => events.as_array().cloned().unwrap_or_default(),
        _ => Vec::new(),
    };
    let at: Json = now.fresh_text().into();
    events.push(json!({ "Code": code, "Message": message, "TimeStamp": at }));
    task.set("HistoricalEvents", Value::Json(Arc::new(Json::Array(events))));
}

/// Sets a running task's progress according to the clock.
fn bring_up(task: &mut Row, now: Moment) {
    let Value::Long(whole) = *task.get("RunMs") else { return };
    if task.int("State") == TASK_RUNNING {
        #[expect(clippy::cast_precision_loss, reason = "an encoding time is far below 2^52 ms")]
        let part = since(task, now) / (whole.max(1) as f64);
        task.set("Progress", Value::Double((part * MOST_PROGRESS).floor().clamp(0.0, MOST_PROGRESS)));
        task.set("RunningDuration", Value::Double(since(task, now)));
    }
}

/// Updates the progress of every running task.
pub(in crate::emulator::media_v2) fn settle(service: Service<'_>) {
    let now = service.now();
    let mut state = service.state();
    let running: Vec<String> =
        state.table(&JOBS).all().filter(|j| j.int("State") == PROCESSING).map(|j| j.key().to_owned()).collect();
    for job in running {
        for task in tasks(&state, &job) {
            state.update(&TASKS, &task, &mut Journal::default(), |t| bring_up(t, now));
        }
    }
}

/// Sets a job and its unfinished tasks to canceling.
pub(super) fn begin_cancel(state: &mut State, journal: &mut Journal, job: &str, now: Moment) {
    state.update(&JOBS, job, journal, |j| {
        j.set("State", Value::Int(CANCELING));
        j.set("LastModified", Value::Date(now));
    });
    for task in tasks(state, job) {
        state.update(&TASKS, &task, journal, |t| {
            bring_up(t, now);
            if t.int("State") < FINISHED {
                t.set("State", Value::Int(CANCELING));
            }
        });
    }
}

/// Ends a cancellation.
pub(in crate::emulator::media_v2) fn end_cancel(service: Service<'_>, job: &str) {
    let now = service.now();
    let mut state = service.state();
    if state.get(&JOBS, job).is_none_or(|j| j.int("State") != CANCELING) {
        return;
    }
    let mut journal = Journal::default();
    for task in tasks(&state, job) {
        state.update(&TASKS, &task, &mut journal, |t| {
            if t.int("State") == CANCELING {
                close_task(t, CANCELED, None, now);
            }
        });
    }
    end_job(&mut state, &mut journal, job, CANCELED, now);
}

fn end_job(state: &mut State, journal: &mut Journal, job: &str, end: i32, now: Moment) {
    state.update(&JOBS, job, journal, |j| {
        if j.date("StartTime").is_none() {
            j.set("StartTime", Value::Date(now));
        }
        j.set("State", Value::Int(end));
        j.set("EndTime", Value::Date(now));
        j.set("LastModified", Value::Date(now));
        j.set("RunningDuration", Value::Double(since(j, now)));
    });
}

/// Deletes the outputs of a failed task.
async fn delete_outputs(service: Service<'_>, task: &str) {
    let outputs = service.state().linked(task, OUTPUTS).to_vec();
    let mut tx = Transaction::default();
    for output in outputs {
        // A client may have deleted it before.
        let _ = assets::delete(service, &mut tx, &output, false);
    }
    tx.commit(service).await;
}
