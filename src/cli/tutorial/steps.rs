//! The steps, in the tutorial's order, and the clean-up of everything that they made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use globset::{Glob, GlobSet, GlobSetBuilder};
use mediamirror::asset::encode::{EncodeOptions, encode, watch};
use mediamirror::asset::{UploadOptions, publish, remove};
use mediamirror::connect::Endpoint;
use mediamirror::engine::urls::{UrlPair, urls};
use mediamirror::engine::{Options, Outcome};
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::model::{Asset, AssetEncryption, JobState};
use mediamirror::monitor::Silent;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::asset::upload::uploaded;
use super::super::changes::Changes;
use super::super::context::Context;
use super::super::demo::playback::{Playback, play_all};
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::session::Session;
use super::super::signals::Interruption;
use super::super::sync::mirrored;
use super::film::Film;
use super::inventory::Inventory;

/// How long the tutorial's locators are valid.
const DAYS: u32 = 30;
/// The suffix of each protocol's manifest after the server manifest's URL.
const FORMATS: [&str; 3] = ["", "(format=m3u8-aapl)", "(format=mpd-time-csf)"];
/// A new locator may take this long to answer (documented: 30 to 40 seconds).
const ACTIVATION: Duration = Duration::from_mins(1);
/// The pause between two attempts.
const LOOK: Duration = Duration::from_secs(2);

/// One pass through the tutorial. Its assets have unique names, so that they are found after any failure.
#[derive(Debug)]
pub(super) struct Tutorial<'a> {
    context: &'a Context,
    session: &'a Session,
    film: &'a Film,
    preset: &'a str,
    input_name: String,
    output_name: String,
}

/// The results of the playback.
#[derive(Debug)]
pub(super) struct Played {
    /// Each step with its seconds.
    pub(super) steps: Vec<Step>,
    /// Every manifest, fetched from both regions.
    pub(super) playbacks: Vec<Playback>,
}

/// A finished step.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Step {
    /// The name of the step.
    pub(super) step: &'static str,
    /// How long it took.
    pub(super) seconds: f64,
}

impl<'a> Tutorial<'a> {
    /// A new one.
    pub(super) fn new(context: &'a Context, session: &'a Session, film: &'a Film, preset: &'a str) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string();
        Self {
            context,
            session,
            film,
            preset,
            input_name: format!("tutorial-{run}-upload"),
            output_name: format!("tutorial-{run}-encoded"),
        }
    }

    /// Goes through it.
    pub(super) async fn play(&self, interruption: &Interruption) -> Result<Played, CommandFailure> {
        let mut watch = Watch::default();
        let source = &self.session.pair.source;
        self.context.printer.note("uploading the film to the source …");
        let options = UploadOptions { name: Some(self.input_name.clone()), encryption: AssetEncryption::None };
        let files = std::slice::from_ref(&self.film.path);
        let input = uploaded(self.context, source, files, &options).await?;
        watch.lap("upload");
        self.context.printer.note(&format!("encoding it: {} …", self.preset));
        let input = source
            .library
            .asset(&input.id)
            .await
            .map_err(|error| of(&error))?
            .ok_or_else(|| vanished(&self.input_name))?;
        let output = self.encode(source, &input).await?;
        watch.lap("encode");
        self.context.printer.note("publishing the output …");
        publish(source, &output, DAYS).await.map_err(|error| of(&error))?;
        watch.lap("publish");
        self.context.printer.note("mirroring it to the target …");
        self.mirror(interruption).await?;
        watch.lap("mirror");
        self.context.printer.note("fetching every manifest from both regions …");
        let playbacks = self.compare().await?;
        watch.lap("compare");
        Ok(Played { steps: watch.steps, playbacks })
    }

    /// Encodes the film; the new asset has its `.ism` as the primary file.
    async fn encode(&self, source: &Endpoint, input: &Asset) -> Result<Asset, CommandFailure> {
        let options = EncodeOptions {
            preset: self.preset.to_owned(),
            processor: None,
            output_name: Some(self.output_name.clone()),
            // As in the tutorial.
            protected: true,
        };
        let progress = self.context.screen.job();
        let report = encode(source, input, &options, &progress).await;
        progress.finish();
        let report = report.map_err(|error| of(&error))?;
        let output = report.outputs.first().filter(|_| report.job.state == JobState::Finished);
        let Some(output) = output else {
            let errors = report.tasks.iter().flat_map(|task| &task.errors);
            let errors: Vec<String> = errors.map(|error| format!("{}: {}", error.code, error.message)).collect();
            let message = format!("job {} ended: {}; {}", report.job.id, report.job.state, errors.join("; "));
            return Err(CommandFailure::new(ExitCode::Encoding, message, "choose another film or --preset"));
        };
        source.library.asset(&output.id).await.map_err(|error| of(&error))?.ok_or_else(|| vanished(&self.output_name))
    }

    /// Mirrors the one asset.
    async fn mirror(&self, interruption: &Interruption) -> Result<(), CommandFailure> {
        // In memory, so that the tutorial leaves no file.
        let ledger = Ledger::in_memory()?;
        let pair = &self.session.pair;
        let summary = mirrored(
            self.context,
            pair,
            &ledger,
            &self.options()?,
            interruption,
            &Arc::new(Changes::new(false, false)),
        )
        .await;
        ledger.close().await?;
        match summary?.outcome {
            Outcome::Complete => Ok(()),
            other => Err(CommandFailure::new(
                ExitCode::Partial,
                format!("{} could not be mirrored: {other:?}", self.output_name),
                "run it again with -v",
            )),
        }
    }

    /// Fetches each protocol's manifest from both regions, until they answer or the time is over.
    async fn compare(&self) -> Result<Vec<Playback>, CommandFailure> {
        let ledger = Ledger::in_memory()?;
        let found = urls(&self.session.pair, &ledger, &self.options()?).await;
        ledger.close().await?;
        let pairs: Vec<UrlPair> = found
            .map_err(|error| of(&error))?
            .pairs
            .iter()
            .flat_map(|pair| FORMATS.map(|format| with_format(pair, format)))
            .collect();
        let started = Instant::now();
        loop {
            let playbacks = play_all(self.session.network.as_ref(), pairs.clone()).await;
            if playbacks.iter().all(Playback::plays) || started.elapsed() > ACTIVATION {
                return Ok(playbacks);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn options(&self) -> Result<Options, CommandFailure> {
        let policy = self.session.config.policy.clone();
        Ok(Options { include: Some(only(&self.output_name)?), policy, ..Options::default() })
    }

    /// Removes every asset of this run on both sides, and the policies that were made for its locators.
    pub(super) async fn clean_up(&self, before: &Inventory) -> Result<(), CommandFailure> {
        self.context.printer.note("cleaning up …");
        let pair = &self.session.pair;
        for account in [&pair.source, &pair.target] {
            self.clean_up_in(account, before).await.map_err(|error| {
                CommandFailure::of(&error, true).about(&format!("assets named {}… may be left", self.output_name))
            })?;
        }
        Ok(())
    }

    async fn clean_up_in(&self, account: &Endpoint, before: &Inventory) -> Result<(), Error> {
        for job in account.authoring()?.jobs().await? {
            if job.name.starts_with(&self.input_name) {
                if !job.state.is_final() {
                    match account.authoring()?.cancel_job(&job.id).await {
                        // It ended by itself meanwhile.
                        Ok(()) | Err(Error::Input { .. }) => {}
                        Err(error) => return Err(error),
                    }
                    watch(account, &job.id, &Silent).await?;
                }
                account.authoring()?.delete_job(&job.id).await?;
            }
        }
        for name in [&self.input_name, &self.output_name] {
            for asset in account.authoring()?.assets_named(name).await? {
                remove(account, &asset.id).await?;
            }
        }
        let known = &before.side(account.side).policies;
        let policies = account.authoring()?.access_policies().await?;
        let used = account.authoring()?.policies_of_locators().await?;
        for policy in policies.iter().filter(|one| one.shared() && !known.contains(&one.id) && !used.contains(&one.id))
        {
            account.authoring()?.delete_access_policy(&policy.id).await?;
        }
        Ok(())
    }
}

/// A library of that one name; the name has no special characters of globs.
fn only(name: &str) -> Result<GlobSet, CommandFailure> {
    let glob = Glob::new(name).and_then(|glob| GlobSetBuilder::new().add(glob).build());
    glob.map_err(|error| CommandFailure::unexpected(error.to_string()))
}

fn with_format(pair: &UrlPair, format: &str) -> UrlPair {
    UrlPair {
        source_url: format!("{}{format}", pair.source_url),
        target_url: pair.target_url.as_ref().map(|url| format!("{url}{format}")),
        ..pair.clone()
    }
}

fn of(error: &Error) -> CommandFailure {
    CommandFailure::of(error, true)
}

fn vanished(name: &str) -> CommandFailure {
    CommandFailure::unexpected(format!("{name} disappeared from the source"))
}

/// Measures the time of each step.
#[derive(Debug)]
struct Watch {
    since: Instant,
    steps: Vec<Step>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { since: Instant::now(), steps: Vec::new() }
    }
}

impl Watch {
    fn lap(&mut self, step: &'static str) {
        let seconds = self.since.elapsed().as_secs_f64();
        self.steps.push(Step { step, seconds: (seconds * 10.0).round() / 10.0 });
        self.since = Instant::now();
    }
}
