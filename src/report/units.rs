//! Numbers, sizes and times as the page shows them.

use bytesize::ByteSize;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A count with its digits in groups of three, as in `1,000`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun.
pub fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {one}s", thousands(count)) }
}

/// A text as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

/// A size.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// A time span with at most two units.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in seconds, not negative")]
pub(super) fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds.round() as u64;
    match whole {
        0..=9 => format!("{seconds:.1} s"),
        10..=99 => format!("{whole} s"),
        100..=3_599 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..=172_799 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// A time, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A day, for the ends of a chart.
pub(super) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%b %-d").to_string()
}

/// A number per second.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(super) fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// A number with its significant digits.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => thousands(whole(value)),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
pub(super) fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_numbers_are_readable() {
        for (seconds, expected) in
            [(0.42, "0.4 s"), (42.4, "42 s"), (200.0, "3 min 20 s"), (7_260.0, "2 h 1 min"), (200_000.0, "2 d 7 h")]
        {
            assert_eq!(span(seconds), expected);
        }
        assert_eq!([thousands(7), thousands(1_234_567)], ["7", "1,234,567"]);
        assert_eq!([number(0.1234), number(12.34), number(1_234.5)], ["0.12", "12.3", "1,235"]);
        assert_eq!([rate(10, 0.0), rate(10, 4.0)].map(number), ["0.00", "2.50"]);
        assert_eq!(moment(Timestamp::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
    }
}
