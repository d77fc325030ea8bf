//! Progress on standard error: bars on a terminal, otherwise one line per interval; nothing with --quiet. The only user
//! of indicatif.

mod bars;
mod estimate;
pub(crate) mod job;
mod status;
mod tally;
mod terminal;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use indicatif::MultiProgress;
use mediamirror::connect::Pair;
use mediamirror::monitor::{AssetOutcome, Monitor, RunEvent};
use mediamirror::throttle::Lane;
use tokio::task::JoinHandle;

use self::bars::Bars;
use self::estimate::Speed;
use self::status::Status;
pub(crate) use self::status::Work;
use self::tally::Tally;

use super::args::global::Global;
use super::{plain, printer};

/// How often the bars of a run are drawn.
const DRAW: Duration = Duration::from_millis(250);
/// How often an idle bar is drawn, so that its time is updated. Ten times a second is indicatif's own example.
const TICK: Duration = Duration::from_millis(100);

/// Standard error and the progress on it.
#[derive(Debug, Clone)]
pub(crate) struct Screen(Mode);

#[derive(Debug, Clone)]
enum Mode {
    Silent,
    Bars(MultiProgress),
    Lines(Duration),
}

impl Screen {
    /// A screen for the options and the kind of standard error.
    pub(crate) fn new(global: &Global) -> Self {
        Self(if global.quiet {
            Mode::Silent
        } else if std::io::stderr().is_terminal() {
            Mode::Bars(MultiProgress::with_draw_target(terminal::target()))
        } else {
            Mode::Lines(Duration::from_secs(global.progress_interval.get()))
        })
    }

    /// Runs `act`, which writes to standard error, while the bars are hidden.
    pub(crate) fn above<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Mode::Bars(bars) => bars.suspend(act),
            Mode::Silent | Mode::Lines(_) => act(),
        }
    }

    /// Starts to show a run between the accounts of a pair. `label` is its name, such as `sync`.
    pub(crate) fn start(&self, label: &'static str, work: Work, pair: &Pair) -> Progress {
        let lanes = pair.source.lanes.iter().chain(&pair.target.lanes).cloned().collect();
        self.start_on(label, work, lanes)
    }

    /// Starts to show the work that sends requests in those lanes.
    pub(crate) fn start_on(&self, label: &'static str, work: Work, lanes: Vec<Arc<Lane>>) -> Progress {
        let (tally, speed) = (Mutex::default(), Mutex::default());
        let state = Arc::new(State { began: Instant::now(), work, tally, speed, lanes });
        let view = match &self.0 {
            Mode::Silent => View::None,
            Mode::Bars(screen) => {
                let bars = Arc::new(Bars::new(screen));
                View::Bars(tokio::spawn(draw(Arc::clone(&bars), Arc::clone(&state))), bars)
            }
            Mode::Lines(interval) => View::Lines(tokio::spawn(lines(label, *interval, Arc::clone(&state)))),
        };
        Progress { screen: self.clone(), state, view }
    }
}

/// One run on the screen.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    state: Arc<State>,
    view: View,
}

#[derive(Debug)]
enum View {
    None,
    /// The task that draws them, and the bars.
    Bars(JoinHandle<()>, Arc<Bars>),
    Lines(JoinHandle<()>),
}

impl Progress {
    /// Removes the bars, or stops the lines.
    pub(crate) fn finish(&self) {
        match &self.view {
            View::None => {}
            View::Bars(task, bars) => {
                task.abort();
                bars.clear();
            }
            View::Lines(task) => task.abort(),
        }
    }

    /// Prints a line above the bars.
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
        self.state.tally.lock().expect("no panic while held").add(&event, Instant::now());
    }
}

/// The state of a run according to its events.
#[derive(Debug)]
struct State {
    began: Instant,
    work: Work,
    tally: Mutex<Tally>,
    speed: Mutex<Speed>,
    lanes: Vec<Arc<Lane>>,
}

impl State {
    /// Calls `show` with the current state of the run.
    fn now<T>(&self, show: impl FnOnce(Status<'_>) -> T) -> T {
        let now = Instant::now();
        let tally = self.tally.lock().expect("no panic while held").clone();
        let mut speed = self.speed.lock().expect("no panic while held");
        speed.sample(&tally, now);
        show(Status { work: self.work, tally: &tally, speed: &speed, began: self.began, now })
    }
}

/// Draws the bars until it is aborted.
async fn draw(bars: Arc<Bars>, state: Arc<State>) {
    let mut beat = tokio::time::interval(DRAW);
    loop {
        beat.tick().await;
        state.now(|status| bars.show(status, status::limits(&state.lanes)));
    }
}

/// Prints one line per interval until it is aborted.
async fn lines(label: &'static str, interval: Duration, state: Arc<State>) {
    let mut beat = tokio::time::interval(interval);
    state.now(|_| ());
    beat.tick().await;
    loop {
        beat.tick().await;
        printer::note(&state.now(|status| status.line(label)));
    }
}
