//! A run on a terminal: three bars, and lines with the time, the limits and the slowest assets.

use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::status::Status;

/// The bars. Bars without content are not shown.
#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    /// `None`: they were removed.
    shown: Mutex<Option<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    assets: Option<ProgressBar>,
    blobs: Option<ProgressBar>,
    bytes: Option<ProgressBar>,
    time: Option<ProgressBar>,
    limit: Option<ProgressBar>,
    slowest: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(screen: &MultiProgress) -> Self {
        Self { screen: screen.clone(), shown: Mutex::new(Some(Shown::default())) }
    }

    /// Shows the current state of the run, and what limits it.
    pub(super) fn show(&self, status: Status<'_>, limit: Option<String>) {
        let mut shown = self.shown.lock().expect("no panic while held");
        let Some(shown) = shown.as_mut() else { return };
        let (tally, slowest) = (status.tally, status.slowest());
        let assets = self.bar(&mut shown.assets, "assets {wide_bar} {msg}");
        part(assets, tally.finished, tally.listed, status.assets());
        let assets = assets.clone();
        if tally.blobs_planned + tally.blobs > 0 {
            // Below the assets, even if the lines that follow already exist.
            let blobs = self.below(&assets, &mut shown.blobs, "blobs  {wide_bar} {msg}");
            part(&blobs, tally.blobs, tally.blobs_planned, status.blobs());
            let bytes = self.below(&blobs, &mut shown.bytes, "bytes  {wide_bar} {msg}");
            part(&bytes, tally.bytes, tally.bytes_planned, status.bytes());
        }
        self.bar(&mut shown.time, "time   {wide_msg}").set_message(status.time());
        for (bar, template, text) in
            [(&mut shown.limit, "limit  {wide_msg}", limit), (&mut shown.slowest, "slow   {wide_msg}", slowest)]
        {
            // An existing line is kept, so that those below it do not move.
            if text.is_some() || bar.is_some() {
                self.bar(bar, template).set_message(text.unwrap_or_else(|| "none".to_owned()));
            }
        }
    }

    fn bar<'a>(&self, bar: &'a mut Option<ProgressBar>, template: &str) -> &'a ProgressBar {
        bar.get_or_insert_with(|| self.screen.add(new(template)))
    }

    fn below(&self, above: &ProgressBar, bar: &mut Option<ProgressBar>, template: &str) -> ProgressBar {
        bar.get_or_insert_with(|| self.screen.insert_after(above, new(template))).clone()
    }

    /// Takes them away.
    pub(super) fn clear(&self) {
        let shown = self.shown.lock().expect("no panic while held").take();
        let Some(Shown { assets, blobs, bytes, time, limit, slowest }) = shown else { return };
        for bar in [assets, blobs, bytes, time, limit, slowest].into_iter().flatten() {
            bar.finish_and_clear();
        }
    }
}

fn new(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the templates are constant");
    ProgressBar::new(0).with_style(style)
}

fn part(bar: &ProgressBar, done: u64, all: u64, text: String) {
    // A bar of length zero is drawn as a full one.
    bar.set_length(all.max(done).max(1));
    bar.set_position(done);
    bar.set_message(text);
}
