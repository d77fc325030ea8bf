//! Standard output: only data. A closed pipe is not an error.

use std::backtrace::BacktraceStatus;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use mediamirror::redact::mask;
use serde::Serialize;

use super::args::global::{Global, Output};
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::plain;

/// Prints results in the requested format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    output: Output,
    quiet: bool,
}

impl Printer {
    /// A printer with the options of the command line.
    pub(crate) fn new(global: &Global) -> Self {
        Self { output: global.output, quiet: global.quiet }
    }

    /// Prints a result: as JSON, or as the text made by `text`.
    ///
    /// # Errors
    /// Standard output does not take it, such as on a full disk.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CommandFailure> {
        Self::data(&mask(&self.shown(value, text)))
    }

    /// As [`Printer::result`], for a command whose purpose is to show a secret.
    ///
    /// # Errors
    /// Standard output does not take it, such as on a full disk.
    pub(crate) fn exposing<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CommandFailure> {
        Self::data(&self.shown(value, text))
    }

    /// Prints a value as JSON, even if the format is text.
    ///
    /// # Errors
    /// Standard output does not take it, such as on a full disk.
    pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), CommandFailure> {
        Self::data(&mask(&plain::json(&as_json(value))))
    }

    fn shown<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> String {
        match self.output {
            Output::Json => plain::json(&as_json(value)).into_owned(),
            Output::Text => plain::lines(&text()).into_owned(),
        }
    }

    /// As [`Printer::result`], for a command whose output is not its purpose: with --quiet, a success prints nothing.
    ///
    /// # Errors
    /// Standard output does not take it, such as on a full disk.
    pub(crate) fn report<T: Serialize>(
        self,
        success: bool,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), CommandFailure> {
        if success && self.quiet && self.output == Output::Text { Ok(()) } else { self.result(value, text) }
    }

    /// Writes text to standard output, with one line end.
    ///
    /// # Errors
    /// Standard output cannot be written, for example on a full disk. A closed pipe is no error.
    pub(crate) fn data(text: &str) -> Result<(), CommandFailure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.trim_end().as_bytes()).and_then(|()| stdout.write_all(b"\n"));
        written_out(written.and_then(|()| stdout.flush()))
    }

    /// Writes a file to standard output byte for byte, except that secrets are masked. Characters that control a
    /// terminal were already escaped.
    ///
    /// # Errors
    /// Standard output cannot be written, for example on a full disk. A closed pipe is no error.
    pub(crate) fn file(text: &str) -> Result<(), CommandFailure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(mask(text).as_bytes());
        written_out(written.and_then(|()| stdout.flush()))
    }

    /// Writes a line of text to standard error, unless --quiet is set.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet {
            note(line);
        }
    }
}

/// Makes a failure of an output that could not be written; a closed pipe is no error.
pub(crate) fn written_out(written: io::Result<()>) -> Result<(), CommandFailure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandFailure::new(
            ExitCode::Unexpected,
            format!("the result could not be written to standard output: {error}"),
            "free some space where standard output is written, and run again",
        )),
        _ => Ok(()),
    }
}

/// Writes a line to standard error, with any output options. A closed standard error does not cause a panic.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain::lines(&mask(line)));
}

/// Reports a defect of the program on standard error.
pub(crate) fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let trace = std::backtrace::Backtrace::capture();
    let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
    note(&format!("error: internal error of mediamirror: {panic}{trace}\nremedy: please report it with what you did"));
}

/// Writes to standard error why a command failed: as JSON if results are JSON, otherwise as text, in colours if
/// requested.
pub(crate) fn failure(failure: &CommandFailure, output: Output, color: bool) {
    let text = match output {
        Output::Json => failure.json(),
        Output::Text => failure.render(color, io::stderr().is_terminal()),
    };
    let _ = writeln!(io::stderr().lock(), "{}", mask(&text));
}

/// A result as JSON: readable on a terminal, otherwise in one line, because many programs read lines.
fn as_json<T: Serialize>(value: &T) -> String {
    let json =
        if io::stdout().is_terminal() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    json.expect("results have text keys and no failing serialiser")
}
