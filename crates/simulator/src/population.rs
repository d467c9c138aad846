//! Who can follow whom in a long run: few large accounts, some of middling size, many small ones.
//!
//! The edges are laid down once, so that each is written many times and the number of those that stand stays about the
//! same for ever. They have numbers without gaps, by which a model can keep them in a plain list.

use crate::random::Random;

/// Edges that each account of middling size can have, and each small one.
const MIDDLING_EDGES: u32 = 2_000;
const SMALL_EDGES: u32 = 20;

/// A population; large accounts have the lowest numbers, then come those of middling size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    large: u32,
    middling: u32,
    accounts: u32,
}

impl Population {
    pub(crate) fn new(large: u32, middling: u32, accounts: u32) -> Self {
        Self { large, middling, accounts }
    }

    pub(crate) fn accounts(&self) -> u32 {
        self.accounts
    }

    /// Edges that can be.
    pub(crate) fn edges(&self) -> u64 {
        let small = self.accounts - self.large - self.middling;
        u64::from(self.large) * u64::from(self.accounts)
            + u64::from(self.middling) * u64::from(MIDDLING_EDGES)
            + u64::from(small) * u64::from(SMALL_EDGES)
    }

    /// The edges of an account: the number of the first, and how many.
    pub(crate) fn edges_of(&self, account: u32) -> (u64, u32) {
        let large = u64::from(self.large) * u64::from(self.accounts);
        if account < self.large {
            (u64::from(account) * u64::from(self.accounts), self.accounts)
        } else if account < self.large + self.middling {
            (large + u64::from(account - self.large) * u64::from(MIDDLING_EDGES), MIDDLING_EDGES)
        } else {
            let before = u64::from(self.middling) * u64::from(MIDDLING_EDGES);
            let nth = u64::from(account - self.large - self.middling);
            (large + before + nth * u64::from(SMALL_EDGES), SMALL_EDGES)
        }
    }

    /// The follower of the edge at that place among those of the account.
    pub(crate) fn follower(&self, account: u32, place: u32) -> u32 {
        if account < self.large {
            return place;
        }
        // Spread over all accounts; the step has no divisor in common with any even number of them or with powers of ten.
        let spread = u64::from(account) * 7_919 + u64::from(place) * 10_007;
        (spread % u64::from(self.accounts)) as u32
    }

    /// The account of an edge, by the edge's number, and the place among its edges.
    pub(crate) fn of_edge(&self, edge: u64) -> (u32, u32) {
        let large = u64::from(self.large) * u64::from(self.accounts);
        let middling = u64::from(self.middling) * u64::from(MIDDLING_EDGES);
        let (first, edge, each) = if edge < large {
            (0, edge, self.accounts)
        } else if edge < large + middling {
            (self.large, edge - large, MIDDLING_EDGES)
        } else {
            (self.large + self.middling, edge - large - middling, SMALL_EDGES)
        };
        (first + (edge / u64::from(each)) as u32, (edge % u64::from(each)) as u32)
    }

    /// Any edge; an account may come out as its own follower, which the engine refuses.
    pub(crate) fn edge(&self, random: &mut Random) -> (u32, u32) {
        let (account, place) = self.of_edge(random.below(self.edges()));
        (account, self.follower(account, place))
    }

    /// One of the small accounts.
    pub(crate) fn someone_small(&self, random: &mut Random) -> u32 {
        let first = self.large + self.middling;
        first + random.below(u64::from(self.accounts - first)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_has_one_number() {
        let population = Population::new(3, 5, 4_000);
        let mut next = 0;
        for account in 0..population.accounts() {
            let (first, count) = population.edges_of(account);
            assert_eq!(first, next);
            let mut followers: Vec<u32> =
                (0..count).map(|place| population.follower(account, place)).collect();
            for place in [0, count - 1] {
                assert_eq!(population.of_edge(first + u64::from(place)), (account, place));
            }
            followers.sort_unstable();
            followers.dedup();
            assert_eq!(followers.len(), count as usize);
            next += u64::from(count);
        }
        assert_eq!(next, population.edges());
    }
}
