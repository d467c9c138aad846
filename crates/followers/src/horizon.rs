//! The newest version of every edge that was touched within the horizon.
//!
//! An entry counts only while its version is not below the floor, wherever it still lies in memory: what is
//! remembered depends on the log clock alone, and sweeping is only a matter of space. Expired entries go when
//! their shard is rehashed; shards are small, so no single event waits for a large one.

use crate::prefetch;

/// The newest version of one edge and what it said, in one number that orders as events do: by version, then
/// unfollow over follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn follow(version: i64) -> Stamp {
        Stamp(version << 1)
    }

    pub(crate) fn unfollow(version: i64) -> Stamp {
        Stamp(version << 1 | 1)
    }

    pub(crate) fn version(self) -> i64 {
        self.0 >> 1
    }

    pub(crate) fn is_unfollow(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Followee and follower as one number; 0 would be a self-follow and so stands for "free".
pub(crate) fn edge_key(followee: u32, follower: u32) -> u64 {
    u64::from(followee) << 32 | u64::from(follower)
}

/// The two accounts of a key.
pub(crate) fn edge_of(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

const SHARD_BITS: u32 = 10;

/// The table.
#[derive(Debug)]
pub(crate) struct Horizon {
    shards: Box<[Shard]>,
    floor: i64,
}

/// Open addressing with linear probing; length is 0 or a power of two.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<(u64, Stamp)>,
    used: usize,
}

impl Horizon {
    pub(crate) fn new(floor: i64) -> Horizon {
        Horizon { shards: (0..1 << SHARD_BITS).map(|_| Shard::default()).collect(), floor }
    }

    /// The oldest version that still counts.
    pub(crate) fn floor(&self) -> i64 {
        self.floor
    }

    /// Never lowered: what was forgotten stays forgotten.
    pub(crate) fn raise_floor(&mut self, floor: i64) {
        self.floor = self.floor.max(floor);
    }

    /// Whether nothing at all is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.used == 0)
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<Stamp> {
        let hash = hash(key);
        let shard = &self.shards[shard_of(hash)];
        let stamp = shard.find(key, hash)?;
        (stamp.version() >= self.floor).then_some(stamp)
    }

    /// Asks for the slot of the key.
    #[inline]
    pub(crate) fn soon(&self, key: u64) {
        let hash = hash(key);
        let slots = &self.shards[shard_of(hash)].slots;
        if let Some(slot) = slots.get(hash as usize & slots.len().wrapping_sub(1)) {
            let slot: *const (u64, Stamp) = slot;
            prefetch::soon(slot);
            // Half of all searches go on into the next line.
            prefetch::soon(slot.wrapping_add(4));
        }
    }

    /// Remembers the stamp if nothing as new is remembered; says what was.
    #[inline]
    pub(crate) fn raise(&mut self, key: u64, stamp: Stamp) -> Option<Stamp> {
        let hash = hash(key);
        let shard = &mut self.shards[shard_of(hash)];
        let Some(there) = shard.find_mut(key, hash) else {
            self.put_hashed(key, hash, stamp);
            return None;
        };
        let before = Some(*there).filter(|there| there.version() >= self.floor);
        if before.is_none_or(|before| before < stamp) {
            *there = stamp;
        }
        before
    }

    pub(crate) fn put(&mut self, key: u64, stamp: Stamp) {
        self.put_hashed(key, hash(key), stamp);
    }

    fn put_hashed(&mut self, key: u64, hash: u64, stamp: Stamp) {
        debug_assert_ne!(key, 0);
        let shard = &mut self.shards[shard_of(hash)];
        // At most five eighths full, or probes grow long.
        if (shard.used + 1) * 8 > shard.slots.len() * 5 {
            shard.rehash(self.floor);
        }
        shard.put(key, hash, stamp);
    }

    /// Every entry that counts, by ascending edge.
    pub(crate) fn sorted(&self) -> Vec<(u64, Stamp)> {
        let mut all = self.live();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// Every entry that counts, in no order.
    pub(crate) fn live(&self) -> Vec<(u64, Stamp)> {
        let live = |slot: &&(u64, Stamp)| slot.0 != 0 && slot.1.version() >= self.floor;
        self.shards.iter().flat_map(|shard| shard.slots.iter().filter(live)).copied().collect()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.len() * 16 + size_of::<Shard>()).sum()
    }
}

impl Shard {
    #[inline]
    fn find(&self, key: u64, hash: u64) -> Option<Stamp> {
        self.place(key, hash).map(|at| self.slots[at].1)
    }

    #[inline]
    fn find_mut(&mut self, key: u64, hash: u64) -> Option<&mut Stamp> {
        self.place(key, hash).map(|at| &mut self.slots[at].1)
    }

    #[inline]
    fn place(&self, key: u64, hash: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let found = self.slots[at].0;
            if found == key {
                return Some(at);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    fn put(&mut self, key: u64, hash: u64, stamp: Stamp) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.0 == key || slot.0 == 0 {
                self.used += usize::from(slot.0 == 0);
                *slot = (key, stamp);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Drops what has expired and leaves room for as much again as is left.
    fn rehash(&mut self, floor: i64) {
        let old = std::mem::take(&mut self.slots);
        let live = |slot: &&(u64, Stamp)| slot.0 != 0 && slot.1.version() >= floor;
        let size = (old.iter().filter(live).count() * 2 + 8).next_power_of_two();
        self.slots = vec![(0, Stamp(0)); size];
        self.used = 0;
        for (key, stamp) in old.iter().filter(live) {
            self.put(*key, hash(*key), *stamp);
        }
    }
}

/// Mixes every bit of the key into the low bits (slot) and the high bits (shard).
fn hash(key: u64) -> u64 {
    let key = (key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ key >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    key ^ key >> 32
}

fn shard_of(hash: u64) -> usize {
    (hash >> (64 - SHARD_BITS)) as usize
}
