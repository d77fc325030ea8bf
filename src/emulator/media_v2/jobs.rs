//! Encoding jobs: their output assets exist from the start, the clock moves them from queued to finished, and at the
//! end the inputs' blobs stand in the outputs as renditions beside a generated manifest.

use std::sync::Arc;

use super::assets::{self, place};
use super::dates::Moment;
use super::errors::ApiError;
use super::files;
use super::input::{Input, key_of_uri};
use super::schema::{ASSETS, FILES, JOBS, PROCESSORS, TASKS};
use super::service::{Deed, Service, Transaction};
use super::store::{Journal, Row, State};
use super::task_body::{Output, Reference, TaskBody};
use super::value::Value;
use crate::emulator::storage::{Content, NewBlob, StorageError};

const QUEUED: i32 = 0;
const SCHEDULED: i32 = 1;
const PROCESSING: i32 = 2;
const FINISHED: i32 = 3;
const ERROR: i32 = 4;
const CANCELED: i32 = 5;

/// Documented limit of tasks in a job.
const MOST_TASKS: usize = 30;

const INPUTS: &str = "InputMediaAssets";
const OUTPUTS: &str = "OutputMediaAssets";

/// Creates a job with the tasks that came along.
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
    tx.finish.push(Deed::StartJob(id));
    Ok(row)
}

/// An input asset must be there, with a primary file when it has several.
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

/// Cancels a job that is not over.
pub(super) fn cancel(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    settle(service);
    let now = service.now();
    let mut state = service.state();
    let job = state.get(&JOBS, id).ok_or_else(|| ApiError::no_entity(JOBS.name))?;
    if job.int("State") >= FINISHED {
        return Err(ApiError::bad("The job cannot be canceled: it is over already."));
    }
    conclude(&mut state, &mut tx.journal, id, CANCELED, now, None);
    Ok(())
}

/// Deletes a job that is over, with its tasks; its output assets stay.
pub(super) fn delete(service: Service<'_>, tx: &mut Transaction, id: &str) -> Result<(), ApiError> {
    settle(service);
    let mut state = service.state();
    let job = state.get(&JOBS, id).ok_or_else(|| ApiError::no_entity(JOBS.name))?;
    if job.int("State") < FINISHED {
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

fn tasks(state: &State, job: &str) -> Vec<String> {
    state.find(&TASKS, "JobId", job).map(|t| t.key().to_owned()).collect()
}

/// Moves every running job to where the clock says it is: queued for the first tenth of its time, scheduled for
/// the second, then processing until its outputs are made.
pub(super) fn settle(service: Service<'_>) {
    let now = service.now();
    #[expect(clippy::cast_precision_loss, reason = "an encoding time is far below 2^52 ms")]
    let whole = (service.settings().encode_ms as f64).max(1.0);
    let mut state = service.state();
    let running: Vec<(String, Moment, i32)> = state
        .table(&JOBS)
        .all()
        .filter(|j| j.int("State") < FINISHED)
        .filter_map(|j| Some((j.key().to_owned(), j.date("Created")?, j.int("State"))))
        .collect();
    let mut journal = Journal::default();
    for (job, created, was) in running {
        #[expect(clippy::cast_precision_loss, reason = "a job's age is far below 2^52 ms")]
        let part = ((now.millis() - created.millis()) as f64 / whole).min(1.0);
        let is = if part < 0.1 {
            QUEUED
        } else if part < 0.2 {
            SCHEDULED
        } else {
            PROCESSING
        };
        if is != was {
            state.update(&JOBS, &job, &mut journal, |j| {
                j.set("State", Value::Int(is));
                if is == PROCESSING {
                    j.set("StartTime", Value::Date(now));
                }
            });
        }
        for task in tasks(&state, &job) {
            state.update(&TASKS, &task, &mut journal, |t| {
                // 0 none, 1 active, 2 running.
                t.set("State", Value::Int(is));
                t.set("Progress", Value::Double((part * 99.0).floor()));
            });
        }
    }
}

/// Ends a job and its tasks.
fn conclude(state: &mut State, journal: &mut Journal, job: &str, end: i32, now: Moment, failure: Option<&str>) {
    for task in tasks(state, job) {
        state.update(&TASKS, &task, journal, |t| {
            t.set("State", Value::Int(end));
            t.set("EndTime", Value::Date(now));
            if end == FINISHED {
                t.set("Progress", Value::Double(100.0));
            }
            if let Some(text) = failure {
                let details = serde_json::json!([{ "Code": "ErrorExecutingTask", "Message": text }]);
                t.set("ErrorDetails", Value::Json(Arc::new(details)));
            }
        });
    }
    state.update(&JOBS, job, journal, |j| {
        let begun = j.date("StartTime").or_else(|| j.date("Created")).unwrap_or(now);
        #[expect(clippy::cast_precision_loss, reason = "a job's duration is far below 2^52 ms")]
        let lasted = (now.millis() - begun.millis()) as f64;
        j.set("State", Value::Int(end));
        j.set("StartTime", Value::Date(begun));
        j.set("EndTime", Value::Date(now));
        j.set("LastModified", Value::Date(now));
        j.set("RunningDuration", Value::Double(lasted));
    });
}

/// Makes the outputs of a job whose time is over, unless it was canceled.
pub(super) async fn finish(service: Service<'_>, job: &str) {
    let plan: Vec<[Vec<Arc<str>>; 2]> = {
        let state = service.state();
        if state.get(&JOBS, job).is_none_or(|j| j.int("State") >= FINISHED) {
            return;
        }
        let tasks = tasks(&state, job);
        tasks.iter().map(|t| [INPUTS, OUTPUTS].map(|nav| state.linked(t, nav).to_vec())).collect()
    };
    let mut outcome = Ok(());
    for [inputs, outputs] in plan {
        for output in outputs {
            if outcome.is_ok() {
                outcome = encode(service, &inputs, &output).await;
            }
        }
    }
    let now = service.now();
    let mut state = service.state();
    let canceled = state.get(&JOBS, job).is_none_or(|j| j.int("State") >= FINISHED);
    if !canceled {
        let failure = outcome.err().map(|e| e.to_string());
        let end = if failure.is_some() { ERROR } else { FINISHED };
        conclude(&mut state, &mut Journal::default(), job, end, now, failure.as_deref());
    }
}

/// What an adaptive-bitrate preset makes of each video.
const RENDITIONS: [(&str, u32); 3] =
    [("1920x1080_AACAudio_4500", 4_500_000), ("960x540_AACAudio_1500", 1_500_000), ("640x360_AACAudio_700", 700_000)];

/// Fills an output asset from its inputs and records its files, the manifest being the primary.
async fn encode(service: Service<'_>, inputs: &[Arc<str>], output: &str) -> Result<(), StorageError> {
    let home = |asset: &str| {
        let found = service.state().get(&ASSETS, asset).map(place);
        found.ok_or_else(|| StorageError::Backend(format!("the asset {asset} is gone")))
    };
    let account = |name: &str| service.storage(name).map_err(|e| StorageError::Backend(e.message));
    let (to_storage, to_container) = home(output)?;
    let to = account(&to_storage)?;
    let mut manifest = None;
    let mut sources = Vec::new();
    for input in inputs {
        let (from_storage, from_container) = home(input)?;
        let from = account(&from_storage)?;
        for blob in from.list_blobs(&from_container).await? {
            let (stem, ending) = blob.name.rsplit_once('.').unwrap_or((&blob.name, "mp4"));
            if stem.contains('/') || matches!(ending.to_ascii_lowercase().as_str(), "ism" | "ismc") {
                continue;
            }
            for (rendition, bitrate) in RENDITIONS {
                let name = format!("{stem}_{rendition}.{ending}");
                if from_storage == to_storage {
                    to.copy_within((&from_container, &blob.name), (&to_container, &name)).await?;
                } else {
                    let (_, bytes) = from.read_blob(&from_container, &blob.name, 0, blob.length).await?;
                    to.put_blob(&to_container, &name, new_blob(Content::Bytes(bytes), &name)).await?;
                }
                sources.push(format!("<video src=\"{}\" systemBitrate=\"{bitrate}\" />", escaped(&name)));
            }
            manifest.get_or_insert_with(|| format!("{stem}.ism"));
        }
    }
    if let Some(name) = &manifest {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\
             <head></head><body><switch>{}</switch></body></smil>",
            sources.concat()
        );
        to.put_blob(&to_container, name, new_blob(Content::Bytes(text.into()), name)).await?;
    }
    files::seed(service, output, manifest.as_deref()).await
}

fn new_blob(content: Content, name: &str) -> NewBlob {
    NewBlob {
        content,
        content_type: files::mime_type(name).map(str::to_owned),
        cache_control: None,
        metadata: std::collections::BTreeMap::new(),
        tags: std::collections::BTreeMap::new(),
    }
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
