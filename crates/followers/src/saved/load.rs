//! Loading: frames are found first, then read by several threads, then put in place in order.
//!
//! What comes of it does not depend on the threads: each part is read by itself and put where it belongs, and of
//! several damages the first in the file is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::bytes::Input;
use super::frame::{self, Frame, Kind};
use super::pack::Block;
use super::{LoadError, What, column, facts, sets};
use crate::attributes::Chunk;
use crate::day_column::DayChunk;
use crate::horizon::{Stamp, edge_of};
use crate::kept::Kept;
use crate::set::SetBuilder;
use crate::{AccountDay, AccountNo, Attribute, Engine, FollowerSet, Limits};

/// Frames that are read together: one, or a set that takes several.
struct Part<'f, 'a> {
    frames: &'f [Frame<'a>],
}

/// What a part said.
enum Read {
    Sets(Vec<(u32, Arc<FollowerSet>)>),
    Following(Vec<u32>),
    Attributes(Vec<AccountFacts>),
    Horizon(Vec<(u64, Stamp)>),
    Filters(Vec<(u32, Kept)>),
    Removals(Vec<(u32, bool, i64)>),
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
        let (engine, used) = Engine::load_front(bytes, limits, 1)?;
        if used == bytes.len() {
            return Ok(engine);
        }
        Err(LoadError::Damaged { offset: used as u64, what: "bytes follow the last frame" })
    }

    /// Like [`Engine::load`], with so many threads, and other bytes may follow: says how many were read.
    ///
    /// # Errors
    /// Those of [`Engine::load`].
    pub fn load_front(bytes: &[u8], limits: Limits, threads: usize) -> Result<(Engine, usize), LoadError> {
        let (frames, used) = frame::find(bytes)?;
        let (head, rest) = frames.split_first().ok_or(LoadError::NotFollowers)?;
        let payload = head.payload().map_err(|what| head.damaged(what))?;
        let mut engine = read_head(&mut Input::new(payload), limits).map_err(|what| match what {
            Some(what) => head.damaged(what),
            None => LoadError::OtherLimits,
        })?;
        let parts = parts(rest);
        let read = read_all(&parts, engine.shared.accounts(), engine.horizon.floor(), threads)?;
        let mut place = Place { engine: &mut engine, set_after: None, edges: 0, following: 0, counted: 0 };
        for (part, read) in parts.iter().zip(read) {
            let at = part.frames.first().unwrap_or(head);
            place.put(read).map_err(|what| at.damaged(what))?;
        }
        let whole = place.counted == place.engine.shared.accounts() && place.edges == place.following;
        if !whole {
            return Err(head.damaged("following counts do not fit the sets"));
        }
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
fn read_head(head: &mut Input<'_>, limits: Limits) -> Result<Engine, Option<What>> {
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
    engine.grow(accounts);
    engine.set_clock(clock);
    Ok(engine)
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
        let Some((first, more)) = part.frames.split_first() else { return Ok(Read::Sets(Vec::new())) };
        let mut more = more.iter();
        let mut at = first;
        let read = first.payload().and_then(|payload| {
            let mut input = Input::new(payload);
            let read = self.items(first.kind, &mut input, &mut |input| {
                at = more.next().ok_or("a set is cut short")?;
                *input = Input::new(at.payload()?);
                Ok(())
            })?;
            if more.as_slice().is_empty() { Ok(read) } else { Err("a set that goes on though it is whole") }
        });
        read.map_err(|what| {
            // What was read of a set before the damage is no part of the next one.
            self.builder = SetBuilder::default();
            at.damaged(what)
        })
    }

    fn items<'a>(
        &mut self,
        kind: Kind,
        input: &mut Input<'a>,
        more: &mut dyn FnMut(&mut Input<'a>) -> Result<(), What>,
    ) -> Result<Read, What> {
        Ok(match kind {
            Kind::Head | Kind::More | Kind::End => return Err("an item in a frame that has none"),
            Kind::Sets => Read::Sets(self.sets(input, more)?),
            Kind::Following => Read::Following(following(input)?),
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

    fn sets<'a>(
        &mut self,
        input: &mut Input<'a>,
        more: &mut dyn FnMut(&mut Input<'a>) -> Result<(), What>,
    ) -> Result<Vec<(u32, Arc<FollowerSet>)>, What> {
        let mut sets: Vec<(u32, Arc<FollowerSet>)> = Vec::new();
        while !input.is_empty() {
            let far = input.u32()?;
            let who = match sets.last() {
                // The first set of a frame stands by its number, the others by their distance.
                None => far,
                Some(_) if far == 0 => return Err("sets are out of order"),
                Some((before, _)) => before.checked_add(far).ok_or("an account number is too large")?,
            };
            self.exists(who)?;
            let set = sets::read_pieces(input, &mut self.builder, &mut self.block, self.accounts, more)?;
            if set.is_empty() || set.contains(AccountNo(who)).is_some() {
                return Err("a set that cannot be");
            }
            sets.push((who, Arc::new(set)));
        }
        Ok(sets)
    }

    fn exists(&self, who: u32) -> Result<(), What> {
        if who < self.accounts { Ok(()) } else { Err("an account number is too large") }
    }
}

fn following(input: &mut Input<'_>) -> Result<Vec<u32>, What> {
    let mut counts = Vec::new();
    while !input.is_empty() {
        column::read(input, |number| counts.push(number))?;
    }
    Ok(counts)
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
    set_after: Option<u32>,
    edges: u64,
    following: u64,
    counted: u32,
}

impl Place<'_> {
    fn put(&mut self, read: Read) -> Result<(), What> {
        match read {
            Read::Sets(sets) => {
                for (who, set) in sets {
                    if self.set_after.is_some_and(|after| who <= after) {
                        return Err("sets are out of order");
                    }
                    self.set_after = Some(who);
                    self.edges += u64::from(set.len());
                    self.engine.sets.install(who, set);
                }
            }
            Read::Following(counts) => {
                for count in counts {
                    if self.counted >= self.engine.shared.accounts() {
                        return Err("following counts of accounts that do not exist");
                    }
                    self.engine.shared.set_following(self.counted, count);
                    self.counted += 1;
                    self.following += u64::from(count);
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
