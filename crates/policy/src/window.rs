//! Tests over stretches of days: the last so many, or any so many in a row within the last so many.
//!
//! A window of a span that starts on a day goes up to, not with, the same day of the month one span later. The current
//! window is the one that has not ended: so an amount counts until the day before its own day comes round again. Time
//! alone changes the answer, and [`WindowTest::flips_on`] says when.

use std::fmt;

use crate::evaluate::Seen;
use crate::ledger::{Day, LEDGER_DAYS_MAX, LedgerName, Running};
use crate::pack::{Test, TestKind};
use crate::words::Compare;

/// Sums in one window at most.
pub(crate) const SUMS_MAX: usize = 8;

/// A stretch of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// So many days.
    Days(u16),
    /// So many months of the calendar.
    Months(u16),
}

impl Span {
    /// Reads `30d` or `12mo`; at most [`LEDGER_DAYS_MAX`] days.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|number| plain && *number > 0)
        };
        let span = match text.strip_suffix("mo") {
            Some(months) => Self::Months(number(months)?),
            None => Self::Days(number(text.strip_suffix('d')?)?),
        };
        (span.days_max() <= u32::from(LEDGER_DAYS_MAX)).then_some(span)
    }

    /// How many days it has at most.
    pub(crate) fn days_max(self) -> u32 {
        match self {
            Self::Days(days) => u32::from(days),
            Self::Months(months) => u32::from(months) * 31,
        }
    }

    /// The first day after a stretch that starts on this day.
    fn after(self, start: Day) -> Day {
        match self {
            Self::Days(days) => start.plus(i32::from(days)),
            Self::Months(months) => start.plus_months(i32::from(months)),
        }
    }

    /// The first day whose stretch has not ended before `today` is over.
    fn first_open(self, today: Day) -> Day {
        match self {
            Self::Days(days) => today.plus(1 - i32::from(days)),
            // Months differ in length: the same day of that month, or its last one, has always ended.
            Self::Months(months) => {
                self.first_open_from(today.plus_months(-i32::from(months)).plus(1), today)
            }
        }
    }

    /// The same for a later day, from what it was before.
    fn first_open_from(self, before: Day, today: Day) -> Day {
        let mut start = before;
        while self.after(start) <= today {
            start = start.plus(1);
        }
        start
    }

    fn words(self) -> String {
        match self {
            Self::Days(1) => "day".to_owned(),
            Self::Days(days) => format!("{days} days"),
            Self::Months(1) => "month".to_owned(),
            Self::Months(months) => format!("{months} months"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(out, "{days}d"),
            Self::Months(months) => write!(out, "{months}mo"),
        }
    }
}

/// Tests on sums, each over the same days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTest {
    /// How far back windows may start; `None` if only the current window counts.
    pub within: Option<Span>,
    /// How long a window is.
    pub window: Span,
    /// What must hold over the sums of one and the same window.
    pub test: Box<Test>,
    /// The sums it asks for, by the numbers in [`TestKind::Sum`].
    pub sums: Vec<LedgerName>,
}

/// The window that decides, or comes nearest to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nearest {
    /// Its first day.
    pub(crate) from: Day,
    /// Its last day.
    pub(crate) to: Day,
    /// Its sums.
    pub(crate) sums: Sums,
    /// The last day on which its oldest amount counts; `None` if it has none.
    pub(crate) oldest_until: Option<Day>,
}

/// The sums of one window, by number.
pub(crate) type Sums = [i64; SUMS_MAX];

/// Windows one after another, each a day later than the one before.
struct Sweep<'a> {
    test: &'a WindowTest,
    running: [Running<'a>; SUMS_MAX],
    /// The next window to look at.
    start: Day,
    /// The first day after it.
    end: Day,
    /// The day of the month on which it starts.
    day_of_month: u8,
}

impl<'a> Sweep<'a> {
    fn new(test: &'a WindowTest, seen: Seen<'a>, start: Day) -> Self {
        let mut running = [Running::NOTHING; SUMS_MAX];
        for (running, name) in running.iter_mut().zip(&test.sums) {
            *running = Running::before(&seen.facts.ledgers, name, start);
        }
        Self { test, running, start, end: test.window.after(start), day_of_month: start.of_month() }
    }

    /// The sums of the next window, of which nothing after `today` counts.
    fn next(&mut self, today: Day) -> Sums {
        let until = self.end.min(today.plus(1));
        let mut sums = [0; SUMS_MAX];
        for (sum, running) in sums.iter_mut().zip(&mut self.running).take(self.test.sums.len()) {
            running.over(self.start, until);
            *sum = running.sum();
        }
        self.go_on();
        sums
    }

    /// To the window that starts a day later.
    fn go_on(&mut self) {
        self.start = self.start.plus(1);
        self.day_of_month += 1;
        // Every month has 28 days, so up to there the end moves on by a day as well.
        if self.day_of_month <= 28 || matches!(self.test.window, Span::Days(_)) {
            self.end = self.end.plus(1);
            self.day_of_month = self.day_of_month.min(29);
        } else {
            self.end = self.test.window.after(self.start);
            self.day_of_month = self.start.of_month();
        }
    }

    fn last_day(&self) -> Option<Day> {
        self.running.iter().filter_map(Running::last_of_all).max()
    }
}

impl WindowTest {
    /// The first and the last day on which a window may start that counts today.
    fn starts(&self, today: Day) -> (Day, Day) {
        let last = self.window.first_open(today);
        let first = self.within.map_or(last, |within| within.first_open(today).min(last));
        (first, last)
    }

    fn has_amounts(&self, seen: Seen<'_>) -> bool {
        self.sums.iter().any(|name| seen.facts.ledgers.0.contains_key(name))
    }

    /// True if it holds today.
    pub(crate) fn holds(&self, seen: Seen<'_>) -> bool {
        // Most accounts have no amounts at all.
        if !self.has_amounts(seen) {
            return self.test.holds_over(&[0; SUMS_MAX]);
        }
        self.holds_on(seen, seen.today)
    }

    fn holds_on(&self, seen: Seen<'_>, today: Day) -> bool {
        let (first, last) = self.starts(today);
        let mut sweep = Sweep::new(self, seen, first);
        while sweep.start <= last {
            if self.test.holds_over(&sweep.next(today)) {
                return true;
            }
        }
        false
    }

    /// The first day after today on which the answer is another one if no amount comes; `None` if it stays.
    pub(crate) fn flips_on(&self, seen: Seen<'_>) -> Option<Day> {
        if !self.has_amounts(seen) {
            return None;
        }
        let holds = self.holds(seen);
        let mut today = seen.today;
        let last_day = Sweep::new(self, seen, today).last_day()?;
        // Amounts a few minutes ahead of the clock may stand on the next day, where they count from then on.
        while today < last_day {
            today = today.plus(1);
            if self.holds_on(seen, today) != holds {
                return Some(today);
            }
        }
        // From here on nothing comes in, so a window holds or does not whenever it is looked at; only the range of windows
        // moves on.
        let mut sweep = Sweep::new(self, seen, self.starts(today).0);
        let mut latest = None;
        let (mut first, mut last) = self.starts(today);
        loop {
            last = self.window.first_open_from(last, today);
            first = self.within.map_or(last, |within| within.first_open_from(first, today).min(last));
            while sweep.start <= last {
                let start = sweep.start;
                if self.test.holds_over(&sweep.next(Day(i32::MAX - 1))) {
                    latest = Some(start);
                }
            }
            if latest.is_some_and(|latest| latest >= first) != holds {
                return Some(today);
            }
            // All windows are empty, and stay so.
            if first > last_day {
                return None;
            }
            today = today.plus(1);
        }
    }

    /// The latest window in which it holds, or else the one that is nearest to it, of several the latest.
    pub(crate) fn nearest(&self, seen: Seen<'_>) -> Nearest {
        let (first, last) = self.starts(seen.today);
        let mut sweep = Sweep::new(self, seen, first);
        let mut best: Option<(bool, u64, Nearest)> = None;
        while sweep.start <= last {
            let from = sweep.start;
            let sums = sweep.next(seen.today);
            let rank = (self.test.holds_over(&sums), self.test.progress(&sums));
            if best.as_ref().is_none_or(|(holds, progress, _)| rank >= (*holds, *progress)) {
                let oldest = sweep.running.iter().filter_map(Running::first).min();
                let nearest = Nearest {
                    from,
                    to: self.window.after(from).plus(-1).min(seen.today),
                    sums,
                    oldest_until: oldest.map(|day| self.within.unwrap_or(self.window).after(day).plus(-1)),
                };
                best = Some((rank.0, rank.1, nearest));
            }
        }
        let nothing = Nearest { from: last, to: seen.today, sums: [0; SUMS_MAX], oldest_until: None };
        best.map_or(nothing, |(_, _, nearest)| nearest)
    }

    /// Which windows it looks at, in words.
    pub(crate) fn words(&self) -> String {
        match self.within {
            None => format!("in the last {}", self.window.words()),
            Some(within) => {
                format!("in any {} in a row within the last {}", self.window.words(), within.words())
            }
        }
    }
}

impl Test {
    /// Whether a test inside of a window holds over its sums.
    pub(crate) fn holds_over(&self, sums: &Sums) -> bool {
        match &self.kind {
            TestKind::All(tests) => tests.iter().all(|test| test.holds_over(sums)),
            TestKind::Any(tests) => tests.iter().any(|test| test.holds_over(sums)),
            TestKind::Not(test) => !test.holds_over(sums),
            TestKind::Sum { sum, compare, number, .. } => compare.holds(sum_of(sums, *sum), *number),
            // The parser lets nothing else into a window.
            TestKind::Metric { .. }
            | TestKind::Window(_)
            | TestKind::Topics { .. }
            | TestKind::Class(_)
            | TestKind::Standing(_)
            | TestKind::Holder(_)
            | TestKind::IdentityVerified(_)
            | TestKind::NameShown(_) => false,
        }
    }

    /// How far the sums have come, for choosing the window that a person should be told about.
    fn progress(&self, sums: &Sums) -> u64 {
        let mut progress = 0;
        self.visit(&mut |test| {
            if let TestKind::Sum { sum, compare, number, .. } = &test.kind {
                let value = sum_of(sums, *sum);
                progress += match compare {
                    _ if compare.holds(value, *number) => 1_000,
                    Compare::AtLeast | Compare::MoreThan if *number > 0 => {
                        let share = i128::from(value.max(0)) * 1_000 / i128::from(*number);
                        u64::try_from(share).unwrap_or(0).min(999)
                    }
                    _ => 0,
                };
            }
        });
        progress
    }
}

pub(crate) fn sum_of(sums: &Sums, number: u8) -> i64 {
    sums.get(usize::from(number)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_and_stay_within_what_is_kept() {
        for text in ["1d", "30d", "800d", "1mo", "12mo", "24mo", "25mo"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "d", "mo", "0d", "801d", "26mo", "12m", "1y", "+1d", "1.5d", "72h"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_open_day_is_the_first_whose_stretch_reaches_today() {
        for span in [Span::Days(1), Span::Days(30), Span::Months(1), Span::Months(12), Span::Months(24)] {
            for today in (19_000..20_600).map(Day) {
                let first = span.first_open(today);
                assert!(span.after(first) > today, "{span} on {today}");
                assert!(span.after(first.plus(-1)) <= today, "{span} on {today}");
            }
        }
    }
}
