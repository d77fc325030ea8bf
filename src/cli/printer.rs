//! Standard output: data, and nothing else. A reader that went away is no error.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;

use super::args::{Global, Output};
use super::failure::CommandFailure;
use super::plain;

/// Prints results in the form asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    output: Output,
    quiet: bool,
}

impl Printer {
    /// A printer as the flags say.
    pub(crate) fn new(global: &Global) -> Self {
        Self { output: global.output, quiet: global.quiet }
    }

    /// Prints a result: as JSON, or as the text made by `text`.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        match self.output {
            Output::Json => Self::data(&plain::json(&as_json(value))),
            Output::Text => Self::data(&plain::lines(&text())),
        }
    }

    /// Writes text to standard output, ended by one line end.
    pub(crate) fn data(text: &str) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.trim_end().as_bytes()).and_then(|()| stdout.write_all(b"\n"));
        if let Err(error) = written.and_then(|()| stdout.flush())
            && error.kind() != ErrorKind::BrokenPipe
        {
            tracing::error!(%error, "cannot write to standard output");
        }
    }

    /// Writes a line for people to standard error, unless silence was asked for.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet {
            note(line);
        }
    }
}

/// Writes a line to standard error whatever was asked for. A closed standard error is not worth a panic.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain::lines(line));
}

/// Writes to standard error why a command failed, in colours if they are wanted.
pub(crate) fn failure(failure: &CommandFailure, color: bool) {
    let _ = writeln!(io::stderr().lock(), "{}", failure.render(color));
}

/// A result as JSON: readable on a terminal, one line for programs, many of which read lines.
fn as_json<T: Serialize>(value: &T) -> String {
    let json =
        if io::stdout().is_terminal() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    json.expect("results have text keys and no failing serialiser")
}
