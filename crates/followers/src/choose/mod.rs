//! Whom a filter takes from a set.
//!
//! Criteria are evaluated leaf by leaf into bit masks, so the tree is walked once per 256 followers, and followers and
//! attributes are read in the order they lie in memory. All that is asked about the accounts alone is joined before
//! (`accounts`); what a target spares is decided by counting, not by sorting (`pick`).

mod accounts;
mod mask;
mod pick;

use crate::attributes::Attributes;
use crate::set::{LEAF_MAX, Leaf, Mask, SetBuilder, ahead};
use crate::{AccountNo, Criteria, Filter, FollowerSet, Preview};

pub(crate) use mask::{first, places, places_in};

use accounts::{AccountTest, Window};
use pick::{Pick, Sample};

/// A normalised filter with the attributes it asks about, as they were when it was made.
pub(crate) struct Choice<'a> {
    filter: &'a Filter,
    test: Test<'a>,
}

/// The criteria, with the bits of attributes beside their names.
enum Test<'a> {
    All(Vec<Test<'a>>),
    Any(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    Account(Box<Window>),
    Before(u16),
    After(u16),
    OneOf(&'a [AccountNo]),
}

/// What is taken and what is left.
pub(crate) struct Parted {
    /// How many were taken.
    pub(crate) removed: u32,
    /// Who, for each leaf of the set in order.
    pub(crate) taken: Vec<Mask>,
    pub(crate) left: FollowerSet,
}

impl<'a> Choice<'a> {
    pub(crate) fn new(filter: &'a Filter, attributes: &Attributes) -> Choice<'a> {
        Choice { filter, test: Test::new(&filter.criteria, attributes) }
    }

    /// Splits the set; `taken` is told who goes of which numbers, leaf by leaf. Equal sets are split equally, however they
    /// lie in memory.
    pub(crate) fn part(mut self, set: &FollowerSet, mut taken: impl FnMut(&[u32], &Mask)) -> Parted {
        let most = self.most(set);
        let mut masks: Vec<Mask> = Vec::new();
        let mut pick = Pick::All;
        // Who goes of a leaf is known at once, unless it depends on all the others.
        let mut known = None;
        if most < set.len() {
            masks.extend(set.leaves_ahead().map(|leaf| self.mask(leaf)));
            pick = Pick::first(most, self.filter.order, || set.leaves().zip(&masks));
            known = Some(std::mem::take(&mut masks).into_iter());
        }
        let mut left = SetBuilder::default();
        let mut removed = 0;
        let mut ids = [0; LEAF_MAX];
        for leaf in set.leaves_ahead() {
            let meant =
                known.as_mut().map_or_else(|| Some(self.mask(leaf)), Iterator::next).unwrap_or_default();
            let take = pick.of(leaf, &meant);
            if mask::is_empty(&take) {
                left.extend_leaf(leaf);
            } else {
                let ids = leaf.ids_into(&mut ids);
                removed += mask::ones(&take);
                taken(ids, &take);
                let stay = mask::zip(mask::first(ids.len()), take, |all, take| all & !take);
                keep(ids, leaf.days(), &stay, &mut left);
            }
            masks.push(take);
        }
        Parted { removed, taken: masks, left: left.finish() }
    }

    /// What [`Choice::part`] would do, counted only.
    pub(crate) fn preview(mut self, set: &FollowerSet) -> Preview {
        let mut meant = 0;
        let mut sample = Sample::of(self.filter.order);
        let descending = sample.starts_at_the_end();
        let mut look = |leaf: &Leaf| {
            let mask = self.mask(leaf);
            meant += mask::ones(&mask);
            sample.look(leaf, &mask);
        };
        if descending {
            ahead(set.leaves().rev()).for_each(&mut look);
        } else {
            set.leaves_ahead().for_each(&mut look);
        }
        let removed = meant.min(self.most(set));
        Preview { removed, left: set.len() - removed, sample: sample.first(removed) }
    }

    /// How many may go before the target is reached.
    fn most(&self, set: &FollowerSet) -> u32 {
        self.filter.leave_at.map_or(u32::MAX, |target| set.len().saturating_sub(target))
    }

    /// One bit per follower of the leaf that is meant.
    fn mask(&mut self, leaf: &Leaf) -> Mask {
        let mut mask = self.test.mask(leaf);
        each_of(&self.filter.keep, leaf, |at| mask[at / 64] &= !(1 << (at % 64)));
        mask
    }
}

impl<'a> Test<'a> {
    fn new(criteria: &'a Criteria, attributes: &Attributes) -> Test<'a> {
        if let Some(test) = AccountTest::new(criteria, attributes) {
            return Test::Account(Box::new(Window::new(test)));
        }
        match criteria {
            Criteria::All(parts) => Test::All(joined(parts, attributes, AccountTest::All)),
            Criteria::Any(parts) => Test::Any(joined(parts, attributes, AccountTest::Any)),
            Criteria::Not(part) => Test::Not(Box::new(Test::new(part, attributes))),
            Criteria::FollowedBefore(day) => Test::Before(day.0),
            Criteria::FollowedAfter(day) => Test::After(day.0),
            Criteria::OneOf(accounts) => Test::OneOf(accounts),
            // About the account alone, so it was answered above.
            Criteria::Has(_)
            | Criteria::CreatedBefore(_)
            | Criteria::CreatedAfter(_)
            | Criteria::LastActiveBefore(_)
            | Criteria::InactiveFor(_) => Test::Any(Vec::new()),
        }
    }

    /// One bit per follower of the leaf that the test holds for; no bit beyond the last.
    fn mask(&mut self, leaf: &Leaf) -> Mask {
        match self {
            Test::All(parts) => {
                let mut mask = mask::first(leaf.len());
                for part in parts {
                    if mask::is_empty(&mask) {
                        break;
                    }
                    mask = mask::zip(mask, part.mask(leaf), |a, b| a & b);
                }
                mask
            }
            Test::Any(parts) => parts
                .iter_mut()
                .fold(Mask::default(), |mask, part| mask::zip(mask, part.mask(leaf), |a, b| a | b)),
            Test::Not(part) => mask::zip(mask::first(leaf.len()), part.mask(leaf), |a, b| a & !b),
            Test::Account(window) => window.mask(leaf),
            Test::Before(day) if leaf.latest_day() < *day => mask::first(leaf.len()),
            Test::Before(day) => mask::pack(leaf.days(), |follow| follow < *day),
            Test::After(day) if leaf.latest_day() <= *day => Mask::default(),
            Test::After(day) => mask::pack(leaf.days(), |follow| follow > *day),
            Test::OneOf(accounts) => {
                let mut mask = Mask::default();
                each_of(accounts, leaf, |at| mask[at / 64] |= 1 << (at % 64));
                mask
            }
        }
    }
}

/// The parts as tests, with all that are about the account alone as one.
fn joined<'a>(
    parts: &'a [Criteria],
    attributes: &Attributes,
    join: impl Fn(Vec<AccountTest>) -> AccountTest,
) -> Vec<Test<'a>> {
    let mut alone = Vec::new();
    let mut others = Vec::new();
    for part in parts {
        match AccountTest::new(part, attributes) {
            Some(test) => alone.push(test),
            None => others.push(Test::new(part, attributes)),
        }
    }
    if !alone.is_empty() {
        others.push(Test::Account(Box::new(Window::new(join(alone)))));
    }
    others
}

/// Adds those that stay.
fn keep(all: &[u32], since: &[u16], stay: &Mask, left: &mut SetBuilder) {
    let (mut ids, mut days) = ([0; LEAF_MAX], [0; LEAF_MAX]);
    let mut kept = 0;
    for at in mask::places(stay) {
        ids[kept] = all[at];
        days[kept] = since[at];
        kept += 1;
    }
    left.extend(&ids[..kept], &days[..kept]);
}

/// Calls `found` with the place of every follower of the leaf that is in the ascending list.
fn each_of(accounts: &[AccountNo], leaf: &Leaf, mut found: impl FnMut(usize)) {
    if accounts.is_empty() {
        return;
    }
    let from = accounts.partition_point(|account| account.0 < leaf.first());
    let last = leaf.last();
    for account in accounts[from..].iter().take_while(|account| account.0 <= last) {
        if let Some(at) = leaf.find(account.0) {
            found(at);
        }
    }
}
