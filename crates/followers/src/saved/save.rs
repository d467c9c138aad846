//! Saving: a moment is pinned in little time, then written by whoever has time.

use std::sync::Arc;

use super::bytes::{put_i64, put_varint};
use super::frame::{Kind, Out};
use super::{column, facts, sets};
use crate::attributes::Bits;
use crate::day_column::Days;
use crate::horizon::Stamp;
use crate::kept::Kept;
use crate::pins::PinnedPlaces;
use crate::shared::{COUNTS, SLOTS, Shared, Version};
use crate::{AccountDay, Attribute, Engine, Limits};

/// The whole state at the moment it was pinned, to be saved on any thread while the engine goes on.
///
/// As long as it lives the engine keeps the sets it replaces, once an account: save it and let it go.
#[derive(Debug)]
pub struct Pinned {
    shared: Arc<Shared>,
    /// `None` once they are saved.
    sets: Option<PinnedPlaces<Version>>,
    accounts: u32,
    clock: i64,
    limits: Limits,
    attributes: Vec<(Attribute, Bits)>,
    days: Vec<(AccountDay, Days)>,
    /// In no order.
    horizon: Vec<(u64, Stamp)>,
    floor: i64,
    filters: Vec<(u32, Vec<Kept>)>,
    /// Account, whether it was only purged, time.
    removals: Vec<(u32, bool, i64)>,
}

impl Engine {
    /// Appends the whole state to `out`; the same state always gives the same bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let saved = self.pin().save(&mut |bytes| {
            out.extend_from_slice(bytes);
            Ok::<(), std::convert::Infallible>(())
        });
        match saved {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Pins the state as it is now, to be saved while the engine goes on.
    ///
    /// Takes time for what recent events, attributes, filters and removals need, none for the sets.
    pub fn pin(&self) -> Pinned {
        let accounts = self.shared.accounts();
        let attributes = Attribute::ALL.into_iter();
        Pinned {
            shared: Arc::clone(&self.shared),
            sets: Some(self.sets.pins().pin(accounts)),
            accounts,
            clock: self.clock,
            limits: self.limits.clone(),
            attributes: attributes.map(|which| (which, self.shared.attributes.bits(which))).collect(),
            days: AccountDay::ALL
                .iter()
                .map(|which| (*which, self.shared.attributes.days(*which).now()))
                .collect(),
            horizon: self.horizon.live(),
            floor: self.horizon.floor(),
            filters: self.kept.iter().map(|(who, filters)| (who, filters.to_vec())).collect(),
            removals: self.removed.iter_all().collect(),
        }
    }
}

impl Pinned {
    /// Gives the bytes of the whole state to `sink`, piece by piece; the same state always gives the same bytes.
    ///
    /// # Errors
    /// The first one of `sink`.
    pub fn save<E>(mut self, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut out = Out::open(sink)?;
        out.begin(Kind::Head)?;
        put_varint(out.payload(), u64::from(self.accounts));
        for number in [self.clock, self.limits.horizon_ms, self.limits.future_ms, self.limits.undo_ms] {
            put_i64(out.payload(), number);
        }
        let following = self.save_sets(&mut out)?;
        for part in following.chunks(COUNTS) {
            out.item(Kind::Following)?;
            column::put(out.payload(), part);
        }
        drop(following);
        // The sets are saved: the engine need not keep any.
        self.sets = None;
        for (attribute, bits) in &self.attributes {
            for (at, chunk) in bits.chunks() {
                out.item(Kind::Attributes)?;
                out.payload().push(attribute.number());
                facts::put_chunk(out.payload(), at, chunk);
            }
        }
        for (which, days) in &self.days {
            for (at, chunk) in days.chunks() {
                out.item(Kind::Attributes)?;
                out.payload().push(facts::DAYS_FROM + which.number());
                facts::put_days(out.payload(), at, chunk);
            }
        }
        self.horizon.sort_unstable_by_key(|(key, _)| *key);
        for (key, stamp) in &self.horizon {
            out.item(Kind::Horizon)?;
            facts::put_stamp(out.payload(), *key, *stamp, self.floor);
        }
        let mut room = sets::Room::default();
        for (who, filters) in &self.filters {
            for kept in filters {
                out.item(Kind::Filters)?;
                facts::put_kept(out.payload(), *who, kept, &mut room);
            }
        }
        for (who, purged, at) in &self.removals {
            out.item(Kind::Removals)?;
            put_varint(out.payload(), u64::from(*purged) << 32 | u64::from(*who));
            put_i64(out.payload(), *at);
        }
        out.begin(Kind::End)?;
        out.close()
    }

    /// Saves every set, and gives how many each account follows: counted here, so that it cannot differ.
    fn save_sets<E>(&self, out: &mut Out<'_, E>) -> Result<Vec<u32>, E> {
        let mut following = vec![0u32; self.accounts as usize];
        let mut room = sets::Room::default();
        let now = |who| self.shared.slot(who).and_then(|slot| slot.load_full());
        for (block, first) in (0u64..).zip((0..self.accounts).step_by(SLOTS)) {
            let until = first.saturating_add(SLOTS as u32);
            let taken = self.sets.as_ref().map(|sets| sets.take(until, now)).unwrap_or_default();
            let taken: Vec<_> = taken.into_iter().filter_map(|(who, set)| Some((who, set?))).collect();
            if taken.is_empty() {
                continue;
            }
            out.begin(Kind::Sets)?;
            put_varint(out.payload(), block);
            put_varint(out.payload(), taken.iter().map(|(_, set)| u64::from(set.len())).sum());
            let mut next = first;
            for (who, set) in taken {
                if out.is_full() {
                    out.begin(Kind::More)?;
                }
                put_varint(out.payload(), u64::from(who - next));
                next = who + 1;
                sets::put_framed(out, &set, &mut room, &mut following)?;
            }
        }
        Ok(following)
    }
}
