//! The wall clock, and the time since the machine was started. Both follow tokio's clock, so that in virtual time SAS starts,
//! token expiries and durations move too. In real time they are the system's: the wall clock follows the time service.

use std::time::{Duration, Instant, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// If the difference to a service's clock is larger, nothing is withdrawn. Services refuse requests if it exceeds 15
/// minutes.
pub const MOST_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Two readings of clocks count as simultaneous if no more time than this passed between them.
const AT_ONCE: Duration = Duration::from_micros(100);
/// How often reading them is repeated until they are simultaneous.
const READINGS: u32 = 10;

/// The current wall-clock time, UTC.
pub fn now() -> Timestamp {
    let (wall, ahead) = with_lead(SystemTime::now);
    Timestamp::try_from(wall).and_then(|wall| wall.checked_add(ahead)).unwrap_or(Timestamp::MAX)
}

/// The time since the machine was started. Where the system has such a clock (Linux), it includes the time that the machine
/// was suspended.
pub fn since_boot() -> SignedDuration {
    let (boot, ahead) = with_lead(boot_clock);
    SignedDuration::try_from(boot).unwrap_or(SignedDuration::MAX).saturating_add(ahead)
}

/// When the clocks of a zone show that time. A time that they skip in spring is an hour later; a time that they show
/// twice in autumn is the first one.
pub fn when(zone: &TimeZone, shown: DateTime) -> Timestamp {
    zone.to_ambiguous_timestamp(shown).compatible().unwrap_or(Timestamp::MAX)
}

/// Reads a clock and, simultaneously, how far virtual time is ahead. Reads both again if the thread waited in between.
fn with_lead<T>(clock: impl Fn() -> T) -> (T, SignedDuration) {
    let read = || {
        let began = Instant::now();
        ((clock(), virtual_lead()), began.elapsed() < AT_ONCE)
    };
    let mut last = read();
    for _ in 1..READINGS {
        if last.1 {
            break;
        }
        last = read();
    }
    last.0
}

/// How far virtual time is ahead of real time; almost zero if tokio's clock is not paused.
fn virtual_lead() -> SignedDuration {
    let real = Instant::now();
    let tokio = tokio::time::Instant::now().into_std();
    let signed = |length| SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    match tokio.checked_duration_since(real) {
        Some(ahead) => signed(ahead),
        None => -signed(real - tokio),
    }
}

#[cfg(target_os = "linux")]
fn boot_clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// On systems without a clock that counts suspended time, this is the clock of [`Instant`].
#[cfg(not(target_os = "linux"))]
fn boot_clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_moves_and_stops_with_virtual_time() {
        let (before, boot) = (now(), since_boot());
        std::thread::sleep(Duration::from_millis(3));
        let still = now().duration_since(before).as_secs_f64();
        assert!(still.abs() < 0.001, "{still}");
        tokio::time::advance(Duration::from_hours(24)).await;
        for moved in [now().duration_since(before), since_boot() - boot] {
            let moved = moved.as_secs_f64();
            assert!((moved - 86_400.0).abs() < 0.001, "{moved}");
        }
    }

    #[test]
    fn the_clock_is_the_systems_clock_without_virtual_time() {
        let apart = now().duration_since(Timestamp::now()).as_secs_f64();
        assert!(apart.abs() < 1.0, "{apart}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_since_boot_is_that_of_the_kernel() {
        let kernel: f64 = std::fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse().unwrap();
        let ours = since_boot().as_secs_f64();
        assert!((ours - kernel).abs() < 5.0, "{ours} and {kernel}");
    }
}
