//! Whom a filter takes from a set.
//!
//! Criteria are evaluated leaf by leaf into bit masks, so the tree is walked once per 256 followers and the
//! followers and attributes are read in the order they lie in memory.

use std::collections::BinaryHeap;

use crate::attributes::{Attributes, Bits};
use crate::set::{LEAF_MAX, Leaf, Mask, SetBuilder};
use crate::{AccountNo, Criteria, Filter, FollowerSet, Order, Preview};

/// Accounts a preview names at most.
const SAMPLE_MAX: usize = 20;

/// A normalised filter with the attributes it asks about, as they were when it was made.
pub(crate) struct Choice<'a> {
    filter: &'a Filter,
    test: Test<'a>,
}

/// The criteria, with the bits of each attribute beside its name.
enum Test<'a> {
    All(Vec<Test<'a>>),
    Any(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    Has(Bits),
    Before(u16),
    After(u16),
    OneOf(&'a [AccountNo]),
}

/// What is taken and what is left.
pub(crate) struct Parted {
    pub(crate) taken: FollowerSet,
    pub(crate) left: FollowerSet,
}

/// Who goes first has the lowest rank; ranks differ because numbers do.
type Rank = (u64, u32);

impl<'a> Choice<'a> {
    pub(crate) fn new(filter: &'a Filter, attributes: &Attributes) -> Choice<'a> {
        Choice { filter, test: Test::new(&filter.criteria, attributes) }
    }

    /// Splits the set. Equal sets are split equally, however they lie in memory.
    pub(crate) fn part(&self, set: &FollowerSet) -> Parted {
        let last = self.last_to_go(set);
        let mut taken = SetBuilder::default();
        let mut left = SetBuilder::default();
        for leaf in set.leaves() {
            let mask = self.mask(leaf);
            for (at, (id, day)) in leaf.iter().enumerate() {
                let meant = mask[at / 64] >> (at % 64) & 1 == 1;
                if meant && last.allows(|| self.rank(id, day)) {
                    taken.push(id, day);
                } else {
                    left.push(id, day);
                }
            }
        }
        Parted { taken: taken.finish(), left: left.finish() }
    }

    /// What [`Choice::part`] would do, counted only.
    pub(crate) fn preview(&self, set: &FollowerSet) -> Preview {
        let mut meant = 0;
        // The one to go last of those kept is on top and makes room for one that goes before it.
        let mut first: BinaryHeap<Rank> = BinaryHeap::new();
        for leaf in set.leaves() {
            let mask = self.mask(leaf);
            meant += ones(&mask);
            for at in places(&mask) {
                let rank = self.rank(leaf.offsets().get(at), leaf.days()[at]);
                if first.len() < SAMPLE_MAX {
                    first.push(rank);
                } else if first.peek().is_some_and(|last| rank < *last) {
                    first.pop();
                    first.push(rank);
                }
            }
        }
        let removed = meant.min(self.most(set));
        let sample = first.into_sorted_vec().into_iter().take(removed as usize);
        Preview {
            removed,
            left: set.len() - removed,
            sample: sample.map(|(rank, id)| AccountNo(self.number(rank, id))).collect(),
        }
    }

    /// How many may go before the target is reached.
    fn most(&self, set: &FollowerSet) -> u32 {
        self.filter.leave_at.map_or(u32::MAX, |target| set.len().saturating_sub(target))
    }

    fn last_to_go(&self, set: &FollowerSet) -> LastToGo {
        let most = self.most(set) as usize;
        if most >= set.len() as usize {
            return LastToGo::Everyone;
        }
        let Some(last) = most.checked_sub(1) else { return LastToGo::Nobody };
        let mut ranks: Vec<Rank> = Vec::new();
        for leaf in set.leaves() {
            let mask = self.mask(leaf);
            ranks.extend(places(&mask).map(|at| self.rank(leaf.offsets().get(at), leaf.days()[at])));
        }
        if last >= ranks.len() {
            return LastToGo::Everyone;
        }
        LastToGo::Until(*ranks.select_nth_unstable(last).1)
    }

    fn rank(&self, id: u32, day: u16) -> Rank {
        match self.filter.order {
            Order::Newest => (u64::from(u16::MAX - day), u32::MAX - id),
            Order::Oldest => (u64::from(day), id),
            Order::Random { seed } => (scatter(seed, id), id),
        }
    }

    /// The account number in a rank.
    fn number(&self, _rank: u64, id: u32) -> u32 {
        match self.filter.order {
            Order::Newest => u32::MAX - id,
            Order::Oldest | Order::Random { .. } => id,
        }
    }

    fn mask(&self, leaf: &Leaf) -> Mask {
        let mut mask = self.test.mask(leaf);
        each_of(&self.filter.keep, leaf, |at| mask[at / 64] &= !(1 << (at % 64)));
        mask
    }
}

enum LastToGo {
    Nobody,
    Until(Rank),
    Everyone,
}

impl LastToGo {
    fn allows(&self, rank: impl FnOnce() -> Rank) -> bool {
        match self {
            LastToGo::Nobody => false,
            LastToGo::Until(last) => rank() <= *last,
            LastToGo::Everyone => true,
        }
    }
}

impl<'a> Test<'a> {
    fn new(criteria: &'a Criteria, attributes: &Attributes) -> Test<'a> {
        match criteria {
            Criteria::All(parts) => Test::All(parts.iter().map(|part| Test::new(part, attributes)).collect()),
            Criteria::Any(parts) => Test::Any(parts.iter().map(|part| Test::new(part, attributes)).collect()),
            Criteria::Not(part) => Test::Not(Box::new(Test::new(part, attributes))),
            Criteria::Has(attribute) => Test::Has(attributes.bits(*attribute)),
            Criteria::FollowedBefore(day) => Test::Before(day.0),
            Criteria::FollowedAfter(day) => Test::After(day.0),
            Criteria::OneOf(accounts) => Test::OneOf(accounts),
        }
    }

    /// One bit per follower of the leaf that the test holds for; no bit beyond the last.
    fn mask(&self, leaf: &Leaf) -> Mask {
        match self {
            Test::All(parts) => {
                parts.iter().fold(all_of(leaf), |mask, part| zip(mask, part.mask(leaf), |a, b| a & b))
            }
            Test::Any(parts) => {
                parts.iter().fold(Mask::default(), |mask, part| zip(mask, part.mask(leaf), |a, b| a | b))
            }
            Test::Not(part) => zip(all_of(leaf), part.mask(leaf), |a, b| a & !b),
            Test::Has(bits) => bits.mask(leaf.ids_into(&mut [0; LEAF_MAX])),
            Test::Before(day) => days(leaf, |follow| follow < *day),
            Test::After(day) => days(leaf, |follow| follow > *day),
            Test::OneOf(accounts) => {
                let mut mask = Mask::default();
                each_of(accounts, leaf, |at| mask[at / 64] |= 1 << (at % 64));
                mask
            }
        }
    }
}

fn zip(a: Mask, b: Mask, with: impl Fn(u64, u64) -> u64) -> Mask {
    std::array::from_fn(|at| with(a[at], b[at]))
}

fn all_of(leaf: &Leaf) -> Mask {
    days(leaf, |_| true)
}

fn days(leaf: &Leaf, test: impl Fn(u16) -> bool) -> Mask {
    let mut mask = Mask::default();
    for (group, out) in leaf.days().chunks(64).zip(&mut mask) {
        *out = group.iter().enumerate().fold(0, |bits, (at, day)| bits | u64::from(test(*day)) << at);
    }
    mask
}

/// Calls `found` with the place of every follower of the leaf that is in the ascending list.
fn each_of(accounts: &[AccountNo], leaf: &Leaf, mut found: impl FnMut(usize)) {
    let (first, last) = (leaf.first(), leaf.last());
    let from = accounts.partition_point(|account| account.0 < first);
    for account in accounts[from..].iter().take_while(|account| account.0 <= last) {
        if let Some(at) = leaf.find(account.0) {
            found(at);
        }
    }
}

fn ones(mask: &Mask) -> u32 {
    mask.iter().map(|word| word.count_ones()).sum()
}

fn places(mask: &Mask) -> impl Iterator<Item = usize> + '_ {
    mask.iter().enumerate().flat_map(|(word, bits)| {
        let mut bits = *bits;
        std::iter::from_fn(move || {
            let at = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            (at < 64).then_some(word * 64 + at)
        })
    })
}

/// A number that looks random and is the same for the same seed and account. Part of what a log means.
fn scatter(seed: u64, id: u32) -> u64 {
    let mixed =
        (seed ^ u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
