//! Looking at the engine from any thread, without a lock.

use std::sync::Arc;

use crate::choose::Choice;
use crate::filter::normalised;
use crate::shared::Shared;
use crate::{
    AccountDay, AccountNo, Attribute, Cursor, Day, Filter, FilterId, FilteredOut, FollowerSet, LoadError,
    Page, Preview,
};

/// A handle for looking; cheap to clone, never blocks the writer and is never blocked by it.
///
/// Each call sees one account at one moment, a moment no older than the call. Two calls may see two moments: take
/// [`Reader::set`] when several answers must agree. Numbers nobody has seen have no followers.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Reader {
        Reader { shared }
    }

    /// How many follow `who`.
    pub fn count(&self, who: AccountNo) -> u32 {
        self.look(who, |set| set.map_or(0, FollowerSet::len))
    }

    /// How many `who` follows.
    pub fn following_count(&self, who: AccountNo) -> u32 {
        self.shared.following(who)
    }

    /// A page of at most `limit` accounts (at least one) that `who` follows, newest first, starting right after `after`;
    /// `None` until the lists are built ([`Reader::tend_following`]), which is asked for herewith.
    ///
    /// Each edge is looked at once, at a moment no older than the call, so a page takes about as long as `who` follows
    /// accounts, however small the page: some tenths of a microsecond each.
    pub fn following(&self, who: AccountNo, after: Option<Cursor>, limit: usize) -> Option<Page> {
        let mut all = self.followees(who)?;
        // Newest first, as for followers: by day and then by number, highest first.
        all.sort_unstable_by_key(|(account, day)| std::cmp::Reverse((*day, *account)));
        let from = after.map_or(0, |after| {
            all.partition_point(|(account, day)| (*day, *account) >= (after.day, after.account))
        });
        let until = all.len().min(from.saturating_add(limit.max(1)));
        let complete = until == all.len();
        let items = all.get(from..until).unwrap_or_default().to_vec();
        let next =
            items.last().filter(|_| !complete).map(|(account, day)| Cursor { day: *day, account: *account });
        Some(Page { items, next, complete })
    }

    /// Everyone whom `who` follows, ascending, with the day it began; `None` until the lists are built.
    pub fn followees(&self, who: AccountNo) -> Option<Vec<(AccountNo, Day)>> {
        let candidates = self.shared.lists.candidates(who.0)?;
        let since = |followee| Some((followee, self.contains(followee, who)?));
        Some(candidates.into_iter().map(AccountNo).filter_map(since).collect())
    }

    /// Unpacks a block of follower sets that were loaded and nobody looked at so far, and says whether there may be more:
    /// see [`crate::Engine::load_packed`]. On any thread, or on several; whoever looks at a set before its turn unpacks its
    /// block without being asked.
    ///
    /// # Errors
    /// When what was saved is not sets; who looks at one of those panics.
    pub fn unpack(&self) -> Result<bool, LoadError> {
        self.shared.unpack()
    }

    /// Whether the lists behind [`Reader::following`] are built.
    pub fn following_is_ready(&self) -> bool {
        self.shared.lists.is_ready()
    }

    /// Does one piece of the work behind [`Reader::following`]: builds the lists, sorts what is new, clears out what is
    /// old. True when there is more to do at once; otherwise ask again within some tens of milliseconds.
    ///
    /// To be called from a thread that may be busy for a while: building reads every set. Nobody waits for it.
    pub fn tend_following(&self) -> bool {
        self.shared.lists.tend(&self.shared)
    }

    /// Bytes on the heap of the lists behind [`Reader::following`], with what the allocator rounds up.
    pub fn following_heap_bytes(&self) -> usize {
        self.shared.lists.heap_bytes()
    }

    /// Since which day `follower` follows `who`, or `None` when it does not.
    pub fn contains(&self, who: AccountNo, follower: AccountNo) -> Option<Day> {
        self.look(who, |set| set?.contains(follower))
    }

    /// A page of at most `limit` followers of `who` (at least one), newest first, starting right after `after`.
    pub fn newest(&self, who: AccountNo, after: Option<Cursor>, limit: usize) -> Page {
        self.set(who).newest(after, limit)
    }

    /// What the filter would do if it ran now. Does not ask whether the filter is within the limits: see
    /// [`Filter::check`].
    pub fn preview(&self, who: AccountNo, filter: &Filter) -> Preview {
        let followed = if filter.keep_followed { self.followed_by(who) } else { Vec::new() };
        let filter = normalised(filter, self.shared.today(), followed);
        Choice::new(&filter, &self.shared.attributes).preview(&self.set(who))
    }

    /// Whom a filter of `who` took when it ran, for as long as the filter is kept: until it is undone, or can no longer be
    /// undone and bars nobody.
    pub fn filtered_out(&self, who: AccountNo, filter: FilterId) -> Option<FilteredOut> {
        self.shared.shown.get(who.0, filter)
    }

    /// The followers of `who` at this moment.
    pub fn set(&self, who: AccountNo) -> Arc<FollowerSet> {
        self.shared.slot(who.0).and_then(|slot| slot.load_full()).unwrap_or_default()
    }

    /// Whether `who` carries the attribute.
    pub fn attribute(&self, who: AccountNo, attribute: Attribute) -> bool {
        self.shared.attributes.has(who.0, attribute)
    }

    /// How many account numbers exist.
    pub fn accounts(&self) -> u32 {
        self.shared.accounts()
    }

    /// On which day `who` was made or was last active; `None` when that is not known.
    pub fn day(&self, who: AccountNo, which: AccountDay) -> Option<Day> {
        Some(Day(self.shared.attributes.days(which).get(who.0))).filter(|day| day.0 != 0)
    }

    /// Whom an account follows, ascending.
    ///
    /// Looks through the lists of followed accounts; until they are built, through the set of every account until all
    /// are found. Either way the sets decide, so the answer is the same.
    pub(crate) fn followed_by(&self, who: AccountNo) -> Vec<AccountNo> {
        let many = self.following_count(who) as usize;
        if many == 0 {
            return Vec::new();
        }
        if let Some(listed) = self.followees(who) {
            return listed.into_iter().map(|(account, _)| account).collect();
        }
        let all = (0..self.accounts()).map(AccountNo);
        all.filter(|account| self.contains(*account, who).is_some()).take(many).collect()
    }

    fn look<T>(&self, who: AccountNo, look: impl FnOnce(Option<&FollowerSet>) -> T) -> T {
        match self.shared.slot(who.0) {
            Some(slot) => look(slot.load().as_deref()),
            None => look(None),
        }
    }
}
