//! Filters that are still remembered: to be undone, and to stay in force for follows that arrive late.
//!
//! While a filter is kept, every edge it took belongs to it ("taken") until an event settles the edge anew. An edge
//! is in the set, taken by exactly one filter, or nowhere. That is why undo needs no history: what is still taken
//! comes back, and whoever followed or unfollowed since is no longer among them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::account::DAY_MS;
use crate::attributes::Attributes;
use crate::following::Edition;
use crate::set::{Change, Scratch};
use crate::taken::{FilteredOut, Taken};
use crate::{AccountNo, Filter, FilterId};

/// One filter that ran.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) id: FilterId,
    /// The log time it ran.
    pub(crate) at: i64,
    /// Normalised.
    pub(crate) filter: Filter,
    /// Whether it takes late follows too. A filter with a target does so only if the set had reached the target when
    /// it ran: below it, one follower more would have been spared then.
    pub(crate) armed: bool,
    /// Whom it took and holds still.
    pub(crate) taken: Taken,
    /// In which edition of the lists of followed accounts those it took are listed, if in any; never saved.
    pub(crate) listed_in: Option<Edition>,
}

/// Whom each kept filter took, for readers.
///
/// Cut into parts by account, because a part is replaced as a whole.
#[derive(Debug)]
pub(crate) struct Shown([ArcSwap<ShownPart>; 64]);

type ShownPart = BTreeMap<(u32, FilterId), FilteredOut>;

impl Default for Shown {
    fn default() -> Shown {
        Shown(std::array::from_fn(|_| ArcSwap::default()))
    }
}

impl Shown {
    pub(crate) fn get(&self, account: u32, id: FilterId) -> Option<FilteredOut> {
        self.part(account).load().get(&(account, id)).cloned()
    }

    fn change(&self, account: u32, change: impl FnOnce(&mut ShownPart)) {
        let part = self.part(account);
        let mut new = ShownPart::clone(&part.load());
        change(&mut new);
        part.store(Arc::new(new));
    }

    fn part(&self, account: u32) -> &ArcSwap<ShownPart> {
        &self.0[account as usize % self.0.len()]
    }
}

/// The filters kept, by account and then in the order they ran.
#[derive(Debug)]
pub(crate) struct KeptFilters {
    shown: Arc<Shown>,
    by_account: BTreeMap<u32, Vec<Kept>>,
    /// (time to forget, account, filter).
    expiries: BTreeSet<(i64, u32, FilterId)>,
}

impl Kept {
    /// Whether the filter bars this follower from following at that time.
    pub(crate) fn bars(&self, follower: u32, version: i64) -> bool {
        let days = i64::from(self.filter.bar_days);
        days > 0
            && version >= self.at
            && version < self.at.saturating_add(days.saturating_mul(DAY_MS))
            && self.taken.then().contains(AccountNo(follower)).is_some()
    }
}

impl KeptFilters {
    pub(crate) fn new(shown: Arc<Shown>) -> KeptFilters {
        KeptFilters { shown, by_account: BTreeMap::new(), expiries: BTreeSet::new() }
    }

    pub(crate) fn of(&self, account: u32) -> &[Kept] {
        self.by_account.get(&account).map_or(&[], |kept| kept)
    }

    /// Makes changes, each to the filter at that place of the account's list. Ascending by follower.
    pub(crate) fn change_taken(
        &mut self,
        account: u32,
        changes: &mut [(usize, Change)],
        scratch: &mut Scratch,
    ) {
        let Some(all) = self.by_account.get_mut(&account) else { return };
        // Stable: followers stay ascending within each filter.
        changes.sort_by_key(|(filter, _)| *filter);
        for part in changes.chunk_by(|a, b| a.0 == b.0) {
            let changes: Vec<Change> = part.iter().map(|(_, change)| *change).collect();
            if let Some(kept) = part.first().and_then(|(filter, _)| all.get_mut(*filter)) {
                kept.taken.change(&changes, scratch);
                // Late follows never were in the set, so nobody listed them.
                kept.listed_in = None;
            }
        }
    }

    pub(crate) fn add(&mut self, account: u32, kept: Kept, expiry: i64) {
        self.expiries.insert((expiry, account, kept.id));
        self.shown.change(account, |shown| drop(shown.insert((account, kept.id), kept.taken.then().clone())));
        self.by_account.entry(account).or_default().push(kept);
    }

    pub(crate) fn remove(&mut self, account: u32, id: FilterId, expiry: i64) -> Option<Kept> {
        self.expiries.remove(&(expiry, account, id));
        self.shown.change(account, |shown| drop(shown.remove(&(account, id))));
        let all = self.by_account.get_mut(&account)?;
        let at = all.iter().position(|kept| kept.id == id)?;
        let kept = all.remove(at);
        if all.is_empty() {
            self.by_account.remove(&account);
        }
        Some(kept)
    }

    /// Forgets all whose time has come.
    pub(crate) fn expire(&mut self, now: i64) {
        while let Some((expiry, account, id)) = self.expiries.first().copied()
            && expiry <= now
        {
            self.remove(account, id, expiry);
        }
    }

    /// Forgets the filters of an account.
    pub(crate) fn remove_account(&mut self, account: u32) {
        if self.by_account.remove(&account).is_some() {
            self.expiries.retain(|(_, of, _)| *of != account);
            self.shown.change(account, |shown| shown.retain(|(of, _), _| *of != account));
        }
    }

    /// Takes these followers, ascending, out of every filter.
    pub(crate) fn remove_followers(&mut self, followers: &[u32], scratch: &mut Scratch) {
        for kept in self.by_account.values_mut().flatten() {
            let gone = |id: u32| Change { id, day: None };
            // Whichever are fewer are looked up among the others.
            let changes: Vec<Change> = if followers.len() < kept.taken.len() as usize {
                let taken = followers.iter().filter(|id| kept.taken.contains(AccountNo(**id)).is_some());
                taken.map(|id| gone(*id)).collect()
            } else {
                let mut taken = Vec::new();
                kept.taken
                    .for_each(|id, _| taken.extend(followers.binary_search(&id).ok().map(|_| gone(id))));
                taken
            };
            if !changes.is_empty() {
                kept.taken.change(&changes, scratch);
                // Late follows never were in the set, so nobody listed them.
                kept.listed_in = None;
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[Kept])> + '_ {
        self.by_account.iter().map(|(account, kept)| (*account, &kept[..]))
    }
}

/// Which of these filters takes a follow that happened at `version` and is in no set yet: the first that ran after
/// it and means it.
pub(crate) fn taker(
    kept: &[Kept],
    id: u32,
    day: u16,
    version: i64,
    attributes: &Attributes,
) -> Option<usize> {
    kept.iter().position(|kept| version < kept.at && kept.armed && kept.filter.means(id, day, attributes))
}
