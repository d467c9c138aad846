//! Looking at the engine from any thread, without a lock.

use std::sync::Arc;

use crate::{AccountNo, Attribute, Cursor, Day, Filter, FollowerSet, Page, Preview};

/// A handle for looking; cheap to clone, never blocks the writer and is never blocked by it.
///
/// Each call sees one account at one moment, a moment no older than the call. Two calls may see two moments: take
/// [`Reader::set`] when several answers must agree. Numbers nobody has seen have no followers.
#[derive(Clone, Debug, Default)]
pub struct Reader {}

impl Reader {
    /// How many follow `who`.
    pub fn count(&self, who: AccountNo) -> u32 {
        self.set(who).len()
    }

    /// How many `who` follows.
    pub fn following_count(&self, _who: AccountNo) -> u32 {
        0
    }

    /// Since which day `follower` follows `who`, or `None` when it does not.
    pub fn contains(&self, who: AccountNo, follower: AccountNo) -> Option<Day> {
        self.set(who).contains(follower)
    }

    /// A page of at most `limit` followers of `who`, newest first, starting right after `after`.
    pub fn newest(&self, who: AccountNo, after: Option<Cursor>, limit: usize) -> Page {
        self.set(who).newest(after, limit)
    }

    /// What the filter would do if it ran now.
    pub fn preview(&self, _who: AccountNo, _filter: &Filter) -> Preview {
        Preview::default()
    }

    /// The followers of `who` at this moment.
    pub fn set(&self, _who: AccountNo) -> Arc<FollowerSet> {
        Arc::new(FollowerSet::default())
    }

    /// Whether `who` carries the attribute.
    pub fn attribute(&self, _who: AccountNo, _attribute: Attribute) -> bool {
        false
    }

    /// How many account numbers exist.
    pub fn accounts(&self) -> u32 {
        0
    }
}
