//! Opens files of the user safely: only regular files, without blocking. It checks the opened file and not its path,
//! because another file could get this path in between.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// The largest file of the user that is read completely: a configuration, a preset, certificates.
pub const LARGEST_TEXT: u64 = 4 << 20;
/// The mode of a file that only its owner may read and write.
const PRIVATE: u32 = 0o600;
/// The mode of a file that everyone may read.
const PUBLIC: u32 = 0o644;
const ROOT: u32 = 0;

/// May a name be a symbolic link?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Yes: the linked file is opened.
    Followed,
    /// No. A folder above the file may be one.
    Refused,
}

impl Links {
    fn flags(self) -> OFlags {
        // Without it, opening a named pipe would block until another process writes to it.
        let at_once = OFlags::NONBLOCK | OFlags::NOCTTY;
        if self == Self::Refused { at_once | OFlags::NOFOLLOW } else { at_once }
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// There is none, it may not be read, or it is something else.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    opened(OpenOptions::new().read(true), path, links)
}

/// Opens a regular file for reading and writing, or creates it for its owner only. It is never truncated, and no link
/// is followed.
///
/// # Errors
/// It may not be written, is not a regular file, belongs to another user, or has several hard links.
pub fn open_own(path: &Path) -> io::Result<File> {
    own(OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE), path)
}

fn own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = opened(options, path, Links::Refused)?;
    let metadata = file.metadata()?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    if metadata.nlink() > 1 {
        return Err(refused("it has another name, too (a hard link)"));
    }
    Ok(file)
}

/// Opens a regular file to write at its end, or creates it for its owner only. No link is followed.
///
/// # Errors
/// As [`open_own`].
pub fn append_own(path: &Path) -> io::Result<File> {
    own(OpenOptions::new().append(true).create(true).mode(PRIVATE), path)
}

/// Reads a whole text file.
///
/// # Errors
/// As [`open`]; it is larger than `most` bytes, or is no UTF-8.
pub fn read(path: &Path, most: u64) -> io::Result<String> {
    text(open(path, Links::Followed)?, most)
}

/// Reads the file of a secret. No other user may be able to read or replace it.
///
/// # Errors
/// As [`read`]; other users may read it, it belongs to another user, or it is a symbolic link.
pub fn read_secret(path: &Path, most: u64) -> io::Result<String> {
    let file = open(path, Links::Refused)?;
    check_private(&file.metadata()?, 0o077)?;
    text(file, most)
}

/// Reads a secret that a service manager passes. It belongs to the manager, which may let its group or one more user
/// read it, and may make it a link.
///
/// # Errors
/// As [`read`]; all users may read it, or it belongs to another user.
pub fn read_credential(path: &Path, most: u64) -> io::Result<String> {
    let file = open(path, Links::Followed)?;
    check_private(&file.metadata()?, 0o007)?;
    text(file, most)
}

/// Refuses a secret of another user, or one to which others have one of these permissions.
fn check_private(metadata: &Metadata, others: u32) -> io::Result<()> {
    if metadata.mode() & others != 0 {
        return Err(refused("it can be read by others"));
    }
    if ![geteuid().as_raw(), ROOT].contains(&metadata.uid()) {
        return Err(refused("it belongs to another user"));
    }
    Ok(())
}

/// Writes a file that only its owner may read. It writes a temporary file and renames it, so that the file is never
/// half-written and never has an old mode, and so that no link is followed.
///
/// # Errors
/// The folder is not writable, or its disk is full.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, PRIVATE)
}

/// The same for a file that everybody may read, as far as the umask lets them.
///
/// # Errors
/// The folder is not writable, or its disk is full.
pub fn write_public(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, PUBLIC)
}

fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let (draft, mut file) = draft_of_mode(path, mode)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let written = written.and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Creates a temporary file that only its owner may read, in the folder of `path`, to which it is renamed when it is
/// complete.
///
/// # Errors
/// The folder is not writable.
pub fn draft(path: &Path) -> io::Result<(PathBuf, File)> {
    draft_of_mode(path, PRIVATE)
}

fn draft_of_mode(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = path.with_file_name(name);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    Ok((draft, file))
}

fn opened(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    let flags = i32::try_from(links.flags().bits()).expect("the flags of the system fit its own type");
    let file = options.custom_flags(flags).open(path).map_err(|error| {
        let link = links == Links::Refused && path.symlink_metadata().is_ok_and(|there| there.is_symlink());
        if link { refused("it is a symbolic link; name the file that it leads to") } else { error }
    })?;
    match kind(&file.metadata()?) {
        None => Ok(file),
        Some(other) => Err(refused(other)),
    }
}

/// The type of the file, if it is not a regular one.
fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("it is a folder"),
        () if kind.is_fifo() => Some("it is a named pipe, not a file"),
        () if kind.is_socket() => Some("it is a socket, not a file"),
        () => Some("it is a device, not a file"),
    }
}

fn text(file: File, most: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(refused(&format!("it has more than {most} bytes")));
    }
    Ok(text)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;

    fn place() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn write(path: &Path, mode: u32) {
        std::fs::write(path, "text").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_immediately() {
        let place = place();
        let pipe = place.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, why) in
            [(pipe.as_path(), "named pipe"), (place.path(), "folder"), (Path::new("/dev/zero"), "device")]
        {
            let error = read(path, 10).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(open_own(&pipe).unwrap_err().to_string().contains("named pipe"));
    }

    #[test]
    fn a_text_that_is_too_large_is_not_read() {
        let place = place();
        let path = place.path().join("text");
        write(&path, 0o600);
        assert_eq!(read(&path, 4).unwrap(), "text");
        assert_eq!(read(&path, 3).unwrap_err().to_string(), "it has more than 3 bytes");
    }

    #[test]
    fn a_secret_is_not_read_through_a_link_or_if_others_may_read_it() {
        let place = place();
        let (path, link) = (place.path().join("secret"), place.path().join("link"));
        write(&path, 0o600);
        symlink(&path, &link).unwrap();
        assert_eq!(read_secret(&path, 10).unwrap(), "text");
        assert!(read_secret(&link, 10).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(read(&link, 10).unwrap(), "text");
        write(&path, 0o640);
        assert_eq!(read_secret(&path, 10).unwrap_err().to_string(), "it can be read by others");
    }

    #[test]
    fn our_file_is_private_and_links_and_files_of_others_are_refused() {
        let place = place();
        let (path, link, twin) = (place.path().join("own"), place.path().join("link"), place.path().join("twin"));
        assert_eq!(open_own(&path).unwrap().metadata().unwrap().mode() & 0o777, PRIVATE);
        symlink(&path, &link).unwrap();
        assert!(open_own(&link).unwrap_err().to_string().contains("symbolic link"));
        symlink(place.path().join("nowhere"), place.path().join("dangling")).unwrap();
        assert!(open_own(&place.path().join("dangling")).is_err());
        assert!(!place.path().join("nowhere").exists());
        std::fs::hard_link(&path, &twin).unwrap();
        assert!(open_own(&twin).unwrap_err().to_string().contains("another name"));
    }

    #[test]
    fn writing_replaces_a_link_and_does_not_change_the_linked_file() {
        let place = place();
        let (path, link) = (place.path().join("theirs"), place.path().join("link"));
        write(&path, 0o644);
        symlink(&path, &link).unwrap();
        write_private(&link, "new").unwrap();
        assert_eq!(
            (std::fs::read_to_string(&path).unwrap(), std::fs::read_to_string(&link).unwrap()),
            ("text".into(), "new".into())
        );
        assert!(!link.is_symlink());
    }
}
