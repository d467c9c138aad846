//! A batch of follows and unfollows whose record bytes are also its form in memory.
//!
//! Nothing is parsed into a list: the machine walks the bytes that were received and logged. The bytes are checked
//! once, when a batch is built or decoded, so walking them cannot fail. The layout is in `docs/formats/record.md`.

use std::sync::{Arc, OnceLock};

use crate::ids::{ACCOUNT_ID_BYTES_MAX, AccountKey, IdError, PlatformId};
use crate::platform::PlatformShared;
use crate::prepared::{Prepared, PreparedFor};
use crate::record::bytes::{Bytes, put_varint, unzigzag, zigzag};

pub use followers::Op;

/// Events in a batch at most.
pub const EVENTS_MAX: u32 = 1_000_000;
/// A batch with that many bytes takes no more events: with its envelope it must fit into a record.
const BYTES_FULL: usize = crate::record::RECORD_BYTES_MAX - 64 * 1024;
/// Bytes of an event id at most.
pub const EVENT_ID_BYTES_MAX: usize = 64;

/// Seven bits a byte.
const VARINT_BYTES_MAX: usize = 10;

const OP_MASK: u8 = 0b0000_0011;
const FOLLOWEE_TEXT: u8 = 0b0000_0100;
const FOLLOWER_TEXT: u8 = 0b0000_1000;
const HAS_ID: u8 = 0b0001_0000;
const KNOWN: u8 = OP_MASK | FOLLOWEE_TEXT | FOLLOWER_TEXT | HAS_ID;

/// One event as it lies in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeEvent<'a> {
    /// Follow, unfollow, or a past follow brought by an import.
    pub op: Op,
    /// The account that is followed.
    pub followee: AccountKey<'a>,
    /// The account that follows.
    pub follower: AccountKey<'a>,
    /// When it happened, in milliseconds since 1970; also its version: the newest of a pair wins.
    pub at: i64,
    /// The platform's own id of the event, if it has one.
    pub id: Option<&'a [u8]>,
}

/// Why an event cannot even be put into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventRefusal {
    /// One of the two ids is not an account id.
    #[error("the account id is refused: {0}")]
    Account(#[from] IdError),
    /// The event id is empty or too long.
    #[error("the event id is refused: give 1 to 64 bytes")]
    EventId,
    /// Before 1970 or after 2149, where a day is no longer a day.
    #[error("the time is refused: give milliseconds since 1970, before the year 2149")]
    Time,
    /// The batch has [`EVENTS_MAX`] events, or as many bytes as a record takes.
    #[error("the batch is full: 1000000 events at most, fewer if their ids are long")]
    BatchFull,
}

/// Follows and unfollows of one platform, in the order they were sent.
#[derive(Clone)]
pub struct EdgeBatch {
    platform: PlatformId,
    bytes: Arc<Vec<u8>>,
    len: u32,
    /// No part of what the batch says: it is the same batch with and without. Copies share it, so that one thread can work
    /// it out while another carries the batch on.
    prepared: Arc<OnceLock<PreparedFor>>,
}

impl PartialEq for EdgeBatch {
    fn eq(&self, other: &EdgeBatch) -> bool {
        let EdgeBatch { platform, bytes, len, prepared: _ } = self;
        *platform == other.platform && *bytes == other.bytes && *len == other.len
    }
}

impl Eq for EdgeBatch {}

impl std::fmt::Debug for EdgeBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EdgeBatch({}, {} events)", self.platform, self.len)
    }
}

impl EdgeBatch {
    /// The platform that all events belong to.
    pub fn platform(&self) -> &PlatformId {
        &self.platform
    }

    /// Number of events.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Has it no event?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The record bytes of the events.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The events in the order they were pushed.
    pub fn events(&self) -> Events<'_> {
        Events { bytes: Bytes::new(&self.bytes), at: 0 }
    }

    /// What can be worked out before the batch's turn; here and now, unless another thread has or is at it. `None` if it was
    /// worked out for another platform of that name. Changes nothing about the outcome.
    pub(crate) fn prepared(&self, platform: &Arc<PlatformShared>) -> Option<&Prepared> {
        self.prepared.get_or_init(|| PreparedFor::new(self, platform)).of(platform)
    }

    /// The event that begins at that byte, all but its time.
    pub(crate) fn event_at(&self, at: u32) -> Option<EdgeEvent<'_>> {
        Events { bytes: Bytes::new(self.bytes.get(at as usize..)?), at: 0 }.read()
    }

    /// Takes bytes from a record after checking every event.
    pub(crate) fn checked(platform: PlatformId, bytes: Vec<u8>, len: u32) -> Option<EdgeBatch> {
        if len > EVENTS_MAX {
            return None;
        }
        let mut walk = Events { bytes: Bytes::new(&bytes), at: 0 };
        for _ in 0..len {
            let event = walk.read()?;
            if !canonical(event.followee) || !canonical(event.follower) || !(0..=AT_MAX).contains(&event.at) {
                return None;
            }
            if event.id.is_some_and(|id| id.is_empty() || id.len() > EVENT_ID_BYTES_MAX) {
                return None;
            }
        }
        if !walk.bytes.is_empty() {
            return None;
        }
        Some(EdgeBatch { platform, bytes: Arc::new(bytes), len, prepared: Arc::default() })
    }
}

/// The last millisecond whose day fits 16 bits.
const AT_MAX: i64 = (u16::MAX as i64 + 1) * 86_400_000 - 1;

/// The number of an op in records and saved states; two bits.
pub(crate) fn op_number(op: Op) -> u8 {
    match op {
        Op::Follow => 0,
        Op::Unfollow => 1,
        Op::Backfill => 2,
    }
}

/// The op of that number.
pub(crate) fn op(number: u8) -> Option<Op> {
    match number {
        0 => Some(Op::Follow),
        1 => Some(Op::Unfollow),
        2 => Some(Op::Backfill),
        _ => None,
    }
}

fn canonical(key: AccountKey<'_>) -> bool {
    match key {
        AccountKey::Number(_) => true,
        AccountKey::Text(text) => AccountKey::parse(text) == Ok(key),
    }
}

/// Walks the events of a batch.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    bytes: Bytes<'a>,
    at: i64,
}

impl<'a> Events<'a> {
    /// Bytes that were not walked yet.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn read(&mut self) -> Option<EdgeEvent<'a>> {
        let head = self.bytes.u8()?;
        let op = op(head & OP_MASK)?;
        if head & !KNOWN != 0 {
            return None;
        }
        // Times are kept as differences: events arrive nearly in order, so most take one or two bytes.
        let at = self.at.checked_add(unzigzag(self.bytes.varint()?))?;
        self.at = at;
        let followee = self.key(head & FOLLOWEE_TEXT != 0)?;
        let follower = self.key(head & FOLLOWER_TEXT != 0)?;
        let id = if head & HAS_ID != 0 { Some(self.bytes.short()?) } else { None };
        Some(EdgeEvent { op, followee, follower, at, id })
    }

    fn key(&mut self, text: bool) -> Option<AccountKey<'a>> {
        if text {
            Some(AccountKey::Text(std::str::from_utf8(self.bytes.short()?).ok()?))
        } else {
            Some(AccountKey::Number(self.bytes.varint()?))
        }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = EdgeEvent<'a>;

    fn next(&mut self) -> Option<EdgeEvent<'a>> {
        if self.bytes.is_empty() {
            return None;
        }
        let event = self.read();
        debug_assert!(event.is_some(), "a checked batch has an event that cannot be read");
        event
    }
}

/// Collects events into a batch.
#[derive(Clone, Debug)]
pub struct EdgeBatchBuilder {
    platform: PlatformId,
    bytes: Vec<u8>,
    len: u32,
    at: i64,
}

impl EdgeBatchBuilder {
    /// An empty batch for one platform.
    pub fn new(platform: PlatformId) -> Self {
        Self { platform, bytes: Vec::new(), len: 0, at: 0 }
    }

    /// Room for about `events` events.
    pub fn with_capacity(platform: PlatformId, events: usize) -> Self {
        Self { platform, bytes: Vec::with_capacity(events.saturating_mul(14)), len: 0, at: 0 }
    }

    /// Adds one event whose ids are still texts.
    ///
    /// # Errors
    /// The ids, the event id and the time are checked here, and the number of events; a refused event changes nothing.
    pub fn push(
        &mut self,
        op: Op,
        followee: &str,
        follower: &str,
        at: i64,
        id: Option<&[u8]>,
    ) -> Result<(), EventRefusal> {
        let followee = AccountKey::parse(followee)?;
        let follower = AccountKey::parse(follower)?;
        self.push_keys(op, followee, follower, at, id)
    }

    /// Adds one event whose ids are known to be good: made by [`AccountKey::parse`] or numbers.
    ///
    /// # Errors
    /// As [`push`](Self::push), without the look at the ids of numbers.
    pub fn push_keys(
        &mut self,
        op: Op,
        followee: AccountKey<'_>,
        follower: AccountKey<'_>,
        at: i64,
        id: Option<&[u8]>,
    ) -> Result<(), EventRefusal> {
        if self.is_full() {
            return Err(EventRefusal::BatchFull);
        }
        if !(0..=AT_MAX).contains(&at) {
            return Err(EventRefusal::Time);
        }
        if id.is_some_and(|id| id.is_empty() || id.len() > EVENT_ID_BYTES_MAX) {
            return Err(EventRefusal::EventId);
        }
        for key in [followee, follower] {
            if let AccountKey::Text(text) = key
                && AccountKey::parse(text)? != key
            {
                return Err(EventRefusal::Account(IdError::Character {
                    allowed: "`AccountKey::parse`, which makes a number of a decimal",
                }));
            }
        }
        let mut head = op_number(op);
        if matches!(followee, AccountKey::Text(_)) {
            head |= FOLLOWEE_TEXT;
        }
        if matches!(follower, AccountKey::Text(_)) {
            head |= FOLLOWER_TEXT;
        }
        if id.is_some() {
            head |= HAS_ID;
        }
        let since = zigzag(at - self.at);
        self.at = at;
        self.len += 1;
        if let (AccountKey::Number(followee), AccountKey::Number(follower), None) = (followee, follower, id) {
            self.put_numbers(head, [since, followee, follower]);
            return Ok(());
        }
        self.bytes.push(head);
        put_varint(&mut self.bytes, since);
        self.put_key(followee);
        self.put_key(follower);
        if let Some(id) = id {
            self.put_short(id);
        }
        Ok(())
    }

    /// Puts an event of numbers in one piece: nearly all are such, and loads have hundreds of millions of them.
    #[inline]
    fn put_numbers(&mut self, head: u8, numbers: [u64; 3]) {
        let mut event = [0; (1 + 3 * VARINT_BYTES_MAX).next_multiple_of(16)];
        let mut len = 1;
        event[0] = head;
        for mut number in numbers {
            while number >= 0x80 {
                event[len] = number as u8 | 0x80;
                number >>= 7;
                len += 1;
            }
            event[len] = number as u8;
            len += 1;
        }
        // All of it and then less: a copy of a length that is known takes no call.
        let until = self.bytes.len() + len;
        self.bytes.extend_from_slice(&event);
        self.bytes.truncate(until);
    }

    fn put_key(&mut self, key: AccountKey<'_>) {
        match key {
            AccountKey::Number(number) => put_varint(&mut self.bytes, number),
            AccountKey::Text(text) => self.put_short(text.as_bytes()),
        }
    }

    // Ids are at most 64 bytes, checked above, so one byte of length is enough.
    fn put_short(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= ACCOUNT_ID_BYTES_MAX.max(EVENT_ID_BYTES_MAX));
        self.bytes.push(bytes.len() as u8);
        self.bytes.extend_from_slice(bytes);
    }

    /// The platform that all events belong to.
    pub fn platform(&self) -> &PlatformId {
        &self.platform
    }

    /// Events so far.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// No event yet?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Does it take no more events?
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= EVENTS_MAX || self.bytes.len() >= BYTES_FULL
    }

    /// Bytes so far.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished batch.
    pub fn build(self) -> EdgeBatch {
        EdgeBatch {
            platform: self.platform,
            bytes: Arc::new(self.bytes),
            len: self.len,
            prepared: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn platform() -> PlatformId {
        PlatformId::new("demo").unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut builder = EdgeBatchBuilder::new(platform());
        builder.push(Op::Follow, "7", "8", 1_000, None).unwrap();
        builder.push(Op::Unfollow, "ann", "8", 900, Some(b"e-1")).unwrap();
        builder.push(Op::Backfill, "7", "bob", 0, None).unwrap();
        let batch = builder.build();
        let events: Vec<_> = batch.events().collect();
        assert_eq!(events.len(), 3);
        assert_eq!(batch.len(), 3);
        assert_eq!(
            events[1],
            EdgeEvent {
                op: Op::Unfollow,
                followee: AccountKey::Text("ann"),
                follower: AccountKey::Number(8),
                at: 900,
                id: Some(b"e-1"),
            }
        );
        assert_eq!(EdgeBatch::checked(platform(), batch.bytes().to_vec(), 3), Some(batch));
    }

    #[test]
    fn a_refused_event_changes_nothing() {
        let mut builder = EdgeBatchBuilder::new(platform());
        builder.push(Op::Follow, "7", "8", 1_000, None).unwrap();
        let before = builder.clone().build();
        assert!(matches!(builder.push(Op::Follow, "a/b", "8", 1, None), Err(EventRefusal::Account(_))));
        assert_eq!(builder.push(Op::Follow, "7", "8", -1, None), Err(EventRefusal::Time));
        assert_eq!(builder.push(Op::Follow, "7", "8", i64::MAX, None), Err(EventRefusal::Time));
        assert_eq!(builder.push(Op::Follow, "7", "8", 1, Some(b"")), Err(EventRefusal::EventId));
        assert_eq!(builder.push(Op::Follow, "7", "8", 1, Some(&[1; 65])), Err(EventRefusal::EventId));
        let wrong = AccountKey::Text("42");
        assert!(builder.push_keys(Op::Follow, wrong, AccountKey::Number(1), 1, None).is_err());
        assert_eq!(builder.build(), before);
    }

    #[test]
    fn a_batch_is_full_before_its_record_is_too_large() {
        let long = |letter: &str| letter.repeat(ACCOUNT_ID_BYTES_MAX);
        let (ann, bob, id) = (long("a"), long("b"), [7; EVENT_ID_BYTES_MAX]);
        let mut builder = EdgeBatchBuilder::new(platform());
        while !builder.is_full() {
            builder.push(Op::Follow, &ann, &bob, 1_000, Some(&id)).unwrap();
        }
        assert!(builder.len() < EVENTS_MAX);
        assert_eq!(builder.push(Op::Follow, "1", "2", 1_000, None), Err(EventRefusal::BatchFull));
        let command = crate::Command::Edges(builder.build());
        let record = crate::record::encode(&command);
        assert!(record.len() + 1_024 < crate::record::RECORD_BYTES_MAX, "room for an envelope");
        assert!(crate::record::decode(&record) == Ok(command));
    }

    #[test]
    fn bytes_that_are_no_batch_are_refused() {
        let mut builder = EdgeBatchBuilder::new(platform());
        builder.push(Op::Follow, "7", "ann", 1_000, Some(b"id")).unwrap();
        let good = builder.build().bytes().to_vec();
        for cut in 0..good.len() {
            assert_eq!(EdgeBatch::checked(platform(), good[..cut].to_vec(), 1), None, "cut at {cut}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(EdgeBatch::checked(platform(), long, 1), None);
        let mut unknown = good.clone();
        unknown[0] |= 0x80;
        assert_eq!(EdgeBatch::checked(platform(), unknown, 1), None);
        assert_eq!(EdgeBatch::checked(platform(), good, EVENTS_MAX + 1), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_batch_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in 0u32..20) {
            if let Some(batch) = EdgeBatch::checked(platform(), bytes, len) {
                prop_assert_eq!(batch.events().count() as u32, len);
                let mut again = EdgeBatchBuilder::new(platform());
                for event in batch.events() {
                    again.push_keys(event.op, event.followee, event.follower, event.at, event.id).unwrap();
                }
                prop_assert_eq!(again.len(), len);
            }
        }
    }
}
