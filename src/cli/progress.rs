//! Progress on standard error: bars on a terminal, one plain line an interval elsewhere, nothing when silence was asked
//! for. The only user of indicatif.

pub(crate) mod job;
mod terminal;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mediamirror::model::Side;
use mediamirror::monitor::{AssetOutcome, Monitor, RunEvent};
use mediamirror::verdict::Class;
use tokio::task::JoinHandle;

use super::args::global::Global;
use super::{plain, printer};

/// How often an idle bar is drawn, so that the time goes on. Ten times a second is indicatif's own example.
const TICK: Duration = Duration::from_millis(100);

/// Standard error and what moves on it.
#[derive(Debug, Clone)]
pub(crate) struct Screen(Mode);

#[derive(Debug, Clone)]
enum Mode {
    Silent,
    Bars(MultiProgress),
    Lines(Duration),
}

impl Screen {
    /// A screen as the flags and the kind of standard error say.
    pub(crate) fn new(global: &Global) -> Self {
        Self(if global.quiet {
            Mode::Silent
        } else if std::io::stderr().is_terminal() {
            Mode::Bars(MultiProgress::with_draw_target(terminal::target()))
        } else {
            Mode::Lines(Duration::from_secs(global.progress_interval.get()))
        })
    }

    /// Does something to standard error with the bars out of the way.
    pub(crate) fn above<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Mode::Bars(bars) => bars.suspend(act),
            Mode::Silent | Mode::Lines(_) => act(),
        }
    }

    /// Starts to show a run. `label` names it, such as `sync`.
    pub(crate) fn start(&self, label: &'static str) -> Progress {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let view = match &self.0 {
            Mode::Silent => View::None,
            Mode::Bars(bars) => View::Bars(Bars::new(bars)),
            Mode::Lines(interval) => View::Lines(tokio::spawn(lines(label, *interval, Arc::clone(&tally)))),
        };
        Progress { screen: self.clone(), tally, view }
    }
}

/// One run on the screen.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    tally: Arc<Mutex<Tally>>,
    view: View,
}

#[derive(Debug)]
enum View {
    None,
    Bars(Bars),
    Lines(JoinHandle<()>),
}

impl Progress {
    /// Takes the bars away, stops the lines.
    pub(crate) fn finish(&self) {
        match &self.view {
            View::None => {}
            View::Bars(bars) => bars.clear(),
            View::Lines(task) => task.abort(),
        }
    }

    /// A line for people, above the bars.
    fn line(&self, text: &str) {
        if !matches!(self.view, View::None) {
            self.screen.above(|| printer::note(text));
        }
    }
}

impl Monitor for Progress {
    fn event(&self, event: RunEvent) {
        match &event {
            RunEvent::Note(text) => self.line(&plain::line(text)),
            RunEvent::BlobFailed { blob, reason, .. } => tracing::info!(blob, reason, "blob not copied"),
            RunEvent::MethodChosen { name, method, blobs, bytes, why, .. } => {
                tracing::info!(name, "{blobs} blobs ({}) by {method}: {why}", ByteSize(*bytes));
            }
            RunEvent::AssetFinished { name, outcome: AssetOutcome::Unchanged, .. } => {
                tracing::debug!(name, "asset unchanged");
            }
            RunEvent::AssetFinished { name, outcome, .. } => tracing::info!(name, ?outcome, "asset finished"),
            _ => {}
        }
        let mut tally = self.tally.lock().expect("no panic while held");
        tally.add(&event);
        if let View::Bars(bars) = &self.view {
            bars.show(&tally);
        }
    }
}

/// What has happened so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    listed: u64,
    listing_finished: bool,
    draining: bool,
    assets: u64,
    not_mirrored: u64,
    blobs: u64,
    blobs_planned: u64,
    bytes: u64,
    bytes_planned: u64,
}

impl Tally {
    fn add(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Listed { side: Side::Source, assets } => self.listed = *assets,
            RunEvent::ListingFinished { side: Side::Source, assets } => {
                self.listed = *assets;
                self.listing_finished = true;
            }
            RunEvent::AssetStarted { blobs, bytes, .. } => {
                self.blobs_planned += blobs;
                self.bytes_planned += bytes;
            }
            RunEvent::BlobCopied { bytes, .. } => {
                self.blobs += 1;
                self.bytes += bytes;
            }
            RunEvent::BytesSent { bytes, .. } => self.bytes += bytes,
            RunEvent::FileSent { there, .. } => {
                self.blobs += 1;
                self.bytes += there;
            }
            RunEvent::AssetFinished { outcome, .. } => {
                self.assets += 1;
                if outcome.finding().is_some_and(|finding| finding.class() != Class::Skipped) {
                    self.not_mirrored += 1;
                }
            }
            RunEvent::Draining => self.draining = true,
            RunEvent::Listed { .. }
            | RunEvent::Changed { .. }
            | RunEvent::Planned(_)
            | RunEvent::ListingFinished { .. }
            | RunEvent::BlobFailed { .. }
            | RunEvent::MethodChosen { .. }
            | RunEvent::JobMoved { .. }
            | RunEvent::Note(_) => {}
        }
    }

    /// Bytes a second since the beginning.
    fn rate(&self, elapsed: Duration) -> u64 {
        u64::try_from(u128::from(self.bytes) * 1_000 / elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
    }

    /// Time left, estimated by assets: bytes are no measure, because the blobs of assets that have not started are not
    /// listed yet. `None` while the listing is not done or nothing has ended.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        if !self.listing_finished || self.assets == 0 {
            return None;
        }
        let open = u128::from(self.listed.saturating_sub(self.assets));
        let millis = elapsed.as_millis() * open / u128::from(self.assets);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }

    /// One plain line.
    fn line(&self, label: &str, elapsed: Duration) -> String {
        let state = match (self.draining, self.listing_finished) {
            (true, _) => "stopping, ".to_owned(),
            (false, false) => "listing…, ".to_owned(),
            (false, true) => String::new(),
        };
        let left = self.left(elapsed).map_or_else(String::new, |left| format!(", about {} s left", left.as_secs()));
        let bad = if self.not_mirrored > 0 { format!(", {} not mirrored", self.not_mirrored) } else { String::new() };
        format!(
            "{label}: {state}{} of {} assets, {} blobs, {} at {}/s{bad}, {} s{left}",
            self.assets,
            self.listed,
            self.blobs,
            ByteSize(self.bytes),
            ByteSize(self.rate(elapsed)),
            elapsed.as_secs(),
        )
    }
}

/// Prints one line an interval until it is aborted.
async fn lines(label: &'static str, interval: Duration, tally: Arc<Mutex<Tally>>) {
    let started = Instant::now();
    let mut beat = tokio::time::interval(interval);
    beat.tick().await;
    loop {
        beat.tick().await;
        let line = tally.lock().expect("no panic while held").line(label, started.elapsed());
        printer::note(&line);
    }
}

/// Three bars, one below the other.
#[derive(Debug)]
struct Bars {
    assets: ProgressBar,
    blobs: ProgressBar,
    bytes: ProgressBar,
}

impl Bars {
    fn new(screen: &MultiProgress) -> Self {
        let add = |template: &str| {
            let style = ProgressStyle::with_template(template).expect("the templates are constant");
            let bar = screen.add(ProgressBar::new(0).with_style(style));
            bar.enable_steady_tick(TICK);
            bar
        };
        Self {
            assets: add("assets {wide_bar} {pos}/{len} {msg} {elapsed} eta {eta}"),
            blobs: add("blobs  {wide_bar} {pos}/{len} {per_sec}"),
            bytes: add("bytes  {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}"),
        }
    }

    fn show(&self, tally: &Tally) {
        self.assets.set_length(tally.listed.max(tally.assets));
        self.assets.set_position(tally.assets);
        self.blobs.set_length(tally.blobs_planned.max(tally.blobs));
        self.blobs.set_position(tally.blobs);
        self.bytes.set_length(tally.bytes_planned.max(tally.bytes));
        self.bytes.set_position(tally.bytes);
        self.assets.set_message(match (tally.draining, tally.listing_finished) {
            (true, _) => "stopping",
            (false, false) => "listing…",
            (false, true) => "",
        });
    }

    fn clear(&self) {
        for bar in [&self.assets, &self.blobs, &self.bytes] {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use mediamirror::model::{AssetId, BlobKind, CopyMethod};

    use mediamirror::verdict::Cause;

    use super::*;

    fn after(events: &[RunEvent]) -> Tally {
        let mut tally = Tally::default();
        for event in events {
            tally.add(event);
        }
        tally
    }

    fn finished(outcome: AssetOutcome) -> RunEvent {
        RunEvent::AssetFinished { asset: AssetId::new("a"), name: "a".to_owned(), outcome }
    }

    #[test]
    fn the_line_says_that_it_is_listing_until_the_listing_is_done() {
        let listing = after(&[RunEvent::Listed { side: Side::Source, assets: 1_000 }]);
        assert!(listing.line("sync", Duration::from_secs(5)).contains("listing…, 0 of 1000 assets"));
        let listed = after(&[RunEvent::ListingFinished { side: Side::Source, assets: 3 }]);
        assert!(!listed.line("sync", Duration::from_secs(5)).contains("listing"));
    }

    #[test]
    fn the_targets_listing_does_not_count() {
        let tally = after(&[RunEvent::ListingFinished { side: Side::Target, assets: 9 }]);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn the_line_shows_bytes_rate_time_left_and_failures() {
        let copied = RunEvent::BlobCopied {
            asset: AssetId::new("a"),
            blob: "b".to_owned(),
            bytes: 10 * 1_024,
            kind: BlobKind::Block,
            method: CopyMethod::Put,
        };
        let tally = after(&[
            RunEvent::ListingFinished { side: Side::Source, assets: 4 },
            copied,
            finished(AssetOutcome::Mirrored),
            finished(AssetOutcome::Not(Cause::LocatorIdTaken.into())),
        ]);
        let line = tally.line("sync", Duration::from_secs(10));
        assert_eq!(line, "sync: 2 of 4 assets, 1 blobs, 10.0 KiB at 1.0 KiB/s, 1 not mirrored, 10 s, about 10 s left");
    }

    #[test]
    fn no_time_left_is_guessed_before_anything_ended() {
        let tally = after(&[RunEvent::ListingFinished { side: Side::Source, assets: 4 }]);
        assert_eq!(tally.left(Duration::from_secs(10)), None);
    }
}
