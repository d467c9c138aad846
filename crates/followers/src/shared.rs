//! What the writer and its readers share: one slot per account, and the attributes.
//!
//! Slots never move, so a reader follows one pointer and takes no lock. Only the engine stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use crate::attributes::Attributes;
use crate::{AccountNo, FollowerSet};

/// Accounts whose slots are made at once.
const SLOTS: usize = 4096;

/// The state that readers see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    blocks: boxcar::Vec<Box<[Slot]>>,
    accounts: AtomicU32,
    pub(crate) attributes: Attributes,
}

/// One account. No set at all stands for the empty one.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    followers: ArcSwapOption<FollowerSet>,
    following: AtomicU32,
}

impl Shared {
    pub(crate) fn accounts(&self) -> u32 {
        self.accounts.load(Ordering::Acquire)
    }

    /// Makes `0..accounts` exist. Only the engine calls this.
    pub(crate) fn grow(&self, accounts: u32) {
        while self.blocks.count() * SLOTS < accounts as usize {
            self.blocks.push((0..SLOTS).map(|_| Slot::default()).collect());
        }
        self.accounts.fetch_max(accounts, Ordering::Release);
    }

    pub(crate) fn slot(&self, who: u32) -> Option<&Slot> {
        self.blocks.get(who as usize / SLOTS)?.get(who as usize % SLOTS)
    }

    /// Adds to the count of accounts that `who` follows. Only the engine calls this.
    pub(crate) fn follows(&self, who: u32, by: i32) {
        if let Some(slot) = self.slot(who) {
            // One writer: a plain load and store is enough, and cheaper than an atomic addition.
            let now = slot.following.load(Ordering::Relaxed).wrapping_add_signed(by);
            slot.following.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn following(&self, who: AccountNo) -> u32 {
        self.slot(who.0).map_or(0, |slot| slot.following.load(Ordering::Relaxed))
    }
}

impl Slot {
    pub(crate) fn load(&self) -> Guard<Option<Arc<FollowerSet>>> {
        self.followers.load()
    }

    pub(crate) fn load_full(&self) -> Option<Arc<FollowerSet>> {
        self.followers.load_full()
    }

    /// Shows the set to readers, all of it at once.
    pub(crate) fn publish(&self, set: FollowerSet) {
        self.followers.store(if set.is_empty() { None } else { Some(Arc::new(set)) });
    }
}
