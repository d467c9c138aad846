//! Walking everything and comparing it with what is promised.

use super::Engine;
use crate::horizon::edge_of;
use crate::{AccountNo, Day};

/// A promise of the engine that does not hold, as [`Engine::check`] found it: a bug, never bad input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine broke a promise at account number `{}`: {promise}", account.0)]
pub struct Broken {
    /// The account where it was seen.
    pub account: AccountNo,
    /// The promise, as a sentence.
    pub promise: &'static str,
}

fn promise(account: u32, holds: bool, promise: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { account: AccountNo(account), promise }) }
}

impl Engine {
    /// Counts the followers of `who` one by one. Equal to [`crate::Reader::count`], or there is a bug.
    pub fn recount(&self, who: AccountNo) -> u32 {
        self.sets.get(who.0).iter().map(|_| 1).sum()
    }

    /// Walks everything and compares it with what is promised.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_sets()?;
        self.check_filters()?;
        self.check_horizon()
    }

    fn check_sets(&self) -> Result<(), Broken> {
        let accounts = self.shared.accounts();
        let mut following = vec![0u32; accounts as usize];
        for who in 0..accounts {
            promise(who, self.sets.is_published(who), "readers see what the writer holds")?;
        }
        for (who, set) in self.sets.iter() {
            promise(who, !set.is_empty(), "an empty set is no set at all")?;
            promise(who, set.is_sound(), "a set ascends and its count is its size")?;
            promise(who, set.contains(AccountNo(who)).is_none(), "nobody follows itself")?;
            for (follower, _) in set.iter() {
                match following.get_mut(follower.0 as usize) {
                    Some(count) => *count += 1,
                    None => promise(who, false, "followers exist")?,
                }
            }
        }
        for (who, counted) in (0..accounts).zip(following) {
            let kept = self.shared.following(AccountNo(who));
            promise(who, kept == counted, "a following count is the number of sets the account is in")?;
            // Each one listed is in a set, so as many are the very same.
            let listed = self.reader().followees(AccountNo(who));
            let whole = listed.is_none_or(|listed| listed.len() == counted as usize);
            promise(who, whole, "a list of followed accounts is whole")?;
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), Broken> {
        for (who, filters) in self.kept.iter() {
            let set = self.sets.get(who);
            let within = filters.len() <= self.limits.filters_kept_max;
            promise(who, within && !filters.is_empty(), "kept filters stay within filters_kept_max")?;
            for (at, kept) in filters.iter().enumerate() {
                promise(who, kept.taken.is_sound(), "what a filter took is a sound set")?;
                promise(who, kept.at <= self.clock, "no filter ran in the future")?;
                promise(who, self.clock < self.expiry(kept), "no filter outlives its time")?;
                let (mut apart, mut once) = (true, true);
                kept.taken.for_each(|follower, _| {
                    let follower = AccountNo(follower);
                    apart &= set.contains(follower).is_none();
                    let mut later = filters.iter().skip(at + 1);
                    once &= later.all(|later| later.taken.contains(follower).is_none());
                });
                promise(who, apart, "who is taken does not follow")?;
                promise(who, once, "who is taken is taken by one filter")?;
            }
        }
        Ok(())
    }

    fn check_horizon(&self) -> Result<(), Broken> {
        for (key, stamp) in self.horizon.sorted() {
            let (followee, follower) = edge_of(key);
            let set = self.sets.get(followee);
            let follower = AccountNo(follower);
            let mut taken = self.kept.of(followee).iter().filter_map(|kept| kept.taken.contains(follower));
            let since = set.contains(follower).or_else(|| taken.next());
            if stamp.is_unfollow() {
                promise(followee, since.is_none(), "who unfollowed last does not follow")?;
            }
            let agrees = since.is_none_or(|since| since == Day::of(stamp.version()));
            promise(followee, agrees, "a remembered follow and its day agree")?;
        }
        Ok(())
    }
}
