//! The pace against a model service, in steps of a millisecond.

use super::*;

/// A service that accepts a number of requests per second (with a burst of a tenth of a second) and answers after 20
/// ms.
struct Model {
    pace: Pace,
    now: Instant,
    allowed: f64,
    saved: f64,
    /// Every n-th request is refused under any load.
    strays: u64,
    /// What the caller would send per second without a limit.
    demand: f64,
    owed: f64,
    answers: std::collections::VecDeque<(Instant, Instant)>,
    sent: u64,
    refused: u64,
}

impl Model {
    fn new(most: Option<f64>, allowed: f64, demand: f64) -> Self {
        let now = Instant::now();
        let pace = Pace::new(most, 1.0, now);
        let answers = std::collections::VecDeque::new();
        Self { pace, now, allowed, saved: 0.0, strays: u64::MAX, demand, owed: 0.0, answers, sent: 0, refused: 0 }
    }

    /// Runs for that long; returns the accepted and the refused requests per second.
    fn run(&mut self, seconds: f64) -> (f64, f64) {
        let (sent, refused) = (self.sent, self.refused);
        let until = self.now + Duration::from_secs_f64(seconds);
        while self.now < until {
            self.now += Duration::from_millis(1);
            self.saved = (self.saved + self.allowed / 1e3).min((self.allowed / 10.0).max(1.0));
            while self.answers.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, sent_at) = self.answers.pop_front().unwrap();
                self.pace.refused(1.0, sent_at, self.now);
            }
            let rate = self.pace.rate().unwrap_or(f64::INFINITY);
            self.owed += rate.min(self.demand) / 1e3;
            while self.owed >= 1.0 {
                self.owed -= 1.0;
                self.sent += 1;
                self.pace.sent(1.0, rate < self.demand, self.now);
                let passes = self.saved >= 1.0;
                if passes {
                    self.saved -= 1.0;
                }
                if !passes || self.sent.is_multiple_of(self.strays) {
                    self.refused += 1;
                    self.answers.push_back((self.now + Duration::from_millis(20), self.now));
                }
            }
        }
        let per_second = |count: u64| f64::from(u32::try_from(count).unwrap()) / seconds;
        (per_second(self.sent - sent - (self.refused - refused)), per_second(self.refused - refused))
    }
}

#[test]
fn an_unknown_limit_is_found_and_kept() {
    // At a low rate, a window is long, and each attempt to send more causes a larger share of refusals.
    for (allowed, most_refused) in [(30.0, 0.08), (300.0, 0.03), (1_000.0, 0.03), (20_000.0, 0.03)] {
        let mut model = Model::new(None, allowed, 50_000.0);
        model.run(5.0);
        let (passed, refused) = model.run(60.0);
        assert!(passed >= allowed * 0.92, "{allowed}/s: {passed} pass");
        assert!(refused <= (passed + refused) * most_refused, "{allowed}/s: {refused} refused");
    }
}

#[test]
fn the_rate_follows_a_halved_and_a_doubled_limit_within_five_seconds() {
    for most in [Some(1_000.0), None] {
        let mut model = Model::new(most, 1_000.0, 5_000.0);
        model.run(10.0);
        for round in 0..5 {
            for allowed in [500.0, 1_000.0] {
                model.allowed = allowed;
                model.run(5.0);
                let (passed, refused) = model.run(5.0 + f64::from(round) * 0.37);
                assert!(passed >= allowed * 0.9, "{most:?} {allowed}/s in round {round}: {passed} pass");
                assert!(refused <= passed * 0.04, "{most:?} {allowed}/s in round {round}: {refused} refused");
            }
        }
    }
}

#[test]
fn a_configured_rate_that_the_service_accepts_is_fully_used() {
    let mut model = Model::new(Some(1_000.0), 1_000.0, 5_000.0);
    let (passed, refused) = model.run(60.0);
    assert!(passed >= 995.0 && refused <= 5.0, "{passed} pass, {refused} refused");
}

#[test]
fn refusals_that_slowing_down_does_not_reduce_are_tolerated() {
    for most in [Some(1_000.0), None] {
        let mut model = Model::new(most, f64::INFINITY, 1_000.0);
        model.strays = 10;
        let (passed, _) = model.run(60.0);
        assert!(passed >= 900.0 * 0.95, "{most:?}: {passed} pass");
    }
}

#[test]
fn an_isolated_refusal_changes_nothing() {
    let mut model = Model::new(None, f64::INFINITY, 1_000.0);
    model.strays = 1_000;
    let (passed, _) = model.run(20.0);
    assert!(passed >= 990.0, "{passed}");
    model.strays = u64::MAX;
    model.run(1.0);
    assert!(model.pace.is_open());
}

#[test]
fn a_rate_does_not_grow_while_it_is_not_used() {
    let mut model = Model::new(None, 1_000.0, 5_000.0);
    model.run(5.0);
    model.demand = 100.0;
    model.run(1.0);
    let rate = model.pace.rate();
    model.run(30.0);
    assert!(rate.is_some() && model.pace.rate() == rate, "{rate:?}, then {:?}", model.pace.rate());
}

#[test]
fn a_rate_at_the_minimum_recovers_with_requests_of_any_size() {
    let mut now = Instant::now();
    let (unit, most) = (100e6, 1e9);
    let mut pace = Pace::new(Some(most), 10e6, now);
    pace.refused(unit, now, now);
    pace.slow_to(0.0);
    pace.step = Some(0);
    assert_eq!(pace.rate(), Some(10e6));
    for _ in 0..500 {
        pace.sent(unit, true, now);
        now += Duration::from_secs_f64(unit / pace.rate().unwrap());
    }
    assert_eq!(pace.rate(), Some(most));
}

#[test]
fn another_configured_rate_applies_immediately_and_a_known_limit_is_found_again() {
    let mut model = Model::new(Some(1_000.0), 400.0, 2_000.0);
    model.run(10.0);
    model.pace.configure(Some(100.0), model.now);
    assert_eq!(model.pace.rate(), Some(100.0));
    let (passed, refused) = model.run(5.0);
    assert!((90.0..=101.0).contains(&passed) && refused < 10.0, "{passed} passed, {refused} refused");
    model.pace.configure(Some(1_000.0), model.now);
    assert_eq!(model.pace.rate(), Some(1_000.0));
    model.run(5.0);
    let (passed, refused) = model.run(10.0);
    assert!(passed > 360.0 && refused < 20.0, "{passed} passed, {refused} refused");
}

#[test]
fn a_reduced_rate_does_not_jump_when_a_higher_one_is_configured() {
    for most in [Some(5_000.0), None] {
        let mut model = Model::new(Some(1_000.0), 400.0, 2_000.0);
        model.run(10.0);
        let before = model.pace.rate();
        model.pace.configure(most, model.now);
        assert_eq!(model.pace.rate(), before);
        let (passed, refused) = model.run(10.0);
        assert!(passed > 360.0 && refused < 20.0, "{passed} passed, {refused} refused");
    }
}
