//! Writes a plan file, line by line while the dry run finds changes.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::document::{Header, Line, NotMirrored, Outlook, Totals, Trailer};
use super::error::PlanError;
use super::item::Item;
use super::read::refuse_other_file;
use crate::files;
use crate::redact::{mask, scrub};
use crate::verdict::Outcome;

/// A plan file while it is written: a temporary file that only its owner can read. It is renamed when it is complete,
/// and removed if it is dropped before.
#[derive(Debug)]
pub struct PlanFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` if it was renamed or removed.
    draft: Option<(PathBuf, BufWriter<File>)>,
    hash: Sha256,
    totals: Totals,
    /// The first write that failed.
    failed: Option<io::Error>,
}

impl PlanFile {
    /// Begins a plan. Removes an old plan with that name, so that it is not applied if the new one fails.
    ///
    /// # Errors
    /// The file cannot be written, or another file has that name.
    pub fn begin(path: &Path, header: &Header) -> Result<Self, PlanError> {
        refuse_other_file(path)?;
        let failed = |error: io::Error| file_error(path, &error);
        let (draft, file) = files::draft(path).map_err(failed)?;
        let draft = Some((draft, BufWriter::new(file)));
        let state = State { draft, hash: Sha256::new(), totals: Totals::default(), failed: None };
        let plan = Self { path: path.to_owned(), state: Mutex::new(state) };
        plan.add(&Line::Plan(header.clone()));
        plan.state().check(path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(plan),
        }
    }

    /// Adds an item. A write that fails is reported at the end.
    pub fn item(&self, item: &Item) {
        self.add(&Line::Item(item.clone()));
        self.state().totals.add(item);
    }

    /// Ends the plan: writes what will not be mirrored and the trailer, and renames the file.
    ///
    /// # Errors
    /// It, or one of its items, could not be written.
    pub fn finish(
        &self,
        not_mirrored: impl IntoIterator<Item = NotMirrored>,
        verdict: Outcome,
        outlook: Outlook,
    ) -> Result<(), PlanError> {
        for one in not_mirrored {
            self.add(&Line::NotMirrored(NotMirrored { detail: scrub(&one.detail), ..one }));
        }
        let mut state = self.state();
        let sha256 = format!("{:x}", state.hash.clone().finalize());
        let trailer = Trailer { totals: state.totals, verdict, outlook, sha256 };
        state.write(&Line::End(trailer));
        state.check(&self.path)?;
        let Some((draft, file)) = state.draft.take() else { return Ok(()) };
        let written = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            file.sync_all()?;
            std::fs::rename(&draft, &self.path)
        });
        written.map_err(|error| {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&draft);
            file_error(&self.path, &error)
        })
    }

    fn add(&self, line: &Line) {
        self.state().write(line);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

impl State {
    fn write(&mut self, line: &Line) {
        let json = serde_json::to_string(line).expect("text keys and plain fields are JSON");
        let text = format!("{}\n", mask(&json));
        self.hash.update(text.as_bytes());
        let Some((_, file)) = self.draft.as_mut().filter(|_| self.failed.is_none()) else { return };
        self.failed = file.write_all(text.as_bytes()).err();
    }

    /// Fails if a write failed.
    fn check(&self, path: &Path) -> Result<(), PlanError> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(file_error(path, error)))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some((draft, _)) = self.draft.take() {
            let _ = std::fs::remove_file(draft);
        }
    }
}

fn file_error(path: &Path, error: &io::Error) -> PlanError {
    PlanError::File { attempted: "write", path: path.display().to_string(), reason: error.to_string() }
}
