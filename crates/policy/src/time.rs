//! Times and durations as packs write them: `2023-10-31`, `30d`, `72h`.
//!
//! A date in a pack is the first instant of that day at the pack's own offset from UTC, never the machine's.

use std::fmt;

/// An instant: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// This instant and `length` later; the far end of time if it would not fit.
    pub const fn plus(self, length: Length) -> Self {
        Self(self.0.saturating_add_unsigned(length.0))
    }
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(pub u64);

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest length a pack or a choice may state: one hundred years.
pub const LENGTH_MAX: Length = Length(36_500 * DAY);

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many days.
    pub const fn days(days: u64) -> Self {
        Self(days.saturating_mul(DAY))
    }

    /// Reads `30d`, `72h`, `15m` or `10s`: a whole number and one unit, at most [`LENGTH_MAX`].
    pub fn parse(text: &str) -> Option<Self> {
        let unit = match text.as_bytes().last()? {
            b'd' => DAY,
            b'h' => HOUR,
            b'm' => MINUTE,
            b's' => SECOND,
            _ => return None,
        };
        let number = text.get(..text.len() - 1)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length = Self(number.parse::<u64>().ok()?.checked_mul(unit)?);
        (length <= LENGTH_MAX).then_some(length)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => out.write_str("0d"),
            ms if ms % DAY == 0 => write!(out, "{}d", ms / DAY),
            ms if ms % HOUR == 0 => write!(out, "{}h", ms / HOUR),
            ms if ms % MINUTE == 0 => write!(out, "{}m", ms / MINUTE),
            ms => write!(out, "{}s", ms / SECOND),
        }
    }
}

/// A day of the calendar, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// Reads `2023-10-31`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !plain {
            return None;
        }
        text.parse().ok().map(Self)
    }

    /// Year, month and day, or `None` if there is no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        jiff::civil::Date::new(year, month, day).ok().map(Self)
    }

    /// The first instant of the day, at an offset in minutes east of UTC.
    pub fn starts_at(self, offset_minutes: i32) -> Millis {
        let days = i64::from(jiff::civil::date(1970, 1, 1).until(self.0).map_or(0, |span| span.get_days()));
        Millis(days * DAY.cast_signed() - i64::from(offset_minutes) * MINUTE.cast_signed())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Reads `+08:00` as minutes east of UTC.
pub(crate) fn parse_offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(hours) || !plain(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_back() {
        for text in ["0d", "1d", "30d", "72h", "15m", "10s", "36500d"] {
            let length = Length::parse(text).unwrap();
            assert_eq!(Length::parse(&length.to_string()), Some(length), "{text}");
        }
        assert_eq!(Length::parse("72h"), Some(Length::days(3)));
        for text in
            ["", "d", "30", "-1d", "+1d", "1.5d", "30 d", "36501d", "99999999999999999999d", "1w", "日"]
        {
            assert_eq!(Length::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_starts_at_the_packs_own_midnight() {
        let date = Date::parse("2023-10-31").unwrap();
        assert_eq!(date.starts_at(0), Millis(1_698_710_400_000));
        assert_eq!(date.starts_at(8 * 60), Millis(1_698_710_400_000 - 8 * 3_600_000));
        assert_eq!(Date::parse("1970-01-01").unwrap().starts_at(0), Millis(0));
        assert_eq!(Date::parse("1969-12-31").unwrap().starts_at(0), Millis(-86_400_000));
        for text in ["2023-02-30", "2023-1-1", "20231031", "2023-10-31T00:00", "+023-10-31", ""] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_are_written_in_full() {
        assert_eq!(parse_offset("+08:00"), Some(480));
        assert_eq!(parse_offset("-03:30"), Some(-210));
        for text in ["", "8", "+8:00", "+08", "+15:00", "+08:60", "Z"] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}
