//! The service's throttle: a token bucket of one second's requests, on tokio's clock, and its three refusals.

use std::sync::Mutex;

use tokio::time::Instant;

use super::errors::ApiError;

/// How fast requests may come.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Bucket>);

#[derive(Debug, Default)]
struct Bucket {
    /// Tokens left, and when they were counted.
    level: Option<(f64, Instant)>,
    refused: usize,
}

impl Throttle {
    /// Lets a request in, or refuses it with 503; a rate of zero never refuses.
    pub(super) fn admit(&self, rate: u32) -> Result<(), ApiError> {
        if rate == 0 {
            return Ok(());
        }
        let full = f64::from(rate);
        let now = Instant::now();
        let mut bucket = self.0.lock().expect("the throttle is never poisoned");
        let level = bucket.level.map_or(full, |(level, at)| (level + full * (now - at).as_secs_f64()).min(full));
        if level >= 1.0 {
            bucket.level = Some((level - 1.0, now));
            return Ok(());
        }
        bucket.level = Some((level, now));
        bucket.refused += 1;
        // The documented texts in turn: a client must know all three.
        Err(ApiError::new(
            503,
            match bucket.refused % 3 {
                1 => format!("Server is busy. More than {rate} requests per second can be throttled."),
                2 => format!("Server is busy. More than {rate} requests within 1 seconds can be throttled."),
                _ => "Server is busy. Previous runs of this type of request took more than 1 seconds.".to_owned(),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_and_the_three_texts_take_turns() {
        let throttle = Throttle::default();
        assert_eq!((0..20).filter(|_| throttle.admit(10).is_ok()).count(), 10);
        let texts: std::collections::BTreeSet<_> = (0..3).map(|_| throttle.admit(10).unwrap_err().message).collect();
        assert_eq!(texts.len(), 3);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((0..20).filter(|_| throttle.admit(10).is_ok()).count(), 5);
        assert!((0..1000).all(|_| throttle.admit(0).is_ok()));
    }
}
