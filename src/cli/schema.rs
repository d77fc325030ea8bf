//! `schema`: the formats of the other commands' JSON output.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::args::SchemaArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::{self, CommandFailure};
use super::format::Format;
use super::notify::events;
use super::printer::Printer;
use super::{asset, doctor, explain, failover, man, manual, plan, ready, report, runs, sync, unlock, urls, verify};
#[cfg(feature = "emulator")]
use super::{demo, emulator, tutorial};

/// The output of this command if no format is named.
const FORMAT: Format = Format::of::<Vec<Listed>>("schema", "the formats that have a schema");

/// A format in the list.
#[derive(Debug, JsonSchema, Serialize)]
struct Listed {
    /// Its name, for `mediamirror schema NAME`.
    name: &'static str,
    /// A description in one line.
    summary: &'static str,
}

/// Every format, by name.
fn formats() -> Vec<Format> {
    let mut formats = vec![
        doctor::FORMAT,
        events::FORMAT,
        explain::FORMAT,
        failover::FORMAT,
        failure::FORMAT,
        man::FORMAT,
        manual::FORMAT,
        ready::FORMAT,
        report::FORMAT,
        unlock::FORMAT,
        urls::FORMAT,
        verify::FORMAT,
        FORMAT,
    ];
    formats.extend(asset::FORMATS);
    formats.extend(plan::FORMATS);
    formats.extend(runs::FORMATS);
    formats.extend(sync::FORMATS);
    #[cfg(feature = "emulator")]
    formats.extend([demo::FORMAT, emulator::FORMAT, tutorial::FORMAT]);
    formats.sort_by_key(|format| format.name);
    formats
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &SchemaArgs) -> Result<ExitCode, CommandFailure> {
    let formats = formats();
    let Some(name) = &args.name else {
        let listed: Vec<Listed> = formats.iter().map(|Format { name, summary, .. }| Listed { name, summary }).collect();
        context.printer.result(&listed, || list(&listed))?;
        return Ok(ExitCode::Success);
    };
    let Some(format) = formats.iter().find(|format| format.name == name) else {
        let problem = format!("no format has the name {name:?}");
        return Err(CommandFailure::new(ExitCode::Usage, problem, "`mediamirror schema` lists all names"));
    };
    let text = serde_json::to_string_pretty(&format.schema()).expect("a schema can be written as JSON");
    Printer::data(&text)?;
    Ok(ExitCode::Success)
}

fn list(formats: &[Listed]) -> String {
    let widest = formats.iter().map(|format| format.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Listed { name, summary } in formats {
        let _ = writeln!(text, "{name:widest$}  {summary}");
    }
    text
}

#[cfg(test)]
mod tests;
