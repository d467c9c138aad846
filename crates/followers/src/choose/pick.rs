//! Which of those a filter means go first.
//!
//! Nothing is sorted: a target falls on one day, or one slice of a shuffled order, and counting finds it. Only within
//! that day or slice does anyone have to be compared.

use std::collections::BinaryHeap;

use crate::set::{Leaf, Mask};
use crate::{AccountNo, Order};

use super::mask::{is_empty, pack, places, zip};

/// Accounts a preview names at most.
const SAMPLE_MAX: usize = 20;

/// Who goes first has the lowest rank; ranks differ because numbers do.
type Rank = (u64, u32);

fn rank(order: Order, id: u32, day: u16) -> Rank {
    match order {
        Order::Newest => (u64::from(u16::MAX - day), u32::MAX - id),
        Order::Oldest => (u64::from(day), id),
        Order::Random { seed } => (scatter(seed, id), id),
    }
}

/// Those who go when only so many may.
pub(super) enum Pick {
    /// There are not more.
    All,
    Nobody,
    /// All from after that day; of that day all but the first `spared`.
    Newest {
        day: u16,
        spared: u32,
    },
    /// All from before that day; of that day the first `taken`.
    Oldest {
        day: u16,
        taken: u32,
    },
    /// All whose place in the shuffled order is at most this.
    Random {
        seed: u64,
        last: u64,
    },
}

impl Pick {
    /// The first `most` of those meant.
    pub(super) fn first<'s, M: Iterator<Item = (&'s Leaf, &'s Mask)>>(
        most: u32,
        order: Order,
        leaves: impl Fn() -> M,
    ) -> Pick {
        if most == 0 {
            return Pick::Nobody;
        }
        match order {
            Order::Newest => {
                let counts = count(leaves().flat_map(|(leaf, meant)| days(leaf, meant)));
                match reach(counts.iter().enumerate().rev(), most) {
                    Some((day, within)) => Pick::Newest { day: day as u16, spared: counts[day] - within },
                    None => Pick::All,
                }
            }
            Order::Oldest => {
                let counts = count(leaves().flat_map(|(leaf, meant)| days(leaf, meant)));
                match reach(counts.iter().enumerate(), most) {
                    Some((day, within)) => Pick::Oldest { day: day as u16, taken: within },
                    None => Pick::All,
                }
            }
            Order::Random { seed } => {
                let shuffled = || {
                    leaves().flat_map(|(leaf, meant)| {
                        places(meant).map(|at| scatter(seed, leaf.offsets().get(at)))
                    })
                };
                let counts = count(shuffled().map(|place| (place >> 48) as u16));
                let Some((slice, within)) = reach(counts.iter().enumerate(), most) else { return Pick::All };
                let mut places: Vec<u64> = shuffled().filter(|place| place >> 48 == slice as u64).collect();
                let (_, last, _) = places.select_nth_unstable(within as usize - 1);
                Pick::Random { seed, last: *last }
            }
        }
    }

    /// Those of the leaf who go. To be asked for every leaf, ascending.
    pub(super) fn of(&mut self, leaf: &Leaf, meant: &Mask) -> Mask {
        if is_empty(meant) {
            return *meant;
        }
        match self {
            Pick::All => *meant,
            Pick::Nobody => Mask::default(),
            Pick::Newest { day, spared } => {
                let from = zip(*meant, pack(leaf.days(), |follow| follow >= *day), |a, b| a & b);
                without_first(
                    from,
                    zip(from, pack(leaf.days(), |follow| follow == *day), |a, b| a & b),
                    spared,
                )
            }
            Pick::Oldest { day, taken } => {
                let until = zip(*meant, pack(leaf.days(), |follow| follow <= *day), |a, b| a & b);
                let on = zip(until, pack(leaf.days(), |follow| follow == *day), |a, b| a & b);
                let before = zip(until, on, |until, on| until & !on);
                let late = without_first(on, on, taken);
                zip(before, zip(on, late, |on, late| on & !late), |a, b| a | b)
            }
            Pick::Random { seed, last } => {
                let mut mask = *meant;
                for at in places(meant) {
                    if scatter(*seed, leaf.offsets().get(at)) > *last {
                        mask[at / 64] &= !(1 << (at % 64));
                    }
                }
                mask
            }
        }
    }
}

/// `mask` without the first `count` places of `of`; counts down those it took out.
fn without_first(mut mask: Mask, of: Mask, count: &mut u32) -> Mask {
    if *count > 0 {
        for at in places(&of).take(*count as usize) {
            mask[at / 64] &= !(1 << (at % 64));
            *count -= 1;
        }
    }
    mask
}

fn days(leaf: &Leaf, mask: &Mask) -> impl Iterator<Item = u16> {
    places(mask).map(|at| leaf.days()[at])
}

/// How often each value comes.
fn count(values: impl Iterator<Item = u16>) -> Vec<u32> {
    let mut counts = vec![0; 1 << 16];
    values.for_each(|value| counts[usize::from(value)] += 1);
    counts
}

/// Where the `most`-th falls when counting up, and how many of that place it takes; `None` when there are no more.
fn reach<'c>(counts: impl Iterator<Item = (usize, &'c u32)>, most: u32) -> Option<(usize, u32)> {
    let mut rest = most;
    for (place, count) in counts {
        if rest <= *count {
            return Some((place, rest));
        }
        rest -= count;
    }
    None
}

/// The first of those meant, in their order.
pub(super) struct Sample {
    order: Order,
    /// The one to go last of those kept is on top and makes room for one that goes before it.
    first: BinaryHeap<Rank>,
}

impl Sample {
    pub(super) fn of(order: Order) -> Sample {
        Sample { order, first: BinaryHeap::with_capacity(SAMPLE_MAX) }
    }

    /// Whether fewer have to change places when leaves come in descending order.
    pub(super) fn starts_at_the_end(&self) -> bool {
        matches!(self.order, Order::Newest)
    }

    pub(super) fn look(&mut self, leaf: &Leaf, meant: &Mask) {
        let mut better = *meant;
        if self.first.len() == SAMPLE_MAX
            && let Some((last, id)) = self.first.peek().copied()
        {
            // Days alone rule out nearly everyone, and many at once; of one day, numbers do: leaves come in order.
            let days = match self.order {
                Order::Newest => {
                    let day = u16::MAX - last as u16;
                    let tie = leaf.last() > u32::MAX - id;
                    if leaf.latest_day() < day || (leaf.latest_day() == day && !tie) {
                        return;
                    }
                    pack(leaf.days(), |follow| follow > day || (follow == day && tie))
                }
                Order::Oldest => {
                    let (day, tie) = (last as u16, leaf.first() < id);
                    pack(leaf.days(), |follow| follow < day || (follow == day && tie))
                }
                Order::Random { .. } => *meant,
            };
            better = zip(better, days, |a, b| a & b);
        }
        for at in places(&better) {
            let rank = rank(self.order, leaf.offsets().get(at), leaf.days()[at]);
            if self.first.len() < SAMPLE_MAX {
                self.first.push(rank);
            } else if let Some(mut last) = self.first.peek_mut()
                && rank < *last
            {
                *last = rank;
            }
        }
    }

    /// At most `removed` of them, the first to go first.
    pub(super) fn first(self, removed: u32) -> Vec<AccountNo> {
        let number = |id| match self.order {
            Order::Newest => u32::MAX - id,
            Order::Oldest | Order::Random { .. } => id,
        };
        let ranks = self.first.into_sorted_vec().into_iter();
        ranks.take(removed as usize).map(|(_, id)| AccountNo(number(id))).collect()
    }
}

/// A number that looks random and is the same for the same seed and account. Part of what a log means.
///
/// One to one for a seed, so no two accounts share a place.
fn scatter(seed: u64, id: u32) -> u64 {
    let mixed =
        (seed ^ u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
