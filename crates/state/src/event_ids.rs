//! Which events were seen, by the platform's own ids, for as long as the reorder horizon.
//!
//! The same id with the same body is a repetition, with another body a mistake of the sender. Ids are forgotten a
//! bucket at a time, so one lives between one and one and a half horizons. A bucket that a snapshot holds is left as it is,
//! and what comes after goes to another one of the same time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::record::bytes::{Bytes, put_i64, put_varint};

/// Ids of one saved item at most.
const ITEM: usize = 4096;

/// Buckets of the same time are joined at a snapshot if one of them has no more ids than this: the writer waits for it.
const JOINED: usize = 16_384;

type Ids = HashMap<u128, u64, FixedState>;

/// What is known about an event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenId {
    /// Never seen, and remembered from now on.
    New,
    /// Seen with this very body.
    Same,
    /// Seen with another body.
    Other,
}

/// The ids of one platform.
#[derive(Debug, Default)]
pub(crate) struct EventIds {
    buckets: VecDeque<Bucket>,
}

#[derive(Clone, Debug)]
struct Bucket {
    /// The log time of its first id, rounded down to half a horizon.
    start: i64,
    ids: Arc<Ids>,
}

impl Bucket {
    fn new(start: i64) -> Self {
        Self { start, ids: Arc::new(HashMap::with_hasher(FixedState::default())) }
    }
}

/// The ids at the moment of a snapshot.
#[derive(Debug)]
pub(crate) struct PinnedIds(Vec<Bucket>);

impl PinnedIds {
    /// Gives the ids to `each`, some thousand a time and in an order that depends on them alone.
    pub(crate) fn save<E>(self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for same in self.0.chunk_by(|a, b| a.start == b.start) {
            let Some(start) = same.first().map(|bucket| bucket.start) else { continue };
            #[expect(clippy::disallowed_methods, reason = "sorted before anything depends on the order")]
            let mut ids: Vec<(u128, u64)> =
                same.iter().flat_map(|bucket| bucket.ids.iter()).map(|(id, body)| (*id, *body)).collect();
            ids.sort_unstable();
            for part in ids.chunks(ITEM) {
                let mut item = Vec::with_capacity(part.len() * 24 + 16);
                put_i64(&mut item, start);
                put_varint(&mut item, part.len() as u64);
                for (id, body) in part {
                    item.extend_from_slice(&id.to_le_bytes());
                    item.extend_from_slice(&body.to_le_bytes());
                }
                each(&item)?;
            }
        }
        Ok(())
    }
}

impl EventIds {
    /// Looks up an id, given as its hash, and remembers it if it is new.
    pub(crate) fn see(&mut self, id: u128, body: u64, now: i64, horizon: i64) -> SeenId {
        let half = (horizon / 2).max(1);
        let start = now.div_euclid(half) * half;
        while self.buckets.front().is_some_and(|first| first.start + half < now - horizon) {
            self.buckets.pop_front();
        }
        for bucket in &self.buckets {
            if let Some(known) = bucket.ids.get(&id) {
                return if *known == body { SeenId::Same } else { SeenId::Other };
            }
        }
        let is_open = |last: &mut Bucket| last.start >= start && Arc::get_mut(&mut last.ids).is_some();
        if !self.buckets.back_mut().is_some_and(is_open) {
            let start = self.buckets.back().map_or(start, |last| last.start.max(start));
            self.buckets.push_back(Bucket::new(start));
        }
        if let Some(ids) = self.buckets.back_mut().and_then(|last| Arc::get_mut(&mut last.ids)) {
            ids.insert(id, body);
        }
        SeenId::New
    }

    /// Forgets an id that was just seen, because its event was refused and may come again.
    pub(crate) fn forget(&mut self, id: u128) {
        // No snapshot is taken in the middle of an entry, so it is in a bucket that nobody holds.
        if let Some(ids) = self.buckets.back_mut().and_then(|last| Arc::get_mut(&mut last.ids)) {
            ids.remove(&id);
        }
    }

    /// The ids as they are now.
    pub(crate) fn pin(&self) -> PinnedIds {
        PinnedIds(self.buckets.iter().cloned().collect())
    }

    /// Joins buckets of the same time, where that is little work and no snapshot holds them.
    pub(crate) fn join(&mut self) {
        let mut joined: VecDeque<Bucket> = VecDeque::with_capacity(self.buckets.len());
        for mut next in self.buckets.drain(..) {
            if let Some(last) = joined.back_mut()
                && last.start == next.start
                && let (Some(into), Some(from)) = (Arc::get_mut(&mut last.ids), Arc::get_mut(&mut next.ids))
                && into.len().min(from.len()) <= JOINED
            {
                if into.len() < from.len() {
                    std::mem::swap(into, from);
                }
                #[expect(clippy::disallowed_methods, reason = "into a map again, so no order shows")]
                into.extend(from.drain());
            } else {
                joined.push_back(next);
            }
        }
        self.buckets = joined;
    }

    /// Adds a saved item; false if it is none.
    pub(crate) fn load(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let start = bytes.i64()?;
        if self.buckets.back().is_none_or(|last| last.start < start) {
            self.buckets.push_back(Bucket::new(start));
        }
        let last = self.buckets.back_mut().filter(|last| last.start == start)?;
        let ids = Arc::get_mut(&mut last.ids)?;
        let count = bytes.count()?;
        ids.reserve(count.min(ITEM));
        for _ in 0..count {
            ids.insert(bytes.array().map(u128::from_le_bytes)?, bytes.u64()?);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash128;

    #[test]
    fn an_id_is_known_for_a_horizon_and_forgotten_after() {
        let mut ids = EventIds::default();
        assert_eq!(ids.see(hash128(b"a"), 1, 1_000, 100), SeenId::New);
        assert_eq!(ids.see(hash128(b"a"), 1, 1_000, 100), SeenId::Same);
        assert_eq!(ids.see(hash128(b"a"), 2, 1_100, 100), SeenId::Other);
        assert_eq!(ids.see(hash128(b"b"), 2, 1_100, 100), SeenId::New);
        assert_eq!(ids.see(hash128(b"a"), 2, 1_151, 100), SeenId::New);
        assert_eq!(ids.see(hash128(b"b"), 2, 1_151, 100), SeenId::Same);
    }

    fn saved(ids: &EventIds) -> Vec<u8> {
        let mut saved = Vec::new();
        let done = ids.pin().save(|item| {
            saved.extend_from_slice(item);
            Ok::<(), std::convert::Infallible>(())
        });
        assert!(done.is_ok());
        saved
    }

    #[test]
    fn saved_ids_are_known_after_loading() {
        let mut ids = EventIds::default();
        for n in 0..50u64 {
            ids.see(hash128(&n.to_le_bytes()), n, 1_000 + n as i64 * 3, 100);
        }
        let bytes = saved(&ids);
        let mut loaded = EventIds::default();
        let mut left = Bytes::new(&bytes);
        while !left.is_empty() {
            loaded.load(&mut left).unwrap();
        }
        assert_eq!(saved(&loaded), bytes);
        assert_eq!(loaded.see(hash128(&49u64.to_le_bytes()), 49, 1_150, 100), SeenId::Same);
    }

    #[test]
    fn ids_that_come_while_a_snapshot_is_held_are_known_and_not_in_it() {
        let mut ids = EventIds::default();
        ids.see(hash128(b"a"), 1, 1_000, 100);
        let before = saved(&ids);
        let held = ids.pin();
        assert_eq!(ids.see(hash128(b"b"), 2, 1_001, 100), SeenId::New);
        assert_eq!(ids.see(hash128(b"a"), 1, 1_001, 100), SeenId::Same);
        assert_eq!(ids.see(hash128(b"b"), 2, 1_001, 100), SeenId::Same);
        ids.forget(hash128(b"b"));
        assert_eq!(ids.see(hash128(b"b"), 3, 1_002, 100), SeenId::New);
        let mut then = Vec::new();
        let done = held.save(|item| {
            then.extend_from_slice(item);
            Ok::<(), std::convert::Infallible>(())
        });
        assert!(done.is_ok());
        assert_eq!(then, before);
        let mut plain = EventIds::default();
        plain.see(hash128(b"a"), 1, 1_000, 100);
        plain.see(hash128(b"b"), 3, 1_002, 100);
        assert_eq!(saved(&ids), saved(&plain), "a snapshot in between does not show in the next");
        ids.join();
        assert_eq!((ids.buckets.len(), ids.see(hash128(b"a"), 1, 1_003, 100)), (1, SeenId::Same));
        assert_eq!(saved(&ids), saved(&plain));
    }
}
