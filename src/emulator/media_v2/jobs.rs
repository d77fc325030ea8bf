//! Encoding jobs and their tasks as entities: which requests are allowed, and when. Output assets exist from the start.
//!
//! `run` has the states of a job, `encode` the output of its tasks.

mod encode;
mod manifests;
mod presets;
mod run;
mod states;

use std::sync::Arc;

pub(super) use self::run::{end_cancel, run, settle};
use self::states::{CANCELED, ERROR, FINISHED, INPUTS, OUTPUTS, QUEUED, tasks};
use super::assets;
use super::errors::ApiError;
use super::input::{Input, key_of_uri};
use super::protection;
use super::service::Service;
use super::task_body::{Output, Reference, TaskBody};
use super::transaction::{SlowDeed, Transaction};
use crate::emulator::media_account::schema::{ASSETS, FILES, JOBS, PROCESSORS, TASKS};
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;

/// Documented limit of tasks in a job.
const MOST_TASKS: usize = 30;

/// Creates a job with the tasks in the request.
pub(super) async fn create(
    service: Service<'_>,
    tx: &mut Transaction,
    input: Input,
    version: u8,
) -> Result<Row, ApiError> {
    let id = JOBS.new_id();
    let now = service.now();
    let row = input
        .build(&JOBS)?
        .with("Id", Value::text(&id))
        .with("Created", Value::Date(now))
        .with("LastModified", Value::Date(now));
    let mut inputs = Vec::new();
    for uri in input.links.iter().filter(|(nav, _)| *nav == INPUTS).flat_map(|(_, uris)| uris) {
        inputs.push(Arc::from(key_of_uri(uri, &ASSETS)?));
    }
    {
        let mut state = service.state();
        for asset in &inputs {
            usable(&state, asset)?;
        }
        state.insert(row.clone(), &mut tx.journal);
        state.link(&id, INPUTS, inputs, &mut tx.journal);
    }
    for body in input.children.into_iter().filter(|(nav, _)| *nav == "Tasks").flat_map(|(_, bodies)| bodies) {
        let mut task = Input::read(body, &TASKS, version)?;
        let column = TASKS.column("JobId").expect("tasks have a column for their job");
        task.values.push((column, Value::text(&id)));
        add_task(service, tx, &task).await?;
    }
    tx.later.push(SlowDeed::StartJob(id));
    Ok(row)
}

/// Checks that an input asset exists, and has a primary file if it has several files.
fn usable(state: &State, asset: &str) -> Result<(), ApiError> {
    if state.get(&ASSETS, asset).is_none() {
        return Err(ApiError::no_entity(ASSETS.name));
    }
    let files: Vec<_> = state.find(&FILES, "ParentAssetId", asset).collect();
    if files.len() > 1 && !files.iter().any(|f| f.flag("IsPrimary")) {
        return Err(ApiError::bad("The primary file of an input asset of the job cannot be determined."));
    }
    Ok(())
}

/// Adds a task to a job that has not started, and makes its output assets.
pub(super) async fn add_task(service: Service<'_>, tx: &mut Transaction, input: &Input) -> Result<Row, ApiError> {
    let row = input.build(&TASKS)?.with("Id", Value::text(TASKS.new_id()));
    let job_id = row.text("JobId").to_owned();
    let body = TaskBody::parse(row.text("TaskBody"))?;
    let (job, inputs, mut outputs) = {
        let state = service.state();
        let job = state.get(&JOBS, &job_id).ok_or_else(|| ApiError::bad("A task is created with its job."))?.clone();
        let processor = PROCESSORS.canonical(row.text("MediaProcessorId"));
        if processor.is_none_or(|p| state.get(&PROCESSORS, &p).is_none()) {
            return Err(ApiError::bad("The value of property 'MediaProcessorId' is invalid."));
        }
        protection::check_task(&state, &row)?;
        if state.find(&TASKS, "JobId", &job_id).count() >= MOST_TASKS {
            return Err(ApiError::bad(format!("A job has {MOST_TASKS} tasks at most.")));
        }
        (job, state.linked(&job_id, INPUTS).to_vec(), state.linked(&job_id, OUTPUTS).to_vec())
    };
    if job.int("State") != QUEUED {
        return Err(ApiError::bad("Tasks can only be added to a job that is not submitted yet."));
    }
    let mut task_outputs = Vec::new();
    for output in &body.outputs {
        while outputs.len() <= output.number {
            let number = outputs.len();
            let asset = output_asset(service, tx, &job, number, output, &inputs).await?;
            outputs.push(asset);
        }
        task_outputs.push(Arc::clone(&outputs[output.number]));
    }
    let mut task_inputs = Vec::new();
    for reference in &body.inputs {
        let (list, number) = match reference {
            Reference::Input(n) => (&inputs, *n),
            Reference::Output(n) => (&outputs, *n),
        };
        let asset = list.get(number);
        task_inputs.push(Arc::clone(asset.ok_or_else(|| ApiError::bad("The TaskBody refers to an unknown asset."))?));
    }
    let mut state = service.state();
    state.link(&job_id, OUTPUTS, outputs, &mut tx.journal);
    state.link(row.key(), INPUTS, task_inputs, &mut tx.journal);
    state.link(row.key(), OUTPUTS, task_outputs, &mut tx.journal);
    state.insert(row.clone(), &mut tx.journal);
    Ok(row)
}

async fn output_asset(
    service: Service<'_>,
    tx: &mut Transaction,
    job: &Row,
    number: usize,
    output: &Output,
    parents: &[Arc<str>],
) -> Result<Arc<str>, ApiError> {
    let job_name = if job.text("Name").is_empty() { job.key() } else { job.text("Name") };
    let name = output.name.clone().unwrap_or_else(|| format!("JobOutputAsset({number})_{job_name}"));
    let row = Row::new(&ASSETS)
        .with("Name", Value::text(name))
        .with("Options", Value::Int(output.options))
        .with("FormatOption", Value::Int(output.format))
        .with("StorageAccountName", output.storage.as_ref().map_or(Value::Null, Value::text));
    let asset = assets::make(service, tx, row, &uuid::Uuid::new_v4().to_string()).await?;
    service.state().link(asset.key(), "ParentAssets", parents.to_vec(), &mut tx.journal);
    Ok(Arc::from(asset.key()))
}

/// Changes a job's priority while it is queued.
pub(super) fn update(service: Service<'_>, tx: &mut Transaction, id: &str, input: &Input) -> Result<(), ApiError> {
    settle(service);
    let now = service.now();
    let mut state = service.state();
    let job = state.get(&JOBS, id).ok_or_else(|| ApiError::no_entity(JOBS.name))?;
    let changes = input.changes(job)?;
    if !changes.is_empty() && job.int("State") != QUEUED {
        return Err(ApiError::bad("Job's priority can only be changed if the job is in Queued state"));
    }
    state.update(&JOBS, id, &mut tx.journal, |job| {
        for (column, value) in changes {
            job.set_at(column, value);
        }
        job.set("LastModified", Value::Date(now));
    });
    Ok(())
}

/// Starts to cancel a job that has not ended; it takes time.
pub(super) fn cancel(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    settle(service);
    let now = service.now();
    let mut state = service.state();
    let job = state.get(&JOBS, id).ok_or_else(|| ApiError::no_entity(JOBS.name))?;
    if job.int("State") >= FINISHED {
        return Err(ApiError::bad("The job cannot be canceled: it is over or being canceled."));
    }
    run::begin_cancel(&mut state, &mut tx.journal, id, now);
    tx.later.push(SlowDeed::EndCancel(id.to_owned()));
    Ok(())
}

/// Deletes an ended job with its tasks; its output assets are kept.
pub(super) fn delete(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    settle(service);
    let mut state = service.state();
    let job = state.get(&JOBS, id).ok_or_else(|| ApiError::no_entity(JOBS.name))?;
    if !matches!(job.int("State"), FINISHED | ERROR | CANCELED) {
        return Err(ApiError::bad("A job can only be deleted when it is finished, canceled or in error."));
    }
    for task in tasks(&state, id) {
        state.remove(&TASKS, &task, &mut tx.journal);
        state.link(&task, INPUTS, Vec::new(), &mut tx.journal);
        state.link(&task, OUTPUTS, Vec::new(), &mut tx.journal);
    }
    state.link(id, INPUTS, Vec::new(), &mut tx.journal);
    state.link(id, OUTPUTS, Vec::new(), &mut tx.journal);
    state.remove(&JOBS, id, &mut tx.journal);
    Ok(())
}
