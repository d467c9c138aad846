//! A rule against a whole population: for whom it begins to hold, for whom it ceases, exactly.
//!
//! Accounts differ in their counts and, apart from them, fall into few kinds: most of a platform is known by nothing but
//! that it exists. So a rule is asked once for each kind at which follower counts its answer changes, and an account is
//! one comparison. It is the evaluator that everything else uses which is asked; nothing is decided twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::active::ActiveRule;
use crate::evaluate::Seen;
use crate::facts::{FOLLOWERS, Facts};
use crate::time::Millis;
use crate::words::Class;

/// Accounts named in a sample, either way.
pub const SAMPLE_MAX: usize = 20;
/// Upper ends of the size bands that a change is broken down by; above the last is one more.
pub const BANDS: [u32; 7] = [1_000, 10_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000];

/// What a number stands for that has no kind: the account is looked at by itself.
const ALONE: u32 = u32::MAX;

/// A rule before and after a change, at one moment: phases begin. Either may be no rule at all.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The rule before.
    pub before: Option<&'a ActiveRule>,
    /// The rule after.
    pub after: Option<&'a ActiveRule>,
    /// When both are asked.
    pub at: Millis,
    /// They show something else, or sooner or later, so that it matters where both hold.
    pub otherwise: bool,
}

impl Turn<'_> {
    fn concerns(&self, was: bool, is: bool) -> bool {
        was != is || self.otherwise && is
    }
}

/// The facts of many accounts, by number from 0: 8 bytes each, and whole facts for those with counts besides followers.
#[derive(Clone, Debug, Default)]
pub struct Population {
    followers: Vec<u32>,
    /// Place in `kinds`, or [`ALONE`].
    kind: Vec<u32>,
    kinds: Vec<Facts>,
    /// Facts of accounts with counts besides followers, which make each of them a kind of its own.
    alone: BTreeMap<u32, Facts>,
    known: BTreeMap<Kind, u32>,
    /// The kind of accounts of which nothing is known.
    unknown: Option<u32>,
    /// Numbers that nobody has any more.
    nobody: usize,
}

/// Everything about an account that is no count: topics, main topic, class, standing, flags.
type Kind = (BTreeSet<String>, Option<String>, u8, u8, u8);

/// For whom a rule begins or ceases to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Accounts for which it holds before.
    pub before: u64,
    /// Accounts for which it holds after.
    pub after: u64,
    /// Accounts for which it begins to hold.
    pub begins: u64,
    /// Accounts for which it ceases to hold.
    pub ends: u64,
    /// Those that begin and those that cease, by class.
    pub by_class: BTreeMap<Class, (u64, u64)>,
    /// The same by the topic that the account is mainly about; `None` for those that are about none.
    pub by_topic: BTreeMap<Option<String>, (u64, u64)>,
    /// The same by size, in the order of [`BANDS`].
    pub by_size: [(u64, u64); BANDS.len() + 1],
    /// Some of those for which it begins, the lowest numbers, [`SAMPLE_MAX`] at most.
    pub sample_begins: Vec<u32>,
    /// Some of those for which it ceases, likewise.
    pub sample_ends: Vec<u32>,
}

impl Population {
    /// Nobody yet; room for so many.
    pub fn with_capacity(accounts: usize) -> Self {
        Self {
            followers: Vec::with_capacity(accounts),
            kind: Vec::with_capacity(accounts),
            ..Self::default()
        }
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.followers.len() - self.nobody
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next account, of which nothing is known but how many follow it.
    pub fn push_unknown(&mut self, followers: u32) {
        let kind = match self.unknown {
            Some(kind) => kind,
            None => self.kind_of(&Facts::default()),
        };
        self.unknown = Some(kind);
        self.followers.push(followers);
        self.kind.push(kind);
    }

    /// The next number, which nobody has any more: whoever had it left, and no rule asks about them.
    pub fn push_nobody(&mut self) {
        self.followers.push(0);
        self.kind.push(ALONE);
        self.nobody += 1;
    }

    /// The next account with its facts.
    pub fn push(&mut self, facts: &Facts) {
        let followers = u32::try_from(facts.followers).unwrap_or(u32::MAX);
        let kind = if facts.metrics.is_empty() && facts.ledgers.0.is_empty() {
            self.kind_of(&Facts { followers: 0, ..facts.clone() })
        } else {
            // An account number fits 32 bits, and the last one is never given out.
            self.alone.insert(self.followers.len() as u32, facts.clone());
            ALONE
        };
        self.followers.push(followers);
        self.kind.push(kind);
    }

    fn kind_of(&mut self, facts: &Facts) -> u32 {
        let flags = u8::from(facts.identity_verified)
            | u8::from(facts.name_shown) << 1
            | facts.holder_kind.map_or(0, |kind| 1 + kind as u8) << 2;
        let key =
            (facts.topics.clone(), facts.dominant.clone(), facts.class as u8, facts.standing as u8, flags);
        let next = self.kinds.len() as u32;
        let kind = *self.known.entry(key).or_insert(next);
        if kind == next {
            self.kinds.push(facts.clone());
        }
        kind
    }

    /// What becomes of the population when `after` takes the place of `before`; either may be no rule at all.
    ///
    /// The numbers do not depend on how many threads share the work.
    pub fn change(
        &self,
        before: Option<&ActiveRule>,
        after: Option<&ActiveRule>,
        now: Millis,
        threads: usize,
    ) -> Change {
        let table: Vec<Steps> = self.kinds.iter().map(|facts| Steps::of(facts, before, after, now)).collect();
        let mut all = Tally::new(self.kinds.len());
        let parts = parts(self.followers.len(), threads);
        std::thread::scope(|scope| {
            let tallies: Vec<_> =
                parts.into_iter().map(|part| scope.spawn(|| self.tally(&table, part))).collect();
            for tally in tallies {
                match tally.join() {
                    Ok(tally) => all.add(tally),
                    // Numbers without a part of the accounts would pass for exact ones.
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        let mut change = all.into_change(self, &table);
        for (no, facts) in &self.alone {
            let holds = |rule: Option<&ActiveRule>| rule.is_some_and(|rule| rule.holds(facts, now));
            let (was, is) = (holds(before), holds(after));
            change.before += u64::from(was);
            change.after += u64::from(is);
            if was != is {
                let followers = self.followers.get(*no as usize).copied().unwrap_or_default();
                change.count(facts, followers, is, 1);
                change.sample(*no, is);
            }
        }
        change.sample_begins.sort_unstable();
        change.sample_begins.truncate(SAMPLE_MAX);
        change.sample_ends.sort_unstable();
        change.sample_ends.truncate(SAMPLE_MAX);
        change
    }

    /// How many accounts at least one of these turns concerns, each counted once.
    pub fn concerned(&self, turns: &[Turn<'_>]) -> u64 {
        let table: Vec<Answer> = self.kinds.iter().map(|facts| Answer::concerned(facts, turns)).collect();
        let mut concerned = 0;
        for (count, kind) in self.followers.iter().zip(&self.kind) {
            concerned += table.get(*kind as usize).map_or(0, |answer| u64::from(answer.at(*count)));
        }
        for facts in self.alone.values() {
            let holds = |rule: Option<&ActiveRule>, at| rule.is_some_and(|rule| rule.holds(facts, at));
            let concerns =
                |turn: &Turn<'_>| turn.concerns(holds(turn.before, turn.at), holds(turn.after, turn.at));
            concerned += u64::from(turns.iter().any(concerns));
        }
        concerned
    }

    fn tally(&self, table: &[Steps], part: Range<usize>) -> Tally {
        let mut tally = Tally::new(table.len());
        let first = part.start as u32;
        let (followers, kinds) = match (self.followers.get(part.clone()), self.kind.get(part)) {
            (Some(followers), Some(kinds)) => (followers, kinds),
            _ => return tally,
        };
        for ((count, kind), no) in followers.iter().zip(kinds).zip(first..) {
            let Some(steps) = table.get(*kind as usize) else { continue };
            if *count < steps.first {
                if let Some(low) = tally.low.get_mut(*kind as usize) {
                    *low += 1;
                }
                continue;
            }
            tally.look(steps, *kind, *count, no);
        }
        tally
    }

    /// How many accounts the rule would reach if it began at each of these follower counts and nothing else about it
    /// changed: those at or above the count for which the rule holds at some count.
    pub fn reach(&self, rule: &ActiveRule, counts: &[u32], now: Millis) -> Vec<u64> {
        let in_scope = |facts: &Facts| {
            let seen = Seen::new(facts, now);
            let holds = |followers: u64| rule.why_not(Seen { followers, ..seen }, now).is_none();
            holds(0) || rule.thresholds(FOLLOWERS, now).into_iter().any(holds)
        };
        let kinds: Vec<bool> = self.kinds.iter().map(in_scope).collect();
        let mut ascending: Vec<u32> = counts.to_vec();
        ascending.sort_unstable();
        // Accounts by the highest of the counts that they have reached.
        let mut reached = vec![0_u64; ascending.len() + 1];
        for ((count, kind), no) in self.followers.iter().zip(&self.kind).zip(0_u32..) {
            let scope = match kinds.get(*kind as usize) {
                Some(scope) => *scope,
                None => self.alone.get(&no).is_some_and(in_scope),
            };
            if scope && let Some(cell) = reached.get_mut(ascending.partition_point(|level| level <= count)) {
                *cell += 1;
            }
        }
        let at_or_above = |count: &u32| {
            let place = ascending.partition_point(|level| level <= count);
            reached.iter().skip(place).sum()
        };
        counts.iter().map(at_or_above).collect()
    }
}

fn parts(accounts: usize, threads: usize) -> Vec<Range<usize>> {
    let each = accounts.div_ceil(threads.max(1)).max(1);
    (0..accounts).step_by(each).map(|from| from..(from + each).min(accounts)).collect()
}

/// What a kind of account comes to, by its follower count.
struct Steps {
    /// Below this count nothing has changed since 0, and it is not a change itself; 0 if it is.
    first: u32,
    before: Answer,
    after: Answer,
}

/// A rule's answer over follower counts.
struct Answer {
    at_zero: bool,
    /// Counts at which it turns, ascending.
    turns: Vec<u32>,
}

impl Answer {
    fn of(facts: &Facts, rule: Option<&ActiveRule>, now: Millis) -> Self {
        let Some(rule) = rule else { return Self { at_zero: false, turns: Vec::new() } };
        let zero = Facts { followers: 0, ..facts.clone() };
        let turns = rule.flips(&zero, now).into_iter().filter_map(|level| u32::try_from(level).ok());
        Self { at_zero: rule.holds(&zero, now), turns: turns.collect() }
    }

    /// Whether one of the turns concerns the kind of account, over follower counts.
    fn concerned(facts: &Facts, turns: &[Turn<'_>]) -> Self {
        let both =
            |turn: &Turn<'_>| (Self::of(facts, turn.before, turn.at), Self::of(facts, turn.after, turn.at));
        let answers: Vec<_> = turns.iter().map(|turn| (turn, both(turn))).collect();
        let mut counts: Vec<u32> = answers
            .iter()
            .flat_map(|(_, (before, after))| before.turns.iter().chain(&after.turns))
            .copied()
            .collect();
        counts.sort_unstable();
        counts.dedup();
        let concerned = |followers: u32| {
            let one = |(turn, (before, after)): &(&Turn<'_>, (Self, Self))| {
                turn.concerns(before.at(followers), after.at(followers))
            };
            answers.iter().any(one)
        };
        let at_zero = concerned(0);
        let mut last = at_zero;
        counts.retain(|count| {
            let turned = concerned(*count) != last;
            last ^= turned;
            turned
        });
        Self { at_zero, turns: counts }
    }

    fn at(&self, followers: u32) -> bool {
        let turned = self.turns.partition_point(|turn| *turn <= followers);
        self.at_zero ^ (turned % 2 == 1)
    }
}

impl Steps {
    fn of(facts: &Facts, before: Option<&ActiveRule>, after: Option<&ActiveRule>, now: Millis) -> Self {
        let (before, after) = (Answer::of(facts, before, now), Answer::of(facts, after, now));
        let first = if before.at_zero == after.at_zero {
            let turns = before.turns.iter().chain(&after.turns).copied();
            turns.min().unwrap_or(u32::MAX)
        } else {
            0
        };
        Self { first, before, after }
    }
}

/// What one part of the population comes to.
struct Tally {
    /// By kind: accounts below its first step.
    low: Vec<u64>,
    before: u64,
    after: u64,
    /// By kind and size: those that begin and those that cease.
    changed: BTreeMap<(u32, usize), (u64, u64)>,
    sample_begins: Vec<u32>,
    sample_ends: Vec<u32>,
}

impl Tally {
    fn new(kinds: usize) -> Self {
        Self {
            low: vec![0; kinds],
            before: 0,
            after: 0,
            changed: BTreeMap::new(),
            sample_begins: Vec::new(),
            sample_ends: Vec::new(),
        }
    }

    fn look(&mut self, steps: &Steps, kind: u32, followers: u32, no: u32) {
        let (was, is) = (steps.before.at(followers), steps.after.at(followers));
        self.before += u64::from(was);
        self.after += u64::from(is);
        if was == is {
            return;
        }
        let (begins, ends) = self.changed.entry((kind, band(followers))).or_default();
        let (count, sample) =
            if is { (begins, &mut self.sample_begins) } else { (ends, &mut self.sample_ends) };
        *count += 1;
        if sample.len() < SAMPLE_MAX {
            sample.push(no);
        }
    }

    fn add(&mut self, other: Self) {
        for (low, more) in self.low.iter_mut().zip(other.low) {
            *low += more;
        }
        self.before += other.before;
        self.after += other.after;
        for (place, (begins, ends)) in other.changed {
            let both = self.changed.entry(place).or_default();
            both.0 += begins;
            both.1 += ends;
        }
        self.sample_begins.extend(other.sample_begins);
        self.sample_ends.extend(other.sample_ends);
    }

    fn into_change(self, population: &Population, table: &[Steps]) -> Change {
        let mut change = Change { before: self.before, after: self.after, ..Change::default() };
        for (low, steps) in self.low.iter().zip(table) {
            // Below the first step it is what it is at 0, before and after alike.
            change.before += if steps.before.at_zero { *low } else { 0 };
            change.after += if steps.after.at_zero { *low } else { 0 };
        }
        for ((kind, band), (begins, ends)) in self.changed {
            let Some(facts) = population.kinds.get(kind as usize) else { continue };
            change.count_in(facts, band, true, begins);
            change.count_in(facts, band, false, ends);
        }
        change.sample_begins = self.sample_begins;
        change.sample_ends = self.sample_ends;
        change
    }
}

impl Change {
    fn count(&mut self, facts: &Facts, followers: u32, begins: bool, accounts: u64) {
        self.count_in(facts, band(followers), begins, accounts);
    }

    fn count_in(&mut self, facts: &Facts, band: usize, begins: bool, accounts: u64) {
        if accounts == 0 {
            return;
        }
        let add = |both: &mut (u64, u64)| *(if begins { &mut both.0 } else { &mut both.1 }) += accounts;
        *(if begins { &mut self.begins } else { &mut self.ends }) += accounts;
        add(self.by_class.entry(facts.class).or_default());
        add(self.by_topic.entry(facts.dominant.clone()).or_default());
        if let Some(size) = self.by_size.get_mut(band) {
            add(size);
        }
    }

    fn sample(&mut self, no: u32, begins: bool) {
        if begins { &mut self.sample_begins } else { &mut self.sample_ends }.push(no);
    }
}

/// The size band of a count, in the order of [`BANDS`].
fn band(followers: u32) -> usize {
    BANDS.partition_point(|end| *end <= followers)
}
