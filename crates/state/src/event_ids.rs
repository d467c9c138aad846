//! Which events were seen, by the platform's own ids, for as long as the reorder horizon.
//!
//! The same id with the same body is a repetition, with another body a mistake of the sender. Ids are forgotten a
//! bucket at a time, so one lives between one and one and a half horizons.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use crate::record::bytes::{Bytes, put_i64, put_varint};

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

#[derive(Debug)]
struct Bucket {
    /// The log time of its first id, rounded down to half a horizon.
    start: i64,
    ids: HashMap<u128, u64, FixedState>,
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
        if self.buckets.back().is_none_or(|last| last.start < start) {
            self.buckets.push_back(Bucket { start, ids: HashMap::with_hasher(FixedState::default()) });
        }
        if let Some(last) = self.buckets.back_mut() {
            last.ids.insert(id, body);
        }
        SeenId::New
    }

    /// Forgets an id that was just seen, because its event was refused and may come again.
    pub(crate) fn forget(&mut self, id: u128) {
        if let Some(last) = self.buckets.back_mut() {
            last.ids.remove(&id);
        }
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.buckets.len() as u64);
        for bucket in &self.buckets {
            put_i64(out, bucket.start);
            #[expect(clippy::disallowed_methods, reason = "sorted before anything depends on the order")]
            let mut ids: Vec<(u128, u64)> = bucket.ids.iter().map(|(id, body)| (*id, *body)).collect();
            ids.sort_unstable();
            put_varint(out, ids.len() as u64);
            for (id, body) in ids {
                out.extend_from_slice(&id.to_le_bytes());
                out.extend_from_slice(&body.to_le_bytes());
            }
        }
    }

    pub(crate) fn load(bytes: &mut Bytes<'_>) -> Option<Self> {
        let mut buckets = VecDeque::new();
        for _ in 0..bytes.count()? {
            let start = bytes.i64()?;
            let mut ids = HashMap::with_hasher(FixedState::default());
            for _ in 0..bytes.count()? {
                ids.insert(bytes.array().map(u128::from_le_bytes)?, bytes.u64()?);
            }
            buckets.push_back(Bucket { start, ids });
        }
        Some(Self { buckets })
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

    #[test]
    fn saved_ids_are_known_after_loading() {
        let mut ids = EventIds::default();
        for n in 0..50u64 {
            ids.see(hash128(&n.to_le_bytes()), n, 1_000 + n as i64 * 3, 100);
        }
        let mut saved = Vec::new();
        ids.save(&mut saved);
        let mut loaded = EventIds::load(&mut Bytes::new(&saved)).unwrap();
        let mut again = Vec::new();
        loaded.save(&mut again);
        assert_eq!(saved, again);
        assert_eq!(loaded.see(hash128(&49u64.to_le_bytes()), 49, 1_150, 100), SeenId::Same);
    }
}
