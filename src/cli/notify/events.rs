//! Lines of JSON on standard output while a command runs: one object per line, the last one is the `summary`.
//!
//! A slow reader never delays a run: only a limited number of lines waits for it.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jiff::Timestamp;
use mediamirror::clock;
use mediamirror::model::{AssetId, BlobKind, CopyMethod, Side};
use mediamirror::monitor::{AssetOutcome, RunEvent};
use mediamirror::redact::mask;
use mediamirror::verdict::{Change, Class, Finding};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::failure::CommandFailure;
use super::super::format::Format;
use super::super::plain;
use super::super::printer::written_out;
use super::summary::Summary;

/// The version of the lines. Types and fields are only added; a change of their meaning needs another version.
pub(super) const VERSION: u32 = 1;
/// The most lines that wait for the reader: about 15 MB.
const MOST_WAITING: usize = 1 << 16;

/// One line.
#[derive(Debug, JsonSchema, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    message: Message<'a>,
    /// The version of the lines.
    version: u32,
    /// When.
    time: Timestamp,
}

/// The lines that `--events ndjson` prints.
pub(in crate::cli) const FORMAT: Format = Format::of::<Line<'static>>("events", "a line of --events ndjson");

/// The message of a line.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(tag = "message_type", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub(super) enum Message<'a> {
    /// The first line.
    Start { command: &'a str, program: &'a str },
    /// The number of assets of one side that are listed so far.
    Listed { side: Side, assets: u64 },
    /// One side is listed completely.
    ListingFinished { side: Side, assets: u64 },
    /// The processing of an asset started; with the number of blobs and bytes to copy.
    AssetStarted { asset: &'a AssetId, name: &'a str, blobs: u64, bytes: u64 },
    /// A blob has arrived.
    BlobCopied { asset: &'a AssetId, blob: &'a str, bytes: u64, kind: &'static str, method: CopyMethod },
    /// A blob could not be copied.
    BlobFailed { asset: &'a AssetId, blob: &'a str, reason: &'a str },
    /// The number of blobs of an asset that were copied by a method.
    CopyMethod { asset: &'a AssetId, name: &'a str, method: CopyMethod, blobs: u64, bytes: u64, why: &'a str },
    /// Something of an asset was changed on the target.
    Changed { asset: &'a AssetId, name: &'a str, changes: &'a [Change] },
    /// The processing of an asset ended.
    AssetFinished {
        asset: &'a AssetId,
        name: &'a str,
        /// `mirrored`, `unchanged` or `not-mirrored`.
        outcome: &'static str,
        /// The kind of verdict, if it is not mirrored.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Class>,
        /// Why it is not mirrored.
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        finding: Option<&'a Finding>,
    },
    /// A remark that does not change the result.
    Note { text: &'a str },
    /// The run is stopping.
    Draining,
    /// The last line.
    Summary(Summary<'a>),
}

impl<'a> Message<'a> {
    /// The message of an event; `None` if it is not reported.
    fn of(event: &'a RunEvent) -> Option<Self> {
        Some(match event {
            RunEvent::Listed { side, assets } => Self::Listed { side: *side, assets: *assets },
            RunEvent::ListingFinished { side, assets } => Self::ListingFinished { side: *side, assets: *assets },
            RunEvent::AssetStarted { asset, name, blobs, bytes } => {
                Self::AssetStarted { asset, name, blobs: *blobs, bytes: *bytes }
            }
            RunEvent::BlobCopied { asset, blob, bytes, kind, method } => {
                Self::BlobCopied { asset, blob, bytes: *bytes, kind: word(*kind), method: *method }
            }
            RunEvent::BlobFailed { asset, blob, reason } => Self::BlobFailed { asset, blob, reason },
            RunEvent::MethodChosen { asset, name, method, blobs, bytes, why } => {
                Self::CopyMethod { asset, name, method: *method, blobs: *blobs, bytes: *bytes, why }
            }
            RunEvent::Changed { asset, name, changes } => Self::Changed { asset, name, changes },
            RunEvent::AssetFinished { asset, name, outcome } => {
                let word = match outcome {
                    AssetOutcome::Mirrored => "mirrored",
                    AssetOutcome::Unchanged => "unchanged",
                    AssetOutcome::Not(_) => "not-mirrored",
                };
                let finding = outcome.finding();
                Self::AssetFinished { asset, name, outcome: word, result: finding.map(Finding::class), finding }
            }
            RunEvent::Note(text) => Self::Note { text },
            RunEvent::Draining => Self::Draining,
            RunEvent::Planned(_)
            | RunEvent::Compared { .. }
            | RunEvent::BytesSent { .. }
            | RunEvent::FileSent { .. }
            | RunEvent::JobMoved { .. } => return None,
        })
    }

    /// The same as one line of JSON.
    pub(super) fn line(self) -> String {
        let line = Line { message: self, version: VERSION, time: clock::now() };
        serde_json::to_string(&line).expect("messages have text keys and no failing serialiser")
    }
}

/// The type of a blob, as the service names it.
fn word(kind: BlobKind) -> &'static str {
    match kind {
        BlobKind::Block => "block",
        BlobKind::Append => "append",
        BlobKind::SealedAppend => "sealed-append",
        BlobKind::Page => "page",
    }
}

/// Standard output of a command that reports its events.
#[derive(Debug)]
pub(crate) struct Events {
    lines: Sender<Option<String>>,
    waiting: Arc<AtomicUsize>,
    left_out: AtomicU64,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Events {
    /// Starts with the first line.
    pub(super) fn start(command: &str) -> Self {
        let (lines, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = std::thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || write(&received, &waiting)
        });
        let events = Self { lines, waiting, left_out: AtomicU64::new(0), writer: Mutex::new(Some(writer)) };
        events.send(Message::Start { command, program: env!("CARGO_PKG_VERSION") });
        events
    }

    /// Reports an event without waiting.
    pub(crate) fn event(&self, event: &RunEvent) {
        let Some(message) = Message::of(event) else { return };
        if self.waiting.load(Ordering::Relaxed) < MOST_WAITING {
            self.send(message);
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn send(&self, message: Message<'_>) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The writer ends only after the last line.
        let _ = self.lines.send(Some(message.line()));
    }

    /// Writes the last line, and waits until the reader has everything.
    ///
    /// # Errors
    /// Standard output cannot be written. A closed pipe is not an error.
    pub(super) fn finish(&self, mut summary: Summary<'_>) -> Result<(), CommandFailure> {
        summary.events_left_out = Some(self.left_out.load(Ordering::Relaxed));
        self.send(Message::Summary(summary));
        let _ = self.lines.send(None);
        let writer = self.writer.lock().expect("no panic while held").take();
        written_out(writer.map_or(Ok(()), |writer| writer.join().expect("the writer does not panic")))
    }
}

/// Writes lines when they arrive, and waiting ones together. After an error it only discards them.
fn write(lines: &Receiver<Option<String>>, waiting: &AtomicUsize) -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout());
    let mut result = Ok(());
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Empty) => {
                result = result.and_then(|()| output.flush());
                match lines.recv() {
                    Ok(line) => line,
                    Err(_) => return result,
                }
            }
            Err(TryRecvError::Disconnected) => None,
        };
        let Some(line) = line else { return result.and_then(|()| output.flush()) };
        waiting.fetch_sub(1, Ordering::Relaxed);
        if result.is_ok() {
            result = writeln!(output, "{}", plain::json(&mask(&line)));
        }
    }
}
