//! Running a filter and taking it back.
//!
//! The set is swapped as a whole: a reader sees all followers or the ones left, never something between.

use std::sync::Arc;

use super::Engine;
use crate::account::DAY_MS;
use crate::choose::{Choice, Parted};
use crate::filter::normalised;
use crate::kept::Kept;
use crate::set::LEAF_MAX;
use crate::taken::{FilteredOut, Taken};
use crate::{AccountNo, Day, Filter, FilterId, FilterOutcome, FilterRefusal, FollowerSet, UndoOutcome};

impl Engine {
    /// Removes the followers of `target` that the filter means, all at once.
    ///
    /// `at` is the log time of the command, to which the clock moves; `position` is its place in the log, by which it
    /// is undone. While the filter is kept, a follow of before `at` that arrives late is taken too if the filter
    /// means it then; a follow of `at` or later counts as a new decision of the follower.
    ///
    /// # Panics
    /// When the account number does not exist.
    pub fn filter(&mut self, target: AccountNo, filter: &Filter, at: i64, position: u64) -> FilterOutcome {
        self.assert_exists(target);
        self.set_clock(at);
        if let Err(refusal) = filter.check(&self.limits) {
            return FilterOutcome::Refused(refusal);
        }
        if self.kept.of(target.0).len() >= self.limits.filters_kept_max {
            return FilterOutcome::Refused(FilterRefusal::TooManyFilters);
        }
        let id = FilterId(position);
        debug_assert!(self.kept.of(target.0).iter().all(|kept| kept.id != id));
        let followed = if filter.keep_followed { self.followed_by(target) } else { Vec::new() };
        let filter = normalised(filter, Day::of(self.clock), followed);
        // Before the set changes: lists built from now on may not have them.
        let listed_in = self.shared.lists.edition();
        let before = self.sets.settled(target.0);
        let shared = &self.shared;
        let choice = Choice::new(&filter, &shared.attributes);
        let Parted { removed, taken, left } =
            choice.part(&before, |ids, taken| shared.all_follow(ids, taken, -1));
        assert_eq!(removed.checked_add(left.len()), Some(before.len()), "a filter loses nobody");
        let armed = filter.leave_at.is_none_or(|target| before.len() >= target);
        let taken = if removed > 0 {
            let left = Arc::new(left);
            let taken = FilteredOut::between(&before, &left, taken);
            self.sets.publish_shared(target.0, left);
            taken
        } else {
            FilteredOut::listed(FollowerSet::default())
        };
        let left = before.len() - removed;
        let kept = Kept { id, at: self.clock, filter, armed, taken: Taken::new(taken), listed_in };
        let expiry = self.expiry(&kept);
        self.kept.add(target.0, kept, expiry);
        FilterOutcome::Filtered { id, removed, left }
    }

    /// Takes a filter back: everyone it took and still holds follows again since the day they did.
    ///
    /// Whoever followed or unfollowed on their own since is no longer held. Late follows it took come back as well;
    /// what another filter took stays with that one. `at` is the log time of the command, to which the clock moves.
    ///
    /// # Panics
    /// When the account number does not exist.
    pub fn undo(&mut self, target: AccountNo, filter: FilterId, at: i64) -> UndoOutcome {
        self.assert_exists(target);
        self.set_clock(at);
        let kept = self.kept.of(target.0).iter().find(|kept| kept.id == filter);
        let Some(kept) = kept else { return UndoOutcome::NotKept };
        if self.clock.saturating_sub(kept.at) >= self.limits.undo_ms {
            return UndoOutcome::NotKept;
        }
        let expiry = self.expiry(kept);
        let Some(kept) = self.kept.remove(target.0, filter, expiry) else { return UndoOutcome::NotKept };
        let now = self.sets.settled(target.0);
        let restored = kept.taken.len();
        if restored == 0 {
            return UndoOutcome::Restored { restored, count: now.len() };
        }
        let after = kept.taken.back_into(&now, &mut self.room.scratch);
        let count = after.len();
        assert_eq!(now.len().checked_add(restored), Some(count), "who was taken did not follow");
        self.recorder.begin(&self.shared.lists);
        self.recorder.restored(&self.shared.lists, target.0, &after, kept.listed_in);
        self.sets.publish_shared(target.0, after);
        self.recorder.end(&self.shared.lists);
        match kept.taken.leaves() {
            Some(leaves) => {
                let mut ids = [0; LEAF_MAX];
                leaves.for_each(|(leaf, who)| self.shared.all_follow(leaf.ids_into(&mut ids), who, 1));
            }
            None => kept.taken.for_each(|id, _| self.shared.follows(id, 1)),
        }
        UndoOutcome::Restored { restored, count }
    }

    /// Whom an account follows, ascending.
    fn followed_by(&self, who: AccountNo) -> Vec<AccountNo> {
        let found = self.reader().followed_by(who);
        let many = self.shared.following(who) as usize;
        assert_eq!(found.len(), many, "an account is in as many sets as its following count says");
        found
    }

    /// When a filter is forgotten: not before it may be undone no longer, nor before the last follow it could take has
    /// become too old, nor before it bars nobody any more.
    pub(crate) fn expiry(&self, kept: &Kept) -> i64 {
        let bar_ms = i64::from(kept.filter.bar_days).saturating_mul(DAY_MS);
        kept.at.saturating_add(self.limits.undo_ms.max(self.limits.horizon_ms).max(bar_ms))
    }
}
