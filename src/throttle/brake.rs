//! What limits an account's service right now, for people who watch a run.

use std::time::Duration;

use tokio::time::Instant;

use super::Lane;

/// A gate limits as long as somebody waited at it so shortly before.
const SHORTLY: Duration = Duration::from_secs(1);

/// What keeps more requests from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// The service refused requests, and a pause follows.
    Refusals,
    /// So many requests a second, as configured or as the service bears.
    RequestsPerSecond(u64),
    /// So many bytes a second, as configured or as the service bears.
    BytesPerSecond(u64),
    /// So many requests in flight, all of which wait for an answer.
    InFlight(usize),
}

impl Lane {
    /// What limits it now; `None`: it sends all that it is asked to send.
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
