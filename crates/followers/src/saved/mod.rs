//! The whole state as bytes, and back.
//!
//! The layout is described in `docs/formats/followers.md`. Bytes depend on what is known, not on how it lies in
//! memory: a set that grew in another order, or was loaded, gives the same bytes.

mod bytes;
mod facts;
mod frame;
mod sets;

use crate::set::SetBuilder;
use crate::{AccountNo, Attribute, Engine, Limits};

use bytes::{Input, put_i64, put_varint};
use frame::{Frames, Kind, Writer};

/// Why saved bytes were not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved engine.
    #[error("the bytes are not saved follower sets")]
    NotFollowers,
    /// Saved by a version this one cannot read.
    #[error(
        "saved follower sets have version `{0}`, which this build cannot read; use the build that wrote them"
    )]
    UnknownVersion(u16),
    /// Saved under other limits that decide outcomes, or with more accounts than these allow.
    #[error("saved under other limits; start with the limits the log was written under")]
    OtherLimits,
    /// Damaged; names where.
    #[error("saved follower sets are damaged at byte `{offset}`: {what}; take an older snapshot")]
    Damaged {
        /// Offset of the frame that is damaged.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Something that cannot be in a frame; the frame adds where.
type What = &'static str;

impl Engine {
    /// Appends the whole state to `out`; the same state always gives the same bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        frame::put_opening(out);
        let mut head = Vec::new();
        put_varint(&mut head, u64::from(self.shared.accounts()));
        for number in [self.clock, self.limits.horizon_ms, self.limits.future_ms, self.limits.undo_ms] {
            put_i64(&mut head, number);
        }
        frame::put(out, Kind::Head, &head);

        let mut writer = Writer::new(out, Kind::Sets);
        for (who, set) in self.sets.iter() {
            let before = writer.before();
            put_varint(writer.payload(), u64::from(who - before));
            sets::put(writer.payload(), set);
            writer.end_item(who);
        }
        writer.finish();

        let mut writer = Writer::new(out, Kind::Attributes);
        for attribute in Attribute::ALL {
            for (at, chunk) in self.shared.attributes.bits(attribute).chunks() {
                writer.payload().push(attribute.number());
                facts::put_chunk(writer.payload(), at, chunk);
                writer.end_item(0);
            }
        }
        writer.finish();

        let mut writer = Writer::new(out, Kind::Horizon);
        for (key, stamp) in self.horizon.sorted() {
            facts::put_stamp(writer.payload(), key, stamp, self.horizon.floor());
            writer.end_item(0);
        }
        writer.finish();

        let mut writer = Writer::new(out, Kind::Filters);
        for (who, filters) in self.kept.iter() {
            for kept in filters {
                facts::put_kept(writer.payload(), who, kept);
                writer.end_item(0);
            }
        }
        writer.finish();

        let mut writer = Writer::new(out, Kind::Removals);
        for (who, at) in self.removed.iter() {
            put_varint(writer.payload(), u64::from(who));
            put_i64(writer.payload(), at);
            writer.end_item(0);
        }
        writer.finish();
        frame::put(out, Kind::End, &[]);
    }

    /// The engine that [`Engine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved engine, are damaged, or were saved under other limits.
    pub fn load(bytes: &[u8], limits: Limits) -> Result<Engine, LoadError> {
        let mut frames = Frames::open(bytes)?;
        let (kind, head) = frames.next()?;
        if kind != Kind::Head {
            return Err(frames.damaged("the first frame is not the head"));
        }
        let mut engine = read_head(&mut Input::new(head), limits).map_err(|what| match what {
            Some(what) => frames.damaged(what),
            None => LoadError::OtherLimits,
        })?;
        let mut load = Load {
            engine: &mut engine,
            builder: SetBuilder::default(),
            set_after: None,
            at_least: Kind::Head,
        };
        loop {
            let (kind, payload) = frames.next()?;
            if kind < load.at_least || kind == Kind::Head {
                return Err(frames.damaged("frames are out of order"));
            }
            load.at_least = kind;
            if kind == Kind::End {
                break;
            }
            let mut input = Input::new(payload);
            while !input.is_empty() {
                load.item(kind, &mut input).map_err(|what| frames.damaged(what))?;
            }
        }
        frames.end()?;
        Ok(engine)
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

struct Load<'a> {
    engine: &'a mut Engine,
    builder: SetBuilder,
    /// The account whose set was read last.
    set_after: Option<u32>,
    at_least: Kind,
}

impl Load<'_> {
    fn item(&mut self, kind: Kind, input: &mut Input<'_>) -> Result<(), What> {
        match kind {
            Kind::Head | Kind::End => Err("an item in a frame that has none"),
            Kind::Sets => self.set(input),
            Kind::Attributes => self.attributes(input),
            Kind::Horizon => self.stamp(input),
            Kind::Filters => self.filter(input),
            Kind::Removals => self.removal(input),
        }
    }

    fn set(&mut self, input: &mut Input<'_>) -> Result<(), What> {
        // The first set of a frame stands by its number, the others by their distance.
        let base = if input.at_start() { 0 } else { self.set_after.unwrap_or(0) };
        let who = base.checked_add(input.u32()?).ok_or("an account number is too large")?;
        if self.set_after.is_some_and(|after| who <= after) {
            return Err("sets are out of order");
        }
        self.set_after = Some(who);
        let accounts = self.account_limit(who)?;
        let set = sets::read(input, &mut self.builder, accounts)?;
        if set.is_empty() || set.contains(AccountNo(who)).is_some() {
            return Err("a set that cannot be");
        }
        for (follower, _) in set.iter() {
            self.engine.shared.follows(follower.0, 1);
        }
        self.engine.sets.publish(who, set);
        Ok(())
    }

    fn attributes(&mut self, input: &mut Input<'_>) -> Result<(), What> {
        let attribute = Attribute::from_number(input.u8()?).ok_or("an attribute nobody knows")?;
        let (at, chunk) = facts::read_chunk(input, self.engine.shared.accounts())?;
        self.engine.shared.attributes.set_chunk(attribute, at, chunk);
        Ok(())
    }

    fn stamp(&mut self, input: &mut Input<'_>) -> Result<(), What> {
        let (key, stamp) = facts::read_stamp(input, self.engine.horizon.floor())?;
        let (followee, follower) = crate::horizon::edge_of(key);
        self.account_limit(followee.max(follower))?;
        if followee == follower {
            return Err("an edge from an account to itself");
        }
        self.engine.horizon.put(key, stamp);
        Ok(())
    }

    fn filter(&mut self, input: &mut Input<'_>) -> Result<(), What> {
        let accounts = self.engine.shared.accounts();
        let (who, kept) = facts::read_kept(input, &mut self.builder, accounts)?;
        self.account_limit(who)?;
        let expiry = self.engine.expiry(kept.at);
        self.engine.kept.add(who, kept, expiry);
        Ok(())
    }

    fn removal(&mut self, input: &mut Input<'_>) -> Result<(), What> {
        let who = input.u32()?;
        self.account_limit(who)?;
        let at = input.i64()?;
        self.engine.removed.mark(who, at);
        Ok(())
    }

    /// The number of accounts, when `who` is one of them.
    fn account_limit(&self, who: u32) -> Result<u32, What> {
        let accounts = self.engine.shared.accounts();
        if who < accounts { Ok(accounts) } else { Err("an account number is too large") }
    }
}
