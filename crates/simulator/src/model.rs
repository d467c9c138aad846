//! The independent model: who follows whom, in the plainest way that can be right.
//!
//! It shares no code with the engine: one map from an edge to its newest event, one set an account. It is slow and large,
//! which is its virtue.

use std::collections::{BTreeMap, BTreeSet};

/// One event as the generator makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// When it happened, in unix milliseconds; no two events of a run share one.
    pub(crate) at: i64,
    /// Who is followed.
    pub(crate) account: u32,
    /// Who follows.
    pub(crate) follower: u32,
    /// Follow, or unfollow.
    pub(crate) follows: bool,
}

/// The newest word on every edge, and what follows from it.
#[derive(Default)]
pub(crate) struct Model {
    newest: BTreeMap<(u32, u32), i64>,
    sets: BTreeMap<u32, BTreeSet<u32>>,
}

impl Model {
    /// Takes one event, in any order, any number of times.
    pub(crate) fn take(&mut self, event: Event) {
        let newest = self.newest.entry((event.account, event.follower)).or_insert(i64::MIN);
        if event.at <= *newest {
            return;
        }
        *newest = event.at;
        let set = self.sets.entry(event.account).or_default();
        if event.follows {
            set.insert(event.follower);
        } else {
            set.remove(&event.follower);
        }
    }

    /// An account left: it follows nobody and nobody follows it.
    pub(crate) fn leave(&mut self, account: u32) {
        self.sets.remove(&account);
        for set in self.sets.values_mut() {
            set.remove(&account);
        }
    }

    /// Removes the followers that a filter named.
    pub(crate) fn filter(&mut self, account: u32, is_meant: impl Fn(u32) -> bool) {
        if let Some(set) = self.sets.get_mut(&account) {
            set.retain(|follower| !is_meant(*follower));
        }
    }

    /// How many follow the account.
    pub(crate) fn count(&self, account: u32) -> usize {
        self.sets.get(&account).map_or(0, BTreeSet::len)
    }

    /// Who follows the account.
    pub(crate) fn followers(&self, account: u32) -> impl Iterator<Item = u32> + '_ {
        self.sets.get(&account).into_iter().flatten().copied()
    }

    /// Edges that stand.
    pub(crate) fn edges(&self) -> usize {
        self.sets.values().map(BTreeSet::len).sum()
    }
}
