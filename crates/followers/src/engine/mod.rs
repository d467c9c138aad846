//! The single writer of every follower set.
//!
//! What an event, a filter or an undo leads to depends on what was applied before and on the log clock, never on
//! how sets lie in memory or on when expired entries are swept.

mod apply;
mod check;
mod digest;
mod filter;
mod remove;
mod sort;

use std::sync::Arc;

use crate::following::Recorder;
use crate::horizon::Horizon;
use crate::kept::KeptFilters;
use crate::set::SetBuilder;
use crate::shared::{Sets, Shared};
use crate::{AccountDay, AccountNo, Attribute, Day, Limits, Reader};

pub use check::Broken;

/// Every follower set, and the only one who may change them.
#[derive(Debug)]
pub struct Engine {
    pub(crate) limits: Limits,
    pub(crate) clock: i64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sets: Sets,
    pub(crate) horizon: Horizon,
    pub(crate) kept: KeptFilters,
    pub(crate) removed: remove::Removed,
    pub(crate) recorder: Recorder,
    room: apply::Room,
    room_for_sets: SetBuilder,
}

/// Followers of the sets that are settled at once: some milliseconds.
const SETTLED_MAX: u32 = if cfg!(test) { 10_000 } else { 1_000_000 };

impl Engine {
    /// An engine without accounts, its clock at 0.
    pub fn new(limits: Limits) -> Engine {
        let shared: Arc<Shared> = Arc::default();
        Engine {
            sets: Sets::new(Arc::clone(&shared)),
            horizon: Horizon::new(0i64.saturating_sub(limits.horizon_ms)),
            limits,
            clock: 0,
            kept: KeptFilters::new(Arc::clone(&shared.shown)),
            shared,
            removed: remove::Removed::default(),
            recorder: Recorder::default(),
            room: apply::Room::default(),
            room_for_sets: SetBuilder::default(),
        }
    }

    /// A handle for looking from any thread.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The bounds it works within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The log clock, in milliseconds since 1970-01-01 UTC.
    pub fn clock(&self) -> i64 {
        self.clock
    }

    /// Makes the numbers `0..accounts` exist. Never shrinks.
    ///
    /// # Panics
    /// Beyond `accounts_max`: who gives out numbers refuses before that.
    pub fn grow(&mut self, accounts: u32) {
        assert!(accounts <= self.limits.accounts_max, "accounts stay within accounts_max");
        self.sets.grow(accounts);
    }

    /// Moves the log clock; a time before the present one changes nothing. Forgets what lies behind the horizon
    /// and filters that can no longer be undone.
    pub fn set_clock(&mut self, now_ms: i64) {
        if now_ms <= self.clock {
            return;
        }
        self.clock = now_ms;
        self.shared.set_today(Day::of(now_ms));
        self.horizon.raise_floor(now_ms.saturating_sub(self.limits.horizon_ms));
        self.kept.expire(now_ms);
    }

    /// To be called every few seconds: sets are idle in which nothing has changed since the call before. Puts changes in
    /// place that wait beside some of them; [`Engine::settle_more`] does the same for the others.
    pub fn settle_idle(&mut self) {
        self.sets.next_turn();
        self.settle_more();
    }

    /// Puts changes in place that wait beside idle sets, of about a million followers together, and says whether there are
    /// more. Makes no difference but to memory and to how fast sets are read: for who has nothing else to do.
    pub fn settle_more(&mut self) -> bool {
        self.sets.settle_idle(SETTLED_MAX)
    }

    /// Says whether `who` carries the attribute.
    ///
    /// # Panics
    /// When the account number does not exist.
    pub fn set_attribute(&mut self, who: AccountNo, attribute: Attribute, on: bool) {
        self.assert_exists(who);
        self.shared.attributes.set(who.0, attribute, on);
    }

    /// Says on which day `who` was made or was last active; day 0 stands for "not known".
    ///
    /// # Panics
    /// When the account number does not exist.
    pub fn set_day(&mut self, who: AccountNo, which: AccountDay, day: Day) {
        self.assert_exists(who);
        self.shared.attributes.days(which).set(who.0, day.0);
    }

    /// Bytes on the heap for the follower sets, and for the memory of recent events; without what the allocator
    /// adds. Walks every set.
    pub fn heap_bytes(&self) -> (usize, usize) {
        let sets = self.sets.iter().map(|(_, set)| set.heap_bytes()).sum();
        (sets, self.horizon.heap_bytes())
    }

    fn assert_exists(&self, who: AccountNo) {
        assert!(who.0 < self.shared.accounts(), "a command names account numbers that exist");
    }
}
