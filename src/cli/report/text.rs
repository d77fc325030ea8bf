//! The report in short, for a terminal.

use std::fmt::Write as _;

use mediamirror::engine::Outcome;
use mediamirror::report::{Report, counted};

use crate::cli::plain;
use crate::cli::wrap::{labelled, wrapped};

/// The verdict, the causes with their remedies, the changes, and how to see more.
pub(super) fn text(report: &Report) -> String {
    let run = &report.run;
    let mut text = String::new();
    let outcome = run.outcome.map_or("not ended", Outcome::code);
    let accounts = format!("{} to {}", run.source, run.target);
    let _ = writeln!(text, "run {}: {}", plain::line(&run.id), outcome);
    text.push_str(&labelled("accounts", &plain::line(&accounts)));
    text.push_str(&labelled("began", &format!("{:.0}", run.began)));
    if let Some(ended) = run.ended {
        text.push_str(&labelled("ended", &format!("{ended:.0}")));
    }
    if let Some(error) = &run.error {
        text.push_str(&wrapped("! ", &plain::line(error)));
    }
    for finding in &report.findings {
        let line = format!("{}: {}; {}", finding.code, finding.sentence, finding.remedy);
        text.push_str(&wrapped("! ", &plain::line(&line)));
    }
    for problem in &report.problems {
        let not_owed = if problem.owed == 0 { " (accepted or not owed)" } else { "" };
        let line = format!(
            "{}, {}{not_owed}: {}; {}",
            problem.code,
            counted(problem.assets, "asset"),
            problem.sentence,
            problem.remedy
        );
        text.push_str(&wrapped("! ", &plain::line(&line)));
    }
    for change in &report.changes {
        text.push_str(&wrapped("~ ", &plain::line(&format!("{}: {}", change.change, change.count))));
    }
    if report.events_deleted {
        text.push_str(&wrapped("", "the ledger has deleted what this run changed and found"));
    } else if report.assets.is_empty() && report.findings.is_empty() {
        text.push_str("nothing was changed or found\n");
    }
    text.push_str(&wrapped("", &format!("the whole report: mediamirror report {} --html FILE", plain::line(&run.id))));
    text
}
