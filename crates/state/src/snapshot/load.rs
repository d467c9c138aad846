//! Loading: the ids of a platform and its follower sets are read side by side, the rest in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use followers::Engine;

use super::frame::{Frames, Kind, content};
use super::{MAGIC, VERSION, key, load_rest, load_slot, packed, put_limits};
use crate::directory::{Directory, LoadedId, LoadedIds};
use crate::ids::{AccountId, Label, PlatformId};
use crate::limits::Limits;
use crate::machine::{LoadError, Machine};
use crate::platform::Platform;
use crate::record::bytes::Bytes;
use crate::record::v1::{account, id, millis, platform};

impl Machine {
    /// The machine that [`Machine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved state, are damaged, or were saved under other limits.
    pub fn load(bytes: &[u8], limits: Limits) -> Result<Self, LoadError> {
        Self::load_with(bytes, limits, 1)
    }

    /// Like [`Machine::load`], by so many threads. They do not show in what is loaded.
    ///
    /// # Errors
    /// Those of [`Machine::load`].
    pub fn load_with(bytes: &[u8], limits: Limits, threads: usize) -> Result<Self, LoadError> {
        let left = bytes.strip_prefix(MAGIC).ok_or(LoadError::NotAState)?;
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
            let platform = load_platform(&mut frames, &machine.limits, threads)?;
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

fn load_platform(frames: &mut Frames<'_>, limits: &Limits, threads: usize) -> Result<Platform, LoadError> {
    let mut head = Bytes::new(frames.next(Kind::Platform)?);
    let head = load_platform_head(&mut head).ok_or_else(|| Kind::Platform.damaged())?;
    let mut ids = Vec::new();
    while frames.is_next(Kind::Ids) {
        ids.push(frames.find(Kind::Ids)?);
    }
    let sets = frames.left;
    let (directory, engine) = std::thread::scope(|scope| {
        let apart = (threads > 1).then(|| scope.spawn(|| load_ids(&ids, head.accounts, threads)));
        let engine = Engine::load_front(sets, limits.followers(), threads);
        let directory = match apart {
            Some(thread) => thread.join().unwrap_or(None),
            None => load_ids(&ids, head.accounts, threads),
        };
        (directory, engine)
    });
    let directory = directory.ok_or_else(|| Kind::Ids.damaged())?;
    let (engine, used) = engine?;
    frames.left = sets.get(used..).unwrap_or_default();
    if engine.reader().accounts() > head.accounts {
        return Err(LoadError::Damaged("the follower sets of a platform: they have accounts without an id"));
    }
    let mut p = Platform::with_accounts(head.name, head.title, head.registered_at, engine, directory);
    p.engine.grow(head.accounts);
    let mut registers = Vec::new();
    while frames.is_next(Kind::Registers) {
        let mut items = Bytes::new(frames.next(Kind::Registers)?);
        while !items.is_empty() {
            load_block(&mut items, &mut registers).ok_or_else(|| Kind::Registers.damaged())?;
        }
    }
    for (no, register) in (0..head.accounts).zip(registers) {
        if register != 0 {
            p.attributes.set(no, register);
        }
    }
    while frames.is_next(Kind::EventIds) {
        let mut items = Bytes::new(frames.next(Kind::EventIds)?);
        while !items.is_empty() {
            p.event_ids.load(&mut items).ok_or_else(|| Kind::EventIds.damaged())?;
        }
    }
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

fn load_block(items: &mut Bytes<'_>, registers: &mut Vec<u64>) -> Option<()> {
    let count = items.varint().and_then(|count| usize::try_from(count).ok())?;
    if count == 0 || count > packed::BLOCK { None } else { packed::read(items, count, registers) }
}

/// The directory of these pieces; `None` if something is wrong with one of them.
fn load_ids(frames: &[&[u8]], accounts: u32, threads: usize) -> Option<Directory> {
    let each = frames.len().div_ceil(threads.max(1)).max(1);
    let parts: Option<Vec<LoadedIds>> = std::thread::scope(|scope| {
        let threads: Vec<_> = frames
            .chunks(each)
            .map(|frames| {
                scope.spawn(move || frames.iter().map(|frame| load_piece(frame)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|_| vec![None])).collect()
    });
    let parts = parts?;
    let count: usize = parts.iter().map(LoadedIds::len).sum();
    if count != accounts as usize { None } else { Directory::of(parts, threads) }
}

fn load_piece(frame: &[u8]) -> Option<LoadedIds> {
    let mut b = Bytes::new(content(frame)?);
    let mut numbers = Vec::with_capacity(super::IDS);
    // From the first block with a text in it.
    let mut mixed: Vec<LoadedId> = Vec::new();
    while !b.is_empty() {
        let count = usize::try_from(b.varint()?).ok().filter(|count| (1..=packed::BLOCK).contains(count))?;
        if b.bool()? {
            mixed.extend(numbers.drain(..).map(LoadedId::Number));
            for _ in 0..count {
                mixed.push(match account(&mut b)? {
                    AccountId::Number(number) => LoadedId::Number(number),
                    AccountId::Text(text) => LoadedId::Text(text.as_ref().into()),
                });
            }
        } else {
            packed::read(&mut b, count, &mut numbers)?;
        }
    }
    if mixed.is_empty() {
        return Some(LoadedIds::Numbers(numbers));
    }
    mixed.extend(numbers.into_iter().map(LoadedId::Number));
    Some(LoadedIds::Mixed(mixed))
}
