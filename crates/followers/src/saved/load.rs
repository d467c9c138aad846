//! Loading: frames are found first, then read by several threads, then put in place in order.
//!
//! What comes of it does not depend on the threads: each part is read by itself and put where it belongs, and of
//! several damages the first in the file is told. Of follower sets only the checksums are looked at: they are unpacked
//! later, see [`super::packed`].

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::bytes::Input;
use super::frame::{self, Frame, Kind};
use super::pack::Block;
use super::packed::{self, Packed, PackedBlock};
use super::{LoadError, What, column, facts};
use crate::attributes::Chunk;
use crate::day_column::DayChunk;
use crate::horizon::{Stamp, edge_of};
use crate::kept::Kept;
use crate::set::SetBuilder;
use crate::shared::{COUNTS, SLOTS};
use crate::{AccountDay, Attribute, Engine, Limits};

/// Frames that are read together: one, or the sets of a block that take several.
struct Part<'f, 'a> {
    frames: &'f [Frame<'a>],
}

/// What a part said.
enum Read {
    Sets(PackedBlock, u64),
    Following(Vec<Counts>),
    Attributes(Vec<AccountFacts>),
    Horizon(Vec<(u64, Stamp)>),
    Filters(Vec<(u32, Kept)>),
    Removals(Vec<(u32, bool, i64)>),
}

/// How many each of some accounts follows.
struct Counts {
    counts: Box<[AtomicU32]>,
    accounts: u32,
    sum: u64,
}

/// One chunk of what is known of accounts, and where it lies.
enum AccountFacts {
    Bits(Attribute, usize, Chunk),
    Days(AccountDay, usize, DayChunk),
}

impl Engine {
    /// The engine that [`Engine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved engine, are damaged, or were saved under other limits.
    pub fn load(bytes: &[u8], limits: Limits) -> Result<Engine, LoadError> {
        let (engine, used) = Engine::load_packed(&Arc::new(bytes.to_vec()), 0, limits, 1)?;
        while engine.shared.unpack()? {}
        if used == bytes.len() {
            return Ok(engine);
        }
        Err(LoadError::Damaged { offset: used as u64, what: "bytes follow the last frame" })
    }

    /// Like [`Engine::load`], from the bytes at `from` and with so many threads, and other bytes may follow: says how many
    /// were read.
    ///
    /// The follower sets stay packed in these bytes until someone looks at them or [`crate::Reader::unpack`] is called.
    /// Their checksums were looked at and their sizes compared with the following counts; sets that do not ascend, or
    /// name accounts that do not exist, are found when they are unpacked.
    ///
    /// # Errors
    /// Those of [`Engine::load`], but for what is found later.
    pub fn load_packed(
        bytes: &Arc<Vec<u8>>,
        from: usize,
        limits: Limits,
        threads: usize,
    ) -> Result<(Engine, usize), LoadError> {
        let (frames, used) = frame::find(bytes.get(from..).unwrap_or_default())?;
        let (head, rest) = frames.split_first().ok_or(LoadError::NotFollowers)?;
        let payload = head.payload().map_err(|what| head.damaged(what))?;
        let (mut engine, accounts) =
            read_head(&mut Input::new(payload), limits).map_err(|what| match what {
                Some(what) => head.damaged(what),
                None => LoadError::OtherLimits,
            })?;
        let parts = parts(rest);
        let read = read_all(&parts, accounts, engine.horizon.floor(), threads)?;
        let mut place =
            Place { engine: &mut engine, accounts, blocks: Vec::new(), edges: 0, following: 0, counted: 0 };
        for (part, read) in parts.iter().zip(read) {
            let at = part.frames.first().unwrap_or(head);
            place.put(read).map_err(|what| at.damaged(what))?;
        }
        let whole = place.counted == accounts && place.edges == place.following;
        if !whole {
            return Err(head.damaged("following counts do not fit the sets"));
        }
        if !place.blocks.is_empty() {
            let packed = Packed::new(Arc::clone(bytes), from, accounts, place.blocks);
            engine.shared.set_packed(packed, accounts);
        }
        engine.grow(accounts);
        // The end has no content, but it has a checksum.
        if let Some(end) = rest.last() {
            end.payload()
                .and_then(|end| if end.is_empty() { Ok(()) } else { Err("the end is too long") })
                .map_err(|what| end.damaged(what))?;
        }
        Ok((engine, used))
    }
}

/// `None` stands for limits that differ.
fn read_head(head: &mut Input<'_>, limits: Limits) -> Result<(Engine, u32), Option<What>> {
    let accounts = head.u32()?;
    let clock = head.i64()?;
    let saved = [head.i64()?, head.i64()?, head.i64()?];
    if !head.is_empty() {
        return Err(Some("the head is too long"));
    }
    if saved != [limits.horizon_ms, limits.future_ms, limits.undo_ms] || accounts > limits.accounts_max {
        return Err(None);
    }
    let mut engine = Engine::new(limits);
    engine.set_clock(clock);
    Ok((engine, accounts))
}

/// Cuts the frames behind the head into parts; the end is none.
fn parts<'f, 'a>(frames: &'f [Frame<'a>]) -> Vec<Part<'f, 'a>> {
    let mut parts: Vec<Part<'f, 'a>> = Vec::new();
    let mut from = 0;
    while let Some(first) = frames.get(from) {
        let behind = frames[from + 1..].iter();
        let until = from + 1 + behind.take_while(|frame| frame.kind == Kind::More).count();
        if first.kind != Kind::End {
            parts.push(Part { frames: &frames[from..until] });
        }
        from = until;
    }
    parts
}

/// Reads every part; the answers are in the order of the parts.
fn read_all(
    parts: &[Part<'_, '_>],
    accounts: u32,
    floor: i64,
    threads: usize,
) -> Result<Vec<Read>, LoadError> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<Read, LoadError>)>> = Mutex::new(Vec::with_capacity(parts.len()));
    let work = || {
        let mut reader = Reader { accounts, floor, builder: SetBuilder::default(), block: Block::new() };
        while let Some((at, part)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            parts.get(at).map(|part| (at, part))
        } {
            let read = reader.part(part);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, read));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(parts.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, read)| read).collect()
}

/// Reads parts, one after the other.
struct Reader {
    accounts: u32,
    floor: i64,
    builder: SetBuilder,
    block: Block,
}

impl Reader {
    fn part(&mut self, part: &Part<'_, '_>) -> Result<Read, LoadError> {
        let Some((first, more)) = part.frames.split_first() else { return Ok(Read::Removals(Vec::new())) };
        for frame in more {
            frame.payload().map_err(|what| frame.damaged(what))?;
        }
        let read = first.payload().and_then(|payload| {
            let mut input = Input::new(payload);
            if first.kind != Kind::Sets {
                return self.items(first.kind, &mut input);
            }
            let (at, followers) = packed::head(&mut input)?;
            let frames = part.frames.iter().map(Frame::place).collect();
            Ok(Read::Sets(PackedBlock { at, frames }, followers))
        });
        read.map_err(|what| {
            // What was read of a set before the damage is no part of the next one.
            self.builder = SetBuilder::default();
            first.damaged(what)
        })
    }

    fn items(&mut self, kind: Kind, input: &mut Input<'_>) -> Result<Read, What> {
        Ok(match kind {
            Kind::Head | Kind::Sets | Kind::More | Kind::End => {
                return Err("an item in a frame that has none");
            }
            Kind::Following => Read::Following(all(input, following)?),
            Kind::Attributes => Read::Attributes(all(input, |input| {
                let number = input.u8()?;
                if let Some(number) = number.checked_sub(facts::DAYS_FROM) {
                    let which = AccountDay::from_number(number).ok_or("a day nobody knows")?;
                    let (at, chunk) = facts::read_days(input, self.accounts)?;
                    return Ok(AccountFacts::Days(which, at, chunk));
                }
                let attribute = Attribute::from_number(number).ok_or("an attribute nobody knows")?;
                let (at, chunk) = facts::read_chunk(input, self.accounts)?;
                Ok(AccountFacts::Bits(attribute, at, chunk))
            })?),
            Kind::Horizon => Read::Horizon(all(input, |input| {
                let (key, stamp) = facts::read_stamp(input, self.floor)?;
                let (followee, follower) = edge_of(key);
                self.exists(followee.max(follower))?;
                if followee == follower { Err("an edge from an account to itself") } else { Ok((key, stamp)) }
            })?),
            Kind::Filters => Read::Filters(all(input, |input| {
                let (who, kept) = facts::read_kept(input, &mut self.builder, &mut self.block, self.accounts)?;
                if who < self.accounts { Ok((who, kept)) } else { Err("an account number is too large") }
            })?),
            Kind::Removals => Read::Removals(all(input, |input| {
                let (who, purged) = input.flagged()?;
                self.exists(who)?;
                Ok((who, purged, input.i64()?))
            })?),
        })
    }

    fn exists(&self, who: u32) -> Result<(), What> {
        if who < self.accounts { Ok(()) } else { Err("an account number is too large") }
    }
}

fn following(input: &mut Input<'_>) -> Result<Counts, What> {
    let (mut counts, mut sum) = (Vec::with_capacity(COUNTS), 0);
    column::read(input, COUNTS, |number| {
        counts.push(AtomicU32::new(number));
        sum += u64::from(number);
    })?;
    let accounts = counts.len() as u32;
    counts.resize_with(COUNTS, AtomicU32::default);
    Ok(Counts { counts: counts.into(), accounts, sum })
}

fn all<T>(
    input: &mut Input<'_>,
    mut read: impl FnMut(&mut Input<'_>) -> Result<T, What>,
) -> Result<Vec<T>, What> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(read(input)?);
    }
    Ok(items)
}

/// Puts what was read in place.
struct Place<'e> {
    engine: &'e mut Engine,
    accounts: u32,
    blocks: Vec<PackedBlock>,
    edges: u64,
    following: u64,
    counted: u32,
}

impl Place<'_> {
    fn put(&mut self, read: Read) -> Result<(), What> {
        match read {
            Read::Sets(block, followers) => {
                if self.blocks.last().is_some_and(|before| block.at <= before.at) {
                    return Err("sets are out of order");
                }
                if block.at as usize >= (self.accounts as usize).div_ceil(SLOTS) {
                    return Err("sets of accounts that do not exist");
                }
                self.edges = self.edges.checked_add(followers).ok_or("followers are miscounted")?;
                self.blocks.push(block);
            }
            Read::Following(counts) => {
                for Counts { counts, accounts, sum } in counts {
                    // All have an item's worth but the last.
                    if !(self.counted as usize).is_multiple_of(COUNTS)
                        || accounts > self.accounts - self.counted
                    {
                        return Err("following counts of accounts that do not exist");
                    }
                    self.counted += accounts;
                    self.following += sum;
                    self.engine.shared.add_following(counts);
                }
            }
            Read::Attributes(chunks) => {
                let attributes = &self.engine.shared.attributes;
                for chunk in chunks {
                    match chunk {
                        AccountFacts::Bits(attribute, at, chunk) => {
                            attributes.set_chunk(attribute, at, chunk)
                        }
                        AccountFacts::Days(which, at, chunk) => attributes.days(which).put(at, Some(chunk)),
                    }
                }
            }
            Read::Horizon(stamps) => {
                stamps.into_iter().for_each(|(key, stamp)| self.engine.horizon.put(key, stamp))
            }
            Read::Filters(filters) => {
                for (who, kept) in filters {
                    let expiry = self.engine.expiry(&kept);
                    self.engine.kept.add(who, kept, expiry);
                }
            }
            Read::Removals(removals) => {
                for (who, purged, at) in removals {
                    if purged {
                        self.engine.removed.mark_purged(who, at);
                    } else {
                        self.engine.removed.mark(who, at);
                    }
                }
            }
        }
        Ok(())
    }
}
