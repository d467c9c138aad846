//! The two small numbers everything here is made of: who, and on which day.

/// An account as the engine knows it: a dense number, given out in order of first sight.
///
/// Numbers mean nothing outside one engine; whoever owns the names owns the mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNo(pub u32);

/// Whole days since 1970-01-01 UTC; the last one falls in June 2149.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u16);

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Day {
    /// The day that holds this moment, in milliseconds since 1970-01-01 UTC. Moments outside the range of a
    /// day belong to the first or the last one.
    pub fn of(ms: i64) -> Day {
        let days = ms.div_euclid(DAY_MS).clamp(0, i64::from(u16::MAX));
        Day(u16::try_from(days).unwrap_or(u16::MAX))
    }
}
