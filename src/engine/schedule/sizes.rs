//! The number of assets that are processed at once: depends on their numbers of blobs and the capacity of the storage
//! accounts' lanes.
//!
//! An asset takes several requests one after the other, so many small assets must be in progress together, and more of
//! them if the services are farther away. Fewer large assets keep all connections busy, and each of them keeps its
//! listings in memory. Under a rate limit, more assets are not faster; they only share the rate. Then only as many are
//! in progress as use up the rate, so that each asset plays soon after its first blob was copied. Only blobs to copy
//! count there: most nights copy almost nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::throttle::Room;

/// Assets at once while nothing is known yet, and the fewest for assets of any size.
const FEWEST: u64 = 64;
/// Blobs of all assets at once, for each slot of a lane: the number of consecutive requests for which an asset's blobs
/// wait.
const BLOBS_PER_SLOT: u64 = 10;
/// The assumed number of blobs to copy of an asset, until one is compared: few assets are started until then.
const USUAL_BLOBS: u64 = 100;
/// The fewest blobs of all assets at once: there is work for all slots if the services are near.
const FEWEST_BLOBS: u64 = 320;
/// Assets in addition to those that use up the rate: one whose last blobs are copied, and the next one, which is ready.
const BESIDE: u64 = 2;
/// Seconds of work at a rate that are in progress at once...
const SECONDS: f64 = 1.4;
/// ...and the time of this many answers, one after the other: the path of an asset.
const ROUND_TRIPS: u32 = 12;

/// The sizes of the assets so far.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    assets: AtomicU64,
    blobs: AtomicU64,
    compared: AtomicU64,
    to_copy: AtomicU64,
}

impl Sizes {
    /// Records the number of blobs of an asset.
    pub(crate) fn add(&self, blobs: u64) {
        self.assets.fetch_add(1, Ordering::Relaxed);
        self.blobs.fetch_add(blobs, Ordering::Relaxed);
    }

    /// Records that an asset was compared, and how many of its blobs are to be copied.
    pub(crate) fn compared(&self, to_copy: u64) {
        self.compared.fetch_add(1, Ordering::Relaxed);
        self.to_copy.fetch_add(to_copy, Ordering::Relaxed);
    }

    /// Were there no blobs in any of them?
    pub(crate) fn is_nothing(&self) -> bool {
        self.blobs.load(Ordering::Relaxed) == 0
    }

    /// The number of blobs of all of them.
    pub(crate) fn blobs(&self) -> u64 {
        self.blobs.load(Ordering::Relaxed)
    }

    /// The number of assets to process at once with that capacity.
    pub(crate) fn assets_at_once(&self, room: Room) -> usize {
        let (assets, blobs) = (self.assets.load(Ordering::Relaxed), self.blobs.load(Ordering::Relaxed));
        let slots = u64::try_from(room.slots).unwrap_or(u64::MAX);
        let fit = slots.saturating_mul(BLOBS_PER_SLOT).saturating_mul(assets).checked_div(blobs).unwrap_or(FEWEST);
        let fit = fit.clamp(FEWEST, slots.max(FEWEST));
        let most = room.per_second.map_or(u64::MAX, |rate| self.hold(rate, room));
        usize::try_from(fit.min(most)).unwrap_or(usize::MAX)
    }

    /// The number of assets that use up a rate.
    fn hold(&self, per_second: f64, room: Room) -> u64 {
        let (compared, to_copy) = (self.compared.load(Ordering::Relaxed), self.to_copy.load(Ordering::Relaxed));
        // An asset takes at least one request.
        let (compared, to_copy) = if compared == 0 { (1, USUAL_BLOBS) } else { (compared, to_copy.max(compared)) };
        let requests = at_that_rate(per_second, room).max(FEWEST_BLOBS);
        requests.saturating_mul(compared) / to_copy + BESIDE
    }
}

/// The requests that are sent at that rate in the time of an asset.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and it saturates")]
fn at_that_rate(per_second: f64, room: Room) -> u64 {
    (per_second * (SECONDS + (room.distance * ROUND_TRIPS).as_secs_f64())) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(sizes: &[u64], room: Room) -> usize {
        let all = Sizes::default();
        for blobs in sizes {
            all.add(*blobs);
        }
        all.assets_at_once(room)
    }

    #[test]
    fn more_assets_are_processed_at_once_if_they_have_fewer_blobs_or_go_farther() {
        let near = Room { slots: 256, ..Room::default() };
        assert_eq!((of(&[], near), of(&[0, 0], near)), (64, 64));
        assert_eq!((of(&[2, 2], near), of(&[20], near), of(&[10, 30], near), of(&[1_000], near)), (256, 128, 128, 64));
        let far = Room { slots: 1_200, distance: Duration::from_millis(60), ..Room::default() };
        assert_eq!((of(&[], far), of(&[2, 2], far), of(&[20], far), of(&[1_000], far)), (64, 1_200, 600, 64));
    }

    #[test]
    fn under_a_rate_limit_only_as_many_assets_are_in_progress_as_use_it_up() {
        let at = |blobs: u64, to_copy: Option<u64>, per_second, ms| {
            let all = Sizes::default();
            all.add(blobs);
            if let Some(to_copy) = to_copy {
                all.compared(to_copy);
            }
            let distance = Duration::from_millis(ms);
            all.assets_at_once(Room { slots: 256, distance, per_second: Some(per_second) })
        };
        assert_eq!((at(20, None, 60.0, 0), at(20, Some(20), 60.0, 0), at(20, Some(20), 200.0, 20)), (5, 18, 18));
        assert_eq!((at(20, Some(20), 200.0, 120), at(200, Some(200), 200.0, 120)), (30, 4));
        assert_eq!(at(10_000, Some(10_000), 60.0, 0), 2, "one is copied, the next one is ready");
        assert_eq!(at(20, Some(20), 20_000.0, 0), 128, "the rate does not limit it");
        assert_eq!((at(200, Some(0), 200.0, 120), at(20, Some(0), 60.0, 0)), (64, 128), "nothing is to be copied");
    }
}
