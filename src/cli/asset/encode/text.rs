//! Jobs and processors as text.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use mediamirror::asset::encode::{JobReport, Submitted};
use mediamirror::library::authoring::{Job, Processor};
use mediamirror::redact::scrub;

fn when(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"))
}

/// A job that was submitted and is not followed. `follow` is the command that follows it.
pub(super) fn submitted(submitted: &Submitted, follow: &str) -> String {
    let Submitted { job, name, input, output, output_name, processor } = submitted;
    let output = output.as_ref().map_or("(unknown)", |id| id.as_str());
    format!(
        "{name}\n  job       {job}\n  input     {input}\n  output    {output} {output_name}\n  processor {} {}\n  follow    {follow}\n",
        processor.name, processor.version
    )
}

/// All of a job.
pub(super) fn report(report: &JobReport) -> String {
    let job = &report.job;
    let mut text = format!(
        "{}\n  job       {}\n  state     {}\n  submitted {}\n  started   {}\n  ended     {}\n  ran       {}\n",
        job.name,
        job.id,
        job.state,
        when(job.created),
        when(job.started),
        when(job.ended),
        ran(job.running_ms),
    );
    for task in &report.tasks {
        let preset = task.preset.as_deref().unwrap_or("(encrypted)").lines().next().unwrap_or_default();
        let _ = writeln!(text, "  task      {}: {}, {:.0} %, {preset}", task.id, task.state, task.progress);
        for event in &task.history {
            let _ = writeln!(text, "    {} {}: {}", when(event.at), event.code, scrub(&event.message));
        }
    }
    for output in &report.outputs {
        let primary = output.primary.as_ref().map_or_else(String::new, |name| format!(", starts with {name}"));
        let name = output.name.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  output    {} {name}{primary}", output.id);
    }
    text + &errors(report)
}

/// Why a job failed or was canceled.
pub(super) fn why(report: &JobReport) -> String {
    let job = &report.job;
    let text = format!("job {} ({}) ended: {}\n  started   {}\n", job.id, job.name, job.state, when(job.started));
    (text + &errors(report)).trim_end().to_owned()
}

fn errors(report: &JobReport) -> String {
    let mut text = String::new();
    for task in &report.tasks {
        for error in &task.errors {
            let _ = writeln!(text, "  error     {}: {}: {}", task.id, error.code, scrub(&error.message));
        }
    }
    text
}

fn ran(millis: u64) -> String {
    let seconds = Duration::from_millis(millis).as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// A list of jobs.
pub(super) fn jobs(jobs: &[Job]) -> String {
    let mut text = String::new();
    for job in jobs {
        let _ = writeln!(text, "{}  {:<10} {}  {}", job.id, job.state.to_string(), when(job.created), job.name);
    }
    if jobs.is_empty() { "no jobs\n".to_owned() } else { text }
}

/// A list of processors.
pub(super) fn processors(processors: &[Processor]) -> String {
    let width = processors.iter().map(|processor| processor.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for processor in processors {
        let _ = writeln!(text, "{:width$}  {:<6} {}", processor.name, processor.version, processor.id);
    }
    if processors.is_empty() { "no processors\n".to_owned() } else { text }
}
