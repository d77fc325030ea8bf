//! `man`: writes the help of every command as manual pages.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use mediamirror::files::write_public;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{Cli, ManArgs};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::of::<Written>("man", "the manual pages that were written");

/// The pages that were written.
#[derive(Debug, JsonSchema, Serialize)]
struct Written {
    /// Names of files in the folder, one for each command.
    pages: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &ManArgs) -> Result<ExitCode, CommandFailure> {
    fs::create_dir_all(&args.out).map_err(|error| CommandFailure::file("make folder", &args.out, &error))?;
    let mut command = Cli::command().disable_help_subcommand(true);
    // Sets the full names of subcommands, such as `mediamirror runs list`.
    command.build();
    let mut pages = Vec::new();
    write(&command, &args.out, &mut pages)?;
    let written = Written { pages };
    context.printer.result(&written, || {
        let folder = args.out.display();
        format!("{} pages written; to read one: man {folder}/mediamirror.1", written.pages.len())
    })?;
    Ok(ExitCode::Success)
}

/// Writes the page of a command, and those of its subcommands.
fn write(command: &Command, folder: &Path, pages: &mut Vec<String>) -> Result<(), CommandFailure> {
    let page = Man::new(command.clone());
    let (name, mut text) = (page.get_filename(), Vec::new());
    page.render(&mut text).map_err(|error| CommandFailure::unexpected(format!("cannot make {name}: {error}")))?;
    let path = folder.join(&name);
    write_public(&path, &String::from_utf8_lossy(&text))
        .map_err(|error| CommandFailure::file("write", &path, &error))?;
    pages.push(name);
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| write(below, folder, pages))
}
