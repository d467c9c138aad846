//! Records opened lately, bounded by bytes, so that showing a name does no cryptography.
//!
//! Readers share a lock of one of 64 shards; nobody holds it across I/O. The epoch closes the one race that
//! matters: a reader that fetched a record before it was forgotten must not put it back afterwards.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::secret::{SEALED, Secret};

const SHARDS: usize = 64;
/// Charged for each entry beside its bytes: map, slot, allocations.
const ENTRY_BYTES: usize = 256;
const FIELD_BYTES: usize = 96;

/// A record whose every field was opened and whose commitment was checked.
pub(crate) struct Opened {
    pub(crate) commitment: [u8; 32],
    pub(crate) generation: u32,
    pub(crate) fields: Vec<(String, Secret)>,
}

impl Opened {
    /// The value of one field. Linear, because a record has a handful of fields.
    pub(crate) fn field(&self, id: &str) -> Option<Secret> {
        self.fields.iter().find(|(name, _)| name == id).map(|(_, value)| value.clone())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

pub(crate) struct Cache {
    hasher: foldhash::fast::RandomState,
    shards: Vec<RwLock<Shard>>,
    shard_bytes_max: usize,
}

#[derive(Default)]
struct Shard {
    /// Counts purges of this shard.
    epoch: u64,
    /// Hash of tenant and holder -> slot. Two identities with one hash take turns; the slot says whose it is.
    by_hash: HashMap<u64, usize, foldhash::fast::RandomState>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    /// Where the search for something to drop goes on (the clock algorithm).
    hand: usize,
    bytes: usize,
}

struct Slot {
    hash: u64,
    tenant: String,
    holder: String,
    opened: Opened,
    bytes: usize,
    used: AtomicBool,
}

/// Where an identity's entry is or would be.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    hash: u64,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            shard_bytes_max: bytes_max / SHARDS,
        }
    }

    pub(crate) fn place(&self, tenant: &str, holder: &str) -> Place {
        Place { hash: self.hasher.hash_one((tenant, holder)) }
    }

    /// What `read` makes of the opened record, if it is here.
    pub(crate) fn read<R>(
        &self,
        place: Place,
        tenant: &str,
        holder: &str,
        read: impl FnOnce(&Opened) -> R,
    ) -> Result<R, Missing> {
        let shard = self.reading(place);
        let slot = shard.by_hash.get(&place.hash).and_then(|&at| shard.slots.get(at)?.as_ref());
        match slot.filter(|slot| slot.holder == holder && slot.tenant == tenant) {
            Some(slot) => {
                // Looked at first: a store would make every reader's core fetch this line anew.
                if !slot.used.load(Ordering::Relaxed) {
                    slot.used.store(true, Ordering::Relaxed);
                }
                Ok(read(&slot.opened))
            }
            None => Err(Missing { epoch: shard.epoch }),
        }
    }

    /// Keeps a record, unless anything of its shard was purged since `missing`.
    pub(crate) fn keep(&self, place: Place, missing: Missing, tenant: &str, holder: &str, opened: Opened) {
        let fields: usize =
            opened.fields.iter().map(|(id, value)| FIELD_BYTES + id.len() + value.len()).sum();
        let bytes = ENTRY_BYTES + tenant.len() + holder.len() + fields;
        if bytes > self.shard_bytes_max {
            return;
        }
        let slot = Slot {
            hash: place.hash,
            tenant: tenant.to_owned(),
            holder: holder.to_owned(),
            opened,
            bytes,
            used: AtomicBool::new(false),
        };
        let mut shard = self.writing(place);
        if shard.epoch == missing.epoch {
            shard.remove(place.hash);
            shard.insert(slot, self.shard_bytes_max);
        }
    }

    /// Drops and wipes the record, and every read of it that is under way will not be kept.
    pub(crate) fn purge(&self, place: Place) {
        let mut shard = self.writing(place);
        shard.epoch += 1;
        shard.remove(place.hash);
    }

    /// Drops and wipes everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            *shard = Shard { epoch: shard.epoch + 1, ..Shard::default() };
        }
    }

    /// Bytes charged at the moment.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).bytes).sum()
    }

    fn shard(&self, place: Place) -> &RwLock<Shard> {
        // The high bits choose the shard, the low ones the bucket inside it.
        #[expect(clippy::indexing_slicing, reason = "six bits index 64 shards")]
        &self.shards[(place.hash >> 58) as usize]
    }

    // A reader that panicked left nothing half-written, and a writer's steps keep the shard usable: go on.
    fn reading(&self, place: Place) -> RwLockReadGuard<'_, Shard> {
        self.shard(place).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self, place: Place) -> RwLockWriteGuard<'_, Shard> {
        self.shard(place).write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record is not in the cache; carries what `keep` needs to know about when that was.
#[derive(Clone, Copy)]
pub(crate) struct Missing {
    epoch: u64,
}

impl Shard {
    fn insert(&mut self, slot: Slot, bytes_max: usize) {
        while self.bytes + slot.bytes > bytes_max {
            self.drop_one();
        }
        self.bytes += slot.bytes;
        let hash = slot.hash;
        let at = match self.free.pop().and_then(|at| Some((at, self.slots.get_mut(at)?))) {
            Some((at, empty)) => {
                *empty = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.by_hash.insert(hash, at);
    }

    fn remove(&mut self, hash: u64) {
        if let Some(at) = self.by_hash.remove(&hash)
            && let Some(slot) = self.slots.get_mut(at).and_then(Option::take)
        {
            self.bytes -= slot.bytes;
            self.free.push(at);
        }
    }

    /// Drops the next record that nobody read since the hand last passed. Called only while something is kept.
    fn drop_one(&mut self) {
        loop {
            let at = self.hand;
            self.hand = (at + 1) % self.slots.len().max(1);
            if let Some(slot) = self.slots.get(at).and_then(Option::as_ref)
                && !slot.used.swap(false, Ordering::Relaxed)
            {
                let hash = slot.hash;
                return self.remove(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Opened};
    use crate::secret::Secret;

    fn opened(value: &str) -> Opened {
        let fields = vec![("legal_name".to_owned(), Secret::from(value))];
        Opened { commitment: [0; 32], generation: 1, fields }
    }

    fn get(cache: &Cache, holder: &str) -> Option<String> {
        let read = |opened: &Opened| opened.field("legal_name").map(|value| value.expose().to_vec());
        let value = cache.read(cache.place("p", holder), "p", holder, read).ok()??;
        String::from_utf8(value).ok()
    }

    fn keep(cache: &Cache, holder: &str, value: &str) {
        let place = cache.place("p", holder);
        if let Err(missing) = cache.read(place, "p", holder, |_| ()) {
            cache.keep(place, missing, "p", holder, opened(value));
        }
    }

    #[test]
    fn a_kept_record_is_read_and_a_purged_one_is_not() {
        let cache = Cache::new(1 << 20);
        keep(&cache, "h1", "Ada");
        assert_eq!(get(&cache, "h1").as_deref(), Some("Ada"));
        assert_eq!(get(&cache, "h2"), None);
        cache.purge(cache.place("p", "h1"));
        assert_eq!(get(&cache, "h1"), None);
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn a_read_that_a_purge_overtook_is_not_kept() {
        let cache = Cache::new(1 << 20);
        let place = cache.place("p", "h1");
        let missing = cache.read(place, "p", "h1", |_| ()).unwrap_err();
        cache.purge(place);
        cache.keep(place, missing, "p", "h1", opened("Ada"));
        assert_eq!(get(&cache, "h1"), None);
    }

    #[test]
    fn two_identities_with_one_hash_take_turns_and_never_see_each_other() {
        let cache = Cache::new(1 << 20);
        let place = cache.place("p", "h1");
        for (tenant, holder) in [("p", "h1"), ("p", "h2"), ("q", "h2")] {
            let missing = cache.read(place, tenant, holder, |_| ()).unwrap_err();
            cache.keep(place, missing, tenant, holder, opened("Ada"));
            assert!(cache.read(place, tenant, holder, |_| ()).is_ok());
        }
        assert!(cache.read(place, "p", "h2", |_| ()).is_err());
        assert!(cache.read(place, "q", "h1", |_| ()).is_err());
    }

    #[test]
    fn the_bytes_stay_within_the_limit_and_what_is_read_stays() {
        let max = 64 * 4096;
        let cache = Cache::new(max);
        keep(&cache, "hot", "Ada");
        for at in 0..10_000 {
            keep(&cache, &format!("cold-{at}"), "Grace");
            assert_eq!(get(&cache, "hot").as_deref(), Some("Ada"), "after {at}");
        }
        assert!(cache.bytes() <= max);
        assert!(cache.bytes() > max / 2);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
        assert_eq!(get(&cache, "hot"), None);
    }

    #[test]
    fn a_record_larger_than_a_shard_is_not_kept() {
        let cache = Cache::new(64 * 300);
        keep(&cache, "h1", &"x".repeat(400));
        assert_eq!(get(&cache, "h1"), None);
        assert_eq!(cache.bytes(), 0);
    }
}
