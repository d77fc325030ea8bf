//! What limits an account's service now, for the progress display.

use std::time::Duration;

use tokio::time::Instant;

use super::Lane;

/// A gate counts as the limit if a request waited at it this recently.
const SHORTLY: Duration = Duration::from_secs(1);

/// What prevents more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// The service refused requests, and a pause follows.
    Refusals,
    /// The rate of requests per second: the configured one, or the capacity of the service.
    RequestsPerSecond(u64),
    /// The rate of bytes per second: the configured one, or the capacity of the service.
    BytesPerSecond(u64),
    /// The number of requests in flight, all of which wait for an answer.
    InFlight(usize),
}

impl Lane {
    /// What limits it now; `None` if nothing does.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates of one or more")]
    pub fn brake(&self) -> Option<Brake> {
        let mut state = self.state();
        if state.cooling().is_some() {
            return Some(Brake::Refusals);
        }
        let (used, slots) = (state.used, state.slots(true));
        drop(state);
        let since = Instant::now().checked_sub(SHORTLY);
        let (bytes, requests) = (self.rates.bytes.rate_kept(since), self.rates.requests.rate_kept(since));
        let rate = bytes.map(|rate| Brake::BytesPerSecond(rate as u64));
        let rate = rate.or_else(|| requests.map(|rate| Brake::RequestsPerSecond(rate as u64)));
        rate.or_else(|| (used >= slots).then_some(Brake::InFlight(slots)))
    }
}
