//! The files of secrets. A service manager can pass them to this process in a separate folder, `$CREDENTIALS_DIRECTORY`
//! (systemd's `LoadCredential=`, or a mounted secret of Kubernetes), so that the same configuration works in a service
//! and on the command line.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::files;

/// The variable that names the folder.
const FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// The file of a secret that could not be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// Which file.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) error: io::Error,
    /// What to do about its path and its mode.
    pub(super) remedy: String,
}

/// Reads the file of a secret: the credential with the same name, if the service manager passes one, otherwise the file
/// itself.
///
/// # Errors
/// It cannot be read, or others can read it.
pub(super) fn read(path: &Path, most: u64) -> Result<String, Unreadable> {
    read_with(std::env::var_os(FOLDER), path, most)
}

fn read_with(folder: Option<OsString>, path: &Path, most: u64) -> Result<String, Unreadable> {
    let folder = folder.filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let (Some(folder), Some(name)) = (&folder, path.file_name()) {
        let credential = folder.join(name);
        match files::read_credential(&credential, most) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => return read.map_err(|error| unreadable_credential(credential, error)),
        }
    }
    files::read_secret(path, most).map_err(|error| unreadable(path, error, folder.is_some()))
}

fn unreadable_credential(path: PathBuf, error: io::Error) -> Unreadable {
    let remedy = "let the service manager pass it only to this user: with LoadCredential= of systemd, or with fsGroup and \
                  defaultMode 0440 in Kubernetes";
    Unreadable { path, error, remedy: remedy.to_owned() }
}

fn unreadable(path: &Path, error: io::Error, by_service: bool) -> Unreadable {
    let shown = path.display();
    let mut remedy = format!("put the secret into {shown}, a file of your own, and run: chmod 600 {shown}");
    if let (true, Some(name)) = (by_service, path.file_name()) {
        remedy = format!("{remedy}; or pass it to the service as the credential {}", name.display());
    }
    Unreadable { path: path.to_owned(), error, remedy }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const MOST: u64 = 100;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A folder with a secret file, and one that a service manager passes.
    fn places() -> (tempfile::TempDir, tempfile::TempDir) {
        let (own, passed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(&own.path().join("a.key"), "own", 0o600);
        (own, passed)
    }

    fn read_in(own: &Path, passed: Option<&Path>) -> Result<String, Unreadable> {
        read_with(passed.map(Into::into), &own.join("a.key"), MOST)
    }

    #[test]
    fn a_credential_with_the_name_of_the_file_replaces_the_file() {
        let (own, passed) = places();
        assert_eq!(read_in(own.path(), None).unwrap(), "own");
        assert_eq!(read_in(own.path(), Some(Path::new(""))).unwrap(), "own");
        assert_eq!(read_in(own.path(), Some(passed.path())).unwrap(), "own", "there is no such credential");
        // An access control list for the service's user is shown as the group's permission.
        write(&passed.path().join("a.key"), "passed", 0o440);
        assert_eq!(read_in(own.path(), Some(passed.path())).unwrap(), "passed");
        assert_eq!(read_in(Path::new("elsewhere"), Some(passed.path())).unwrap(), "passed");
    }

    #[test]
    fn a_credential_can_be_a_link_as_in_kubernetes() {
        let (own, passed) = places();
        std::fs::create_dir(passed.path().join("..data")).unwrap();
        write(&passed.path().join("..data/a.key"), "passed", 0o440);
        symlink("..data/a.key", passed.path().join("a.key")).unwrap();
        assert_eq!(read_in(own.path(), Some(passed.path())).unwrap(), "passed");
    }

    #[test]
    fn a_credential_that_everyone_can_read_is_refused() {
        let (own, passed) = places();
        write(&passed.path().join("a.key"), "passed", 0o444);
        let unreadable = read_in(own.path(), Some(passed.path())).unwrap_err();
        assert_eq!(unreadable.error.to_string(), "it can be read by others");
        assert!(unreadable.path.starts_with(passed.path()) && unreadable.remedy.contains("LoadCredential="));
    }

    #[test]
    fn the_remedy_for_a_missing_file_names_the_credential_if_there_are_any() {
        let (_, passed) = places();
        let remedy = |passed| read_in(Path::new("nowhere"), passed).unwrap_err().remedy;
        assert!(remedy(None).ends_with("chmod 600 nowhere/a.key"));
        assert!(remedy(Some(passed.path())).ends_with("as the credential a.key"));
    }
}
