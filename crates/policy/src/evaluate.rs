//! Whether a rule holds for an account, and at which counts that may change.
//!
//! Nothing here allocates but `thresholds` and `flips`: `holds` runs for every account that moved, and `decide`
//! for every nameplate.

use crate::active::{ActiveExemption, ActivePhase, ActiveRule};
use crate::facts::{FOLLOWERS, Facts};
use crate::ledger::Day;
use crate::pack::{Test, TestKind};
use crate::time::Millis;
use crate::words::{Compare, NoticeKind, Reason, TopicMode};

/// The facts on a day, with two of them replaced: what a test really sees.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) followers: u64,
    pub(crate) name_shown: bool,
    pub(crate) today: Day,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(facts: &'a Facts, now: Millis) -> Self {
        Self { facts, followers: facts.followers, name_shown: facts.name_shown, today: Day::of(now) }
    }

    pub(crate) fn metric(&self, name: &str) -> i64 {
        if name == FOLLOWERS {
            return i64::try_from(self.followers).unwrap_or(i64::MAX);
        }
        self.facts.metric(name)
    }
}

impl Test {
    pub(crate) fn holds(&self, seen: Seen<'_>) -> bool {
        match &self.kind {
            TestKind::All(tests) => tests.iter().all(|test| test.holds(seen)),
            TestKind::Any(tests) => tests.iter().any(|test| test.holds(seen)),
            TestKind::Not(test) => !test.holds(seen),
            TestKind::Metric { name, compare, number } => compare.holds(seen.metric(name), *number),
            TestKind::Window(window) => window.holds(seen),
            // Asked over the sums of a window, see `Test::holds_over`.
            TestKind::Sum { .. } => false,
            TestKind::Topics { mode, topics } => {
                let listed = |topic: &String| topics.binary_search(topic).is_ok();
                seen.facts.dominant.as_ref().is_some_and(listed)
                    || (*mode == TopicMode::Any && seen.facts.topics.iter().any(listed))
            }
            TestKind::Class(classes) => classes.contains(&seen.facts.class),
            TestKind::Standing(standings) => standings.contains(&seen.facts.standing),
            TestKind::Holder(kind) => seen.facts.holder_kind == Some(*kind),
            TestKind::IdentityVerified(verified) => seen.facts.identity_verified == *verified,
            TestKind::NameShown(shown) => seen.name_shown == *shown,
        }
    }

    /// True if the test could come out as `wanted` with other counts and everything else as it is.
    fn could_be(&self, wanted: bool, seen: Seen<'_>) -> bool {
        match &self.kind {
            TestKind::All(tests) if wanted => tests.iter().all(|test| test.could_be(true, seen)),
            TestKind::All(tests) => tests.iter().any(|test| test.could_be(false, seen)),
            TestKind::Any(tests) if wanted => tests.iter().any(|test| test.could_be(true, seen)),
            TestKind::Any(tests) => tests.iter().all(|test| test.could_be(false, seen)),
            TestKind::Not(test) => test.could_be(!wanted, seen),
            TestKind::Metric { .. } | TestKind::Window(_) | TestKind::Sum { .. } => true,
            TestKind::Topics { .. }
            | TestKind::Class(_)
            | TestKind::Standing(_)
            | TestKind::Holder(_)
            | TestKind::IdentityVerified(_)
            | TestKind::NameShown(_) => self.holds(seen) == wanted,
        }
    }

    /// Visits this test and every test inside it.
    pub(crate) fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match &self.kind {
            TestKind::All(tests) | TestKind::Any(tests) => {
                for test in tests {
                    test.visit(see);
                }
            }
            TestKind::Not(test) => test.visit(see),
            TestKind::Window(window) => window.test.visit(see),
            TestKind::Metric { .. }
            | TestKind::Sum { .. }
            | TestKind::Topics { .. }
            | TestKind::Class(_)
            | TestKind::Standing(_)
            | TestKind::Holder(_)
            | TestKind::IdentityVerified(_)
            | TestKind::NameShown(_) => {}
        }
    }

    fn thresholds(&self, metric: &str, into: &mut Vec<u64>) {
        self.visit(&mut |test| {
            if let TestKind::Metric { name, compare, number } = &test.kind
                && name == metric
                && let Some(level) = compare.flips_at(*number)
            {
                into.push(level);
            }
        });
    }

    /// The first day after today on which a window inside gives another answer if no amount comes.
    fn flips_on(&self, seen: Seen<'_>) -> Option<Day> {
        let mut first: Option<Day> = None;
        self.visit(&mut |test| {
            if let TestKind::Window(window) = &test.kind
                && let Some(day) = window.flips_on(seen)
            {
                first = Some(first.map_or(day, |first| first.min(day)));
            }
        });
        first
    }

    fn looks_at_ledgers(&self) -> bool {
        let mut looks = false;
        self.visit(&mut |test| looks |= matches!(test.kind, TestKind::Window(_)));
        looks
    }

    fn looks_at_names(&self) -> bool {
        let mut looks = false;
        self.visit(&mut |test| looks |= matches!(test.kind, TestKind::NameShown(_)));
        looks
    }
}

impl Compare {
    pub(crate) const fn holds(self, value: i64, number: i64) -> bool {
        match self {
            Self::AtLeast => value >= number,
            Self::MoreThan => value > number,
            Self::AtMost => value <= number,
            Self::LessThan => value < number,
        }
    }

    /// The smallest count whose answer differs from the answer one below it; `None` if that is 0 or less.
    pub(crate) fn flips_at(self, number: i64) -> Option<u64> {
        let level = match self {
            Self::AtLeast | Self::LessThan => u64::try_from(number).ok()?,
            Self::MoreThan | Self::AtMost => u64::try_from(number.checked_add(1)?).ok()?,
        };
        (level > 0).then_some(level)
    }

    /// How much the value has to change for the answer to change: positive is up.
    pub(crate) const fn distance(self, value: i64, number: i64) -> i64 {
        let first_true_side_up = match self {
            Self::AtLeast | Self::LessThan => number,
            Self::MoreThan | Self::AtMost => number.saturating_add(1),
        };
        if value < first_true_side_up {
            first_true_side_up.saturating_sub(value)
        } else {
            first_true_side_up.saturating_sub(1).saturating_sub(value)
        }
    }
}

impl ActivePhase {
    pub(crate) fn started(&self, now: Millis) -> bool {
        self.starts.is_some_and(|start| start <= now)
    }
}

impl ActiveRule {
    /// True if the rule applies to an account with these facts: it is in force, its trigger holds, a phase that
    /// has started holds, and no exemption does. Says nothing about notice, consent or viewers.
    pub fn holds(&self, facts: &Facts, now: Millis) -> bool {
        self.why_not(Seen::new(facts, now), now).is_none()
    }

    /// `None` if the rule applies, else the first reason why it does not.
    pub(crate) fn why_not(&self, seen: Seen<'_>, now: Millis) -> Option<Reason> {
        if !self.in_force {
            return Some(Reason::NotInForce);
        }
        if !self.any_phase_started(now) {
            return Some(Reason::NotYetStarted);
        }
        if self.triggered(seen, now) {
            return self.exemption(seen).map(|exemption| match exemption.kind {
                crate::words::ExemptKind::Exempt => Reason::Exempt,
                crate::words::ExemptKind::Substituted => Reason::Substituted,
            });
        }
        Some(if self.could_be_triggered(seen, now) { Reason::BelowThreshold } else { Reason::OutOfScope })
    }

    pub(crate) fn triggered(&self, seen: Seen<'_>, now: Millis) -> bool {
        self.trigger.holds(seen)
            && (self.phases.is_empty() || self.started(now).any(|phase| phase.when.holds(seen)))
    }

    fn could_be_triggered(&self, seen: Seen<'_>, now: Millis) -> bool {
        self.trigger.could_be(true, seen)
            && (self.phases.is_empty() || self.started(now).any(|phase| phase.when.could_be(true, seen)))
    }

    pub(crate) fn exemption(&self, seen: Seen<'_>) -> Option<&ActiveExemption> {
        self.exempt.iter().find(|exemption| exemption.when.holds(seen))
    }

    fn any_phase_started(&self, now: Millis) -> bool {
        self.phases.is_empty() || self.started(now).next().is_some()
    }

    fn started(&self, now: Millis) -> impl Iterator<Item = &ActivePhase> {
        self.phases.iter().filter(move |phase| phase.started(now))
    }

    /// The phases, in the order of the pack.
    pub fn phases(&self) -> &[ActivePhase] {
        &self.phases
    }

    /// The counts of a metric at which [`holds`](Self::holds) may change, ascending and each once: between two
    /// neighbours it never changes with this metric alone. Each is the smallest count on its upper side.
    pub fn thresholds(&self, metric: &str, now: Millis) -> Vec<u64> {
        let mut levels = Vec::new();
        if self.in_force && self.any_phase_started(now) {
            self.trigger.thresholds(metric, &mut levels);
            for phase in self.started(now) {
                phase.when.thresholds(metric, &mut levels);
            }
            for exemption in &self.exempt {
                exemption.when.thresholds(metric, &mut levels);
            }
        }
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    /// The follower counts at which [`holds`](Self::holds) does change for an account with these other facts.
    pub fn flips(&self, facts: &Facts, now: Millis) -> Vec<u64> {
        let holds_at = |followers| self.why_not(Seen { followers, ..Seen::new(facts, now) }, now).is_none();
        let mut levels = self.thresholds(FOLLOWERS, now);
        levels.retain(|level| holds_at(*level) != holds_at(level.saturating_sub(1)));
        levels
    }

    /// How many followers have to be gained (positive) or lost (negative) for [`holds`](Self::holds) to change,
    /// whichever is nearer; `None` if no number of followers changes it.
    pub fn distance(&self, facts: &Facts, now: Millis) -> Option<i64> {
        let count = i64::try_from(facts.followers).unwrap_or(i64::MAX);
        self.flips(facts, now)
            .into_iter()
            .filter_map(|level| i64::try_from(level).ok())
            .map(|level| if count < level { level - count } else { level - 1 - count })
            .min_by_key(|distance| distance.unsigned_abs())
    }

    /// The earliest instant after `after` at which the rule starts to hold or to show by time alone.
    pub fn next_start(&self, after: Millis) -> Option<Millis> {
        let announced = (self.notice == NoticeKind::Announcement).then(|| self.announced_until());
        self.phases.iter().filter_map(|phase| phase.starts).chain(announced).filter(|at| *at > after).min()
    }

    /// The earliest instant after `now` at which [`holds`](Self::holds) may change although nothing happens to the account:
    /// old amounts fall out of a window. `None` if it cannot. Phases are in [`next_start`](Self::next_start).
    pub fn changes_at(&self, facts: &Facts, now: Millis) -> Option<Millis> {
        if !self.looks_at_ledgers || facts.ledgers.0.is_empty() || !self.in_force {
            return None;
        }
        let seen = Seen::new(facts, now);
        let first = self.tests().filter_map(|test| test.flips_on(seen)).min()?;
        Some(first.starts_at())
    }

    /// Trigger, phases and exemptions.
    fn tests(&self) -> impl Iterator<Item = &Test> {
        std::iter::once(&self.trigger)
            .chain(self.phases.iter().map(|phase| &phase.when))
            .chain(self.exempt.iter().map(|exemption| &exemption.when))
    }

    /// The counts of some of the followers that the rule asks for, each once: see [`FOLLOWER_COUNTS`](crate::FOLLOWER_COUNTS).
    pub fn follower_counts(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for test in self.tests() {
            test.visit(&mut |test| {
                if let TestKind::Metric { name, .. } = &test.kind
                    && crate::facts::is_follower_count(name)
                    && !names.contains(&name.as_str())
                {
                    names.push(name.as_str());
                }
            });
        }
        names
    }

    /// True if a test of the rule is over a window.
    pub(crate) fn has_windows(&self) -> bool {
        self.tests().any(Test::looks_at_ledgers)
    }

    /// The end of the notice period of an announcement.
    pub const fn announced_until(&self) -> Millis {
        Millis(self.active_from.0.saturating_add(self.notice_period_ms))
    }

    pub(crate) fn looks_at_names(&self) -> bool {
        self.tests().any(Test::looks_at_names)
    }
}
