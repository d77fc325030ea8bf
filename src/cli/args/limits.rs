//! How long a run may take, and how much it may cost.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use mediamirror::clock;
use mediamirror::engine::{Limit, RunLimits};
use tokio::time::Instant;

/// The limits of a run. When it reaches one, it starts nothing new, finishes what is in progress, and ends with 7.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits of the run (it finishes what is in progress and ends with 7)")]
pub(crate) struct LimitArgs {
    /// Stop after this time, such as 3h or 90m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_duration: Option<Duration>,
    /// Run only between these times of the day, such as 01:00-05:00[Europe/Madrid]; this machine's zone when not given
    #[arg(long, value_name = "WINDOW")]
    window: Option<Window>,
    /// Stop after copying this many bytes, such as 500GB
    #[arg(long, hide_short_help = true, value_name = "SIZE", value_parser = super::bytes)]
    max_bytes: Option<NonZeroU64>,
    /// Stop after this many requests to both sides
    #[arg(long, hide_short_help = true, value_name = "N")]
    max_requests: Option<NonZeroU64>,
}

/// The times of the day between which a run is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// The current time is outside the window.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// When the window opens next.
    pub(crate) opens: Timestamp,
}

impl LimitArgs {
    /// The limits of a run that starts now.
    pub(crate) fn limits(&self, now: Timestamp) -> Result<RunLimits, Closed> {
        let after = |duration: Duration, limit| (Instant::now() + duration, limit);
        let window = match &self.window {
            None => None,
            Some(window) => Some(after(window.left(now)?, Limit::Window)),
        };
        let duration = self.max_duration.map(|duration| after(duration, Limit::Duration));
        let until = window.into_iter().chain(duration).min_by_key(|(until, _)| *until);
        Ok(RunLimits { until, requests: self.max_requests, bytes: self.max_bytes })
    }
}

impl Window {
    /// How long the window is still open.
    fn left(&self, now: Timestamp) -> Result<Duration, Closed> {
        let local = now.to_zoned(self.zone.clone());
        // A window that opened yesterday may still be open.
        let days = [-1, 0, 1].map(|days: i64| local.date().saturating_add(days.days()));
        let opens = days.map(|day| clock::when(&self.zone, day.to_datetime(self.from)));
        for (day, opens) in days.into_iter().zip(opens) {
            let next_day = i64::from(self.to <= self.from);
            let closes = clock::when(&self.zone, day.saturating_add(next_day.days()).to_datetime(self.to));
            if opens <= now && now < closes {
                return Ok(Duration::try_from(closes.duration_since(now)).unwrap_or_default());
            }
        }
        Err(Closed { opens: opens.into_iter().find(|opens| *opens > now).unwrap_or(Timestamp::MAX) })
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write two times, such as 01:00-05:00 or 22:00-04:30[Europe/Madrid]".to_owned();
        let (times, zone) = match text.strip_suffix(']').map(|text| text.split_once('[')) {
            Some(Some((times, zone))) => {
                let known = TimeZone::get(zone);
                (times, known.map_err(|_| format!("no time zone is called {zone}; write one such as Europe/Madrid"))?)
            }
            Some(None) => return Err(wrong()),
            None => (text, TimeZone::system()),
        };
        let (from, to) = times.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| text.trim().parse::<Time>().map_err(|_| wrong());
        let (from, to) = (time(from)?, time(to)?);
        if from == to { Err("the two times are the same".to_owned()) } else { Ok(Self { from, to, zone }) }
    }
}

/// Parses a duration such as `3h` that is not zero.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time such as 3h, 90m or 1h30m".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = SignedDuration::try_from(span).map_err(|_| wrong())?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(window: &str, now: &str) -> Result<u64, String> {
        let window: Window = window.parse().unwrap();
        window.left(now.parse().unwrap()).map(|left| left.as_secs() / 60).map_err(|closed| closed.opens.to_string())
    }

    #[test]
    fn a_window_is_open_between_its_times_in_its_zone_even_over_midnight() {
        assert_eq!(left("01:00-05:00[UTC]", "2026-11-30T01:00:00Z"), Ok(240));
        assert_eq!(left("01:00-05:00[UTC]", "2026-11-30T05:00:00Z"), Err("2026-12-01T01:00:00Z".to_owned()));
        assert_eq!(left("01:00-05:00[UTC]", "2026-11-30T00:59:00Z"), Err("2026-11-30T01:00:00Z".to_owned()));
        assert_eq!(left("22:00-04:00[UTC]", "2026-11-30T03:00:00Z"), Ok(60));
        assert_eq!(left("22:00-04:00[UTC]", "2026-11-30T22:30:00Z"), Ok(330));
        assert_eq!(left("01:00-05:00[Europe/Madrid]", "2026-07-01T02:00:00Z"), Ok(60));
        // The night in which clocks are set back is an hour longer.
        assert_eq!(left("01:00-05:00[Europe/Madrid]", "2026-10-24T23:00:00Z"), Ok(300));
    }

    #[test]
    fn invalid_windows_and_durations_are_refused() {
        for wrong in
            ["01:00", "01:00-", "25:00-26:00", "01:00-05:00[Europe/Nowhere]", "01:00-05:00]", "01:00-01:00", ""]
        {
            wrong.parse::<Window>().unwrap_err();
        }
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        for wrong in ["0s", "-1h", "3", "1 month", ""] {
            duration(wrong).unwrap_err();
        }
    }
}
