//! The rate that a service accepts, learned from its refusals: at most the configured one, and less while the service
//! reports that a limit of the account is reached. Arithmetic only: no lock, no clock.
//!
//! What a service accepts while it refuses the rest *is* its limit, so a window with refusals sets the rate to what was
//! accepted, not to a fixed part. Then the rate grows, first slowly, then faster, until there are refusals again or the
//! configured rate is reached. If slowing down does not reduce refusals, they have another reason: the rate is
//! restored, and this share of refusals is tolerated for some time.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest window: the service counts over about 100 ms, and several answers' times fit in it.
const WINDOW: Duration = Duration::from_millis(250);

/// The time after which a flood of refusals is handled before the window ends.
const FLOOD_WINDOW: Duration = Duration::from_millis(50);

/// The fewest requests of a window, so that a slow lane evaluates more than two answers. This number of refusals is a
/// flood.
const FEW: u32 = 8;

/// The share of a window that may be refused before the rate is reduced: above the share that probing causes, far below
/// the share that a service refuses if it gets a quarter more than it allows.
const TOLERATED: f64 = 0.02;

/// Share of a window that may be refused while the rate grows: the most refusals in a steady run.
const HARMLESS: f64 = 0.005;

/// The share of refusals that is handled immediately; the lane's slots tolerate the same share.
const FLOOD: f64 = 0.2;

/// The largest reduction of the rate by a flood, because its share is only known roughly.
const DEEPEST_CUT: f64 = 0.5;

/// The factor for the accepted rate: a twentieth less lets the service's own count fall below its limit.
const KEPT: f64 = 0.95;

/// By how much the rate grows after each window without refusals: slowly near the reached limit, then faster, so that a
/// doubled limit is reached in about three seconds, and searching for it causes refusals in one window of a dozen. The
/// curve is that of CUBIC (RFC 9438), in steps.
const GROWTH: [f64; 11] = [0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.04, 0.08, 0.16, 0.16, 0.25];

/// The growth while no limit was reached yet: doubling, the slow start of TCP (RFC 5681).
const SLOW_START: f64 = 1.0;

/// The rate must fall to this part before it can be decided that slowing down does not help...
const SLOWED_ENOUGH: f64 = 0.75;

/// ...and the share of refusals must remain above this part of the earlier share.
const NO_HELP: f64 = 0.5;

/// How long refusals are tolerated that slowing down did not reduce, before it is tried again.
const PUT_UP_WITH_FOR: Duration = Duration::from_secs(20);

/// The factor to the earlier share of refusals that is tolerated.
const PUT_UP_WITH_MORE: f64 = 1.5;

/// A rate that adapts to the capacity of the service.
#[derive(Debug)]
pub(super) struct Pace {
    /// The configured rate; infinite = no limit.
    most: f64,
    /// Refusals never reduce the rate below this, unless less is configured.
    floor: f64,
    /// In force.
    rate: f64,
    /// Was anything refused recently? Otherwise nothing is counted.
    watching: bool,
    window: Window,
    /// Only requests sent after this measure the current rate.
    since: Instant,
    /// The current step of the growth; `None` = slow start.
    step: Option<usize>,
    cuts: Option<Cuts>,
    /// The share of refusals with another reason than the rate, and since when it is known.
    incurable: Option<(f64, Instant)>,
}

/// The requests sent and refused.
#[derive(Debug)]
struct Window {
    began: Instant,
    latest: Instant,
    sent: f64,
    requests: u32,
    refused: f64,
    refusals: u32,
    /// Did a caller wait because of the rate?
    waited: bool,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, latest: now, sent: 0.0, requests: 0, refused: 0.0, refusals: 0, waited: false }
    }

    fn share(&self) -> f64 {
        if self.sent > 0.0 { (self.refused / self.sent).min(1.0) } else { 0.0 }
    }
}

/// Consecutive windows in which the rate was reduced.
#[derive(Debug, Clone, Copy)]
struct Cuts {
    /// The previous rate.
    rate: f64,
    /// The requests actually sent per second before.
    sent: f64,
    /// The share that was refused then.
    share: f64,
}

impl Pace {
    /// At most `most` units per second; `None` = as fast as the service accepts. Refusals never reduce the rate below
    /// `least`.
    pub(super) fn new(most: Option<f64>, least: f64, now: Instant) -> Self {
        let most = most.unwrap_or(f64::INFINITY);
        Self {
            most,
            floor: least,
            rate: most,
            watching: false,
            window: Window::new(now),
            since: now,
            step: None,
            cuts: None,
            incurable: None,
        }
    }

    /// Sets another configured rate. A rate that was reduced by refusals is kept until it grows.
    #[expect(clippy::float_cmp, reason = "a rate that is kept as it is")]
    pub(super) fn configure(&mut self, most: Option<f64>, now: Instant) {
        let most = most.unwrap_or(f64::INFINITY);
        if most == self.most {
            return;
        }
        let rate = if self.rate < self.most { self.rate.min(most) } else { most };
        self.most = most;
        // The data of earlier windows may be above the allowed rate now.
        self.cuts = None;
        if rate != self.rate {
            self.rate = rate;
            self.renew(now);
        }
    }

    /// Units per second that may be sent now; `None` = any number.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.is_finite().then_some(self.rate)
    }

    /// Is there no rate to keep and nothing to count?
    pub(super) fn is_open(&self) -> bool {
        !self.watching && self.rate.is_infinite()
    }

    /// Records a request before it is sent; `waited`: it waited because of the rate.
    pub(super) fn sent(&mut self, units: f64, waited: bool, now: Instant) {
        if !self.watching {
            return;
        }
        // The time of a few requests of this size at this rate: such distances between requests do not count as a
        // pause.
        let idle = WINDOW.max(Duration::try_from_secs_f64(f64::from(FEW) * units / self.rate).unwrap_or(WINDOW));
        if now.saturating_duration_since(self.window.latest) > idle {
            self.window = Window::new(now);
        }
        let window = &mut self.window;
        window.latest = now;
        window.sent += units;
        window.requests += 1;
        window.waited |= waited;
        self.judge(now);
    }

    /// Records that a request was refused because of the account's limit.
    pub(super) fn refused(&mut self, units: f64, sent_at: Instant, now: Instant) {
        if !self.watching {
            self.watching = true;
            self.renew(now);
        } else if sent_at >= self.since {
            self.window.refused += units;
            self.window.refusals += 1;
            self.judge(now);
        }
    }

    /// Starts a new window, because the rate has changed.
    fn renew(&mut self, now: Instant) {
        self.window = Window::new(now);
        self.since = now;
    }

    fn judge(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.window.began);
        let (share, tolerated) = (self.window.share(), self.tolerated(now));
        let many = self.window.refusals >= FEW && share > FLOOD.max(tolerated);
        if many && elapsed >= FLOOD_WINDOW {
            self.flooded(share, elapsed, now);
        } else if elapsed < WINDOW || self.window.requests < FEW || (share > tolerated && self.window.refusals == 1) {
            // Not earlier: in a short window, one isolated refusal is a large share.
        } else if share > tolerated {
            self.cut(share, elapsed, now);
        } else {
            self.grow(share, tolerated, now);
        }
    }

    /// The share of refusals that does not reduce the rate now.
    fn tolerated(&self, now: Instant) -> f64 {
        match self.incurable {
            Some((share, since)) if now.saturating_duration_since(since) < PUT_UP_WITH_FOR => {
                TOLERATED.max(share * PUT_UP_WITH_MORE)
            }
            _ => TOLERATED,
        }
    }

    /// Handles many more refusals than isolated ones.
    fn flooded(&mut self, share: f64, elapsed: Duration, now: Instant) {
        let sent = self.window.sent / elapsed.as_secs_f64();
        // The limit is still unknown: it can be higher than the first flood suggests.
        self.step = (self.rate < self.most).then_some(0);
        self.slow_to(self.rate.min(sent) * (1.0 - share).max(DEEPEST_CUT));
        (self.cuts, self.incurable) = (None, None);
        self.renew(now);
    }

    /// Handles more refusals than tolerated: the accepted rate is the limit, unless a lower rate did not help.
    fn cut(&mut self, share: f64, elapsed: Duration, now: Instant) {
        let seconds = elapsed.as_secs_f64();
        let sent = self.window.sent / seconds;
        let first = *self.cuts.get_or_insert(Cuts { rate: self.rate, sent, share });
        if self.rate <= first.sent * SLOWED_ENOUGH && share >= first.share * NO_HELP {
            self.rate = first.rate;
            self.incurable = Some((share, now));
            self.cuts = None;
        } else {
            self.slow_to((self.window.sent - self.window.refused) / seconds * KEPT);
            self.step = Some(0);
        }
        self.renew(now);
    }

    /// Sets a lower rate.
    fn slow_to(&mut self, rate: f64) {
        self.rate = self.rate.min(rate).max(self.floor.min(self.most));
    }

    /// Handles few or no refusals.
    fn grow(&mut self, share: f64, tolerated: f64, now: Instant) {
        let harmless = if tolerated > TOLERATED { tolerated } else { HARMLESS };
        self.cuts = None;
        if share > harmless {
            self.step = Some(0);
        } else if self.rate < self.most && self.window.waited {
            let growth = self.step.map_or(SLOW_START, |step| GROWTH[step.min(GROWTH.len() - 1)]);
            self.step = self.step.map(|step| step + 1);
            self.rate = (self.rate * (1.0 + growth)).min(self.most);
        } else if self.rate >= self.most && self.window.refusals == 0 {
            self.watching = false;
        }
        // Requests in flight were sent at nearly this rate, so they still count.
        self.window = Window::new(now);
    }
}

#[cfg(test)]
mod tests;
