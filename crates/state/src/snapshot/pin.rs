//! The state as it was at one moment, while the writer goes on.
//!
//! What only grows (account ids) is remembered by its length; what lies in chunks (attributes, event ids) shares them
//! with the writer, who copies a chunk before it changes it; a record is laid aside by the writer before it changes,
//! once; and the little that is left is turned to bytes at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frame::{Kind, Out};
use super::{Detail, packed, put_ids, put_record};
use crate::account::AccountRecord;
use crate::event_ids::PinnedIds;
use crate::platform::{Platform, PlatformShared, Slot};
use crate::record::bytes::put_varint;
use crate::registers::Registers;

/// Slots that are taken at once.
const TAKEN: usize = 1024;

/// A record and a history as they were.
#[derive(Debug)]
struct Laid {
    record: Arc<AccountRecord>,
    /// Saved.
    history: Vec<u8>,
}

impl Laid {
    fn of(slot: &Slot) -> Laid {
        let mut history = Vec::new();
        slot.history.save(&mut history);
        Laid { record: slot.record.load_full(), history }
    }
}

/// The moments that are pinned, as the writer of a platform knows them.
#[derive(Debug, Default)]
pub(crate) struct SlotPins {
    any: AtomicBool,
    asides: Mutex<Vec<Arc<Aside>>>,
}

#[derive(Debug)]
struct Aside {
    slots: Mutex<Slots>,
    over: AtomicBool,
}

#[derive(Debug)]
struct Slots {
    /// The places that are still to be saved.
    from: usize,
    until: usize,
    old: BTreeMap<usize, Laid>,
}

// What is behind these locks is whole whatever happened to a thread that held one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SlotPins {
    /// The writer is about to change the slot at that place.
    pub(crate) fn lay_aside(&self, place: usize, slot: &Slot) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut asides = lock(&self.asides);
        asides.retain(|aside| !aside.over.load(Ordering::Acquire));
        self.any.store(!asides.is_empty(), Ordering::Relaxed);
        for aside in asides.iter() {
            let mut slots = lock(&aside.slots);
            if (slots.from..slots.until).contains(&place) {
                slots.old.entry(place).or_insert_with(|| Laid::of(slot));
            }
        }
    }

    fn pin(&self, until: usize) -> PinnedSlots {
        let slots = Mutex::new(Slots { from: 0, until, old: BTreeMap::new() });
        let aside = Arc::new(Aside { slots, over: AtomicBool::new(false) });
        lock(&self.asides).push(Arc::clone(&aside));
        self.any.store(true, Ordering::Relaxed);
        PinnedSlots(aside)
    }
}

/// The moment, as seen by who saves it.
#[derive(Debug)]
struct PinnedSlots(Arc<Aside>);

impl PinnedSlots {
    /// The slots up to `until` that were not taken before.
    fn take(&self, shared: &PlatformShared, until: usize) -> Vec<(u32, Laid)> {
        let (from, until) = {
            let slots = lock(&self.0.slots);
            (slots.from, until.min(slots.until))
        };
        // First as they are, then what was laid aside: what changed in between was laid aside before.
        let seen: Vec<(usize, u32, Laid)> = (from..until)
            .filter_map(|place| shared.slots.get(place).map(|slot| (place, slot.no, Laid::of(slot))))
            .collect();
        let mut slots = lock(&self.0.slots);
        let later = slots.old.split_off(&until);
        let mut old = std::mem::replace(&mut slots.old, later);
        slots.from = until;
        drop(slots);
        seen.into_iter().map(|(place, no, laid)| (no, old.remove(&place).unwrap_or(laid))).collect()
    }
}

impl Drop for PinnedSlots {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
        lock(&self.0.slots).old.clear();
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
    slots: PinnedSlots,
    slots_count: usize,
    rest: Vec<u8>,
}

impl PinnedPlatform {
    pub(super) fn of(p: &Platform) -> Self {
        let shared = Arc::clone(&p.shared);
        let accounts = shared.directory.len();
        let slots_count = shared.slots.count();
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
        for until in (0..self.slots_count).step_by(TAKEN).map(|from| from + TAKEN) {
            for (no, laid) in self.slots.take(&self.shared, until) {
                let room = out.item(Kind::Slots)?;
                put_varint(room, u64::from(no));
                put_record(room, &laid.record, Detail::Everything);
                room.extend_from_slice(&laid.history);
            }
        }
        out.begin(Kind::Rest)?.extend_from_slice(&self.rest);
        out.close()
    }
}
