//! The verdict: the result of the run in one sentence at the top of the page.

use crate::report::document::Report;
use crate::report::figures::Figures;
use crate::report::units::{counted, moment, span, thousands};
use crate::verdict::Outcome;

/// Signs as paths in a square of 24: not every system has a font with them.
const CHECK: &str = "M6.5 12.5l4 4 7-9";
const CROSS: &str = "M8 8l8 8M16 8l-8 8";
const EXCLAMATION: &str = "M12 6v7M12 17v.5";

/// The top of the page.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The class of its colour.
    pub(super) tone: &'static str,
    /// The path of a sign, for users who cannot see colours.
    pub(super) mark: &'static str,
    pub(super) headline: String,
    pub(super) lead: String,
    /// A command to type.
    pub(super) command: Option<String>,
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Verdict {
    pub(super) fn of(report: &Report, figures: Option<&Figures>) -> Self {
        let (tone, mark, headline, lead) = match report.run.outcome {
            Some(Outcome::Complete) => complete(report, figures),
            Some(Outcome::Partial) => partial(report),
            Some(Outcome::Held) => held(report, figures),
            Some(Outcome::Interrupted) => interrupted(figures),
            Some(Outcome::Failed) => failed(report),
            // A dry run has no report.
            Some(Outcome::DryRun) | None => (
                "bad",
                EXCLAMATION,
                "The run has not ended".to_owned(),
                "It was killed, or it still goes on. What it completed is recorded; the next run goes on from there."
                    .to_owned(),
            ),
        };
        Self { tone, mark, headline, lead, command: command(report, figures), facts: facts(report, figures) }
    }
}

type Words = (&'static str, &'static str, String, String);

fn complete(report: &Report, figures: Option<&Figures>) -> Words {
    let counts = figures.map_or_else(String::new, |figures| {
        let assets = figures.assets;
        format!(
            "{} in scope: {} new or changed, {} unchanged.",
            counted(assets.total, "asset"),
            thousands(assets.mirrored),
            thousands(assets.unchanged)
        )
    });
    let accepted: u64 = report.problems.iter().map(|problem| problem.assets).sum();
    let accepted = match accepted {
        0 => String::new(),
        1 => " 1 asset has a cause that is accepted, or for which nothing is owed.".to_owned(),
        many => format!(" {} assets have a cause that is accepted, or for which nothing is owed.", thousands(many)),
    };
    ("good", CHECK, "Everything in scope is mirrored and verified".to_owned(), format!("{counts}{accepted}"))
}

fn partial(report: &Report) -> Words {
    let owed: u64 = report.problems.iter().map(|problem| problem.owed).sum();
    let (headline, lead) = match owed {
        0 => ("The run found something that needs you".to_owned(), "What it is and what to do is below."),
        1 => (
            "1 asset is not mirrored".to_owned(),
            "Everything else in scope is. The cause and what to do are below. Then try it again:",
        ),
        many => (
            format!("{} assets are not mirrored", thousands(many)),
            "Everything else in scope is. The causes and what to do are below. Then try these assets again:",
        ),
    };
    ("warn", EXCLAMATION, headline, lead.to_owned())
}

fn held(report: &Report, figures: Option<&Figures>) -> Words {
    let held = figures.map_or(0, |figures| figures.held);
    let (headline, lead) = match (held, report.findings.first()) {
        (0, Some(finding)) => (
            "Nothing was written: a person has to decide".to_owned(),
            format!("{}: {}. What to do: {}.", finding.code, finding.sentence, finding.remedy),
        ),
        _ => (
            format!("A guard holds changes of {} back", counted(held, "asset")),
            "More would change than the guards allow, so nothing of it was done. Check the source. If the changes are meant, let \
             them through once:"
                .to_owned(),
        ),
    };
    ("bad", EXCLAMATION, headline, lead)
}

fn interrupted(figures: Option<&Figures>) -> Words {
    let limit = figures.and_then(|figures| figures.limit.as_deref());
    let headline = match limit {
        None => "The run was interrupted",
        Some("duration") => "The run stopped at --max-duration",
        Some("window") => "The run stopped at the end of its window",
        Some("bytes") => "The run stopped at --max-bytes",
        Some(_) => "The run stopped at --max-requests",
    };
    let lead = "What it completed is recorded. The next run goes on from there.".to_owned();
    ("warn", EXCLAMATION, headline.to_owned(), lead)
}

fn failed(report: &Report) -> Words {
    let why = report.run.error.clone().unwrap_or_else(|| "It ended with an error.".to_owned());
    ("bad", CROSS, "The run failed".to_owned(), why)
}

/// The command that retries failures, or allows held changes.
fn command(report: &Report, figures: Option<&Figures>) -> Option<String> {
    if report.run.outcome == Some(Outcome::Partial) && report.problems.iter().any(|problem| problem.owed > 0) {
        return Some(format!("mediamirror runs retry {}", report.run.id));
    }
    let figures = figures.filter(|figures| report.run.outcome == Some(Outcome::Held) && figures.held > 0)?;
    let flags = figures.held_by.iter().map(|guard| format!(" --allow-{guard} {}", report.run.id));
    Some(format!("mediamirror sync{}", flags.collect::<String>()))
}

fn facts(report: &Report, figures: Option<&Figures>) -> Vec<(&'static str, String)> {
    let run = &report.run;
    let mut facts = vec![
        ("run", run.id.clone()),
        ("accounts", format!("{} to {}", run.source, run.target)),
        ("began", moment(run.began)),
    ];
    if let Some(ended) = run.ended {
        facts.push(("took", span(ended.duration_since(run.began).as_secs_f64())));
    }
    let limit = figures.is_some_and(|figures| figures.limit.is_some());
    let code = match run.outcome {
        Some(Outcome::Complete) => Some("0"),
        Some(Outcome::Partial) => Some("3"),
        Some(Outcome::Held) => Some("9"),
        Some(Outcome::Interrupted) if limit => Some("7"),
        _ => None,
    };
    facts.extend(code.map(|code| ("exit code", code.to_owned())));
    facts
}
