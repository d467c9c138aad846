//! What the writer and its readers share: one slot per account, and the attributes.
//!
//! Slots never move, so a reader follows one pointer and takes no lock. Only the engine stores, through [`Sets`], which
//! also holds each set once more: loading from a slot costs a barrier that readers need and the writer does not.
//!
//! After a start the slots of a block of accounts are made when somebody first looks at one of them, from the saved bytes
//! in which their sets still lie packed. Who comes first unpacks them, everybody finds the same.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwapOption, Guard};

use crate::attributes::Attributes;
use crate::choose::places_in;
use crate::following::Following;
use crate::kept::Shown;
use crate::pins::Pins;
use crate::saved::{LoadError, Packed};
use crate::set::{Claim, Mask, Scratch};
use crate::{AccountNo, Day, FollowerSet, prefetch};

/// Accounts of a block, whose slots are made at once. Saved sets are cut by it too.
pub(crate) const SLOTS: usize = 4096;

/// Accounts whose following counts are made at once: 256 KB, which a filter goes through in order.
pub(crate) const COUNTS: usize = 65_536;

/// Of 64 accounts, as many as are cheaper picked out than gone through with all others.
const PICKED_MAX: u32 = 32;

/// The state that readers see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    blocks: boxcar::Vec<OnceLock<Block>>,
    /// Sets that were loaded and are not unpacked yet; `None` once all are.
    packed: ArcSwapOption<Packed>,
    /// How many each account follows. Apart from the slots: a filter changes millions of them and no slot but one.
    following: boxcar::Vec<Box<[AtomicU32]>>,
    accounts: AtomicU32,
    /// The day of the log clock.
    today: AtomicU32,
    pub(crate) attributes: Attributes,
    pub(crate) lists: Following,
    pub(crate) shown: Arc<Shown>,
}

/// The accounts whose slots are made at once.
#[derive(Debug)]
struct Block {
    slots: Box<[Slot]>,
    /// The sets once more, for the writer to fetch when it first needs one. `None` where it has them, or there are none.
    own: Mutex<Option<Box<[Version]>>>,
}

impl Block {
    /// A block with these sets, by account number.
    fn of(sets: Vec<(u32, Arc<FollowerSet>)>) -> Block {
        if sets.is_empty() {
            return Block { slots: (0..SLOTS).map(|_| Slot::default()).collect(), own: Mutex::default() };
        }
        let mut own: Box<[Version]> = vec![None; SLOTS].into();
        for (who, set) in sets {
            if let Some(place) = own.get_mut(who as usize % SLOTS) {
                *place = Some(set);
            }
        }
        let slot = |set: &Version| Slot { followers: ArcSwapOption::new(set.clone()) };
        Block { slots: own.iter().map(slot).collect(), own: Mutex::new(Some(own)) }
    }
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
            self.blocks.push(OnceLock::from(Block::of(Vec::new())));
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

    #[inline]
    pub(crate) fn slot(&self, who: u32) -> Option<&Slot> {
        self.block(who as usize / SLOTS)?.slots.get(who as usize % SLOTS)
    }

    #[inline]
    fn block(&self, at: usize) -> Option<&Block> {
        let block = self.blocks.get(at)?;
        #[expect(
            clippy::expect_used,
            reason = "whoever loads looks at every checksum, so sets that do not read were saved wrong: no answer is better"
        )]
        let made = || self.make(at).expect("sets that were loaded unpack");
        Some(block.get_or_init(made))
    }

    /// A block as it was saved, or empty.
    fn make(&self, at: usize) -> Result<Block, LoadError> {
        let sets = match &*self.packed.load() {
            Some(packed) => packed.sets(at)?,
            None => Vec::new(),
        };
        Ok(Block::of(sets))
    }

    /// Keeps the sets of so many accounts packed until they are looked at. Only loading calls this, before there are any.
    pub(crate) fn set_packed(&self, packed: Packed, accounts: u32) {
        self.packed.store(Some(Arc::new(packed)));
        (0..accounts).step_by(SLOTS).for_each(|_| {
            self.blocks.push(OnceLock::new());
        });
    }

    /// Unpacks a block of sets that nobody looked at so far. Says whether there may be more.
    pub(crate) fn unpack(&self) -> Result<bool, LoadError> {
        let Some(packed) = self.packed.load_full() else { return Ok(false) };
        let Some(at) = packed.next() else { return Ok(false) };
        if let Some(block) = self.blocks.get(at)
            && block.get().is_none()
        {
            // Someone may have been faster, with the same.
            let _ = block.set(self.make(at)?);
        }
        if packed.is_last_done() {
            self.packed.store(None);
        }
        Ok(true)
    }

    /// The sets of a block, for the writer to keep.
    fn hand_over(&self, at: usize) -> Box<[Version]> {
        let own =
            self.block(at).and_then(|block| block.own.lock().unwrap_or_else(PoisonError::into_inner).take());
        own.unwrap_or_else(|| vec![None; SLOTS].into())
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

    /// Puts the next counts in place that were loaded, as many as are made at once.
    pub(crate) fn add_following(&self, counts: Box<[AtomicU32]>) {
        debug_assert_eq!(counts.len(), COUNTS);
        self.following.push(counts);
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
    Changes,
}

/// The set of an account at some time; `None` is the empty one.
pub(crate) type Version = Option<Arc<FollowerSet>>;

/// The sets as the writer holds them.
#[derive(Debug)]
pub(crate) struct Sets {
    shared: Arc<Shared>,
    own: Own,
    empty: FollowerSet,
    pins: Pins<Version>,
    /// Accounts beside whose sets changes wait, and some beside whose sets they did.
    pending: Vec<u32>,
    /// How often they were looked through.
    turn: u32,
}

/// Every set once more, in the same blocks; a block is fetched when the writer first needs one of its sets.
#[derive(Debug)]
struct Own {
    shared: Arc<Shared>,
    blocks: Vec<OnceLock<Box<[Version]>>>,
}

impl Own {
    #[inline]
    fn place(&self, who: u32) -> Option<&Version> {
        let at = who as usize / SLOTS;
        self.blocks.get(at)?.get_or_init(|| self.shared.hand_over(at)).get(who as usize % SLOTS)
    }

    fn place_mut(&mut self, who: u32) -> Option<&mut Version> {
        self.place(who)?;
        self.blocks.get_mut(who as usize / SLOTS)?.get_mut()?.get_mut(who as usize % SLOTS)
    }

    #[inline]
    fn get(&self, who: u32) -> Option<&Arc<FollowerSet>> {
        self.place(who)?.as_ref()
    }
}

impl Sets {
    pub(crate) fn new(shared: Arc<Shared>) -> Sets {
        let own = Own { shared: Arc::clone(&shared), blocks: Vec::new() };
        let (pins, pending) = (Pins::default(), Vec::new());
        Sets { shared, own, empty: FollowerSet::default(), pins, pending, turn: 0 }
    }

    /// Makes `0..accounts` exist.
    pub(crate) fn grow(&mut self, accounts: u32) {
        self.shared.grow(accounts);
        for at in self.own.blocks.len()..(accounts as usize).div_ceil(SLOTS) {
            let is_made = self.shared.blocks.get(at).is_some_and(|block| block.get().is_some());
            let own = is_made.then(|| self.shared.hand_over(at));
            self.own.blocks.push(own.map_or_else(OnceLock::new, OnceLock::from));
        }
    }

    pub(crate) fn get(&self, who: u32) -> &FollowerSet {
        self.own.get(who).map_or(&self.empty, |set| set)
    }

    /// The set itself, to be kept: settled first.
    pub(crate) fn settled(&mut self, who: u32) -> Arc<FollowerSet> {
        self.settle(who);
        self.own.get(who).map(Arc::clone).unwrap_or_default()
    }

    fn settle(&mut self, who: u32) {
        if let Some(set) = self.own.get(who)
            && set.pending_since().is_some()
        {
            let settled = set.settled().into_owned();
            self.publish(who, settled);
        }
    }

    /// From here on sets are idle in which nothing has changed since this was called before.
    pub(crate) fn next_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Settles idle sets until they are of `followers_max` or more. Says whether more of them are left. Shows in nothing
    /// but memory and the time that searches take.
    pub(crate) fn settle_idle(&mut self, followers_max: u32) -> bool {
        let mut left = followers_max;
        let mut is_more = false;
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable();
        pending.dedup();
        pending.retain(|who| {
            let set = self.get(*who);
            let Some(since) = set.pending_since() else { return false };
            if self.turn.wrapping_sub(since) < 2 {
                return true;
            }
            if left == 0 {
                is_more = true;
                return true;
            }
            left = left.saturating_sub(set.len());
            self.settle(*who);
            false
        });
        self.pending = pending;
        is_more
    }

    /// Every account with followers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &FollowerSet)> + '_ {
        (0..self.shared.accounts()).filter_map(|who| Some((who, &**self.own.get(who)?)))
    }

    /// Whether readers see the set that the writer holds.
    pub(crate) fn is_published(&self, who: u32) -> bool {
        let seen = self.shared.slot(who).map(|slot| slot.load());
        let seen = seen.as_deref().and_then(|seen| seen.as_ref());
        match (seen, self.own.get(who)) {
            (Some(seen), Some(own)) => Arc::ptr_eq(seen, own),
            (seen, own) => seen.is_none() && own.is_none(),
        }
    }

    /// Puts the set in place and shows it to readers, all of it at once.
    pub(crate) fn publish(&mut self, who: u32, set: FollowerSet) {
        self.publish_shared(who, Arc::new(set));
    }

    /// Meets the claims, which ascend and name each follower once, and shows the set to readers, all of it at once.
    /// Says in each claim how it was. Returns the counts before and after.
    pub(crate) fn change(&mut self, who: u32, claims: &mut [Claim], scratch: &mut Scratch) -> (u32, u32) {
        scratch.turn = self.turn;
        let set = self.own.get(who).map_or(&self.empty, |set| set);
        let before = set.len();
        let Some(after) = set.changed(claims, scratch) else { return (before, before) };
        let counts = (before, after.len());
        if after.pending_since().is_some() && set.pending_since().is_none() {
            self.pending.push(who);
        }
        self.publish(who, after);
        counts
    }

    /// Asks for what a change of the account will read, step by step: first where the set is held, then the set, then
    /// its followers, then what waits beside them. A step is taken when the one before had time to arrive.
    #[inline]
    pub(crate) fn soon(&self, who: u32, step: Soon) {
        let Some(own) = self.own.place(who) else { return };
        match (step, own) {
            (Soon::Slot, _) => {
                prefetch::soon(own);
                if let Some(slot) = self.shared.slot(who) {
                    prefetch::soon(slot);
                }
            }
            (Soon::Set, Some(set)) => prefetch::soon(Arc::as_ptr(set)),
            (Soon::Followers, Some(set)) => set.soon(),
            (Soon::Changes, Some(set)) => set.changes_soon(),
            (Soon::Set | Soon::Followers | Soon::Changes, None) => {}
        }
    }

    /// [`Sets::publish`] for a set that someone keeps.
    pub(crate) fn publish_shared(&mut self, who: u32, set: Arc<FollowerSet>) {
        let set = if set.is_empty() { None } else { Some(set) };
        if let (Some(own), Some(slot)) = (self.own.place_mut(who), self.shared.slot(who)) {
            self.pins.lay_aside(who, || own.clone());
            own.clone_from(&set);
            slot.followers.store(set);
        }
    }

    /// The moments that are pinned.
    pub(crate) fn pins(&self) -> &Pins<Version> {
        &self.pins
    }
}
