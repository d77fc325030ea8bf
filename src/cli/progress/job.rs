//! An encoding job on the screen: one bar on a terminal, otherwise a line whenever its state changes, and one per
//! interval.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mediamirror::model::JobState;
use mediamirror::monitor::{Monitor, RunEvent};
use tokio::task::JoinHandle;

use super::super::printer;
use super::{Mode, Screen, TICK};

/// One job on the screen.
#[derive(Debug)]
pub(crate) struct JobProgress {
    view: View,
    last: Arc<Mutex<Option<(JobState, u8)>>>,
}

#[derive(Debug)]
enum View {
    None,
    Bar(ProgressBar),
    Lines(JoinHandle<()>),
}

impl Screen {
    /// Starts to show an encoding job.
    pub(crate) fn job(&self) -> JobProgress {
        let last = Arc::default();
        let view = match &self.0 {
            Mode::Silent => View::None,
            Mode::Bars(bars) => {
                let style = ProgressStyle::with_template("encode {wide_bar} {pos} % {msg} {elapsed}");
                let style = style.expect("the template is constant");
                let bar = bars.add(ProgressBar::new(100).with_style(style));
                bar.enable_steady_tick(TICK);
                View::Bar(bar)
            }
            Mode::Lines(interval) => View::Lines(tokio::spawn(lines(*interval, Arc::clone(&last)))),
        };
        JobProgress { view, last }
    }
}

impl JobProgress {
    /// Removes the bar, or stops the lines.
    pub(crate) fn finish(&self) {
        match &self.view {
            View::None => {}
            View::Bar(bar) => bar.finish_and_clear(),
            View::Lines(task) => task.abort(),
        }
    }
}

impl Monitor for JobProgress {
    fn event(&self, event: RunEvent) {
        let RunEvent::JobMoved { job, state, percent } = event else { return };
        let before = self.last.lock().expect("no panic while held").replace((state, percent));
        match &self.view {
            View::Bar(bar) => {
                bar.set_position(u64::from(percent));
                bar.set_message(state.to_string());
            }
            View::Lines(_) if before.is_none() => printer::note(&format!("encode: job {job} {state}")),
            View::Lines(_) if before.is_some_and(|(was, _)| was != state) => printer::note(&line(state, percent)),
            View::Lines(_) | View::None => {}
        }
    }
}

fn line(state: JobState, percent: u8) -> String {
    match state {
        JobState::Processing => format!("encode: {state}, {percent} %"),
        _ => format!("encode: {state}"),
    }
}

/// Prints one line per interval until it is aborted.
async fn lines(interval: Duration, last: Arc<Mutex<Option<(JobState, u8)>>>) {
    let started = Instant::now();
    let mut beat = tokio::time::interval(interval);
    beat.tick().await;
    loop {
        beat.tick().await;
        let last = *last.lock().expect("no panic while held");
        if let Some((state, percent)) = last {
            printer::note(&format!("{}, {} s", line(state, percent), started.elapsed().as_secs()));
        }
    }
}
