//! `init --units`: writes the files that run mediamirror every night with one configuration, and only what it needs.

mod kubernetes;
mod systemd;

use std::path::Path;

use mediamirror::config::secret_places::SecretPlaces;

use super::args::{InitArgs, Units};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::files::{self, Existing};

/// The longest name of a `CronJob`, which appends eleven characters to name its jobs.
const LONGEST_NAME: usize = 52;

/// What the files contain.
#[derive(Debug)]
struct Service {
    /// The name of the service, its folder and its user; different for each configuration.
    name: String,
    /// File name of the configuration.
    config: String,
    /// File name of the ledger.
    ledger: String,
    /// The files of secrets, with their paths for a shell in the folder of the configuration.
    secrets: Vec<File>,
    /// The file of authorities, if it is in the folder of the configuration.
    ca_file: Option<File>,
    /// Variables that contain secrets.
    variables: Vec<String>,
    /// Programs that print secrets.
    programs: Vec<String>,
    /// Does an identity of Kubernetes sign in?
    workload_identity: bool,
}

/// A file for the service.
#[derive(Debug)]
struct File {
    /// Its name, which is also that of the credential.
    name: String,
    /// Its path for a shell.
    path: String,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &InitArgs, units: Units) -> Result<ExitCode, CommandFailure> {
    let config = &context.global.config;
    let service = Service::of(config, SecretPlaces::of(config)?)?;
    let files = match units {
        Units::Systemd => systemd::files(&service),
        Units::K8s => kubernetes::files(&service),
    };
    let folder = config.parent().unwrap_or(Path::new(""));
    let files: Vec<_> = files.into_iter().map(|(name, text)| (folder.join(name), text)).collect();
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    for file in files::write_all(&files, existing)? {
        context.printer.note(&format!("wrote {}", file.display()));
    }
    let [(first, _), ..] = &files[..] else { return Ok(ExitCode::Success) };
    let next = format!("next: the first lines of {} are the commands that install it", first.display());
    context.printer.note(&next);
    Ok(ExitCode::Success)
}

impl Service {
    /// Collects what that configuration needs.
    fn of(config: &Path, places: SecretPlaces) -> Result<Self, CommandFailure> {
        let ledger = places.ledger.unwrap_or_else(|| "mirror.ledger".into());
        let secrets = places.files.iter().map(|path| File::of(path)).collect::<Result<Vec<_>, _>>()?;
        for (index, file) in secrets.iter().enumerate() {
            if let Some(other) = secrets[..index].iter().find(|other| other.name == file.name) {
                let problem = format!("{} and {} have the same file name", other.path, file.path);
                return Err(refused(problem, "a service gets secrets by their file names: rename one of the files"));
            }
        }
        let ca_file = places.ca_file.filter(|path| path.components().count() == 1);
        Ok(Self {
            name: name(config)?,
            config: file_name(config)?,
            ledger: file_name(&ledger)?,
            secrets,
            ca_file: ca_file.map(|path| File::of(&path)).transpose()?,
            variables: places.variables,
            programs: places.programs,
            workload_identity: places.workload_identity,
        })
    }
}

impl File {
    fn of(path: &Path) -> Result<Self, CommandFailure> {
        Ok(Self { name: file_name(path)?, path: shell_word(&path.display().to_string()) })
    }
}

/// The name of the service: `mediamirror` for `mirror.toml`, `mediamirror-west` for `west.toml`.
fn name(config: &Path) -> Result<String, CommandFailure> {
    let stem = config.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if stem == "mirror" {
        return Ok("mediamirror".to_owned());
    }
    let stem: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = format!("mediamirror-{}", stem.trim_matches('-'));
    if stem.trim_matches('-').is_empty() || name.len() > LONGEST_NAME {
        let problem = format!("no service can be named after the configuration {}", config.display());
        return Err(refused(problem, "give the configuration a name of at most 40 letters and digits"));
    }
    Ok(name)
}

/// The last part of a path, if it needs no quotes in the files.
fn file_name(path: &Path) -> Result<String, CommandFailure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        let problem = format!("the file name of {} cannot be that of a credential", path.display());
        return Err(refused(problem, "rename the file: letters, digits, `.`, `_` and `-` can be used"));
    }
    Ok(name.into_owned())
}

/// Quotes a word for a shell if necessary.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    let path = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
    format!("'{}'", path.replace('\'', r"'\''"))
}

fn refused(problem: String, remedy: &str) -> CommandFailure {
    CommandFailure::new(ExitCode::Refused, problem, remedy)
}

/// Each item as one line of `form`, in which `{}` is the item.
fn lines<'a>(items: impl IntoIterator<Item = &'a str>, form: &str) -> String {
    items.into_iter().map(|item| form.replace("{}", item)).collect()
}

#[cfg(test)]
mod tests {
    use mediamirror::transport::COPY_TIMEOUT;

    use super::*;

    #[test]
    fn the_time_to_stop_a_run_is_longer_than_one_copy_takes() {
        let minutes = COPY_TIMEOUT.as_secs() / 60;
        for (text, key, unit) in [
            (include_str!("units/mediamirror.service"), "\nTimeoutStopSec=", 60),
            (include_str!("units/mediamirror.yaml"), "terminationGracePeriodSeconds: ", 1),
        ] {
            let value = text.split(key).nth(1).expect("it is set").split(['m', '\n']).next().expect("it has a value");
            assert!(value.parse::<u64>().expect("a number") * unit > COPY_TIMEOUT.as_secs(), "{value}");
            assert!(text.contains(&format!("A copy of one block may take {minutes} minutes.")));
        }
    }

    #[test]
    fn a_word_for_a_shell_is_quoted_only_if_necessary() {
        for (text, word) in
            [("a/b-c.key", "a/b-c.key"), ("-x", "'./-x'"), ("our keys", "'our keys'"), ("a'b", r"'a'\''b'")]
        {
            assert_eq!(shell_word(text), word);
        }
    }
}
