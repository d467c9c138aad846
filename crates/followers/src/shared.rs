//! What the writer and its readers share: one slot per account, and the attributes.
//!
//! Slots never move, so a reader follows one pointer and takes no lock. Only the engine stores, through [`Sets`], which
//! also holds each set once more: loading from a slot costs a barrier that readers need and the writer does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use crate::attributes::Attributes;
use crate::choose::places_in;
use crate::following::Following;
use crate::kept::Shown;
use crate::pins::Pins;
use crate::set::{Claim, Mask, Scratch, Spares};
use crate::{AccountNo, Day, FollowerSet, prefetch};

/// Accounts whose slots are made at once.
const SLOTS: usize = 4096;

/// Accounts whose following counts are made at once: 256 KB, which a filter goes through in order.
const COUNTS: usize = 65_536;

/// Of 64 accounts, as many as are cheaper picked out than gone through with all others.
const PICKED_MAX: u32 = 32;

/// The state that readers see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    blocks: boxcar::Vec<Box<[Slot]>>,
    /// How many each account follows. Apart from the slots: a filter changes millions of them and no slot but one.
    following: boxcar::Vec<Box<[AtomicU32]>>,
    accounts: AtomicU32,
    /// The day of the log clock.
    today: AtomicU32,
    pub(crate) attributes: Attributes,
    pub(crate) lists: Following,
    pub(crate) shown: Arc<Shown>,
}

/// One account. No set at all stands for the empty one.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    followers: ArcSwapOption<FollowerSet>,
}

impl Shared {
    pub(crate) fn accounts(&self) -> u32 {
        self.accounts.load(Ordering::Acquire)
    }

    fn grow(&self, accounts: u32) {
        while self.blocks.count() * SLOTS < accounts as usize {
            self.blocks.push((0..SLOTS).map(|_| Slot::default()).collect());
        }
        while self.following.count() * COUNTS < accounts as usize {
            self.following.push((0..COUNTS).map(|_| AtomicU32::default()).collect());
        }
        self.accounts.fetch_max(accounts, Ordering::Release);
    }

    /// The day of the log clock.
    pub(crate) fn today(&self) -> Day {
        Day(self.today.load(Ordering::Relaxed) as u16)
    }

    /// Only the engine calls this.
    pub(crate) fn set_today(&self, day: Day) {
        self.today.store(u32::from(day.0), Ordering::Relaxed);
    }

    pub(crate) fn slot(&self, who: u32) -> Option<&Slot> {
        self.blocks.get(who as usize / SLOTS)?.get(who as usize % SLOTS)
    }

    /// Adds to the count of accounts that `who` follows. Only the engine calls this.
    pub(crate) fn follows(&self, who: u32, by: i32) {
        if let Some(count) = self.following_of(who) {
            // One writer: a plain load and store is enough, and cheaper than an atomic addition.
            let now = count.load(Ordering::Relaxed).wrapping_add_signed(by);
            count.store(now, Ordering::Relaxed);
        }
    }

    /// One more or less for each of these accounts, which ascend, whose place is in the mask. Only the engine calls this.
    pub(crate) fn all_follow(&self, ids: &[u32], who: &Mask, by: i32) {
        let mut at = usize::MAX;
        let mut counts: &[AtomicU32] = &[];
        let mut change = |id: u32, by: i32| {
            let id = id as usize;
            if id / COUNTS != at {
                at = id / COUNTS;
                counts = self.following.get(at).map_or(&[], |counts| counts);
            }
            if let Some(count) = counts.get(id % COUNTS) {
                count.store(count.load(Ordering::Relaxed).wrapping_add_signed(by), Ordering::Relaxed);
            }
        };
        for (ids, bits) in ids.chunks(64).zip(who) {
            if bits.count_ones() > PICKED_MAX {
                // Without a branch that depends on the bit.
                (0..).zip(ids).for_each(|(place, id)| change(*id, by * i32::from(bits >> place & 1 == 1)));
            } else {
                places_in(*bits).for_each(|place| change(ids[place], by));
            }
        }
    }

    /// Puts a count in place that was loaded.
    pub(crate) fn set_following(&self, who: u32, count: u32) {
        if let Some(following) = self.following_of(who) {
            following.store(count, Ordering::Relaxed);
        }
    }

    /// Asks for the count of accounts that `who` follows.
    #[inline]
    pub(crate) fn following_soon(&self, who: u32) {
        if let Some(count) = self.following_of(who) {
            prefetch::soon(count);
        }
    }

    pub(crate) fn following(&self, who: AccountNo) -> u32 {
        self.following_of(who.0).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn following_of(&self, who: u32) -> Option<&AtomicU32> {
        self.following.get(who as usize / COUNTS)?.get(who as usize % COUNTS)
    }
}

impl Slot {
    pub(crate) fn load(&self) -> Guard<Option<Arc<FollowerSet>>> {
        self.followers.load()
    }

    pub(crate) fn load_full(&self) -> Version {
        self.followers.load_full()
    }
}

/// How near a change of a set is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Soon {
    Slot,
    Set,
    Followers,
}

/// The set of an account at some time; `None` is the empty one.
pub(crate) type Version = Option<Arc<FollowerSet>>;

/// The sets as the writer holds them.
#[derive(Debug)]
pub(crate) struct Sets {
    shared: Arc<Shared>,
    own: Vec<Version>,
    empty: FollowerSet,
    pins: Pins<Version>,
    spares: Spares,
}

impl Sets {
    pub(crate) fn new(shared: Arc<Shared>) -> Sets {
        let (pins, spares) = (Pins::default(), Spares::default());
        Sets { shared, own: Vec::new(), empty: FollowerSet::default(), pins, spares }
    }

    /// Makes `0..accounts` exist.
    pub(crate) fn grow(&mut self, accounts: u32) {
        self.shared.grow(accounts);
        if self.own.len() < accounts as usize {
            self.own.resize(accounts as usize, None);
        }
    }

    pub(crate) fn get(&self, who: u32) -> &FollowerSet {
        self.own.get(who as usize).and_then(|set| set.as_deref()).unwrap_or(&self.empty)
    }

    /// The set itself, to be kept.
    pub(crate) fn shared(&self, who: u32) -> Arc<FollowerSet> {
        self.own.get(who as usize).and_then(Clone::clone).unwrap_or_default()
    }

    /// Every account with followers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &FollowerSet)> + '_ {
        (0..).zip(&self.own).filter_map(|(who, set)| Some((who, set.as_deref()?)))
    }

    /// Whether readers see the set that the writer holds.
    pub(crate) fn is_published(&self, who: u32) -> bool {
        let seen = self.shared.slot(who).map(|slot| slot.load());
        let seen = seen.as_deref().and_then(|seen| seen.as_ref());
        let own = self.own.get(who as usize).and_then(|own| own.as_ref());
        match (seen, own) {
            (Some(seen), Some(own)) => Arc::ptr_eq(seen, own),
            (seen, own) => seen.is_none() && own.is_none(),
        }
    }

    /// Puts the set in place and shows it to readers, all of it at once.
    pub(crate) fn publish(&mut self, who: u32, set: FollowerSet) {
        self.publish_shared(who, Arc::new(set));
    }

    /// [`Sets::publish`] for a set that someone keeps.
    pub(crate) fn publish_shared(&mut self, who: u32, set: Arc<FollowerSet>) {
        self.spares.forget(who);
        self.show(who, set);
    }

    /// Meets the claims, which ascend and name each follower once, and shows the set to readers, all of it at once.
    /// Says in each claim how it was. Returns the counts before and after.
    pub(crate) fn change(&mut self, who: u32, claims: &mut [Claim], scratch: &mut Scratch) -> (u32, u32) {
        let set = self.own.get(who as usize).and_then(|set| set.as_deref()).unwrap_or(&self.empty);
        let before = set.len();
        let Some(after) = self.spares.changed(who, set, claims, scratch) else { return (before, before) };
        let counts = (before, after.len());
        self.show(who, Arc::new(after));
        counts
    }

    /// Asks for what a change of the account will read, step by step: first where the set is held, then the set, then
    /// its followers. A step is taken when the one before had time to arrive.
    #[inline]
    pub(crate) fn soon(&self, who: u32, step: Soon) {
        let Some(own) = self.own.get(who as usize) else { return };
        match (step, own) {
            (Soon::Slot, _) => {
                prefetch::soon(own);
                if let Some(slot) = self.shared.slot(who) {
                    prefetch::soon(slot);
                }
            }
            (Soon::Set, Some(set)) => prefetch::soon(Arc::as_ptr(set)),
            (Soon::Followers, Some(set)) => set.soon(),
            (Soon::Set | Soon::Followers, None) => {}
        }
    }

    /// Between batches: lets go of what only helps sets that change often.
    pub(crate) fn sweep(&mut self) {
        self.spares.sweep();
    }

    fn show(&mut self, who: u32, set: Arc<FollowerSet>) {
        let set = if set.is_empty() { None } else { Some(set) };
        if let (Some(own), Some(slot)) = (self.own.get_mut(who as usize), self.shared.slot(who)) {
            self.pins.lay_aside(who, || own.clone());
            own.clone_from(&set);
            slot.followers.store(set);
        }
    }

    /// Puts a set in place that was loaded. Nobody looks yet.
    pub(crate) fn install(&mut self, who: u32, set: Arc<FollowerSet>) {
        if let (Some(own), Some(slot)) = (self.own.get_mut(who as usize), self.shared.slot(who)) {
            *own = Some(Arc::clone(&set));
            slot.followers.store(Some(set));
        }
    }

    /// The moments that are pinned.
    pub(crate) fn pins(&self) -> &Pins<Version> {
        &self.pins
    }
}
