//! Accounts that leave altogether.
//!
//! Nothing lists whom an account follows, so leaving reads every set, until all it followed are found. Whoever has
//! many to remove does it in one call.

use std::collections::BTreeMap;

use super::Engine;
use crate::set::Change;
use crate::{AccountNo, Attribute, CountChange, FollowerSet};

/// When accounts were removed. Kept for good, so that an import of old follows brings no one back.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    marks: BTreeMap<u32, i64>,
}

impl Removed {
    /// Events of before that time no longer count for the account.
    pub(crate) fn since(&self, who: u32) -> Option<i64> {
        if self.marks.is_empty() { None } else { self.marks.get(&who).copied() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub(crate) fn mark(&mut self, who: u32, at: i64) {
        self.marks.insert(who, at);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.marks.iter().map(|(who, at)| (*who, *at))
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
        let mut leaving: Vec<u32> = who.iter().map(|who| who.0).collect();
        leaving.sort_unstable();
        leaving.dedup();
        if let Some(last) = leaving.last() {
            self.assert_exists(AccountNo(*last));
        }
        let first = touched.len();
        for who in &leaving {
            self.drop_account(*who, touched);
        }
        self.leave_sets(&leaving, touched);
        self.kept.remove_followers(&leaving, &mut self.room.scratch);
        touched[first..].sort_unstable_by_key(|change| change.account);
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
        self.kept.remove_account(who);
        self.removed.mark(who, self.clock);
    }

    /// Takes the accounts out of every set.
    fn leave_sets(&mut self, leaving: &[u32], touched: &mut Vec<CountChange>) {
        let mut to_find: u64 =
            leaving.iter().map(|who| u64::from(self.shared.following(AccountNo(*who)))).sum();
        for account in 0..self.shared.accounts() {
            if to_find == 0 {
                return;
            }
            let set = self.sets.get(account);
            let changes = found_in(set, leaving);
            if changes.is_empty() {
                continue;
            }
            let after = set.with(&changes, &mut self.room.scratch);
            for change in &changes {
                self.shared.follows(change.id, -1);
            }
            to_find -= changes.len() as u64;
            touched.push(CountChange { account: AccountNo(account), before: set.len(), after: after.len() });
            self.sets.publish(account, after);
        }
        assert_eq!(to_find, 0, "an account is in as many sets as its following count says");
    }
}

/// Removes whoever of the accounts, ascending, is in the set.
fn found_in(set: &FollowerSet, accounts: &[u32]) -> Vec<Change> {
    // A lookup costs about as much as reading some tens of followers in a row.
    if accounts.len() < set.len() as usize / 32 + 1 {
        let found = accounts.iter().filter(|id| set.contains(AccountNo(**id)).is_some());
        return found.map(|id| Change { id: *id, day: None }).collect();
    }
    let found = set.iter().filter(|(id, _)| accounts.binary_search(&id.0).is_ok());
    found.map(|(id, _)| Change { id: id.0, day: None }).collect()
}
