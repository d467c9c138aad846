//! The state as it was at one moment, while the writer goes on.
//!
//! What only grows (account ids) is remembered by its length; what lies in chunks (attributes, event ids) shares them
//! with the writer, who copies a chunk before it changes it; a record is laid aside by the writer before it changes,
//! once; and the little that is left is turned to bytes at once.

use std::sync::Arc;

use followers::PinnedPlaces;

use super::frame::{Kind, Out};
use super::{Detail, packed, put_ids, put_record};
use crate::account::AccountRecord;
use crate::event_ids::PinnedIds;
use crate::platform::{Platform, PlatformShared, Slot};
use crate::record::bytes::put_varint;
use crate::registers::Registers;

/// Slots that are taken at once.
const TAKEN: u32 = 1024;

/// A record and a history as they were.
#[derive(Debug)]
pub(crate) struct Laid {
    no: u32,
    record: Arc<AccountRecord>,
    /// Saved.
    history: Vec<u8>,
}

impl Laid {
    pub(crate) fn of(slot: &Slot) -> Laid {
        let mut history = Vec::new();
        slot.history.save(&mut history);
        Laid { no: slot.no, record: slot.record.load_full(), history }
    }
}

/// One platform at the moment.
#[derive(Debug)]
pub(super) struct PinnedPlatform {
    shared: Arc<PlatformShared>,
    engine: followers::Pinned,
    head: Vec<u8>,
    accounts: u32,
    registers: Registers,
    event_ids: PinnedIds,
    /// `None` for a place that has no slot, which no place below the count is.
    slots: PinnedPlaces<Option<Laid>>,
    slots_count: u32,
    rest: Vec<u8>,
}

impl PinnedPlatform {
    pub(super) fn of(p: &Platform) -> Self {
        let shared = Arc::clone(&p.shared);
        let accounts = shared.directory.len();
        // At most one slot an account.
        let slots_count = shared.slots.count() as u32;
        let (mut head, mut rest) = (Vec::new(), Vec::new());
        super::put_head(&mut head, p, accounts, slots_count);
        super::put_rest(&mut rest, p);
        Self {
            engine: p.engine.pin(),
            head,
            accounts,
            registers: p.attributes.clone(),
            event_ids: p.event_ids.pin(),
            slots: p.slot_pins.pin(slots_count),
            slots_count,
            rest,
            shared,
        }
    }

    pub(super) fn save<E>(self, out: &mut Out<'_, E>) -> Result<(), E> {
        out.begin(Kind::Platform)?.extend_from_slice(&self.head);
        for from in (0..self.accounts).step_by(super::IDS) {
            let until = from.saturating_add(super::IDS as u32).min(self.accounts);
            put_ids(out.begin(Kind::Ids)?, &self.shared, from..until);
        }
        out.close()?;
        self.engine.save(out.sink)?;
        for block in self.registers.blocks(packed::BLOCK) {
            let room = out.item(Kind::Registers)?;
            put_varint(room, block.len() as u64);
            packed::put(room, block);
        }
        self.event_ids.save(|kept| {
            out.item(Kind::EventIds)?.extend_from_slice(kept);
            Ok(())
        })?;
        let now = |place| self.shared.slots.get(place as usize).map(Laid::of);
        for until in (0..self.slots_count).step_by(TAKEN as usize).map(|from| from.saturating_add(TAKEN)) {
            for laid in self.slots.take(until, now).into_iter().filter_map(|(_, laid)| laid) {
                let room = out.item(Kind::Slots)?;
                put_varint(room, u64::from(laid.no));
                put_record(room, &laid.record, Detail::Everything);
                room.extend_from_slice(&laid.history);
            }
        }
        out.begin(Kind::Rest)?.extend_from_slice(&self.rest);
        out.close()
    }
}
