//! The wall clock. It follows tokio's clock, so that in virtual time SAS starts, token expiries and durations move too.
//! In real time it is the system's: it follows the time service, and a machine that slept.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;

/// The current wall-clock time, UTC.
pub fn now() -> Timestamp {
    let (wall, real) = (SystemTime::now(), Instant::now());
    let tokio = tokio::time::Instant::now().into_std();
    // How far virtual time is from real time; next to nothing where the clock is not paused.
    let shifted = match tokio.checked_duration_since(real) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(real - tokio),
    };
    shifted.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_moves_with_virtual_time_and_stands_still_with_it() {
        let before = now();
        std::thread::sleep(Duration::from_millis(3));
        let still = now().duration_since(before).as_secs_f64();
        assert!(still.abs() < 0.001, "{still}");
        tokio::time::advance(Duration::from_hours(24)).await;
        let moved = now().duration_since(before).as_secs_f64();
        assert!((moved - 86_400.0).abs() < 0.001, "{moved}");
    }

    #[test]
    fn it_is_the_systems_clock_outside_of_virtual_time() {
        let apart = now().duration_since(Timestamp::now()).as_secs_f64();
        assert!(apart.abs() < 1.0, "{apart}");
    }
}
