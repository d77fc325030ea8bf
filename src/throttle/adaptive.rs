//! How many slots a lane uses of those that the distance asks for: fewer while the service refuses, slowly more again when it does not.
//! Arithmetic only: no lock, no clock.
//!
//! It judges windows of finished attempts, not single refusals, so that a stray `503` changes nothing and a whole wave of
//! refusals is answered once.

/// Share of a window that may be refused before slots are taken away: the share of retries the retry budget allows
/// ([`crate::retry::budget`]). A service that refuses every tenth request under any load keeps its slots.
const TOLERATED_REFUSALS: f64 = 0.2;

/// Share of a window that may be refused while slots are added: half of what is tolerated, so that there is room to hold.
const HARMLESS_REFUSALS: f64 = 0.1;

/// What is left of the slots after a refused window: the multiplicative decrease of CUBIC (RFC 9438, beta 0.7).
const DECREASE: f64 = 0.7;

/// What is added after a window with few refusals. One cut is won back in about seven windows.
const INCREASE: f64 = 1.05;

/// Attempts a window holds at least: where every tenth is refused by chance, more than a fifth of 64 are in one
/// window of a hundred; of 16 they would be in every fourteenth, and a small lane would never get its slots back.
const SMALLEST_WINDOW: f64 = 64.0;

/// So many refusals that are most of a window so far are no chance, and need not wait for its end.
const FLOOD: u32 = 8;

/// A limit that follows what the service bears.
#[derive(Debug, Clone)]
pub(super) struct AdaptiveLimit {
    limit: f64,
    most: f64,
    finished: u32,
    refused: u32,
}

impl AdaptiveLimit {
    /// Begins with all the slots there are.
    pub(super) fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        Self { limit: most, most, finished: 0, refused: 0 }
    }

    /// The distance asks for so many slots. Those that refusals took away come back as after a cut.
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

    /// Records a finished attempt; returns whether more was refused than is tolerated.
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
    fn a_lane_reaches_further_at_once_unless_refusals_hold_it_back() {
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
    fn a_stray_refusal_changes_nothing() {
        let mut limit = AdaptiveLimit::new(256);
        for _ in 0..100 {
            assert_eq!(after(&mut limit, 255, 1), 256);
        }
    }

    #[test]
    fn a_wave_of_refusals_is_answered_once() {
        let mut limit = AdaptiveLimit::new(256);
        assert_eq!(after(&mut limit, 50, 206), 179);
    }

    #[test]
    fn a_small_lane_keeps_its_slots_where_every_tenth_is_refused_by_chance() {
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
