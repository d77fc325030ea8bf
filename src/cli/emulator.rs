//! `emulator`: runs emulated regions on loopback until it is interrupted.

use std::path::Path;

use mediamirror::config::is_loopback;
use mediamirror::emulator::settings::{Ports, RegionSettings};
use mediamirror::emulator::{Emulator, EmulatorError, EmulatorHandle, FaultPlan, Generate, Ready, Settings};
use mediamirror::files::LARGEST_TEXT;
use url::Url;

use super::args::EmulatorArgs;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::files::{self, Existing};
use super::format::Format;
use super::printer::Printer;
use super::regions;
use super::signals::Interruption;

/// What it prints when its services are ready, also with text output.
pub(crate) const FORMAT: Format = Format::of::<Ready>("emulator", "the addresses and keys of the emulated regions");

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &EmulatorArgs) -> Result<ExitCode, CommandFailure> {
    let interruption = Interruption::listen(&context.screen, "")?;
    let emulator = start(args).await?;
    if let Some(path) = &args.write_config {
        write_configuration(context, path, emulator.ready())?;
    }
    Printer::data(&emulator.ready().json())?;
    interruption.stop.cancelled().await;
    emulator.shutdown().await;
    // The command is meant to run until it is interrupted.
    Ok(ExitCode::Success)
}

async fn start(args: &EmulatorArgs) -> Result<EmulatorHandle, CommandFailure> {
    let mut builder = Emulator::builder().settings(settings(args)?);
    if let Some(directory) = &args.library {
        builder = builder.library_dir(directory);
    }
    if let Some(recipe) = &args.generate {
        builder = builder.generate(parse_recipe(recipe)?);
    }
    if let Some(path) = &args.faults {
        builder = builder.faults(FaultPlan::read(path).map_err(|error| failed(&EmulatorError::Settings(error)))?);
    }
    builder.start().await.map_err(|error| failed(&error))
}

/// Parses the recipe of a library.
pub(crate) fn parse_recipe(recipe: &str) -> Result<Generate, CommandFailure> {
    Generate::parse(recipe).map_err(|error| {
        let remedy = "write it like assets=60,blobs=20,seed=1,sizes=small,awkward=false";
        CommandFailure::new(ExitCode::Usage, format!("--generate {recipe}: {error}"), remedy)
    })
}

/// Why the emulator did not start.
pub(crate) fn failed(error: &EmulatorError) -> CommandFailure {
    match error {
        EmulatorError::Settings(error) => {
            let line = error.line.map_or_else(String::new, |line| format!(":{line}"));
            let file = error.file.as_deref().unwrap_or("settings");
            let key = if error.key.is_empty() { String::new() } else { format!(": {}", error.key) };
            let message = format!("{file}{line}{key}: {}", error.problem);
            CommandFailure::new(ExitCode::Refused, message, error.remedy.clone())
        }
        other => CommandFailure::unexpected(other.to_string()),
    }
}

/// The settings of the file with the ports of the flags, which have priority.
fn settings(args: &EmulatorArgs) -> Result<Settings, CommandFailure> {
    let mut settings = match &args.settings {
        Some(path) => Settings::read(path).map_err(|error| failed(&EmulatorError::Settings(error)))?,
        None => Settings::default(),
    };
    if let Some(port) = args.admin_port {
        settings.admin_port = port;
    }
    if let Some(base) = args.base_port.filter(|base| *base != 0) {
        number(&mut settings.regions, base)?;
    }
    Ok(settings)
}

/// Gives every listener a port, starting with `base`.
fn number(regions: &mut [RegionSettings], base: u16) -> Result<(), CommandFailure> {
    let mut ports = base..=u16::MAX;
    let mut next = || {
        ports.next().ok_or_else(|| {
            let problem = format!("--base-port {base}: not enough ports above it");
            CommandFailure::new(ExitCode::Usage, problem, "choose a lower one")
        })
    };
    for region in regions {
        region.ports = Ports { token: next()?, front: next()?, cluster: next()?, blob: next()?, streaming: next()? };
    }
    Ok(())
}

/// Writes a configuration that mirrors the first region to the second. An existing configuration of an emulator is
/// replaced, because the ports change.
fn write_configuration(context: &Context, path: &Path, ready: &Ready) -> Result<(), CommandFailure> {
    let [source, target, ..] = ready.regions.as_slice() else {
        let problem = "--write-config needs two regions, a source and a target";
        return Err(CommandFailure::new(ExitCode::Usage, problem, "add a second one to the settings"));
    };
    if path.symlink_metadata().is_ok() && !names_only_this_machine(path) {
        let problem = format!("{} already exists, and is not of an emulator; nothing was written", path.display());
        return Err(CommandFailure::new(ExitCode::Refused, problem, "name another file, or remove this one"));
    }
    let written =
        files::write_configuration(path, &regions::template(source), &regions::template(target), Existing::Replace)?;
    for file in written {
        context.printer.note(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// Is the file a configuration whose accounts are all on this machine?
fn names_only_this_machine(path: &Path) -> bool {
    let text = mediamirror::files::read(path, LARGEST_TEXT).unwrap_or_default();
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let mut urls = Vec::new();
    table.values().for_each(|value| urls_in(value, &mut urls));
    !urls.is_empty() && urls.iter().all(is_loopback)
}

fn urls_in(value: &toml::Value, urls: &mut Vec<Url>) {
    match value {
        toml::Value::String(text) => urls.extend(Url::parse(text).ok().filter(Url::has_host)),
        toml::Value::Array(values) => values.iter().for_each(|value| urls_in(value, urls)),
        toml::Value::Table(table) => table.values().for_each(|value| urls_in(value, urls)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbered_from_the_base_in_the_order_of_the_regions() {
        let mut settings = Settings::default();
        number(&mut settings.regions, 6000).unwrap();
        let ports: Vec<u16> = settings.regions.iter().flat_map(|r| [r.ports.token, r.ports.streaming]).collect();
        assert_eq!(ports, [6000, 6004, 6005, 6009]);
    }

    #[test]
    fn a_base_that_is_too_high_is_refused() {
        let error = number(&mut Settings::default().regions, u16::MAX - 3).unwrap_err();
        assert_eq!(error.code, ExitCode::Usage);
    }

    #[test]
    fn only_a_configuration_of_this_machine_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mirror.toml");
        let is_ours = |text: &str| {
            std::fs::write(&path, text).unwrap();
            names_only_this_machine(&path)
        };
        let ours =
            "[source]\nendpoint = \"http://127.0.0.1:9/api/\"\n[[source.storage]]\nendpoint = \"http://127.0.0.1:9/a\"";
        assert!(is_ours(ours));
        assert!(!is_ours(&ours.replace("127.0.0.1:9/a\"", "store.example/a\"")));
        for text in ["", "[source]\naccount = \"films\"", "no toml"] {
            assert!(!is_ours(text), "{text}");
        }
        assert!(!names_only_this_machine(place.path()), "a directory");
    }
}
