//! `explain`: explains the code of a cause, and what to do about it.

use std::fmt::Write as _;

use mediamirror::verdict::{Cause, Class};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::ExplainArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::wrap::wrapped;

/// A cause as this command shows it.
#[derive(Debug, JsonSchema, Serialize)]
struct Explanation {
    /// The cause's code.
    code: &'static str,
    /// The result of an asset that has it.
    result: Class,
    /// Does it change the exit code?
    owed: bool,
    /// What is wrong.
    sentence: &'static str,
    /// What the operator can do.
    remedy: &'static str,
}

impl From<Cause> for Explanation {
    fn from(cause: Cause) -> Self {
        Self {
            code: cause.code(),
            result: cause.class(),
            owed: cause.owed(),
            sentence: cause.sentence(),
            remedy: cause.remedy(),
        }
    }
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::either::<Explanation, Vec<Explanation>>("explain", "a cause, or all causes");

/// Runs the command.
pub(crate) fn run(context: &Context, args: &ExplainArgs) -> Result<ExitCode, CommandFailure> {
    let Some(code) = &args.code else {
        let all: Vec<Explanation> = Cause::all().map(Explanation::from).collect();
        context.printer.result(&all, || list(&all))?;
        return Ok(ExitCode::Success);
    };
    let cause = Cause::of_code(code).ok_or_else(|| {
        CommandFailure::new(
            ExitCode::Usage,
            format!("no cause has the code {code:?}"),
            "`mediamirror explain` lists all codes",
        )
    })?;
    let explanation = Explanation::from(cause);
    context.printer.result(&explanation, || text(&explanation))?;
    Ok(ExitCode::Success)
}

/// One cause.
fn text(cause: &Explanation) -> String {
    let exit = match cause.result {
        Class::Held => "9",
        Class::Withheld | Class::Noted => "unchanged",
        Class::Skipped => "3, unless the source does not publish the asset or the configuration accepts the cause",
        Class::Failed | Class::Conflict | Class::Unchecked => "3, unless the configuration accepts the cause",
    };
    let lines = [("cause", cause.sentence), ("remedy", cause.remedy), ("exit code", exit)];
    let lines = lines.map(|(label, words)| wrapped(&format!("  {label:<11}"), words));
    format!("{}\n{}", cause.code, lines.concat())
}

/// All causes, one per line.
fn list(all: &[Explanation]) -> String {
    let width = all.iter().map(|cause| cause.code.len()).max().unwrap_or_default();
    let mut text = String::new();
    for cause in all {
        let _ = writeln!(text, "{:width$}  {}", cause.code, cause.sentence);
    }
    text
}

#[cfg(test)]
mod tests {
    use mediamirror::manual;

    use super::*;

    /// The rows of the table under the heading "Causes" on the manual's page `troubleshooting`, as `explain` lists them.
    fn table_of_the_manual() -> Vec<(String, String)> {
        let page = manual::page("troubleshooting").expect("the manual has the page");
        let section = page.text.split("\n## Causes").nth(1).expect("the page has the section");
        let section = section.split("\n## ").next().expect("a split gives one part at least");
        let row = |line: &str| {
            let (code, sentence) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
            Some((code.to_owned(), sentence.to_owned()))
        };
        section.lines().filter_map(row).collect()
    }

    #[test]
    fn the_manual_lists_the_same_causes_as_explain() {
        let all: Vec<Explanation> = Cause::all().map(Explanation::from).collect();
        let listed = list(&all);
        let row = |line: &str| {
            let (code, sentence) = line.split_once(' ').expect("a code and a sentence");
            (code.to_owned(), sentence.trim_start().to_owned())
        };
        assert_eq!(table_of_the_manual(), listed.lines().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn the_exit_code_is_nine_for_held_changes_and_unchanged_for_withheld_assets() {
        let exit = |cause: Cause| {
            let text = text(&cause.into());
            text.split("exit code").last().expect("a split gives one part at least").trim().to_owned()
        };
        assert_eq!(exit(Cause::HeldByGuard), "9");
        assert_eq!(exit(Cause::Withheld), "unchanged");
        assert!(exit(Cause::LocatorIdTaken).starts_with("3, ") && exit(Cause::Protected).starts_with("3, "));
    }
}
