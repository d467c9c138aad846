//! Whether any account at all can meet a set of tests.
//!
//! Tests are spread out into claims, each a plain list of ranges and sets that either fits together or does not.
//! A rule that spreads into more than `CLAIMS_MAX` claims counts as possible: this may miss a fault, never invent one.

use std::collections::{BTreeMap, BTreeSet};

use crate::pack::{Test, TestKind};
use crate::window::WindowTest;
use crate::words::{Class, Compare, HolderKind, Standing, TopicMode};

const CLAIMS_MAX: usize = 1_024;

/// True unless no account can meet every one of the tests; `false` beside a test asks for its opposite.
pub(super) fn possible(tests: &[(&Test, bool)]) -> bool {
    let mut claims = vec![Claim::default()];
    for (test, wanted) in tests {
        match narrow(claims, test, *wanted) {
            Some(left) => claims = left,
            None => return true,
        }
    }
    !claims.is_empty()
}

/// What one way of meeting the tests asks of an account.
#[derive(Clone, Default)]
struct Claim<'t> {
    /// Smallest and largest value.
    metrics: BTreeMap<&'t str, (i64, i64)>,
    /// Windows that must hold, or must not. What can stand in one window beside another is not worked out.
    windows: Vec<(&'t WindowTest, bool)>,
    classes: Only<Class>,
    standings: Only<Standing>,
    holders: Only<Option<HolderKind>>,
    verified: Only<bool>,
    name_shown: Only<bool>,
    dominant: Option<BTreeSet<&'t str>>,
    not_dominant: BTreeSet<&'t str>,
    one_of: Vec<&'t [String]>,
    none_of: BTreeSet<&'t str>,
}

/// The values left out.
#[derive(Clone)]
struct Only<T> {
    out: Vec<T>,
}

impl<T> Default for Only<T> {
    fn default() -> Self {
        Self { out: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Only<T> {
    /// Keeps the values that `keep` accepts; false if none of `all` is left.
    fn keep(&mut self, all: &[T], keep: impl Fn(T) -> bool) -> bool {
        for value in all {
            if !keep(*value) && !self.out.contains(value) {
                self.out.push(*value);
            }
        }
        self.out.len() < all.len()
    }
}

fn narrow<'t>(claims: Vec<Claim<'t>>, test: &'t Test, wanted: bool) -> Option<Vec<Claim<'t>>> {
    let every = |tests: &'t [Test], claims: Vec<Claim<'t>>| {
        tests.iter().try_fold(claims, |claims, test| narrow(claims, test, wanted))
    };
    let some = |tests: &'t [Test], claims: Vec<Claim<'t>>| {
        let mut all = Vec::new();
        for test in tests {
            all.extend(narrow(claims.clone(), test, wanted)?);
            if all.len() > CLAIMS_MAX {
                return None;
            }
        }
        Some(all)
    };
    match &test.kind {
        TestKind::All(tests) if wanted => every(tests, claims),
        TestKind::Any(tests) if !wanted => every(tests, claims),
        TestKind::All(tests) | TestKind::Any(tests) => some(tests, claims),
        TestKind::Not(test) => narrow(claims, test, !wanted),
        leaf => Some(
            claims.into_iter().filter_map(|mut claim| claim.add(leaf, wanted).then_some(claim)).collect(),
        ),
    }
}

impl<'t> Claim<'t> {
    /// Adds what a single test asks; false if the claim no longer fits together.
    fn add(&mut self, leaf: &'t TestKind, wanted: bool) -> bool {
        match leaf {
            TestKind::All(_) | TestKind::Any(_) | TestKind::Not(_) => true,
            TestKind::Metric { name, compare, number } => self.metric(name, *compare, *number, wanted),
            TestKind::Window(window) => {
                self.windows.push((window, wanted));
                !self.windows.contains(&(window, !wanted))
            }
            // Stands inside of a window only, and that is a claim of its own.
            TestKind::Sum { .. } => true,
            TestKind::Topics { mode, topics } => {
                match (mode, wanted) {
                    (TopicMode::Any, true) => self.one_of.push(topics),
                    (TopicMode::Any, false) => self.none_of.extend(topics.iter().map(String::as_str)),
                    (TopicMode::Dominant, false) => {
                        self.not_dominant.extend(topics.iter().map(String::as_str));
                    }
                    (TopicMode::Dominant, true) => {
                        let named: BTreeSet<&str> = topics.iter().map(String::as_str).collect();
                        self.dominant = Some(match self.dominant.take() {
                            Some(left) => left.intersection(&named).copied().collect(),
                            None => named,
                        });
                    }
                }
                self.topics_fit()
            }
            TestKind::Class(classes) => self.classes.keep(Class::ALL, |one| classes.contains(&one) == wanted),
            TestKind::Standing(standings) => {
                self.standings.keep(Standing::ALL, |one| standings.contains(&one) == wanted)
            }
            TestKind::Holder(kind) => {
                let all = [None, Some(HolderKind::Person), Some(HolderKind::Organisation)];
                self.holders.keep(&all, |one| (one == Some(*kind)) == wanted)
            }
            TestKind::IdentityVerified(yes) => {
                self.verified.keep(&[false, true], |one| (one == *yes) == wanted)
            }
            TestKind::NameShown(yes) => self.name_shown.keep(&[false, true], |one| (one == *yes) == wanted),
        }
    }

    fn metric(&mut self, name: &'t str, compare: Compare, number: i64, wanted: bool) -> bool {
        let (least, most) = match (compare, wanted) {
            (Compare::AtLeast, true) | (Compare::LessThan, false) => (number, i64::MAX),
            (Compare::MoreThan, true) | (Compare::AtMost, false) => (number.saturating_add(1), i64::MAX),
            (Compare::AtMost, true) | (Compare::MoreThan, false) => (0, number),
            (Compare::LessThan, true) | (Compare::AtLeast, false) => (0, number.saturating_sub(1)),
        };
        let range = self.metrics.entry(name).or_insert((0, i64::MAX));
        *range = (range.0.max(least), range.1.min(most));
        range.0 <= range.1
    }

    // The main topic counts as a topic, so what is banned altogether cannot be the main one either.
    fn topics_fit(&self) -> bool {
        let main_fits = self.dominant.as_ref().is_none_or(|named| {
            named.iter().any(|topic| !self.not_dominant.contains(topic) && !self.none_of.contains(topic))
        });
        let each_fits =
            self.one_of.iter().all(|list| list.iter().any(|topic| !self.none_of.contains(topic.as_str())));
        main_fits && each_fits
    }
}
