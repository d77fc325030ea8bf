//! How many of the slots for its latency a lane uses: fewer while the service refuses requests, then slowly more again.
//! Arithmetic only: no lock, no clock.
//!
//! It evaluates windows of finished attempts, not single refusals, so that an isolated `503` changes nothing and many
//! simultaneous refusals reduce the slots once.

/// The share of a window that may be refused before slots are removed: the share of retries that the retry budget
/// allows ([`crate::retry::budget`]). A service that refuses every tenth request under any load keeps its slots.
const TOLERATED_REFUSALS: f64 = 0.2;

/// Share of a window that may be refused while slots are added: half of the tolerated share, so that there is a range
/// in which nothing changes.
const HARMLESS_REFUSALS: f64 = 0.1;

/// The factor for the slots after a refused window: the multiplicative decrease of CUBIC (RFC 9438, beta 0.7).
const DECREASE: f64 = 0.7;

/// The factor for the slots after a window with few refusals. It undoes one decrease in about seven windows.
const INCREASE: f64 = 1.05;

/// The fewest attempts of a window. If every tenth is refused by chance, more than a fifth of 64 is refused in one
/// window of a hundred. With 16, it would be one window of fourteen, and a small lane would never get its slots back.
const SMALLEST_WINDOW: f64 = 64.0;

/// This number of refusals, if they are most of a window so far, is not chance, so the end of the window is not
/// awaited.
const FLOOD: u32 = 8;

/// A limit that adapts to the capacity of the service.
#[derive(Debug, Clone)]
pub(super) struct AdaptiveLimit {
    limit: f64,
    most: f64,
    finished: u32,
    refused: u32,
}

impl AdaptiveLimit {
    /// Starts with all slots.
    pub(super) fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        Self { limit: most, most, finished: 0, refused: 0 }
    }

    /// Sets the number of slots for the latency. Slots that were removed because of refusals come back slowly, as after
    /// a decrease.
    pub(super) fn reach(&mut self, most: usize) {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        let whole = self.limit >= self.most;
        self.most = most;
        self.limit = if whole { most } else { self.limit.min(most) };
    }

    /// Slots that may be in use now; at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 2^32")]
    pub(super) fn slots(&self) -> usize {
        self.limit as usize
    }

    /// Records a finished attempt; returns whether more than the tolerated share was refused.
    pub(super) fn finished(&mut self, refused: bool) -> bool {
        self.finished += 1;
        self.refused += u32::from(refused);
        let window = self.limit.max(SMALLEST_WINDOW);
        let refusals = f64::from(self.refused);
        let flood = self.refused >= FLOOD && self.refused * 2 > self.finished;
        let overloaded = refused && (flood || refusals > TOLERATED_REFUSALS * window);
        if f64::from(self.finished) >= window {
            if refusals > TOLERATED_REFUSALS * window {
                self.limit = (self.limit * DECREASE).max(1.0);
            } else if refusals <= HARMLESS_REFUSALS * window {
                self.limit = (self.limit * INCREASE).min(self.most);
            }
            (self.finished, self.refused) = (0, 0);
        }
        overloaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(limit: &mut AdaptiveLimit, ok: u32, refused: u32) -> usize {
        (0..ok).for_each(|_| assert!(!limit.finished(false)));
        for _ in 0..refused {
            limit.finished(true);
        }
        limit.slots()
    }

    #[test]
    fn a_lane_gets_more_slots_immediately_unless_there_are_refusals() {
        let mut limit = AdaptiveLimit::new(256);
        limit.reach(1_200);
        assert_eq!(limit.slots(), 1_200);
        assert_eq!(after(&mut limit, 0, 1_200), 840);
        limit.reach(2_400);
        assert_eq!(limit.slots(), 840);
        limit.reach(256);
        assert_eq!(limit.slots(), 256);
        assert_eq!(AdaptiveLimit::new(256).slots(), 256);
    }

    #[test]
    fn an_isolated_refusal_changes_nothing() {
        let mut limit = AdaptiveLimit::new(256);
        for _ in 0..100 {
            assert_eq!(after(&mut limit, 255, 1), 256);
        }
    }

    #[test]
    fn simultaneous_refusals_reduce_the_slots_once() {
        let mut limit = AdaptiveLimit::new(256);
        assert_eq!(after(&mut limit, 50, 206), 179);
    }

    #[test]
    fn a_small_lane_keeps_its_slots_if_every_tenth_request_is_refused_by_chance() {
        fastrand::seed(1);
        let mut limit = AdaptiveLimit::new(16);
        for _ in 0..10_000 {
            limit.finished(fastrand::u8(..10) == 0);
        }
        assert!(limit.slots() >= 14, "{}", limit.slots());
    }

    #[test]
    fn the_limit_never_falls_below_one_slot_and_returns_to_all_slots() {
        let mut limit = AdaptiveLimit::new(256);
        assert_eq!(after(&mut limit, 0, 5_000), 1);
        assert_eq!(after(&mut limit, 50_000, 0), 256);
        assert_eq!(AdaptiveLimit::new(0).slots(), 1);
    }
}
