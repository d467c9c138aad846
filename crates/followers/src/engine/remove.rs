//! Accounts that leave the sets they are in: one that is removed altogether, or many that a platform purges.
//!
//! Few are found through the lists of whom they follow, many in one pass over all sets. Both find the same, so which way
//! is taken, and whether there are lists at all, shows only in the time it takes.

use std::collections::BTreeMap;

use super::Engine;
use crate::set::Change;
use crate::{AccountDay, AccountNo, Attribute, CountChange, FollowerSet};

/// Edges that are looked for through the lists however few there are in all.
const BY_LISTS_MIN: u64 = 1_000;

/// Edges of all sets that one pass reads in the time in which one edge is found through the lists. An estimate; see
/// `docs/decisions/0009-following.md`.
const READ_WHILE_FOUND: u64 = 100;

/// When accounts were removed or purged. Kept for good, so that an import of old follows brings no one back.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// Those that are gone in both directions.
    marks: BTreeMap<u32, i64>,
    /// Those that only left the sets they were in.
    purged: BTreeMap<u32, i64>,
    /// The accounts in either: most events ask about accounts in neither.
    known: Numbers,
}

/// A set of account numbers, one bit each.
#[derive(Debug, Default)]
struct Numbers {
    words: Vec<u64>,
}

impl Numbers {
    fn has(&self, who: u32) -> bool {
        self.words.get(who as usize / 64).is_some_and(|word| word >> (who % 64) & 1 == 1)
    }

    fn add(&mut self, who: u32) {
        let place = who as usize / 64;
        if self.words.len() <= place {
            self.words.resize(place + 1, 0);
        }
        if let Some(word) = self.words.get_mut(place) {
            *word |= 1 << (who % 64);
        }
    }
}

impl Removed {
    /// Events of before that time no longer count for the account, whichever end of the edge it is.
    pub(crate) fn since(&self, who: u32) -> Option<i64> {
        if self.known.has(who) { self.marks.get(&who).copied() } else { None }
    }

    /// Events of before that time no longer count for the account as a follower.
    pub(crate) fn since_as_follower(&self, who: u32) -> Option<i64> {
        if self.known.has(who) {
            self.marks.get(&who).copied().max(self.purged.get(&who).copied())
        } else {
            None
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.words.is_empty()
    }

    pub(crate) fn mark(&mut self, who: u32, at: i64) {
        self.known.add(who);
        self.marks.insert(who, at);
    }

    pub(crate) fn mark_purged(&mut self, who: u32, at: i64) {
        self.known.add(who);
        self.purged.insert(who, at);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.marks.iter().map(|(who, at)| (*who, *at))
    }

    pub(crate) fn iter_purged(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.purged.iter().map(|(who, at)| (*who, *at))
    }

    /// Account, whether it was only purged, time; those that were removed first.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = (u32, bool, i64)> + '_ {
        let removed = self.iter().map(|(who, at)| (who, false, at));
        removed.chain(self.iter_purged().map(|(who, at)| (who, true, at)))
    }
}

impl Engine {
    /// Takes `who` out of every set it is in and drops its own set, its filters and its attributes. Events of before
    /// the present log time no longer count for it; later ones do.
    ///
    /// Appends every account whose set changed to `touched`, by ascending account number.
    ///
    /// # Panics
    /// When the account number does not exist.
    pub fn remove_account(&mut self, who: AccountNo, touched: &mut Vec<CountChange>) {
        self.remove_accounts(&[who], touched);
    }

    /// [`Engine::remove_account`] for many at once; one pass over all sets, however many leave.
    ///
    /// # Panics
    /// When an account number does not exist.
    pub fn remove_accounts(&mut self, who: &[AccountNo], touched: &mut Vec<CountChange>) {
        let leaving = self.ascending(who);
        let first = touched.len();
        for who in &leaving {
            self.drop_account(*who, touched);
        }
        self.leave_sets(&leaving, touched);
        touched[first..].sort_unstable_by_key(|change| change.account);
    }

    /// Takes accounts out of every set they are in, and keeps all that is their own: followers, filters, attributes.
    /// Follows of before the present log time no longer count for them; later ones do. Returns the number of edges that
    /// were removed.
    ///
    /// Appends every account whose set changed to `touched`, by ascending account number.
    ///
    /// # Panics
    /// When an account number does not exist.
    pub fn purge(&mut self, who: &[AccountNo], touched: &mut Vec<CountChange>) -> u64 {
        let leaving = self.ascending(who);
        for who in &leaving {
            self.removed.mark_purged(*who, self.clock);
        }
        self.leave_sets(&leaving, touched)
    }

    fn ascending(&self, who: &[AccountNo]) -> Vec<u32> {
        let mut leaving: Vec<u32> = who.iter().map(|who| who.0).collect();
        leaving.sort_unstable();
        leaving.dedup();
        if let Some(last) = leaving.last() {
            self.assert_exists(AccountNo(*last));
        }
        leaving
    }

    /// Drops all that belongs to the account itself.
    fn drop_account(&mut self, who: u32, touched: &mut Vec<CountChange>) {
        let set = self.sets.get(who);
        if !set.is_empty() {
            for (follower, _) in set.iter() {
                self.shared.follows(follower.0, -1);
            }
            touched.push(CountChange { account: AccountNo(who), before: set.len(), after: 0 });
            self.sets.publish(who, FollowerSet::default());
        }
        for attribute in Attribute::ALL {
            self.shared.attributes.set(who, attribute, false);
        }
        for which in AccountDay::ALL {
            self.shared.attributes.days(which).set(who, 0);
        }
        self.kept.remove_account(who);
        self.removed.mark(who, self.clock);
    }

    /// Takes the accounts, ascending, out of every set and every filter; returns the edges that were removed.
    fn leave_sets(&mut self, leaving: &[u32], touched: &mut Vec<CountChange>) -> u64 {
        let edges: u64 = leaving.iter().map(|who| u64::from(self.shared.following(AccountNo(*who)))).sum();
        let removed = if edges == 0 {
            0
        } else if let Some(found) = self.found_by_lists(leaving, edges) {
            self.leave_found(&found, touched)
        } else {
            self.leave_in_one_pass(leaving, edges, touched)
        };
        assert_eq!(removed, edges, "an account is in as many sets as its following count says");
        self.kept.remove_followers(leaving, &mut self.room.scratch);
        edges
    }

    /// The edges of these accounts, as (followed account, follower), ascending; `None` if the lists are not built or one
    /// pass over all sets is the shorter way.
    fn found_by_lists(&self, leaving: &[u32], edges: u64) -> Option<Vec<(u32, u32)>> {
        if edges > BY_LISTS_MIN {
            let accounts = 0..self.shared.accounts();
            let all: u64 = accounts.map(|who| u64::from(self.shared.following(AccountNo(who)))).sum();
            if edges > all / READ_WHILE_FOUND {
                return None;
            }
        }
        let mut found = Vec::new();
        for who in leaving {
            let listed = self.shared.lists.candidates(*who)?;
            found.extend(listed.into_iter().map(|followee| (followee, *who)));
        }
        found.sort_unstable();
        Some(found)
    }

    fn leave_found(&mut self, found: &[(u32, u32)], touched: &mut Vec<CountChange>) -> u64 {
        let mut removed = 0;
        for of_one in found.chunk_by(|a, b| a.0 == b.0) {
            let Some((account, _)) = of_one.first() else { continue };
            let set = self.sets.get(*account);
            let here = of_one.iter().filter(|(_, who)| set.contains(AccountNo(*who)).is_some());
            let changes = here.map(|(_, who)| Change { id: *who, day: None }).collect();
            removed += self.take_out(*account, changes, touched);
        }
        removed
    }

    fn leave_in_one_pass(&mut self, leaving: &[u32], edges: u64, touched: &mut Vec<CountChange>) -> u64 {
        let mut numbers = Numbers::default();
        // From the highest, so that room is made once.
        leaving.iter().rev().for_each(|who| numbers.add(*who));
        let mut removed = 0;
        for account in 0..self.shared.accounts() {
            if removed == edges {
                break;
            }
            let set = self.sets.get(account);
            if set.is_empty() {
                continue;
            }
            let changes = found_in(set, leaving, &numbers);
            removed += self.take_out(account, changes, touched);
        }
        removed
    }

    /// Takes followers, ascending, out of one set.
    fn take_out(&mut self, account: u32, changes: Vec<Change>, touched: &mut Vec<CountChange>) -> u64 {
        if changes.is_empty() {
            return 0;
        }
        let set = self.sets.get(account);
        let after = set.with(&changes, &mut self.room.scratch);
        for change in &changes {
            self.shared.follows(change.id, -1);
        }
        touched.push(CountChange { account: AccountNo(account), before: set.len(), after: after.len() });
        self.sets.publish(account, after);
        changes.len() as u64
    }
}

/// Removes whoever of the accounts, given ascending and as a set, is in the set.
fn found_in(set: &FollowerSet, accounts: &[u32], numbers: &Numbers) -> Vec<Change> {
    let gone = |id: u32| Change { id, day: None };
    // A lookup costs about as much as reading some tens of followers in a row.
    if accounts.len() < set.len() as usize / 64 + 1 {
        let found = accounts.iter().filter(|id| set.contains(AccountNo(**id)).is_some());
        return found.map(|id| gone(*id)).collect();
    }
    set.iter().filter(|(id, _)| numbers.has(id.0)).map(|(id, _)| gone(id.0)).collect()
}
