//! The texts on the screen for a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use mediamirror::model::Plane;
use mediamirror::throttle::{Brake, Lane};

use super::super::plain;
use super::estimate::{Speed, about};
use super::tally::Tally;

/// How many of the slowest assets are named.
const SLOWEST: usize = 2;
/// An asset is named when it takes longer than this.
const LONG: Duration = Duration::from_secs(10);
/// Characters of a name.
const NAME: usize = 30;

/// The kind of a run, which decides what a finished asset means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It mirrors: the copy of a finished asset is up to date.
    Mirror,
    /// It only compares, or is a dry run: a finished asset did not change the target.
    Compare,
    /// It does not report single assets.
    List,
    /// It uploads.
    Upload,
}

/// The state of a run at a point in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status<'a> {
    pub(super) work: Work,
    pub(super) tally: &'a Tally,
    pub(super) speed: &'a Speed,
    pub(super) began: Instant,
    pub(super) now: Instant,
}

impl Status<'_> {
    /// The number of finished assets.
    pub(super) fn assets(&self) -> String {
        let Tally { listed, finished, current, .. } = self.tally;
        let listed = (*listed).max(*finished);
        let listing = if self.tally.listing_finished { "" } else { ", listing" };
        match self.work {
            Work::Mirror => format!("{current}/{listed} up to date{listing}"),
            Work::Compare => format!("{finished}/{listed} compared{listing}"),
            Work::List => format!("{listed} listed{listing}"),
            Work::Upload => format!("{finished}/{listed} uploaded"),
        }
    }

    pub(super) fn blobs(&self) -> String {
        let (done, planned) = (self.tally.blobs, self.tally.blobs_planned.max(self.tally.blobs));
        format!("{done}/{planned}, {}/s", rounded(self.speed.blobs(self.tally, self.now)))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes a second, of none or more")]
    pub(super) fn bytes(&self) -> String {
        let (done, planned) = (self.tally.bytes, self.tally.bytes_planned.max(self.tally.bytes));
        let speed = self.speed.bytes(self.tally, self.now) as u64;
        format!("{}/{}, {}/s", ByteSize(done), ByteSize(planned), ByteSize(speed))
    }

    /// The time, and the failures; while it stops, what it waits for.
    pub(super) fn time(&self) -> String {
        let elapsed = self.now.duration_since(self.began).as_secs();
        let elapsed = format!("{}:{:02}", elapsed / 60, elapsed % 60);
        let text = if self.tally.draining {
            let (assets, blobs) = (self.tally.copying(), self.tally.blobs_left());
            format!(
                "{elapsed}, stopping: work in progress finishes first ({}, {})",
                counted(assets, "asset"),
                counted(blobs, "blob")
            )
        } else if let Some(left) = self.left() {
            format!("{elapsed}, {left}")
        } else {
            elapsed
        };
        match self.tally.not_mirrored {
            0 => text,
            some => format!("{text}, {} not mirrored", counted(some, "asset")),
        }
    }

    fn left(&self) -> Option<String> {
        let left = self.speed.left(self.tally, self.now)?;
        Some(format!("about {} left", about(left)))
    }

    /// The assets that take the longest, if they take long.
    pub(super) fn slowest(&self) -> Option<String> {
        let long = self.tally.slowest(SLOWEST).into_iter().filter(|asset| self.now - asset.since >= LONG);
        let named: Vec<String> = long
            .map(|asset| {
                let name: String = plain::line(&asset.name).chars().take(NAME).collect();
                format!("{name} ({}, {} left)", about(self.now - asset.since), counted(asset.blobs, "blob"))
            })
            .collect();
        (!named.is_empty()).then(|| named.join(", "))
    }

    /// One line, if there is no terminal.
    pub(super) fn line(&self, label: &str) -> String {
        let Tally { draining, listing_finished, blobs, bytes, not_mirrored, .. } = self.tally;
        let state = match (draining, listing_finished) {
            (true, _) => "stopping, ",
            (false, false) => "listing, ",
            (false, true) => "",
        };
        let bad = if *not_mirrored > 0 { format!(", {not_mirrored} not mirrored") } else { String::new() };
        let left = self.left().map_or_else(String::new, |left| format!(", {left}"));
        let copied = if self.tally.blobs_planned + blobs == 0 {
            String::new()
        } else {
            format!(", {} ({}) copied", counted(*blobs, "blob"), ByteSize(*bytes))
        };
        let (done, listed) = (self.tally.finished, self.tally.listed);
        let elapsed = self.now.duration_since(self.began).as_secs();
        format!("{label}: {state}{done} of {listed} assets{copied}{bad}, {elapsed} s{left}")
    }
}

/// What limits the accounts now; `None` if nothing does.
pub(super) fn limits(lanes: &[Arc<Lane>]) -> Option<String> {
    let mut held: Vec<String> = lanes.iter().filter_map(|lane| Some(limit(lane, lane.brake()?))).collect();
    // The lanes of an account share its rates.
    held.dedup();
    (!held.is_empty()).then(|| held.join(", "))
}

fn limit(lane: &Lane, brake: Brake) -> String {
    let plane = match (brake, lane.plane()) {
        (Brake::InFlight(_), Plane::BlobRead) => " (reads)",
        (Brake::InFlight(_), Plane::BlobWrite) => " (writes)",
        _ => "",
    };
    let what = match brake {
        Brake::Refusals => "refuses requests, a pause follows".to_owned(),
        Brake::RequestsPerSecond(rate) => format!("{rate} requests/s"),
        Brake::BytesPerSecond(rate) => format!("{}/s", ByteSize(rate)),
        Brake::InFlight(slots) => format!("{slots} requests in flight"),
    };
    format!("{}{plane}: {what}", lane.account())
}

/// A count with its noun, such as `1 blob` and `2 blobs`.
fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A speed with two digits, or whole.
fn rounded(speed: f64) -> String {
    if speed < 10.0 { format!("{speed:.1}") } else { format!("{speed:.0}") }
}

#[cfg(test)]
mod tests {
    use mediamirror::model::{AccountName, AssetId, BlobKind, CopyMethod, Side};
    use mediamirror::monitor::{AssetOutcome, RunEvent};
    use mediamirror::throttle::LaneLimits;
    use mediamirror::verdict::Cause;

    use super::*;

    fn finished(asset: &str, outcome: AssetOutcome) -> RunEvent {
        RunEvent::AssetFinished { asset: AssetId::new(asset), name: asset.to_owned(), outcome }
    }

    fn started(asset: &str, blobs: u64) -> RunEvent {
        let asset = AssetId::new(asset);
        RunEvent::AssetStarted { name: asset.to_string(), asset, blobs, bytes: blobs * 1_024 }
    }

    fn copied(asset: &str) -> RunEvent {
        RunEvent::BlobCopied {
            asset: AssetId::new(asset),
            blob: "b".to_owned(),
            bytes: 1_024,
            kind: BlobKind::Block,
            method: CopyMethod::Put,
        }
    }

    /// The text that is shown a number of seconds after the events.
    fn shown<T>(events: &[RunEvent], seconds: u64, show: impl Fn(Status<'_>) -> T) -> T {
        let (began, mut tally, mut speed) = (Instant::now(), Tally::default(), Speed::default());
        speed.sample(&tally, began);
        for event in events {
            tally.add(event, began);
        }
        show(Status {
            work: Work::Mirror,
            tally: &tally,
            speed: &speed,
            began,
            now: began + Duration::from_secs(seconds),
        })
    }

    fn four() -> Vec<RunEvent> {
        vec![
            RunEvent::ListingFinished { side: Side::Source, assets: 4 },
            started("a", 2),
            copied("a"),
            started("b", 1),
            finished("c", AssetOutcome::Not(Cause::LocatorIdTaken.into())),
            finished("d", AssetOutcome::Unchanged),
        ]
    }

    #[test]
    fn it_shows_how_much_is_up_to_date_the_time_and_the_slowest_assets() {
        assert_eq!(shown(&four(), 20, |status| status.assets()), "1/4 up to date");
        assert_eq!(shown(&four(), 20, |status| status.blobs()), "1/3, 0.1/s");
        assert_eq!(shown(&four(), 20, |status| status.bytes()), "1.0 KiB/3.0 KiB, 51 B/s");
        assert_eq!(shown(&four(), 20, |status| status.time()), "0:20, about 40 s left, 1 asset not mirrored");
        let slowest = shown(&four(), 20, |status| status.slowest());
        assert_eq!(slowest.unwrap(), "a (20 s, 1 blob left), b (20 s, 1 blob left)");
        assert_eq!(shown(&four(), 5, |status| status.slowest()), None);
    }

    #[test]
    fn only_mirrored_assets_are_shown_as_up_to_date() {
        let said = |work| shown(&four(), 20, |status| Status { work, ..status }.assets());
        assert_eq!(said(Work::Compare), "2/4 compared");
        assert_eq!((said(Work::List).as_str(), said(Work::Upload).as_str()), ("4 listed", "2/4 uploaded"));
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let slow = shown(&[started("a\u{1b}[2J\nb", 1)], 20, |status| status.slowest()).unwrap();
        assert!(!slow.contains(['\u{1b}', '\n']), "{slow:?}");
    }

    #[test]
    fn the_listing_is_shown_only_while_it_runs() {
        let listing = [RunEvent::Listed { side: Side::Source, assets: 1_000 }];
        assert_eq!(shown(&listing, 4, |status| status.line("sync")), "sync: listing, 0 of 1000 assets, 4 s");
        assert_eq!(shown(&listing, 5, |status| status.assets()), "0/1000 up to date, listing");
        let of_target = [RunEvent::ListingFinished { side: Side::Target, assets: 9 }];
        assert_eq!(shown(&of_target, 5, |status| status.assets()), "0/0 up to date, listing");
    }

    #[test]
    fn work_in_progress_is_shown_while_it_stops() {
        let mut events = four();
        events.push(RunEvent::Draining);
        let time = shown(&events, 20, |status| status.time());
        let stopping = "stopping: work in progress finishes first (2 assets, 2 blobs)";
        assert_eq!(time, format!("0:20, {stopping}, 1 asset not mirrored"));
        assert!(
            shown(&events, 20, |status| status.line("sync"))
                .contains("stopping, 2 of 4 assets, 1 blob (1.0 KiB) copied")
        );
    }

    #[test]
    fn blobs_of_an_asset_that_ended_without_copying_them_are_not_remaining_work() {
        let mut events = four();
        events.push(finished("a", AssetOutcome::Not(Cause::LocatorIdTaken.into())));
        assert_eq!(shown(&events, 20, |status| status.blobs()), "1/2, 0.1/s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_of_an_account_is_shown_while_requests_wait_for_it() {
        let limits_of = |lane: &Arc<Lane>| limits(std::slice::from_ref(lane));
        let slots = LaneLimits { in_flight: 2, ..LaneLimits::default() };
        let lane = Lane::new(AccountName::new("storeeast"), Plane::BlobWrite, slots);
        assert_eq!(limits_of(&lane), None);
        let permits = [lane.acquire(1).await, lane.acquire(1).await];
        assert_eq!(limits_of(&lane).unwrap(), "storeeast (writes): 2 requests in flight");
        drop(permits);
        let rate = LaneLimits { requests_per_second: std::num::NonZeroU64::new(20), ..LaneLimits::default() };
        let lane = Lane::new(AccountName::new("mediaeast"), Plane::Media, rate);
        for _ in 0..10 {
            drop(lane.acquire(0).await);
        }
        assert_eq!(limits_of(&lane).unwrap(), "mediaeast: 20 requests/s");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(limits_of(&lane), None);
    }
}
