//! Looking at the engine from any thread, without a lock.

use std::sync::Arc;

use crate::choose::Choice;
use crate::filter::normalised;
use crate::shared::Shared;
use crate::{AccountNo, Attribute, Cursor, Day, Filter, FollowerSet, Page, Preview};

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
        let filter = normalised(filter);
        Choice::new(&filter, &self.shared.attributes).preview(&self.set(who))
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

    fn look<T>(&self, who: AccountNo, look: impl FnOnce(Option<&FollowerSet>) -> T) -> T {
        match self.shared.slot(who.0) {
            Some(slot) => look(slot.load().as_deref()),
            None => look(None),
        }
    }
}
