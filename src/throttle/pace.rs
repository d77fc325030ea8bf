//! The rate a service turns out to bear, learned from its refusals: no more than was configured, less while it says that a
//! limit of the account is reached. Arithmetic only: no lock, no clock.
//!
//! What a service lets pass while it refuses the rest *is* its limit, so a refused window sets the rate to what passed,
//! not to a fixed part. Then the rate grows: hardly at first, then faster, until it meets a refusal again or the
//! configured rate. If slowing down does not make refusals fewer, they have another reason: the rate comes back, and so
//! many refusals are put up with for a while.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time that is judged: the service counts over about 100 ms, and several answers' times fit in it.
const WINDOW: Duration = Duration::from_millis(250);

/// Part of a window after which a flood of refusals is answered before the window ends.
const FLOOD_WINDOW: Duration = Duration::from_millis(50);

/// Requests a window holds at least, so that a slow lane judges more than two answers; as many refusals make a flood.
const FEW: u32 = 8;

/// Share of a window that may be refused before the rate falls: above what probing costs, far below what a service
/// refuses that is asked for a quarter more than it allows.
const TOLERATED: f64 = 0.02;

/// Share of a window that may be refused while the rate grows: the most that may be refused in a steady run.
const HARMLESS: f64 = 0.005;

/// Share of refusals that is answered at once: what the lane's slots tolerate, too.
const FLOOD: f64 = 0.2;

/// Most a flood takes from the rate at once; its share is known roughly only.
const DEEPEST_CUT: f64 = 0.5;

/// What is kept of the rate that passed: a twentieth less lets the service's own count fall below its limit.
const KEPT: f64 = 0.95;

/// By how much the rate grows after each window without refusals: three windows near the limit that was met, then ever
/// faster, so that a limit that doubled is reached in some three seconds, and looking for it costs refusals in one window
/// of a dozen. The shape is CUBIC's (RFC 9438), in steps.
const GROWTH: [f64; 11] = [0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.04, 0.08, 0.16, 0.16, 0.25];

/// The growth while no limit was met yet: doubling, the slow start of TCP (RFC 5681).
const SLOW_START: f64 = 1.0;

/// The rate has to fall to this part before slowing down is found to be no help...
const SLOWED_ENOUGH: f64 = 0.75;

/// ...and the share of refusals has to stay above this part of what it was.
const NO_HELP: f64 = 0.5;

/// How long refusals that slowing down did not cure are put up with before that is tried again.
const PUT_UP_WITH_FOR: Duration = Duration::from_secs(20);

/// How many more of them than there were then.
const PUT_UP_WITH_MORE: f64 = 1.5;

/// A rate that follows what the service bears.
#[derive(Debug)]
pub(super) struct Pace {
    /// Configured; infinite = no limit.
    most: f64,
    /// Refusals never teach less, where as much is configured.
    floor: f64,
    /// In force.
    rate: f64,
    /// Has anything been refused lately? Otherwise nothing is counted.
    watching: bool,
    window: Window,
    /// Only requests sent after this measure the current rate.
    since: Instant,
    /// How far the growth is; `None` = slow start.
    step: Option<usize>,
    cuts: Option<Cuts>,
    /// A share of refusals that has another reason than the rate, and since when that is known.
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
    /// Did the rate keep anybody waiting?
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

/// A row of windows in which the rate fell.
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

    /// From now on another rate is configured. A rate that refusals lowered stays as low until it grows.
    #[expect(clippy::float_cmp, reason = "a rate that is kept as it is")]
    pub(super) fn configure(&mut self, most: Option<f64>, now: Instant) {
        let most = most.unwrap_or(f64::INFINITY);
        if most == self.most {
            return;
        }
        let rate = if self.rate < self.most { self.rate.min(most) } else { most };
        self.most = most;
        // What an earlier rate was compared with may be more than is allowed now.
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

    /// Is there neither a rate to keep nor anything to be counted?
    pub(super) fn is_open(&self) -> bool {
        !self.watching && self.rate.is_infinite()
    }

    /// Takes note of a request that is about to be sent; `waited`: the rate kept it waiting.
    pub(super) fn sent(&mut self, units: f64, waited: bool, now: Instant) {
        if !self.watching {
            return;
        }
        // As long as a few requests of this size take at this rate: so far apart they are no pause.
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

    /// Takes note that a request was refused because of the account's limit.
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
            // Too early: in a short window a stray one is a large share.
        } else if share > tolerated {
            self.cut(share, elapsed, now);
        } else {
            self.grow(share, tolerated, now);
        }
    }

    /// Share of refusals that does not slow anything down now.
    fn tolerated(&self, now: Instant) -> f64 {
        match self.incurable {
            Some((share, since)) if now.saturating_duration_since(since) < PUT_UP_WITH_FOR => {
                TOLERATED.max(share * PUT_UP_WITH_MORE)
            }
            _ => TOLERATED,
        }
    }

    /// Much more is refused than passes for a stray refusal.
    fn flooded(&mut self, share: f64, elapsed: Duration, now: Instant) {
        let sent = self.window.sent / elapsed.as_secs_f64();
        // Nothing is known of the limit yet: it may be higher than the first flood says.
        self.step = (self.rate < self.most).then_some(0);
        self.slow_to(self.rate.min(sent) * (1.0 - share).max(DEEPEST_CUT));
        (self.cuts, self.incurable) = (None, None);
        self.renew(now);
    }

    /// More was refused than is tolerated: what passed is the limit, unless slower was no better.
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

    /// Little or nothing was refused.
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
        // What is still on its way was sent at nearly this rate: it still counts.
        self.window = Window::new(now);
    }
}

#[cfg(test)]
mod tests;
