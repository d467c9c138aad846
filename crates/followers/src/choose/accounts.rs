//! Tests that ask about the follower alone, whoever is followed: attributes, joined as the criteria say.
//!
//! They are answered 32,768 accounts at a time, word by word, before any follower is looked at: a follower then costs
//! one bit, however many attributes the criteria name.

use crate::Criteria;
use crate::attributes::{Attributes, Bits, CHUNK_SHIFT, CHUNK_WORDS, Chunk};
use crate::day_column::{CHUNK_LEN, Days};
use crate::filter::DayRange;
use crate::set::{LEAF_MAX, Leaf, Mask, Offsets};

use super::mask::{pack, pack_group};

/// Criteria without a word on the edge itself.
#[derive(Debug)]
pub(super) enum AccountTest {
    All(Vec<AccountTest>),
    Any(Vec<AccountTest>),
    Not(Box<AccountTest>),
    Has(Bits),
    Day(Days, DayRange),
}

impl AccountTest {
    /// The test for these criteria, or `None` when they ask about more than the account.
    pub(super) fn new(criteria: &Criteria, attributes: &Attributes) -> Option<AccountTest> {
        let all = |parts: &[Criteria]| {
            parts.iter().map(|part| AccountTest::new(part, attributes)).collect::<Option<Vec<_>>>()
        };
        Some(match criteria {
            Criteria::All(parts) => AccountTest::All(all(parts)?),
            Criteria::Any(parts) => AccountTest::Any(all(parts)?),
            Criteria::Not(part) => AccountTest::Not(Box::new(AccountTest::new(part, attributes)?)),
            Criteria::Has(attribute) => AccountTest::Has(attributes.bits(*attribute)),
            Criteria::CreatedBefore(_)
            | Criteria::CreatedAfter(_)
            | Criteria::LastActiveBefore(_)
            | Criteria::InactiveFor(_) => {
                let (which, range) = DayRange::of(criteria)?;
                AccountTest::Day(attributes.days(which).now(), range)
            }
            Criteria::FollowedBefore(_) | Criteria::FollowedAfter(_) | Criteria::OneOf(_) => return None,
        })
    }

    /// One bit per account of the chunk.
    fn fill(&self, at: usize, out: &mut Chunk) {
        match self {
            AccountTest::All(parts) => {
                out.fill(u64::MAX);
                parts.iter().for_each(|part| part.join(at, out, |all, part| all & part));
            }
            AccountTest::Any(parts) => {
                out.fill(0);
                parts.iter().for_each(|part| part.join(at, out, |any, part| any | part));
            }
            AccountTest::Not(part) => {
                part.fill(at, out);
                out.iter_mut().for_each(|word| *word = !*word);
            }
            AccountTest::Has(bits) => match bits.chunk(at) {
                Some(chunk) => *out = *chunk,
                None => out.fill(0),
            },
            AccountTest::Day(days, range) => {
                let first = (at << CHUNK_SHIFT) / CHUNK_LEN;
                for (number, words) in (first..).zip(out.chunks_mut(CHUNK_LEN / 64)) {
                    match days.chunk(number) {
                        Some(chunk) => {
                            let (groups, _) = chunk.as_chunks::<64>();
                            for (word, group) in words.iter_mut().zip(groups) {
                                *word = pack_group(group, |day| range.holds(day));
                            }
                        }
                        None => words.fill(0),
                    }
                }
            }
        }
    }

    /// Joins the bits of the chunk to `out`.
    fn join(&self, at: usize, out: &mut Chunk, with: impl Fn(u64, u64) -> u64) {
        match self {
            AccountTest::Has(bits) => match bits.chunk(at) {
                Some(chunk) => out.iter_mut().zip(chunk).for_each(|(word, part)| *word = with(*word, *part)),
                None => out.iter_mut().for_each(|word| *word = with(*word, 0)),
            },
            part => {
                let mut room = [0; CHUNK_WORDS];
                part.fill(at, &mut room);
                out.iter_mut().zip(&room).for_each(|(word, part)| *word = with(*word, *part));
            }
        }
    }

    /// Whether it holds for this account.
    pub(super) fn holds(&self, who: u32) -> bool {
        match self {
            AccountTest::All(parts) => parts.iter().all(|part| part.holds(who)),
            AccountTest::Any(parts) => parts.iter().any(|part| part.holds(who)),
            AccountTest::Not(part) => !part.holds(who),
            AccountTest::Has(bits) => bits.has(who),
            AccountTest::Day(days, range) => range.holds(days.get(who)),
        }
    }
}

/// Chunks that lie ready at once: no fewer than a narrow leaf can touch, whose numbers lie within 65,536.
const READY: usize = 4;

/// The bits of a test for the accounts around the leaf at hand, made chunk by chunk as leaves go by.
#[derive(Debug)]
pub(super) struct Window {
    test: AccountTest,
    /// The chunk with number `n` lies at `n % READY`.
    chunks: Box<[Chunk; READY]>,
    /// Which chunk lies there.
    numbers: [Option<usize>; READY],
}

impl Window {
    pub(super) fn new(test: AccountTest) -> Window {
        Window { test, chunks: Box::new([[0; CHUNK_WORDS]; READY]), numbers: [None; READY] }
    }

    /// One bit per follower of the leaf. Leaves that follow each other, up or down, share what was made.
    pub(super) fn mask(&mut self, leaf: &Leaf) -> Mask {
        let Offsets::Narrow { base, low } = leaf.offsets() else {
            // So far apart, making whole chunks would cost more than asking for each.
            return pack(leaf.ids_into(&mut [0; LEAF_MAX]), |id| self.test.holds(id));
        };
        for number in (leaf.first() >> CHUNK_SHIFT) as usize..=(leaf.last() >> CHUNK_SHIFT) as usize {
            let place = number % READY;
            if self.numbers[place] != Some(number) {
                self.test.fill(number, &mut self.chunks[place]);
                self.numbers[place] = Some(number);
            }
        }
        let words = self.chunks.as_flattened();
        pack(low, |low| {
            let id = base.wrapping_add(u32::from(low));
            words[(id >> 6) as usize % (READY * CHUNK_WORDS)] >> (id & 63) & 1 == 1
        })
    }
}
