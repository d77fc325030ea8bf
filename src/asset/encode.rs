//! Encodes an asset so that it can be streamed: submits a job, follows it to its end, and makes its output playable.
//!
//! A job that is no longer watched is not canceled: it continues in the service, and can be watched again.

mod watch;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::watch::{JobReport, Output, report, watch};
use crate::connect::Endpoint;
use crate::error::Error;
use crate::library::authoring::{NewJob, Processor};
use crate::model::{Asset, AssetFile, AssetId, JobId, JobState};
use crate::monitor::{Monitor, RunEvent};

/// The default encoder.
pub const STANDARD_ENCODER: &str = "Media Encoder Standard";

/// How to encode an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The preset's name, such as `H264 Multiple Bitrate 720p`, or a preset in JSON or XML.
    pub preset: String,
    /// Name of the processor, whose newest version is used; `None` = [`STANDARD_ENCODER`].
    pub processor: Option<String>,
    /// Name of the asset that is made; `None` = built from the names of the asset and the preset.
    pub output_name: Option<String>,
    /// Encrypt the preset, so that nobody can read it in a list of tasks? (`ProtectedConfiguration`)
    pub protected: bool,
}

/// A job that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Submitted {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// The asset that is encoded.
    pub input: AssetId,
    /// The asset that is made.
    pub output: Option<AssetId>,
    /// Its name.
    pub output_name: String,
    /// The processor that was chosen.
    pub processor: Processor,
}

/// Encodes an asset: submits the job, follows it to its end, and makes its output playable.
///
/// A failed or canceled job is not an error: its report has the reason.
pub async fn encode(
    account: &Endpoint,
    asset: &Asset,
    options: &EncodeOptions,
    monitor: &dyn Monitor,
) -> Result<JobReport, Error> {
    let submitted = submit(account, asset, options, monitor).await?;
    complete(account, &submitted.job, monitor).await
}

/// Submits a job and does not wait for it.
///
/// # Errors
/// The asset has nothing to encode, or it has several files and no primary one, or the processor does not exist.
pub async fn submit(
    account: &Endpoint,
    asset: &Asset,
    options: &EncodeOptions,
    monitor: &dyn Monitor,
) -> Result<Submitted, Error> {
    let files = account.library.files_of(std::slice::from_ref(&asset.id)).await?.pop().unwrap_or_default();
    encodable(asset, &files)?;
    let processor =
        account.authoring()?.newest_processor(options.processor.as_deref().unwrap_or(STANDARD_ENCODER)).await?;
    let preset = preset_label(options);
    let output_name = options.output_name.clone().unwrap_or_else(|| format!("{} - {preset}", asset.label()));
    let wanted = NewJob {
        // The UUID identifies the job if the answer to its submission is lost.
        name: format!("{} - {preset} ({})", asset.label(), uuid::Uuid::new_v4()),
        input: asset.id.clone(),
        processor: processor.id.clone(),
        preset: options.preset.clone(),
        output_name: output_name.clone(),
        protected: options.protected,
    };
    let job = account.authoring()?.create_job(&wanted).await?;
    monitor.event(RunEvent::JobMoved { job: job.id.clone(), state: job.state, percent: 0 });
    let output = account.authoring()?.outputs_of(&job.id).await?.into_iter().next().map(|asset| asset.id);
    Ok(Submitted { job: job.id, name: job.name, input: asset.id.clone(), output, output_name, processor })
}

/// A preset's name, or a generic label if it has no name or is secret.
fn preset_label(options: &EncodeOptions) -> &str {
    match options.preset.trim() {
        _ if options.protected => "protected preset",
        own if own.starts_with(['{', '<', '\u{feff}']) => "custom preset",
        name => name,
    }
}

/// Checks that the service can determine what to encode.
fn encodable(asset: &Asset, files: &[AssetFile]) -> Result<(), Error> {
    let refused = |reason: String, remedy| Err(Error::input(asset.label(), reason, remedy));
    match files {
        [] => refused("it has no file to encode".to_owned(), "upload a film into an asset first"),
        [_] => Ok(()),
        several if several.iter().any(|file| file.primary) => Ok(()),
        several => {
            let (count, names) = (several.len(), names(several));
            let reason =
                format!("none of its {count} files is the primary one, so it is not known which to encode: {names}");
            refused(reason, "upload the film into an asset of its own, and encode that one")
        }
    }
}

/// Follows a job to its end and, when it is finished, makes its outputs playable.
pub async fn complete(account: &Endpoint, job: &JobId, monitor: &dyn Monitor) -> Result<JobReport, Error> {
    watch(account, job, monitor).await?;
    let mut report = report(account, job).await?;
    if report.job.state == JobState::Finished {
        for output in &mut report.outputs {
            output.primary = Some(make_playable(account, &output.id).await?);
        }
    }
    Ok(report)
}

/// Makes the only server manifest of an asset its primary file, and returns its name.
///
/// # Errors
/// It has no server manifest, or several; then the error lists them.
pub async fn make_playable(account: &Endpoint, asset: &AssetId) -> Result<String, Error> {
    let files = account.library.files_of(std::slice::from_ref(asset)).await?.pop().unwrap_or_default();
    let manifest = only_manifest(asset, &files)?;
    if !manifest.primary {
        account.authoring()?.set_primary(asset, &manifest.name).await?;
    }
    Ok(manifest.name.clone())
}

fn only_manifest<'a>(asset: &AssetId, files: &'a [AssetFile]) -> Result<&'a AssetFile, Error> {
    let manifests: Vec<&AssetFile> =
        files.iter().filter(|file| file.name.to_ascii_lowercase().ends_with(".ism")).collect();
    let reason = match manifests.as_slice() {
        [only] => return Ok(only),
        [] => format!("it has no .ism among its files: {}", names(files)),
        several => format!(
            "it has {} .ism files, and only one can be the primary: {}",
            several.len(),
            names(several.iter().copied())
        ),
    };
    Err(Error::input(asset.as_str(), reason, "choose a preset that makes one server manifest (.ism)"))
}

fn names<'a>(files: impl IntoIterator<Item = &'a AssetFile>) -> String {
    let names: Vec<&str> = files.into_iter().map(|file| file.name.as_str()).collect();
    if names.is_empty() { "it has none".to_owned() } else { names.join(", ") }
}
