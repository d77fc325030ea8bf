//! The speed of a run, and the remaining time at that speed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::tally::Tally;

/// Speeds are measured over this time: long enough to be steady, short enough to follow a change of the rate.
const WINDOW: Duration = Duration::from_mins(1);
/// Time between two samples.
const APART: Duration = Duration::from_secs(1);
/// The shortest time for an estimate.
const LEAST: Duration = Duration::from_secs(5);
/// About how many requests an asset needs in addition to its copies: the remaining work is counted in requests.
const PER_ASSET: f64 = 2.0;

/// The work done at a point in time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    work: f64,
    blobs: u64,
    bytes: u64,
}

/// The last minute of a run.
#[derive(Debug, Default)]
pub(super) struct Speed {
    samples: VecDeque<Sample>,
}

impl Speed {
    /// Adds a sample, unless it follows too soon.
    pub(super) fn sample(&mut self, tally: &Tally, at: Instant) {
        if self.samples.back().is_some_and(|last| at.duration_since(last.at) < APART) {
            return;
        }
        self.samples.push_back(Sample { at, work: done(tally), blobs: tally.blobs, bytes: tally.bytes });
        while self.samples.front().is_some_and(|first| at.duration_since(first.at) > WINDOW) {
            self.samples.pop_front();
        }
    }

    fn since(&self, at: Instant) -> Option<(&Sample, f64)> {
        let first = self.samples.front()?;
        let seconds = at.duration_since(first.at);
        (seconds >= APART).then_some((first, seconds.as_secs_f64()))
    }

    /// Blobs a second.
    pub(super) fn blobs(&self, tally: &Tally, at: Instant) -> f64 {
        self.since(at).map_or(0.0, |(first, seconds)| as_float(tally.blobs - first.blobs) / seconds)
    }

    /// Bytes a second.
    pub(super) fn bytes(&self, tally: &Tally, at: Instant) -> f64 {
        self.since(at).map_or(0.0, |(first, seconds)| as_float(tally.bytes - first.bytes) / seconds)
    }

    /// The remaining time. `None` while the source is listed, or if too little is known.
    pub(super) fn left(&self, tally: &Tally, at: Instant) -> Option<Duration> {
        let (first, seconds) = self.since(at).filter(|(_, seconds)| *seconds >= LEAST.as_secs_f64())?;
        let speed = (done(tally) - first.work) / seconds;
        if !tally.listing_finished || speed <= 0.0 {
            return None;
        }
        let (work, bytes) = left(tally);
        let of_bytes = bytes / self.bytes(tally, at);
        let seconds = (work / speed).max(if of_bytes.is_finite() { of_bytes } else { 0.0 });
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// The work that is done, in requests.
fn done(tally: &Tally) -> f64 {
    as_float(tally.finished) * PER_ASSET + as_float(tally.blobs)
}

/// The work that is left, and the bytes. Assets that have not started are assumed to be like those that have.
fn left(tally: &Tally) -> (f64, f64) {
    let started = tally.finished + tally.copying();
    let rest = as_float(tally.listed.saturating_sub(started));
    let each = |planned: u64| if started == 0 { 0.0 } else { as_float(planned) / as_float(started) };
    let open = as_float(tally.listed.saturating_sub(tally.finished)) * PER_ASSET;
    let blobs = as_float(tally.blobs_planned.saturating_sub(tally.blobs));
    let bytes = as_float(tally.bytes_planned.saturating_sub(tally.bytes));
    (open + blobs + rest * each(tally.blobs_planned), bytes + rest * each(tally.bytes_planned))
}

/// A rounded time, so that it does not jump.
pub(super) fn about(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..90 => format!("{} s", seconds.div_ceil(5).max(1) * 5),
        90..5_400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{:.1} h", left.as_secs_f64() / 3_600.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, second: u64) -> Instant {
        begin + Duration::from_secs(second)
    }

    #[test]
    fn the_remaining_time_is_estimated_from_the_speed_of_the_last_minute() {
        let (begin, mut speed) = (Instant::now(), Speed::default());
        let mut tally = Tally { listed: 100, listing_finished: true, ..Tally::default() };
        speed.sample(&tally, begin);
        assert_eq!(speed.left(&tally, at(begin, 2)), None, "too little is known");
        // Ten blobs per second, ten blobs per asset; a tenth of the assets has started: 12 requests per second.
        for second in 1..=10 {
            (tally.finished, tally.blobs, tally.blobs_planned) = (second, second * 10, second * 10);
            speed.sample(&tally, at(begin, second));
        }
        assert_eq!(speed.left(&tally, at(begin, 10)), Some(Duration::from_secs(90)));
        assert_eq!((speed.blobs(&tally, at(begin, 10)), about(Duration::from_secs(91))), (10.0, "2 min".to_owned()));
    }

    #[test]
    fn the_remaining_time_of_large_blobs_depends_on_their_bytes() {
        let (begin, mut speed) = (Instant::now(), Speed::default());
        let mut tally = Tally { listed: 2, listing_finished: true, ..Tally::default() };
        (tally.finished, tally.blobs_planned, tally.bytes_planned) = (1, 2, 2_000);
        speed.sample(&tally, begin);
        (tally.bytes, tally.blobs) = (500, 1);
        let left = speed.left(&tally, at(begin, 10)).unwrap();
        assert_eq!(left, Duration::from_secs(70), "1,500 bytes planned and 2,000 of the other asset at 50 a second");
    }

    #[test]
    fn nothing_is_estimated_while_the_source_is_listed() {
        let (begin, mut speed) = (Instant::now(), Speed::default());
        let tally = Tally { listed: 4, finished: 2, ..Tally::default() };
        speed.sample(&Tally::default(), begin);
        assert_eq!(speed.left(&tally, at(begin, 10)), None);
    }
}
