//! The result of a run, as it is printed and as it is reported to other programs.

use mediamirror::engine::Summary;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::changes::{Changed, Kept};
use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::notify::metrics::{Label, Labels, Metrics, Prefix};
use super::super::notify::{Finished, INTERRUPTED, Subject};
use super::super::summary;

/// A run.
pub(crate) const SUBJECT: Subject = Subject {
    command: "sync",
    prefix: Prefix::Run,
    outcomes: &["complete", "partial", "held", INTERRUPTED],
    is_recorded: true,
    is_dry: false,
};

/// A run that ended without an error.
#[derive(Debug)]
pub(crate) struct FinishedRun {
    pub(in crate::cli) summary: Summary,
    pub(super) changes: Kept,
    pub(in crate::cli) code: ExitCode,
    /// How to resume it, if it was interrupted.
    pub(super) resume: Option<String>,
}

/// What is printed as JSON.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::cli) struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// The changed assets; without --all, the first 10,000, and all with a withdrawal.
    changes: Vec<&'a Changed>,
    /// The number of changed assets that are left out.
    changes_left_out: u64,
}

impl<'a> Report<'a> {
    pub(in crate::cli) fn of(summary: &'a Summary, changes: &'a Kept) -> Self {
        Self { summary, changes: changes.changed(), changes_left_out: changes.more_changed() }
    }
}

impl FinishedRun {
    fn report(&self) -> Report<'_> {
        Report::of(&self.summary, &self.changes)
    }
}

impl Finished for FinishedRun {
    fn code(&self) -> ExitCode {
        self.code
    }

    fn outcome(&self) -> &'static str {
        self.summary.outcome.code()
    }

    fn run(&self) -> Option<&str> {
        Some(&self.summary.run)
    }

    fn print(&self, context: &Context) -> Result<(), CommandFailure> {
        let text = || summary::text(&self.summary, &self.changes, context.global.verbose > 0);
        context.printer.report(self.code == ExitCode::Success, &self.report(), text)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self.report()).expect("results have text keys and no failing serialiser")
    }

    fn findings(&self) -> u64 {
        let Summary { problems, findings, .. } = &self.summary;
        let owed = problems.iter().filter(|problem| problem.owed).count();
        (owed + findings.iter().filter(|finding| finding.owed()).count()) as u64
    }

    fn hint(&self) -> Option<&str> {
        self.resume.as_deref()
    }

    fn measure(run: Option<&Self>, metrics: &mut Metrics) {
        let summary = run.map(|run| &run.summary);
        let of = |count: fn(&Summary) -> u64| summary.map(|summary| (vec![], count(summary)));
        if let Some(summary) = summary {
            measure_state(summary, metrics);
        }
        let blobs = summary.map(|Summary { blobs, .. }| {
            [("copied", blobs.copied), ("unchanged", blobs.unchanged), ("failed", blobs.failed)].map(counted)
        });
        metrics.counter("blobs_total", "Blobs of processed assets, by how they ended.", blobs.into_iter().flatten());
        metrics.counter("copied_bytes_total", "Bytes of copied blobs.", of(|summary| summary.bytes_copied));
        let locators = summary.map(|Summary { locators, .. }| {
            let (mirrored, unchanged, failed) = (locators.mirrored, locators.unchanged, locators.failed);
            [("mirrored", mirrored), ("unchanged", unchanged), ("failed", failed)].map(counted)
        });
        let help = "Locators of processed assets, by how they ended.";
        metrics.counter("locators_total", help, locators.into_iter().flatten());
        metrics.counter("withdrawn_locators_total", "Locators withdrawn.", of(|summary| summary.withdrawn));
    }
}

/// The state of the library after a run.
fn measure_state(summary: &Summary, metrics: &mut Metrics) {
    let assets = &summary.assets;
    let assets = [
        ("mirrored", assets.mirrored),
        ("unchanged", assets.unchanged),
        ("skipped", assets.skipped),
        ("failed", assets.failed),
        ("conflict", assets.conflicts),
        ("held", assets.held),
        ("unchecked", assets.unchecked),
    ];
    let help = "Assets in the scope of the last run, by how they ended.";
    metrics.gauge("assets", help, assets.map(|(outcome, count)| (by(outcome), count.into())));
    let causes = summary.causes.iter();
    let causes = causes.map(|(cause, count)| (vec![(Label::Cause, cause.to_string())], (*count).into()));
    metrics.gauge("problems", "Assets that the last run did not mirror, by cause.", causes);
    let kept = [(vec![], summary.kept.bytes.into())];
    metrics.gauge("kept_bytes", "Bytes of deleted blobs that copies of existing assets still have.", kept);
}

fn by(outcome: &str) -> Labels {
    vec![(Label::Outcome, outcome.to_owned())]
}

fn counted((outcome, count): (&str, u64)) -> (Labels, u64) {
    (by(outcome), count)
}
