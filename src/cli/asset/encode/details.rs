//! The files a job leaves on request: `JobDetails-…` of any job, `JobStop-…` if it failed or was canceled.

use std::path::{Path, PathBuf};

use mediamirror::asset::encode::JobReport;
use mediamirror::files;
use mediamirror::model::JobState;

use super::super::super::exit_code::ExitCode;
use super::super::super::failure::CommandFailure;
use super::text;

/// Checks the directory before a job is submitted, so that its report can be written.
pub(super) fn check(directory: &Path) -> Result<(), CommandFailure> {
    std::fs::create_dir_all(directory).map_err(|error| CommandFailure::file("make", directory, &error))
}

/// Writes the files, which only their owner may read. Those of an earlier report of the same job are replaced.
pub(super) fn write(directory: &Path, report: &JobReport) -> Result<(), CommandFailure> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| CommandFailure::unexpected(format!("failed to write the report as JSON: {error}")))?;
    put(&path(directory, "JobDetails", report, "txt")?, &text::report(report))?;
    put(&path(directory, "JobDetails", report, "json")?, &json)?;
    if matches!(report.job.state, JobState::Error | JobState::Canceled) {
        put(&path(directory, "JobStop", report, "txt")?, &text::why(report))?;
        put(&path(directory, "JobStop", report, "json")?, &json)?;
    }
    Ok(())
}

/// The file of a job: its id with underscores instead of colons, as in the tutorial. The id comes from the service, and
/// must not lead out of the directory.
fn path(directory: &Path, kind: &str, report: &JobReport, ending: &str) -> Result<PathBuf, CommandFailure> {
    let id = report.job.id.as_str().replace(':', "_");
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        let message = format!("the job id {:?} cannot be a file name", report.job.id);
        return Err(CommandFailure::new(ExitCode::Unexpected, message, "leave --details-dir out"));
    }
    Ok(directory.join(format!("{kind}-{id}.{ending}")))
}

fn put(path: &Path, text: &str) -> Result<(), CommandFailure> {
    let text = format!("{}\n", text.trim_end());
    files::write_private(path, &text).map_err(|error| CommandFailure::file("write", path, &error))
}
