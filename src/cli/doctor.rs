//! `doctor`: checks both accounts and the ledger, and reports what would make a run fail.

use mediamirror::config::Config;
use mediamirror::doctor::{Check, Verdict, WriteTest, examine};
use mediamirror::error::Error;
use mediamirror::redact::scrub;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::DoctorArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::{CommandFailure, remedy_of};
use super::format::Format;
use super::plain;
use super::session::Session;
use super::signals::Interruption;
use super::wrap::wrapped;

/// Printed at the first signal.
const HINT: &str = "stopping: what the write test created is removed; press Ctrl-C again to leave at once";

/// What is printed as JSON.
#[derive(Debug, JsonSchema, Serialize)]
struct Diagnosis {
    /// The worst verdict.
    verdict: Verdict,
    /// Every check, in the order in which they were made.
    checks: Vec<Check>,
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Diagnosis>("doctor", "the checks, with what each found");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &DoctorArgs) -> Result<ExitCode, CommandFailure> {
    let session = Session::of(Config::load(&context.global.config)?)?;
    // A read-only command can be ended at any time.
    let interruption = args.write_test.then(|| Interruption::listen(&context.screen, HINT)).transpose()?;
    let test = interruption.as_ref().map_or(WriteTest::No, |listening| WriteTest::Until(listening.stop.clone()));
    let mut checks = examine(&session.config, &session.pair, &test).await;
    for check in &mut checks {
        check.found = scrub(&check.found);
        if check.remedy.is_none() {
            check.remedy = check.error.as_ref().and_then(Error::failure).map(remedy_of).map(str::to_owned);
        }
    }
    let diagnosis = Diagnosis { verdict: worst(&checks), checks };
    let success = diagnosis.verdict == Verdict::Ok;
    context.printer.report(success, &diagnosis, || text(&diagnosis.checks))?;
    match interruption {
        Some(interruption) if interruption.stop.is_cancelled() => Ok(interruption.code()),
        _ => Ok(code(&diagnosis.checks)),
    }
}

fn worst(checks: &[Check]) -> Verdict {
    let any = |verdict| checks.iter().any(|check| check.verdict == verdict);
    [Verdict::Fail, Verdict::Warn].into_iter().find(|verdict| any(*verdict)).unwrap_or(Verdict::Ok)
}

/// The code with which a run would most likely end: that of the first failed check.
fn code(checks: &[Check]) -> ExitCode {
    let failed = checks.iter().find(|check| check.verdict == Verdict::Fail);
    failed.map_or(ExitCode::Success, |check| {
        check.error.as_ref().map_or(ExitCode::Refused, |error| ExitCode::of(error, false))
    })
}

/// One item a check.
fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { verdict, side, subject, check, found, remedy, .. } in checks {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        let side = side.map_or_else(|| "here".to_owned(), |side| side.to_string());
        let start = format!("{verdict:<5} {side:<7} {subject}: {check}: ");
        let remedy = remedy.as_ref().map(|remedy| format!("; remedy: {remedy}")).unwrap_or_default();
        text.push_str(&wrapped(&start, &plain::line(&format!("{found}{remedy}"))));
    }
    text
}
