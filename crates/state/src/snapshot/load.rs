//! Loading: the ids of a platform are read beside its attributes, the rest in order. Its follower sets stay packed until
//! somebody looks at them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use followers::Engine;

use super::frame::{Frames, Kind, content};
use super::{MAGIC, VERSION, key, load_rest, load_slot, packed, put_limits};
use crate::directory::{Directory, Ids, Loading};
use crate::event_ids::EventIds;
use crate::ids::{AccountKey, Label, PlatformId};
use crate::limits::Limits;
use crate::machine::{LoadError, Machine};
use crate::platform::Platform;
use crate::record::bytes::Bytes;
use crate::record::v1::{account, id, millis, platform};
use crate::registers::Registers;

impl Machine {
    /// The machine that [`Machine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved state, are damaged, or were saved under other limits.
    pub fn load(bytes: &[u8], limits: Limits) -> Result<Self, LoadError> {
        let machine = Self::load_packed(&Arc::new(bytes.to_vec()), 0, limits, 1)?;
        let reader = machine.reader();
        while reader.unpack().map_err(LoadError::Followers)? {}
        Ok(machine)
    }

    /// Like [`Machine::load`], from the bytes at `from` on, by so many threads. They do not show in what is loaded.
    ///
    /// The follower sets stay packed in these bytes until someone looks at them or [`crate::Reader::unpack`] is called:
    /// see [`Engine::load_packed`].
    ///
    /// # Errors
    /// Those of [`Machine::load`], but for what is found when the sets are unpacked.
    pub fn load_packed(
        bytes: &Arc<Vec<u8>>,
        from: usize,
        limits: Limits,
        threads: usize,
    ) -> Result<Self, LoadError> {
        let left =
            bytes.get(from..).and_then(|bytes| bytes.strip_prefix(MAGIC)).ok_or(LoadError::NotAState)?;
        let (version, left) = left.split_first_chunk().ok_or(LoadError::Damaged("its version"))?;
        match u16::from_le_bytes(*version) {
            VERSION => {}
            other => return Err(LoadError::UnknownVersion(other)),
        }
        let mut frames = Frames { left };
        let mut head = Bytes::new(frames.next(Kind::Head)?);
        let mut expected = Vec::new();
        put_limits(&mut expected, &limits);
        if head.take(expected.len()) != Some(&expected) {
            return Err(LoadError::OtherLimits);
        }
        let mut machine = Machine::new(limits);
        let platforms = load_head(&mut head, &mut machine).ok_or_else(|| Kind::Head.damaged())?;
        for _ in 0..platforms {
            let platform = load_platform(bytes, &mut frames, &machine.limits, threads)?;
            machine.add_platform(platform);
        }
        if !frames.next(Kind::End)?.is_empty() || !frames.left.is_empty() {
            return Err(LoadError::Damaged("its end: something follows"));
        }
        machine.shared.clock.store(machine.clock.0, Ordering::Release);
        machine.shared.applied.store(machine.position, Ordering::Release);
        Ok(machine)
    }
}

/// Gives how many platforms follow.
fn load_head(head: &mut Bytes<'_>, machine: &mut Machine) -> Option<usize> {
    machine.position = head.varint()?;
    machine.clock = millis(head)?;
    let keys = head.list(key)?.into_iter().map(|key| (key.id.clone(), Arc::new(key)));
    machine.shared.keys.store(Arc::new(keys.collect()));
    let platforms = usize::try_from(head.varint()?).ok()?;
    head.is_empty().then_some(platforms)
}

struct Head {
    name: PlatformId,
    title: Label,
    registered_at: policy::Millis,
    accounts: u32,
    slots: usize,
}

fn load_platform_head(b: &mut Bytes<'_>) -> Option<Head> {
    let head = Head {
        name: platform(b)?,
        title: id(b, Label::new)?,
        registered_at: millis(b)?,
        accounts: b.varint_u32()?,
        slots: usize::try_from(b.varint()?).ok()?,
    };
    b.is_empty().then_some(head)
}

fn load_platform(
    bytes: &Arc<Vec<u8>>,
    frames: &mut Frames<'_>,
    limits: &Limits,
    threads: usize,
) -> Result<Platform, LoadError> {
    let mut head = Bytes::new(frames.next(Kind::Platform)?);
    let head = load_platform_head(&mut head).ok_or_else(|| Kind::Platform.damaged())?;
    let mut ids = Vec::new();
    while frames.is_next(Kind::Ids) {
        ids.push(frames.find(Kind::Ids)?);
    }
    let (directory, others) = std::thread::scope(|scope| {
        let apart = (threads > 1).then(|| scope.spawn(|| load_ids(&ids, head.accounts, threads)));
        let others = load_others(bytes, frames, limits, threads);
        let directory = match apart {
            Some(thread) => thread.join().unwrap_or(None),
            None => load_ids(&ids, head.accounts, threads),
        };
        (directory, others)
    });
    let directory = directory.ok_or_else(|| Kind::Ids.damaged())?;
    let Others { engine, attributes, event_ids } = others?;
    if engine.reader().accounts() > head.accounts {
        return Err(LoadError::Damaged("the follower sets of a platform: they have accounts without an id"));
    }
    let mut p = Platform::with_accounts(head.name, head.title, head.registered_at, engine, directory);
    p.engine.grow(head.accounts);
    p.attributes = attributes;
    p.event_ids = event_ids;
    while frames.is_next(Kind::Slots) {
        let mut items = Bytes::new(frames.next(Kind::Slots)?);
        while !items.is_empty() {
            load_slot(&mut items, &mut p).ok_or_else(|| Kind::Slots.damaged())?;
        }
    }
    if p.shared.slots.count() != head.slots {
        return Err(Kind::Slots.damaged());
    }
    let mut rest = Bytes::new(frames.next(Kind::Rest)?);
    load_rest(&mut rest, &mut p).filter(|()| rest.is_empty()).ok_or_else(|| Kind::Rest.damaged())?;
    p.publish_moved();
    Ok(p)
}

/// What needs no ids.
struct Others {
    engine: Engine,
    attributes: Registers,
    event_ids: EventIds,
}

fn load_others(
    bytes: &Arc<Vec<u8>>,
    frames: &mut Frames<'_>,
    limits: &Limits,
    threads: usize,
) -> Result<Others, LoadError> {
    let sets = frames.left;
    let from = bytes.len() - sets.len();
    let (engine, used) = Engine::load_packed(bytes, from, limits.followers(), threads)?;
    frames.left = sets.get(used..).unwrap_or_default();
    let mut attributes = Registers::default();
    let mut numbers = Vec::new();
    while frames.is_next(Kind::Registers) {
        let mut items = Bytes::new(frames.next(Kind::Registers)?);
        while !items.is_empty() {
            load_block(&mut items, &mut numbers).ok_or_else(|| Kind::Registers.damaged())?;
            attributes.take_whole(&mut numbers);
        }
    }
    attributes.take_rest(numbers);
    let mut event_ids = EventIds::default();
    while frames.is_next(Kind::EventIds) {
        let mut items = Bytes::new(frames.next(Kind::EventIds)?);
        while !items.is_empty() {
            event_ids.load(&mut items).ok_or_else(|| Kind::EventIds.damaged())?;
        }
    }
    Ok(Others { engine, attributes, event_ids })
}

fn load_block(items: &mut Bytes<'_>, registers: &mut Vec<u64>) -> Option<()> {
    let count = items.varint().and_then(|count| usize::try_from(count).ok())?;
    if count == 0 || count > packed::BLOCK { None } else { packed::read(items, count, registers) }
}

/// The directory of these pieces; `None` if something is wrong with one of them.
fn load_ids(frames: &[&[u8]], accounts: u32, threads: usize) -> Option<Directory> {
    let loading = Loading::new(accounts)?;
    let each = frames.len().div_ceil(threads.max(1)).max(1);
    let (index, chunks) = std::thread::scope(|scope| {
        // Asking for its memory takes as long as reading ids.
        let index = scope.spawn(|| loading.index());
        let parts: Vec<_> = frames
            .chunks(each)
            .map(|frames| {
                let loading = &loading;
                scope.spawn(move || {
                    let mut ids = loading.ids();
                    frames.iter().all(|frame| load_piece(frame, &mut ids).is_some()).then(|| ids.chunks())
                })
            })
            .collect();
        let parts = parts.into_iter().map(|part| part.join().ok().flatten());
        let chunks = parts.collect::<Option<Vec<_>>>();
        (index.join().ok(), chunks)
    });
    loading.finish(chunks?.into_iter().flatten().collect(), index?, threads)
}

/// Adds the ids of a piece, in order.
fn load_piece(frame: &[u8], ids: &mut Ids<'_>) -> Option<()> {
    let mut b = Bytes::new(content(frame)?);
    let mut numbers = Vec::with_capacity(packed::BLOCK);
    while !b.is_empty() {
        let count = usize::try_from(b.varint()?).ok().filter(|count| (1..=packed::BLOCK).contains(count))?;
        if b.bool()? {
            for _ in 0..count {
                ids.add(account(&mut b)?.key());
            }
        } else {
            numbers.clear();
            packed::read(&mut b, count, &mut numbers)?;
            numbers.iter().for_each(|number| ids.add(AccountKey::Number(*number)));
        }
    }
    Some(())
}
