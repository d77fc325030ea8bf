//! The service's throttle and the three texts of its refusals.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::emulator::service_model::RequestRate;

/// The limit of requests.
#[derive(Debug)]
pub(crate) struct Throttle {
    per_second: u32,
    rate: RequestRate,
    refused: AtomicUsize,
}

impl Throttle {
    /// A limit of that many requests per second; zero = no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, rate: RequestRate::new(per_second), refused: AtomicUsize::new(0) }
    }

    /// Admits a request, or returns the text of its refusal.
    pub(crate) fn admit(&self) -> Result<(), String> {
        if self.rate.admit() {
            return Ok(());
        }
        let rate = self.per_second;
        // The documented texts in turn: clients must handle all three.
        Err(match self.refused.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => format!("Server is busy. More than {rate} requests per second can be throttled."),
            1 => format!("Server is busy. More than {rate} requests within 1 seconds can be throttled."),
            _ => "Server is busy. Previous runs of this type of request took more than 1 seconds.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_limited_and_the_three_texts_are_used_in_turn() {
        let throttle = Throttle::new(100);
        let burst = (0..200).filter(|_| throttle.admit().is_ok()).count();
        assert_eq!(burst, 10, "a tenth of a second's worth at once");
        let texts: std::collections::BTreeSet<_> = (0..3).map(|_| throttle.admit().unwrap_err()).collect();
        assert_eq!(texts.len(), 3);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!((0..200).filter(|_| throttle.admit().is_ok()).count(), 5);
        assert!((0..1000).all(|_| Throttle::new(0).admit().is_ok()));
    }
}
