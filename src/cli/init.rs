//! `init`: writes a commented configuration (or, with `--units`, the files that run it every night), with the accounts
//! of an `App.config` of the tutorial if one is given.

use std::path::Path;

use mediamirror::config::app_config::{AppAccount, AppConfig, AppConfigError};
use mediamirror::config::template::{AccountTemplate, PLACEHOLDER, StorageTemplate};
use mediamirror::files::LARGEST_TEXT;

use super::args::{InitArgs, Service};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::files::{self, Existing};
use super::units;

/// Runs the command.
pub(crate) fn run(context: &Context, args: &InitArgs) -> Result<ExitCode, CommandFailure> {
    if let Some(units) = args.units {
        return units::run(context, args, units);
    }
    let path = &context.global.config;
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let written = match (&args.from_app_config, args.service) {
        (Some(app_config), _) => {
            let (source, target) = accounts_of(app_config)?;
            files::write_configuration(path, &source, &target, existing)?
        }
        (None, None | Some(Service::AmsV2)) => {
            files::write_configuration(path, &blank("source"), &blank("target"), existing)?
        }
        (None, Some(Service::Blobs)) => {
            let [source, target] = ["source", "target"].map(blank_storage);
            files::write_configuration_of_blobs(path, &source, &target, existing)?
        }
    };
    for file in &written {
        context.printer.note(&format!("wrote {}", file.display()));
    }
    context.printer.note(&next_step(path, args.from_app_config.is_some()));
    Ok(ExitCode::Success)
}

/// An account with a placeholder as its name. The placeholders differ, because both sides must not be the same account.
fn blank(side: &str) -> AccountTemplate {
    AccountTemplate::of_the_service(side, &format!("{PLACEHOLDER}-{side}"), &format!("{PLACEHOLDER}-{side}-storage"))
}

/// The same for a storage account as the library.
fn blank_storage(side: &str) -> StorageTemplate {
    StorageTemplate::of_the_service(side, &format!("{PLACEHOLDER}-{side}-storage"))
}

/// Both accounts of an `App.config`.
fn accounts_of(path: &Path) -> Result<(AccountTemplate, AccountTemplate), CommandFailure> {
    let config = read_app_config(path)?;
    Ok((template("source", &config.source), template("target", &config.target)))
}

/// Reads an `App.config`.
pub(super) fn read_app_config(path: &Path) -> Result<AppConfig, CommandFailure> {
    let text =
        mediamirror::files::read(path, LARGEST_TEXT).map_err(|error| CommandFailure::file("read", path, &error))?;
    AppConfig::parse(&text).map_err(|error| {
        let remedy = match error {
            AppConfigError::Xml { .. } => "name the App.config of the tutorial's program",
            AppConfigError::Missing(_) => {
                "add them as <add key=\"…\" value=\"…\" />, or run `mediamirror init` without it"
            }
        };
        CommandFailure::new(ExitCode::Refused, format!("{}: {error}", path.display()), remedy)
    })
}

/// The template of an account with its keys.
fn template(side: &str, account: &AppAccount) -> AccountTemplate {
    let mut template = AccountTemplate::of_the_service(side, &account.media_account, &account.storage_account);
    template.media_key.secret = Some(account.media_key.clone());
    for storage in &mut template.storage {
        storage.key.secret = Some(account.storage_key.clone());
    }
    template
}

fn next_step(path: &Path, complete: bool) -> String {
    let shown = path.display();
    let check = format!("mediamirror -c {shown} doctor");
    if complete {
        format!("next: {check}")
    } else {
        format!("next: fill in {shown}, put the keys into the files it names (chmod 600), then: {check}")
    }
}
