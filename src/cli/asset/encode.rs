//! `asset encode`, `asset jobs`, `asset processors`: encoding jobs, from their submission to their result.

mod details;
mod text;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mediamirror::asset::encode::{EncodeOptions, JobReport, complete, report, submit, watch};
use mediamirror::asset::find;
use mediamirror::connect::Endpoint;
use mediamirror::error::Error;
use mediamirror::files;
use mediamirror::model::{JobId, JobState, Side};
use mediamirror::monitor::Silent;

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::progress::job::JobProgress;
use super::super::session::Session;
use super::super::signals::Interruption;
use super::failed;

/// Arguments of `asset encode`.
#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    /// The asset, by its id or its name
    #[arg(value_name = "ASSET")]
    pub(crate) asset: String,
    /// The preset: its name, or @FILE for a file with a preset in JSON or XML
    #[arg(long, value_name = "PRESET")]
    pub(crate) preset: String,
    /// The encoder; its newest version is used
    #[arg(long, value_name = "NAME", default_value = mediamirror::asset::encode::STANDARD_ENCODER)]
    pub(crate) processor: String,
    /// Name of the new asset; the names of the asset and the preset when not given
    #[arg(long, value_name = "NAME")]
    pub(crate) output_name: Option<String>,
    /// Options of the task; `protected-configuration` encrypts the preset in transit and in the service
    #[arg(long, hide_short_help = true, value_enum, value_name = "OPTIONS", default_value_t = TaskOptions::None)]
    pub(crate) options: TaskOptions,
    /// Wait for the end of the job; the default
    #[arg(long, hide_short_help = true, conflicts_with = "no_wait")]
    pub(crate) watch: bool,
    /// Submit the job and do not wait for it
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Cancel the job when interrupted; without this flag it continues
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) cancel_on_interrupt: bool,
    /// Write the details of the job into this directory, as text and as JSON, and why it failed or was canceled
    #[arg(long, value_name = "DIR")]
    pub(crate) details_dir: Option<PathBuf>,
}

/// The supported task options of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskOptions {
    /// Nothing.
    None,
    /// The preset is encrypted.
    ProtectedConfiguration,
}

/// Arguments of `asset jobs`.
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// Show this job, by its id
    #[arg(value_name = "JOB", conflicts_with = "cancel")]
    pub(crate) job: Option<String>,
    /// Cancel this job and wait for its end
    #[arg(long, value_name = "JOB")]
    pub(crate) cancel: Option<String>,
    /// Wait for the end of the job, and make its output playable
    #[arg(long, requires = "job")]
    pub(crate) watch: bool,
    /// Write the details of the job into this directory, as text and as JSON, and why it failed or was canceled
    #[arg(long, value_name = "DIR")]
    pub(crate) details_dir: Option<PathBuf>,
}

/// Runs `asset encode`.
pub(super) async fn run(context: &Context, side: Side, args: &EncodeArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let options = EncodeOptions {
        preset: preset(&args.preset)?,
        processor: Some(args.processor.clone()),
        output_name: args.output_name.clone(),
        protected: args.options == TaskOptions::ProtectedConfiguration,
    };
    if let Some(directory) = &args.details_dir {
        details::check(directory)?;
    }
    let asset = find(account, &args.asset).await.map_err(|error| failed(&error, false))?;
    // From now on, a signal must not leave an unreported job.
    let interruption = Interruption::listen(&context.screen, "")?;
    let submitted = submit(account, &asset, &options, &Silent).await.map_err(|error| failed(&error, false))?;
    if args.no_wait {
        let report = report(account, &submitted.job).await.map_err(|error| failed(&error, true))?;
        write_details(args.details_dir.as_deref(), &report)?;
        context.printer.result(&report, || {
            text::submitted(&submitted, &command(context, side, &format!("{} --watch", submitted.job)))
        })?;
        return Ok(ExitCode::Success);
    }
    let cancel = args.cancel_on_interrupt;
    let ended =
        Watched { context, side, account, interruption: &interruption, cancel }.to_the_end(&submitted.job).await;
    finished(context, args.details_dir.as_deref(), ended, &interruption)
}

/// Runs `asset jobs`.
pub(super) async fn jobs(context: &Context, side: Side, args: &JobsArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let account = session.account(side);
    let refused = |error: Error| failed(&error, false);
    if let Some(directory) = &args.details_dir {
        details::check(directory)?;
    }
    if let Some(job) = &args.cancel {
        let id = JobId::new(job);
        account.authoring().map_err(refused)?.cancel_job(&id).await.map_err(refused)?;
        let progress = context.screen.job();
        let ended = watch(account, &id, &progress).await;
        progress.finish();
        ended.map_err(|error| failed(&error, true))?;
        let report = report(account, &id).await.map_err(|error| failed(&error, true))?;
        write_details(args.details_dir.as_deref(), &report)?;
        context.printer.result(&report, || text::report(&report))?;
        return Ok(ExitCode::Success);
    }
    let Some(job) = &args.job else {
        let jobs = account.authoring().map_err(refused)?.jobs().await.map_err(refused)?;
        context.printer.result(&jobs, || text::jobs(&jobs))?;
        return Ok(ExitCode::Success);
    };
    let id = JobId::new(job);
    let report = report(account, &id).await.map_err(refused)?;
    if args.watch {
        let interruption = Interruption::listen(&context.screen, "")?;
        let ended =
            Watched { context, side, account, interruption: &interruption, cancel: false }.to_the_end(&id).await;
        return finished(context, args.details_dir.as_deref(), ended, &interruption);
    }
    write_details(args.details_dir.as_deref(), &report)?;
    context.printer.result(&report, || text::report(&report))?;
    Ok(ExitCode::Success)
}

/// Runs `asset processors`.
pub(super) async fn processors(context: &Context, side: Side) -> Result<ExitCode, CommandFailure> {
    let session = Session::open_one(context, side).await?;
    let refused = |error| failed(&error, false);
    let account = session.account(side).authoring().map_err(refused)?;
    let processors = account.processors().await.map_err(refused)?;
    context.printer.result(&processors, || text::processors(&processors))?;
    Ok(ExitCode::Success)
}

/// A job that is followed until it ends or the operator interrupts.
struct Watched<'a> {
    context: &'a Context,
    side: Side,
    account: &'a Endpoint,
    interruption: &'a Interruption,
    cancel: bool,
}

impl Watched<'_> {
    /// The report of the job's end; `None` = interrupted, and the job continues.
    async fn to_the_end(&self, job: &JobId) -> Result<Option<JobReport>, CommandFailure> {
        let progress = self.context.screen.job();
        let ended = self.follow(job, &progress).await;
        progress.finish();
        ended.map_err(|error| self.lost(job, &error))
    }

    async fn follow(&self, job: &JobId, progress: &JobProgress) -> Result<Option<JobReport>, Error> {
        tokio::select! {
            ended = complete(self.account, job, progress) => return ended.map(Some),
            () = self.interruption.stop.cancelled() => {}
        }
        if !self.cancel {
            self.note(&format!(
                "interrupted; job {job} continues. To follow it: {}. To cancel it: {}",
                self.command(&format!("{job} --watch")),
                self.command(&format!("--cancel {job}"))
            ));
            return Ok(None);
        }
        self.note(&format!("interrupted; canceling job {job}"));
        self.account.authoring()?.cancel_job(job).await?;
        watch(self.account, job, progress).await?;
        report(self.account, job).await.map(Some)
    }

    /// The error if following a job failed. The job exists, so the same command would submit a second one.
    fn lost(&self, job: &JobId, error: &Error) -> CommandFailure {
        let mut failure = failed(error, true).about(&format!("job {job}"));
        failure.code = ExitCode::Unexpected;
        failure.instead(format!("look at the job: {}", self.command(&format!("{job} --watch"))))
    }

    fn command(&self, arguments: &str) -> String {
        command(self.context, self.side, arguments)
    }

    fn note(&self, text: &str) {
        self.context.screen.above(|| self.context.printer.note(text));
    }
}

/// The command that shows a job again, from the same account.
fn command(context: &Context, side: Side, arguments: &str) -> String {
    format!("mediamirror --config {} asset jobs --side {side} {arguments}", context.global.config.display())
}

/// Reports how a followed job ended.
fn finished(
    context: &Context,
    directory: Option<&Path>,
    ended: Result<Option<JobReport>, CommandFailure>,
    interruption: &Interruption,
) -> Result<ExitCode, CommandFailure> {
    let Some(report) = ended? else { return Ok(interruption.code()) };
    write_details(directory, &report)?;
    context.printer.result(&report, || text::report(&report))?;
    if report.job.state != JobState::Finished {
        context.printer.note(&text::why(&report));
    }
    Ok(match report.job.state {
        JobState::Finished => ExitCode::Success,
        _ if interruption.stop.is_cancelled() => interruption.code(),
        _ => ExitCode::Encoding,
    })
}

/// A preset from the command line, or from the file that it names.
fn preset(given: &str) -> Result<String, CommandFailure> {
    let Some(path) = given.strip_prefix('@') else { return Ok(given.to_owned()) };
    files::read(path.as_ref(), files::LARGEST_TEXT).map_err(|error| CommandFailure::file("read", path.as_ref(), &error))
}

fn write_details(directory: Option<&Path>, report: &JobReport) -> Result<(), CommandFailure> {
    directory.map_or(Ok(()), |directory| details::write(directory, report))
}
