//! Where the installed programs are.

use std::path::{Path, PathBuf};

/// The folder of this repository's tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
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
