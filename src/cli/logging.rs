//! The log: on standard error above the progress bars, at the requested level; and in a file, if one is named.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use mediamirror::files;
use mediamirror::redact::mask;
use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use super::args::global::{Global, LogFormat};
use super::failure::CommandFailure;
use super::plain;
use super::progress::Screen;

/// The variable that sets the filter in detail, such as `mediamirror::engine=trace`.
const FILTER_VARIABLE: &str = "MEDIAMIRROR_LOG";

/// Starts logging.
///
/// # Errors
/// The file of the log cannot be opened.
pub(crate) fn start(global: &Global, screen: &Screen, color: bool) -> Result<(), CommandFailure> {
    let file = global.log_file.as_deref().map(open).transpose()?;
    let lines = |place| Lines { place, format: global.log_format };
    let level = default_filter(global.quiet, global.verbose);
    let to_screen = layer(level, color, global.verbose > 1, lines(Place::Screen(screen.clone())));
    // A log file should show afterwards what happened, so it has at least the level of -v.
    let level = default_filter(false, global.verbose.max(1));
    let to_file = file.map(|file| layer(level, false, global.verbose > 1, lines(Place::File(Arc::new(file)))));
    // An existing subscriber (this program has none) is kept.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(to_screen).with(to_file));
    Ok(())
}

fn open(path: &Path) -> Result<File, CommandFailure> {
    files::append_own(path).map_err(|error| CommandFailure::file("open the log", path, &error))
}

/// A layer that writes the events of a level, with their modules if requested.
fn layer<S>(level: &str, color: bool, with_target: bool, lines: Lines) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let format = lines.format;
    // Errors of the log itself would be printed to standard error, which panics if nobody reads it.
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).log_internal_errors(false);
    match format {
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed(),
        LogFormat::Text => {
            // The default fields show a value unchanged, including escape sequences in names.
            let fields = debug_fn(|out, field, value| {
                let value = format!("{value:?}");
                let value = plain::line(&value);
                if field.name() == "message" { write!(out, "{value}") } else { write!(out, "{field}={value}") }
            });
            let layer = layer.fmt_fields(fields.delimited(" ")).with_ansi(color).with_target(with_target);
            layer.with_filter(filter).boxed()
        }
    }
}

/// Libraries log the same events in more detail: they are shown only with -vvv.
fn default_filter(quiet: bool, verbose: u8) -> &'static str {
    match (quiet, verbose) {
        (true, _) | (false, 0) => "warn",
        (false, 1) => "warn,mediamirror=info",
        (false, 2) => "warn,mediamirror=debug",
        (false, _) => "debug,mediamirror=trace",
    }
}

/// Where the lines go.
#[derive(Debug, Clone)]
enum Place {
    /// Above the progress bars.
    Screen(Screen),
    /// At the end of a file. Each line is written immediately and in one piece, because several runs may share it.
    File(Arc<File>),
}

/// Writes lines of the log.
#[derive(Debug, Clone)]
struct Lines {
    place: Place,
    format: LogFormat,
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(text);
        let line = mask(&line);
        let line = match self.format {
            // In a line of text, all escape sequences are our own.
            LogFormat::Text => line,
            LogFormat::Json => plain::json(&line).into_owned().into(),
        };
        match &mut self.place {
            Place::Screen(screen) => screen.above(|| io::stderr().lock().write_all(line.as_bytes()))?,
            Place::File(file) => file.as_ref().write_all(line.as_bytes())?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &self.place {
            Place::Screen(_) => io::stderr().lock().flush(),
            Place::File(_) => Ok(()),
        }
    }
}
