//! The log: to standard error, past the progress bars, at the level asked for.

use std::io::{self, Write};

use mediamirror::redact::mask;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;

use super::args::global::Global;
use super::plain;
use super::progress::Screen;

/// The variable that sets the filter in detail, such as `mediamirror::engine=trace`.
const FILTER_VARIABLE: &str = "MEDIAMIRROR_LOG";

/// Starts logging.
pub(crate) fn start(global: &Global, screen: &Screen, color: bool) {
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(default_filter(global)));
    // The usual fields show a value as it displays itself, escape sequences in somebody's name included.
    let fields = debug_fn(|out, field, value| {
        let value = format!("{value:?}");
        let value = plain::line(&value);
        if field.name() == "message" { write!(out, "{value}") } else { write!(out, "{field}={value}") }
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(fields.delimited(" "))
        .with_ansi(color)
        .with_target(global.verbose > 1)
        .with_writer(Above(screen.clone()))
        // They would be printed to standard error, which panics where nobody reads it.
        .log_internal_errors(false)
        .finish();
    // A subscriber that is there already (none in this program) keeps its place.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The libraries below say what we say again, with more words: they are heard from -vvv on.
fn default_filter(global: &Global) -> &'static str {
    match (global.quiet, global.verbose) {
        (true, _) | (false, 0) => "warn",
        (false, 1) => "warn,mediamirror=info",
        (false, 2) => "warn,mediamirror=debug",
        (false, _) => "debug,mediamirror=trace",
    }
}

/// Writes above the progress bars.
#[derive(Debug, Clone)]
struct Above(Screen);

/// One line of the log.
#[derive(Debug)]
struct Line(Screen);

impl<'a> MakeWriter<'a> for Above {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

impl Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let masked = mask(&String::from_utf8_lossy(text)).into_owned();
        self.0.above(|| io::stderr().lock().write_all(masked.as_bytes()))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
