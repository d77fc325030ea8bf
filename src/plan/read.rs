//! Reads a plan file, and refuses one that was changed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::document::{FORMAT, Header, Line, NotMirrored, Totals, Trailer};
use super::error::PlanError;
use super::item::Item;
use super::planned::Planned;
use crate::files::{self, Links};

/// The longest line: longer ones are from another program.
const LONGEST: u64 = 64 << 20;

/// A plan that was read.
#[derive(Debug)]
pub struct Read {
    /// What it is bound to.
    pub header: Header,
    /// The totals and the checksum.
    pub trailer: Trailer,
    /// Its items, as a run needs them.
    pub planned: Planned,
}

/// The first line, which all versions of the format have.
#[derive(Debug, Deserialize)]
struct First {
    line: String,
    format: u64,
}

/// Reads a plan. `item` and `not_mirrored` are called for each line of that kind; the lines are not kept.
///
/// # Errors
/// It cannot be read, is not a plan, or was changed.
pub fn read(
    path: &Path,
    mut item: impl FnMut(Item),
    mut not_mirrored: impl FnMut(NotMirrored),
) -> Result<Read, PlanError> {
    let mut lines = Lines::open(path)?;
    let header = lines.header()?;
    let mut planned = Planned::empty(header.id.clone(), header.made, header.kind);
    let mut totals = Totals::default();
    loop {
        let before = lines.hash.clone();
        match lines.next()? {
            Some(Line::Item(one)) => {
                totals.add(&one);
                if !planned.add(&one) {
                    return Err(lines.damaged("it has an item twice"));
                }
                item(one);
            }
            Some(Line::NotMirrored(one)) => not_mirrored(one),
            Some(Line::End(trailer)) => {
                if trailer.sha256 != format!("{:x}", before.finalize()) || trailer.totals != totals {
                    return Err(lines.damaged("its checksum does not match"));
                }
                if lines.text()?.is_some() {
                    return Err(lines.damaged("it has text after its end"));
                }
                return Ok(Read { header, trailer, planned });
            }
            Some(Line::Plan(_)) => return Err(lines.damaged("it has two beginnings")),
            None => return Err(lines.damaged("its end is missing")),
        }
    }
}

/// Fails if that file exists and is not a plan: a plan must not replace it.
pub(super) fn refuse_other_file(path: &Path) -> Result<(), PlanError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_error(path, &error)),
        Ok(there) if there.len() == 0 && there.is_file() => Ok(()),
        Ok(_) => match Lines::open(path)?.header() {
            // A damaged plan may be replaced, too.
            Ok(_) | Err(PlanError::UnknownFormat { .. } | PlanError::Damaged { .. }) => Ok(()),
            Err(other) => Err(other),
        },
    }
}

struct Lines {
    path: String,
    file: BufReader<File>,
    /// The hash of all lines so far.
    hash: Sha256,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, PlanError> {
        let file = files::open(path, Links::Followed).map_err(|error| file_error(path, &error))?;
        Ok(Self { path: path.display().to_string(), file: BufReader::new(file), hash: Sha256::new(), number: 0 })
    }

    fn header(&mut self) -> Result<Header, PlanError> {
        let path = self.path.clone();
        let not_a_plan = || PlanError::NotAPlan { path: path.clone() };
        let text = match self.text() {
            Ok(Some(text)) => text,
            Ok(None) | Err(PlanError::Damaged { .. }) => return Err(not_a_plan()),
            Err(other) => return Err(other),
        };
        let first: First = serde_json::from_str(&text).map_err(|_| not_a_plan())?;
        if first.line != "plan" {
            return Err(not_a_plan());
        }
        if first.format != u64::from(FORMAT) {
            return Err(PlanError::UnknownFormat { path: path.clone(), found: first.format, known: FORMAT });
        }
        match serde_json::from_str(&text) {
            Ok(Line::Plan(header)) => Ok(header),
            Ok(_) => Err(not_a_plan()),
            Err(error) => Err(self.damaged(&format!("line 1: {error}"))),
        }
    }

    /// The next line; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Line>, PlanError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let line = serde_json::from_str(&text);
        line.map(Some).map_err(|error| self.damaged(&format!("line {}: {error}", self.number)))
    }

    fn text(&mut self) -> Result<Option<String>, PlanError> {
        let mut text = Vec::new();
        let read = self.file.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        read.map_err(|error| file_error(Path::new(&self.path), &error))?;
        if text.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if text.last() != Some(&b'\n') {
            return Err(self.damaged(&format!("line {} has no end", self.number)));
        }
        self.hash.update(&text);
        String::from_utf8(text).map(Some).map_err(|_| self.damaged(&format!("line {} is not text", self.number)))
    }

    fn damaged(&self, reason: &str) -> PlanError {
        PlanError::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

fn file_error(path: &Path, error: &io::Error) -> PlanError {
    PlanError::File { attempted: "read", path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
