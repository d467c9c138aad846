//! The graph of all comparisons: one account with millions of followers, and a background by the degree law.
//!
//! Accounts are numbered in the order they signed up; [`external`] gives the ids that a platform would send. Everything
//! follows from the sizes: two programs that ask for the same sizes hold the same edges in the same order.

use std::collections::HashSet;

use crate::law::degrees;
use crate::random::{Random, mix};

/// The day the criterion asks about: a follow began before it or not.
pub const CUT_DAY: u16 = 19_000;
/// The bits of a follower's attributes: inactive, no picture, suspected bot.
pub const FLAGS: u8 = 0b111;

const EARLY: u8 = 0b1000;
/// Days of follow before the cut, and from it on.
const DAYS_BEFORE: u64 = 4_000;
const DAYS_AFTER: u64 = 1_400;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Mean distance of neighbouring ids: 20 million accounts spread over 560 million ids.
const ID_STEP: u32 = 28;
/// No divisor of any number of accounts in use, so multiplying by it visits each account once.
const STRIDE: u64 = 7_368_787;

/// How large the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Accounts that exist.
    pub accounts: u32,
    /// Followers of the largest account.
    pub followers: u32,
    /// Those of them who meet the criterion: an attribute of the three, and followed before [`CUT_DAY`].
    pub meeting: u32,
    /// Edges to other accounts.
    pub background: u32,
}

impl Sizes {
    /// The reference case divided by `by`: 20 M accounts, 7 M followers of whom 6.1 M meet the criterion, 3 M edges more.
    #[must_use]
    pub fn reference(by: u32) -> Self {
        let by = by.max(1);
        Self {
            accounts: 20_000_000 / by,
            followers: 7_000_000 / by,
            meeting: 6_100_000 / by,
            background: 3_000_000 / by,
        }
    }

    /// One account that everybody but itself follows, 61 of 70 of them meeting the criterion; no background.
    #[must_use]
    pub fn one_account(followers: u32) -> Self {
        let meeting = (u64::from(followers) * 61 / 70) as u32;
        Self { accounts: followers + 1, followers, meeting, background: 0 }
    }

    /// `edges` edges among half as many accounts, three in ten of one account, the others by the degree law.
    #[must_use]
    pub fn mixed(edges: u32) -> Self {
        let followers = edges / 10 * 3;
        let meeting = (u64::from(followers) * 61 / 70) as u32;
        Self { accounts: edges / 2, followers, meeting, background: edges - followers }
    }

    /// Edges in all.
    #[must_use]
    pub fn edges(&self) -> u32 {
        self.followers + self.background
    }
}

/// One follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Number of the account that is followed.
    pub followee: u32,
    /// Number of the account that follows.
    pub follower: u32,
}

/// The external id of an account: ascending with its number, with gaps of 28 in the mean.
#[must_use]
pub fn external(account: u32) -> u32 {
    let wobble = mix(u64::from(account) ^ 0x1d5) % u64::from(ID_STEP);
    account.wrapping_mul(ID_STEP).wrapping_add(wobble as u32)
}

/// Accounts, edges, and the events to come.
#[derive(Clone, Debug)]
pub struct Graph {
    sizes: Sizes,
    marks: Vec<u8>,
    edges: Vec<Edge>,
    /// The followee of each background edge: drawing from it draws by size.
    background: Vec<u32>,
    /// Those who do not follow the largest account, ascending.
    strangers: Vec<u32>,
}

impl Graph {
    /// Makes the graph: the same one for the same sizes.
    #[must_use]
    pub fn new(sizes: Sizes) -> Self {
        let mut random = Random::new(20_231_031);
        let mut marks = vec![0u8; sizes.accounts as usize];
        let mut strangers = Vec::with_capacity(sizes.accounts.saturating_sub(sizes.followers) as usize);
        let mut edges = Vec::with_capacity(sizes.edges() as usize);
        let mut places = u64::from(sizes.accounts.saturating_sub(1));
        let (mut followers, mut meeting) = (u64::from(sizes.followers), u64::from(sizes.meeting));
        for (account, mark) in marks.iter_mut().enumerate().skip(1) {
            let follows = chance(&mut random, followers, places);
            places -= 1;
            *mark = if !follows {
                strangers.push(account as u32);
                (random.bits() & 7) as u8
            } else {
                let meets = chance(&mut random, meeting, followers);
                followers -= 1;
                meeting -= u64::from(meets);
                edges.push(Edge { followee: 0, follower: account as u32 });
                follower_mark(&mut random, meets)
            };
        }
        background(sizes, &mut random, &mut edges);
        let background = edges.iter().skip(sizes.followers as usize).map(|edge| edge.followee).collect();
        shuffle(&mut edges, &mut random);
        Self { sizes, marks, edges, background, strangers }
    }

    /// How large it is.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Every edge once, in an order without meaning.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The attributes of an account, within [`FLAGS`].
    #[must_use]
    pub fn flags(&self, account: u32) -> u8 {
        self.marks.get(account as usize).copied().unwrap_or(0) & FLAGS
    }

    /// The day the follow began.
    #[must_use]
    pub fn day(&self, edge: Edge) -> u16 {
        let bits = mix(u64::from(edge.follower) << 32 | u64::from(edge.followee));
        let early = if edge.followee == 0 {
            self.marks.get(edge.follower as usize).is_some_and(|mark| mark & EARLY != 0)
        } else {
            bits & 3 != 0
        };
        day(bits >> 2, early)
    }

    /// The same in milliseconds since 1970.
    #[must_use]
    pub fn at_ms(&self, edge: Edge) -> i64 {
        i64::from(self.day(edge)) * DAY_MS
    }

    /// Every account that is followed, once, ascending.
    #[must_use]
    pub fn followed(&self) -> Vec<u32> {
        let mut followed = self.background.clone();
        followed.push(0);
        followed.sort_unstable();
        followed.dedup();
        followed
    }

    /// Events of the stream until everybody follows the largest account.
    #[must_use]
    pub fn stream_len(&self) -> u64 {
        2 * self.strangers.len() as u64
    }

    /// A follow to come, counted from 0: every second one is of the largest account and by somebody new to it, as long
    /// as there are any; the others are of accounts drawn by their size.
    #[must_use]
    pub fn stream(&self, nth: u64) -> Edge {
        let accounts = u64::from(self.sizes.accounts);
        let draw = mix(nth ^ 0x57ea);
        if nth % 2 == 1
            && let Some(followee) = pick(&self.background, draw)
        {
            let follower = (mix(draw) % accounts) as u32;
            let next = (follower + 1) % self.sizes.accounts;
            return Edge { followee, follower: if follower == followee { next } else { follower } };
        }
        let follower = pick(&self.strangers, (nth / 2).wrapping_mul(STRIDE));
        Edge { followee: 0, follower: follower.unwrap_or(1) }
    }
}

fn pick(from: &[u32], draw: u64) -> Option<u32> {
    let place = draw.checked_rem(from.len() as u64)?;
    from.get(place as usize).copied()
}

/// With the chance of `wanted` in `left`, exactly: asked for every place it gives yes exactly `wanted` times.
fn chance(random: &mut Random, wanted: u64, left: u64) -> bool {
    wanted > 0 && u64::from(random.below(left.min(u64::from(u32::MAX)) as u32)) < wanted
}

fn follower_mark(random: &mut Random, meets: bool) -> u8 {
    let some_flags = (random.bits() % 7 + 1) as u8;
    match (meets, random.bits() & 1) {
        (true, _) => EARLY | some_flags,
        // Half of those who do not meet it followed too late, the others carry no attribute.
        (false, 0) => some_flags,
        (false, _) => EARLY,
    }
}

fn day(bits: u64, early: bool) -> u16 {
    let day = if early {
        u64::from(CUT_DAY) - 1 - bits % DAYS_BEFORE
    } else {
        u64::from(CUT_DAY) + bits % DAYS_AFTER
    };
    day as u16
}

/// The account at this rank by size; the largest is account 0, the others lie anywhere.
fn place_of(rank: u64, accounts: u64) -> u32 {
    (rank * STRIDE % accounts) as u32
}

/// Exactly `sizes.background` different edges by the degree law.
fn background(sizes: Sizes, random: &mut Random, edges: &mut Vec<Edge>) {
    let first = edges.len();
    let wanted = sizes.background as usize;
    if wanted == 0 {
        return;
    }
    // A little more than wanted, because the draw of each set wobbles; the rest is dropped again.
    let law = degrees(wanted as u64 * 103 / 100 + 10, sizes.accounts / 2);
    for (rank, followers) in (1u64..).zip(law) {
        let followee = place_of(rank, u64::from(sizes.accounts));
        subset(followers, sizes.accounts, random, |follower| {
            if follower != followee {
                edges.push(Edge { followee, follower });
            }
        });
    }
    if let Some(law) = edges.get_mut(first..) {
        shuffle(law, random);
    }
    edges.truncate(first + wanted);
    // Small graphs wobble more than the margin.
    let mut there: HashSet<Edge> = HashSet::new();
    if edges.len() < first + wanted {
        there.extend(edges.iter().skip(first));
    }
    while edges.len() < first + wanted {
        let followee = place_of(1 + u64::from(random.below(16)), u64::from(sizes.accounts));
        let edge = Edge { followee, follower: random.below(sizes.accounts) };
        if edge.follower != followee && there.insert(edge) {
            edges.push(edge);
        }
    }
}

/// Each of `pool` numbers with the chance of `wanted` in `pool`, ascending: jumps from one to the next.
fn subset(wanted: u32, pool: u32, random: &mut Random, mut take: impl FnMut(u32)) {
    if wanted == 0 || pool == 0 {
        return;
    }
    let chance = f64::from(wanted) / f64::from(pool);
    let scale = if chance < 1.0 { 1.0 / (1.0 - chance).ln() } else { 0.0 };
    let mut at = 0.0;
    loop {
        at += (random.share().ln() * scale).floor();
        if at >= f64::from(pool) {
            return;
        }
        take(at as u32);
        at += 1.0;
    }
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for end in (1..items.len()).rev() {
        items.swap(end, random.below(end as u32 + 1) as usize);
    }
}

/// A graph by the degree law alone, too large to hold: account after account, as exports of follower lists come.
#[derive(Clone, Debug)]
pub struct LawEdges {
    accounts: u32,
    degrees: Vec<u32>,
}

impl LawEdges {
    /// About `edges` edges among `accounts` accounts.
    #[must_use]
    pub fn new(edges: u64, accounts: u32) -> Self {
        Self { accounts, degrees: degrees(edges, accounts / 2) }
    }

    /// Accounts that exist.
    #[must_use]
    pub fn accounts(&self) -> u32 {
        self.accounts
    }

    /// Accounts that are followed.
    #[must_use]
    pub fn followed(&self) -> u32 {
        self.degrees.len() as u32
    }

    /// The account at this rank by size, from 1.
    #[must_use]
    pub fn at_rank(&self, rank: u32) -> u32 {
        place_of(u64::from(rank), u64::from(self.accounts))
    }

    /// Gives every edge with its day, followees in an order without meaning, followers of each ascending.
    ///
    /// # Errors
    /// The first one that `take` gives.
    pub fn each(&self, mut take: impl FnMut(Edge, u16) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut random = Random::new(1_119);
        let mut ranks: Vec<u32> = (0..self.degrees.len() as u32).collect();
        shuffle(&mut ranks, &mut random);
        for rank in ranks {
            let followee = self.at_rank(rank + 1);
            let followers = self.degrees.get(rank as usize).copied().unwrap_or(0);
            let mut outcome = Ok(());
            subset(followers, self.accounts, &mut random, |follower| {
                if follower != followee && outcome.is_ok() {
                    let bits = mix(u64::from(follower) << 32 | u64::from(followee));
                    outcome = take(Edge { followee, follower }, day(bits >> 2, bits & 3 != 0));
                }
            });
            outcome?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(graph: &Graph, edge: Edge) -> bool {
        graph.flags(edge.follower) != 0 && graph.day(edge) < CUT_DAY
    }

    #[test]
    fn the_graph_has_exactly_the_sizes_asked_for() {
        let sizes = Sizes::reference(500);
        let graph = Graph::new(sizes);
        let largest: Vec<Edge> = graph.edges().iter().copied().filter(|edge| edge.followee == 0).collect();
        assert_eq!(graph.edges().len(), sizes.edges() as usize);
        assert_eq!(largest.len(), sizes.followers as usize);
        assert_eq!(largest.iter().filter(|edge| meets(&graph, **edge)).count(), sizes.meeting as usize);
        assert!(graph.edges().iter().all(|edge| edge.follower != edge.followee));
        let different: HashSet<Edge> = graph.edges().iter().copied().collect();
        assert_eq!(different.len(), graph.edges().len(), "no edge comes twice");
    }

    #[test]
    fn each_part_of_the_criterion_matters() {
        let graph = Graph::new(Sizes::reference(500));
        let of_largest = || graph.edges().iter().copied().filter(|edge| edge.followee == 0);
        assert!(of_largest().any(|edge| graph.flags(edge.follower) == 0 && graph.day(edge) < CUT_DAY));
        assert!(of_largest().any(|edge| graph.flags(edge.follower) != 0 && graph.day(edge) >= CUT_DAY));
        for flag in [1, 2, 4] {
            assert!(of_largest().any(|edge| meets(&graph, edge) && graph.flags(edge.follower) == flag));
        }
    }

    #[test]
    fn the_stream_brings_new_edges_half_of_them_to_the_largest_account() {
        let graph = Graph::new(Sizes::reference(500));
        let there: HashSet<Edge> = graph.edges().iter().copied().collect();
        let events: Vec<Edge> = (0..8_000).map(|nth| graph.stream(nth)).collect();
        let new: HashSet<Edge> = events.iter().copied().filter(|edge| !there.contains(edge)).collect();
        assert!(new.len() > events.len() * 95 / 100, "{} of {} are new", new.len(), events.len());
        let largest = events.iter().filter(|edge| edge.followee == 0).count();
        assert_eq!(largest, events.len() / 2);
        assert!(events.iter().all(|edge| edge.follower != edge.followee));
    }

    #[test]
    fn external_ids_ascend() {
        assert!((0..10_000).map(external).is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn the_law_edges_are_about_as_many_as_asked_for_and_different() {
        let law = LawEdges::new(300_000, 30_000);
        let mut seen = HashSet::new();
        law.each(|edge, _| {
            assert!(seen.insert(edge), "{edge:?} comes twice");
            Ok(())
        })
        .unwrap();
        assert!(seen.len().abs_diff(300_000) < 15_000, "{}", seen.len());
    }
}
