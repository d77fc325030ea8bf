//! The files the commands write for the user: a configuration, and secrets only the owner can read.

use std::path::{Path, PathBuf};

use mediamirror::config::template::{self, AccountTemplate, SecretFile, StorageTemplate};
use mediamirror::files::write_private;

use super::exit_code::ExitCode;
use super::failure::CommandFailure;

/// What to do with an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Change nothing and fail.
    Refuse,
    /// Replace it.
    Replace,
}

/// Writes a configuration of two media accounts and its secret files in the same folder. Returns the paths.
pub(crate) fn write_configuration(
    path: &Path,
    source: &AccountTemplate,
    target: &AccountTemplate,
    existing: Existing,
) -> Result<Vec<PathBuf>, CommandFailure> {
    let text = template::render(&ledger_name(path), source, target);
    write(path, text, source.secrets().chain(target.secrets()), existing)
}

/// Writes a configuration of two storage accounts. Returns the paths.
pub(crate) fn write_configuration_of_blobs(
    path: &Path,
    source: &StorageTemplate,
    target: &StorageTemplate,
    existing: Existing,
) -> Result<Vec<PathBuf>, CommandFailure> {
    let text = template::render_blobs(&ledger_name(path), source, target);
    write(path, text, [&source.key, &target.key].into_iter(), existing)
}

fn write<'a>(
    path: &Path,
    text: String,
    secrets: impl Iterator<Item = &'a SecretFile>,
    existing: Existing,
) -> Result<Vec<PathBuf>, CommandFailure> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut files = vec![(path.to_owned(), text)];
    for file in secrets {
        if let Some(secret) = &file.secret {
            files.push((directory.join(&file.name), format!("{}\n", secret.expose())));
        }
    }
    write_all(&files, existing)
}

/// Writes files that only their owner may read, or none of them. Returns the paths.
pub(crate) fn write_all(files: &[(PathBuf, String)], existing: Existing) -> Result<Vec<PathBuf>, CommandFailure> {
    if existing == Existing::Refuse
        && let Some((taken, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok())
    {
        let problem = format!("{} already exists; nothing was written", taken.display());
        return Err(CommandFailure::new(
            ExitCode::Refused,
            problem,
            "use --force to overwrite it, or --config to name another",
        ));
    }
    // The secrets, which are last, are written first: so an existing configuration is complete.
    for (path, text) in files.iter().rev() {
        write_private(path, text).map_err(|error| CommandFailure::file("write", path, &error))?;
    }
    Ok(files.iter().map(|(path, _)| path.clone()).collect())
}

/// The ledger of `west.toml` is `west.ledger`.
fn ledger_name(config: &Path) -> String {
    config
        .with_extension("ledger")
        .file_name()
        .map_or_else(|| "mirror.ledger".to_owned(), |name| name.to_string_lossy().into_owned())
}
