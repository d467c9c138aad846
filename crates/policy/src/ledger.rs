//! What came in when: exact sums of dated amounts, day by day.
//!
//! A ledger's day is a UTC day, whatever the offset of the pack that asks: the same amount stands on the same day for
//! every pack, and a sum of two packs is the same sum. Days whose amounts add up to nothing are not kept, so two
//! ledgers that say the same are equal.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::money::Currency;
use crate::time::Millis;

/// Days back from today that a ledger is kept and that a test may look at.
pub const LEDGER_DAYS_MAX: u16 = 800;

const DAY_MS: i64 = 86_400_000;

/// A UTC day, as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of an instant.
    pub fn of(at: Millis) -> Self {
        Self(i32::try_from(at.0.div_euclid(DAY_MS)).unwrap_or(if at.0 < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Its first instant.
    pub fn starts_at(self) -> Millis {
        Millis(i64::from(self.0) * DAY_MS)
    }

    /// So many days later, or earlier.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The same day of the month so many months later, or the last day of that month if it has no such day.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let (year, month, day) = self.civil();
        let month = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => 31,
        };
        Self::of_civil(year, month, i64::from(day).min(last))
    }

    /// The day of its month, from 1.
    pub(crate) fn of_month(self) -> u8 {
        // A month has 31 days at most.
        self.civil().2 as u8
    }

    /// Year, month and day of the Gregorian calendar.
    fn civil(self) -> (i32, i32, i32) {
        // Counted from 0000-03-01 on, so that a leap day is the last day of its year.
        let days = i64::from(self.0) + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        // A day of 32 bits has a year of 24.
        (year as i32, month as i32, day as i32)
    }

    fn of_civil(year: i64, month: i64, day: i64) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let march_month = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * march_month + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

/// Which amounts belong together: those of one metric, and of money those of one currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerName {
    /// The metric, as in packs: `sales`, `revenue`, `strikes`.
    pub metric: String,
    /// The currency; `None` for plain counts.
    pub currency: Option<Currency>,
}

impl LedgerName {
    /// An amount as people read it.
    pub(crate) fn spell(&self, amount: i64) -> String {
        match self.currency {
            Some(currency) => currency.spell(amount),
            None => crate::explain::grouped(amount),
        }
    }
}

/// Exact sums by day, ascending, without days that add up to 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    // Apart, because a pair of them would take 16 bytes.
    days: Vec<i32>,
    sums: Vec<i64>,
}

impl Ledger {
    /// The sum of a day.
    pub fn get(&self, day: Day) -> i64 {
        let at = self.days.binary_search(&day.0);
        at.ok().and_then(|at| self.sums.get(at)).copied().unwrap_or(0)
    }

    /// Makes `sum` the sum of a day.
    pub fn set(&mut self, day: Day, sum: i64) {
        match self.days.binary_search(&day.0) {
            Ok(at) if sum == 0 => {
                self.days.remove(at);
                self.sums.remove(at);
            }
            Ok(at) => {
                if let Some(known) = self.sums.get_mut(at) {
                    *known = sum;
                }
            }
            Err(_) if sum == 0 => {}
            Err(at) => {
                self.days.insert(at, day.0);
                self.sums.insert(at, sum);
            }
        }
    }

    /// Forgets the days before this one.
    pub fn forget_before(&mut self, day: Day) {
        let gone = self.days.partition_point(|known| *known < day.0);
        self.days.drain(..gone);
        self.sums.drain(..gone);
    }

    /// The days that have a sum, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Day, i64)> + '_ {
        self.days.iter().map(|day| Day(*day)).zip(self.sums.iter().copied())
    }

    /// The days that have a sum, from this one on.
    pub fn since(&self, day: Day) -> impl DoubleEndedIterator<Item = (Day, i64)> + '_ {
        let from = self.days.partition_point(|known| *known < day.0);
        let days = self.days.get(from..).unwrap_or_default();
        let sums = self.sums.get(from..).unwrap_or_default();
        days.iter().map(|day| Day(*day)).zip(sums.iter().copied())
    }

    /// How many days have a sum.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// True if no day has a sum.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    fn entry(&self, at: usize) -> Option<(i32, i64)> {
        Some((*self.days.get(at)?, *self.sums.get(at)?))
    }

    fn first_from(&self, day: i32) -> usize {
        self.days.partition_point(|known| *known < day)
    }
}

/// The ledgers of one account, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledgers(pub BTreeMap<LedgerName, Arc<Ledger>>);

/// A running sum over days that only moves forward: one day comes in, one goes out.
#[derive(Clone, Copy)]
pub(crate) struct Running<'a> {
    ledger: Option<&'a Ledger>,
    from: usize,
    until: usize,
    sum: i128,
}

impl<'a> Running<'a> {
    /// Over no days yet, in front of `day`.
    pub(crate) fn before(ledgers: &'a Ledgers, name: &LedgerName, day: Day) -> Self {
        let ledger = ledgers.0.get(name).map(Arc::as_ref);
        let at = ledger.map_or(0, |ledger| ledger.first_from(day.0));
        Self { ledger, from: at, until: at, sum: 0 }
    }

    pub(crate) const NOTHING: Self = Self { ledger: None, from: 0, until: 0, sum: 0 };

    /// Moves on to the days from `from` up to, not with, `until`; neither may go back.
    pub(crate) fn over(&mut self, from: Day, until: Day) {
        let Some(ledger) = self.ledger else { return };
        while let Some((day, sum)) = ledger.entry(self.until)
            && day < until.0
        {
            self.sum += i128::from(sum);
            self.until += 1;
        }
        while self.from < self.until
            && let Some((day, sum)) = ledger.entry(self.from)
            && day < from.0
        {
            self.sum -= i128::from(sum);
            self.from += 1;
        }
    }

    /// The sum. More than fits is as good as the largest number: no test has a larger one.
    pub(crate) fn sum(&self) -> i64 {
        let clamped = self.sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(clamped).unwrap_or_default()
    }

    /// The first day in it.
    pub(crate) fn first(&self) -> Option<Day> {
        if self.from >= self.until {
            return None;
        }
        self.ledger?.entry(self.from).map(|(day, _)| Day(day))
    }

    /// The last day of the whole ledger.
    pub(crate) fn last_of_all(&self) -> Option<Day> {
        self.ledger?.days.last().map(|day| Day(*day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        let epoch = jiff::civil::date(1970, 1, 1);
        for day in (-1_000..70_000).step_by(17) {
            let civil = epoch + day.days();
            assert_eq!(Day(day).to_string(), civil.to_string());
            for months in [0, 1, 6, 12, 24] {
                let later = civil + months.months();
                assert_eq!(
                    Day(day).plus_months(months).to_string(),
                    later.to_string(),
                    "{civil} and {months} months"
                );
            }
        }
        let day = |text: &str| {
            let civil: jiff::civil::Date = text.parse().unwrap();
            Day(epoch.until(civil).unwrap().get_days())
        };
        assert_eq!(day("2024-02-29").plus_months(12), day("2025-02-28"));
        assert_eq!(day("2024-01-31").plus_months(1), day("2024-02-29"));
        assert_eq!(Day::of(Millis(-1)), Day(-1));
        assert_eq!(Day::of(Day(20_000).starts_at()), Day(20_000));
    }

    #[test]
    fn what_adds_up_to_nothing_is_not_kept() {
        let mut ledger = Ledger::default();
        for (day, sum) in [(5, 3), (1, 2), (9, 4), (5, 0), (7, 0)] {
            ledger.set(Day(day), sum);
        }
        assert_eq!(ledger.iter().collect::<Vec<_>>(), [(Day(1), 2), (Day(9), 4)]);
        assert_eq!((ledger.get(Day(9)), ledger.get(Day(5))), (4, 0));
        assert_eq!(ledger.since(Day(2)).collect::<Vec<_>>(), [(Day(9), 4)]);
        ledger.forget_before(Day(9));
        assert_eq!(ledger.iter().collect::<Vec<_>>(), [(Day(9), 4)]);
    }
}
