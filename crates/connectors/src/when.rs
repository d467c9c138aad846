//! Times as other platforms write them.

use jiff::Timestamp;

/// Numbers below this are seconds: as milliseconds they would lie before March 1973, as seconds they reach the
/// year 5138.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// Milliseconds from RFC 3339 with an offset (`Z` or `+08:00`).
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Milliseconds from a number that an export wrote without its unit.
pub(crate) fn seconds_or_millis(number: u64) -> Option<i64> {
    let number_signed = i64::try_from(number).ok()?;
    if number < SECONDS_BELOW { number_signed.checked_mul(1000) } else { Some(number_signed) }
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, seconds_or_millis};

    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        assert_eq!(seconds_or_millis(0), Some(0));
        assert_eq!(seconds_or_millis(1_752_792_945), Some(1_752_792_945_000));
        assert_eq!(seconds_or_millis(1_752_792_945_123), Some(1_752_792_945_123));
        assert_eq!(seconds_or_millis(99_999_999_999), Some(99_999_999_999_000));
        assert_eq!(seconds_or_millis(100_000_000_000), Some(100_000_000_000));
        assert_eq!(seconds_or_millis(u64::MAX), None);
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        assert_eq!(rfc3339("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(rfc3339("1970-01-01T08:00:00+08:00"), Some(0));
        assert_eq!(rfc3339("1970-01-01T00:00:00"), None);
        assert_eq!(rfc3339("1970-01-01"), None);
        assert_eq!(rfc3339("yesterday"), None);
        assert_eq!(rfc3339(""), None);
    }
}
