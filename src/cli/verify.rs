//! `verify`: compares both libraries and reports differences.

use std::fmt::Write as _;

use bytesize::ByteSize;
use mediamirror::clock;
use mediamirror::config::policy::{Adopt, Policy};
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Outcome, Problem};
use mediamirror::play::{Audience, BytesRead, Found, Played, play, read_bytes};
use mediamirror::report::counted;
use mediamirror::verdict::Finding;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::args::VerifyArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::notify::metrics::{Label, Metrics, Prefix};
use super::notify::{Finished, Subject, notified};
use super::plain;
use super::progress::Work;
use super::session::Session;
use super::summary::left_out;
use super::sync::read_ledger;
use super::wrap::{labelled, wrapped};

/// A comparison.
const SUBJECT: Subject = Subject {
    command: "verify",
    prefix: Prefix::Verify,
    outcomes: &["complete", "different", "partial", "held"],
    is_recorded: false,
    is_dry: false,
};

/// All that was compared.
#[derive(Debug, JsonSchema, Serialize)]
struct Report {
    #[serde(flatten)]
    verification: Verification,
    /// The comparison of what viewers of both hosts get; only with --play.
    #[serde(skip_serializing_if = "Option::is_none")]
    play: Option<Played>,
    /// Bytes of blobs, read on both sides; only with --bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<BytesRead>,
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Report>("verify", "how both libraries compare");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &VerifyArgs) -> Result<ExitCode, CommandFailure> {
    notified(context, &args.notify, SUBJECT, Box::pin(compared(context, args))).await
}

async fn compared(context: &Context, args: &VerifyArgs) -> Result<Report, CommandFailure> {
    let session = Session::open(context, &args.scope.overrides()).await?;
    let ledger = read_ledger(&session)?;
    session.check_of_blobs("--settings", args.settings)?;
    session.check_of_blobs("--by-name", args.by_name)?;
    let options = options(&session.config.policy, args);
    let progress = context.screen.start("verify", Work::Compare, &session.pair);
    let result = verify(&session.pair, &ledger, &options, &progress).await;
    progress.finish();
    ledger.close().await?;
    let verification = result.map_err(|error| CommandFailure::of(&error, false))?;
    further(context, args, &session, &options, verification).await
}

fn options(policy: &Policy, args: &VerifyArgs) -> Options {
    let mut policy = policy.clone();
    if args.by_name && policy.adopt == Adopt::No {
        // Copies of other tools are compared as if they were adopted.
        policy.adopt = Adopt::Equal;
    }
    Options { policy, settings: args.settings, by_name: args.by_name, ..args.scope.options() }
}

/// Plays and reads what the comparison found to be equal, if requested.
async fn further(
    context: &Context,
    args: &VerifyArgs,
    session: &Session,
    options: &Options,
    verification: Verification,
) -> Result<Report, CommandFailure> {
    let skip = &verification.not_there;
    let sample = args.sample(&clock::now().strftime("%Y-%m-%d").to_string());
    let (mut played, mut read) = (None, None);
    if args.play {
        context.printer.note("asking both hosts as viewers do");
        let audience = Audience { sample: &sample, origin: &args.origin };
        let result = play(&session.pair, options, skip, &audience).await;
        played = Some(result.map_err(|error| CommandFailure::of(&error, false))?);
    }
    if args.bytes {
        context.printer.note("reading blobs on both sides");
        let result = read_bytes(&session.pair, options, skip, &sample).await;
        read = Some(result.map_err(|error| CommandFailure::of(&error, false))?);
    }
    Ok(Report { verification, play: played, bytes: read })
}

impl Finished for Report {
    fn code(&self) -> ExitCode {
        self.exit_code()
    }

    fn outcome(&self) -> &'static str {
        match self.exit_code() {
            ExitCode::Success => "complete",
            ExitCode::Differences => "different",
            ExitCode::Held => "held",
            _ => "partial",
        }
    }

    fn run(&self) -> Option<&str> {
        None
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).expect("results have text keys and no failing serialiser")
    }

    fn findings(&self) -> u64 {
        let Verification { problems, findings, differences, .. } = &self.verification;
        let found = self.play.iter().map(|play| &play.found).chain(self.bytes.iter().map(|bytes| &bytes.found));
        let (mut owed, mut general) = (0, 0);
        let more = found.map(|found| (&found.problems, &found.findings));
        for (problems, findings) in std::iter::once((problems, findings)).chain(more) {
            owed += problems.iter().filter(|problem| problem.owed).count();
            general += findings.iter().filter(|finding| finding.owed()).count();
        }
        (owed + general + differences.len()) as u64
    }

    fn hint(&self) -> Option<&str> {
        None
    }

    fn print(&self, context: &Context) -> Result<(), CommandFailure> {
        context.printer.report(self.exit_code() == ExitCode::Success, self, || self.text())
    }

    fn measure(report: Option<&Self>, metrics: &mut Metrics) {
        let Some(Self { verification, .. }) = report else { return };
        let counts = &verification.assets;
        let by = |label, word: &str| vec![(label, word.to_owned())];
        let assets = [
            ("same", counts.same),
            ("different", counts.different),
            ("missing", counts.missing),
            ("not-mirrored", counts.not_mirrored),
            ("unchecked", counts.unchecked),
        ];
        let assets = assets.map(|(outcome, count)| (by(Label::Outcome, outcome), count.into()));
        metrics.gauge("assets", "Assets in the scope of the last comparison, by how they compare.", assets);
        let causes = verification.causes.iter();
        let causes = causes.map(|(cause, count)| (by(Label::Cause, cause.code()), (*count).into()));
        metrics.gauge("problems", "Assets that are not mirrored or were not compared, by cause.", causes);
    }
}

impl Report {
    fn exit_code(&self) -> ExitCode {
        let Self { verification, play, bytes } = self;
        let found = || play.iter().map(|play| &play.found).chain(bytes.iter().map(|bytes| &bytes.found));
        let differ = found().any(Found::differs);
        let owe = found().any(Found::owes);
        match verification.verdict {
            Outcome::Held => ExitCode::Held,
            _ if differ || !verification.differences.is_empty() => ExitCode::Differences,
            Outcome::Complete if !owe => ExitCode::Success,
            _ => ExitCode::Partial,
        }
    }

    fn text(&self) -> String {
        let mut text = text(&self.verification);
        if let Some(play) = &self.play {
            let urls = &play.urls;
            let counts = format!(
                "{} behind {}{}: {} same, {} different, {} not playable in the source, {} unchecked",
                counted(urls.urls, "URL"),
                counted(play.manifests, "manifest"),
                by_seed(&play.seed),
                urls.same,
                urls.different,
                urls.not_playable,
                urls.unchecked
            );
            text.push_str(&labelled("play", &counts));
            if play.nothing_to_play > 0 {
                let assets = counted(play.nothing_to_play, "asset");
                text.push_str(&labelled("", &format!("{assets} without a manifest or a file to play")));
            }
            found(&mut text, &play.found.findings, &play.found.problems);
        }
        if let Some(read) = &self.bytes {
            let counts = format!(
                "{} ({}){}: {} same, {} different, {} unchecked",
                counted(read.blobs, "blob"),
                ByteSize(read.bytes),
                by_seed(&read.seed),
                read.same,
                read.different,
                read.unchecked
            );
            text.push_str(&labelled("bytes", &counts));
            found(&mut text, &read.found.findings, &read.found.problems);
        }
        text
    }
}

/// How to choose the same sample again.
fn by_seed(seed: &str) -> String {
    if seed.is_empty() { String::new() } else { format!(", sample of seed {}", plain::line(seed)) }
}

/// Findings about the whole run, then those about assets.
fn found(text: &mut String, findings: &[Finding], problems: &[Problem]) {
    for finding in findings {
        text.push_str(&wrapped("  ", &plain::line(&finding.line(true))));
    }
    for problem in problems {
        let start = format!("  {}: ", plain::line(&problem.name));
        text.push_str(&wrapped(&start, &plain::line(&problem.finding.line(true))));
    }
}

/// The comparison for people.
pub(crate) fn text(verification: &Verification) -> String {
    let counts = &verification.assets;
    let assets = format!(
        "{} in scope: {} same, {} different, {} missing, {} not mirrored, {} unchecked",
        counts.total, counts.same, counts.different, counts.missing, counts.not_mirrored, counts.unchecked
    );
    let mut text = labelled("assets", &assets);
    let extra = &verification.extra;
    if extra.assets + extra.blobs > 0 {
        let (assets, blobs) = (counted(extra.assets, "asset"), counted(extra.blobs, "blob"));
        let _ = writeln!(text, "extra    {assets} and {blobs} only on the target");
    }
    if let Some(left_out) = left_out(verification.left_out) {
        let _ = writeln!(text, "blobs    {left_out}");
    }
    found(&mut text, &verification.findings, &verification.problems);
    for difference in &verification.differences {
        let [name, item, what] = [&difference.name, &difference.item, &difference.what].map(|text| plain::line(text));
        text.push_str(&wrapped(&format!("  {name}: "), &format!("{item}: {what}")));
    }
    text
}
