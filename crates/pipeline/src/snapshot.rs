//! A snapshot: the machine's state, and what the pipeline itself must find again after a restart.
//!
//! That is the feed of effects and the list of holders whose keys must go. The layout is in
//! `docs/formats/snapshot-payload.md`.

mod effect;

use std::sync::Arc;

use state::{Effect, EffectId, HolderId, Machine, PlatformId};

use crate::effects::Feed;
use crate::forget::Holder;
use crate::limits::Limits;

const MAGIC: &[u8; 8] = b"npstate\x02";

/// The parts of a snapshot that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) machine: Machine,
    pub(crate) feed: Feed,
    pub(crate) pending: Vec<Holder>,
}

/// What a snapshot says, at the moment it was pinned.
pub(crate) struct Pinned {
    pending: Vec<Holder>,
    dropped: Option<EffectId>,
    effects: Vec<Arc<Effect>>,
    machine: state::Pinned,
}

impl Pinned {
    pub(crate) fn of(machine: &mut Machine, feed: &Feed, pending: Vec<Holder>) -> Self {
        let (dropped, effects) = feed.pin();
        Self { pending, dropped, effects, machine: machine.pin() }
    }

    /// The position whose state it is.
    pub(crate) fn position(&self) -> u64 {
        self.machine.position()
    }

    /// Gives the bytes to `sink`, piece by piece.
    pub(crate) fn save<E>(self, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut out = MAGIC.to_vec();
        put_count(&mut out, self.pending.len());
        for (platform, holder) in &self.pending {
            put_text(&mut out, platform.as_str());
            put_text(&mut out, holder.as_str());
        }
        match self.dropped {
            None => out.push(0),
            Some(id) => {
                out.push(1);
                out.extend_from_slice(&id.position.to_le_bytes());
                out.extend_from_slice(&id.index.to_le_bytes());
            }
        }
        put_count(&mut out, self.effects.len());
        for each in &self.effects {
            effect::put(&mut out, each);
        }
        sink(&out)?;
        self.machine.save(sink)
    }
}

/// Reads a snapshot back. The follower sets stay packed in the bytes until they are looked at.
///
/// # Errors
/// A sentence on what is wrong with the bytes.
pub(crate) fn decode(
    bytes: Vec<u8>,
    state_limits: state::Limits,
    limits: &Limits,
    threads: usize,
) -> Result<Loaded, String> {
    let mut cut = Cut(bytes.strip_prefix(MAGIC).ok_or("it is not a snapshot of this version")?);
    let parts = read_parts(&mut cut).ok_or("it is cut off or damaged before the state")?;
    let from = bytes.len() - cut.0.len();
    let machine = Machine::load_packed(&Arc::new(bytes), from, state_limits, threads)
        .map_err(|error| error.to_string())?;
    let (pending, dropped, effects) = parts;
    let feed = Feed::restore(limits, dropped, effects, &machine);
    Ok(Loaded { machine, feed, pending })
}

type Parts = (Vec<Holder>, Option<EffectId>, Vec<state::Effect>);

fn read_parts(cut: &mut Cut<'_>) -> Option<Parts> {
    let mut pending = Vec::new();
    for _ in 0..cut.count()? {
        pending.push((PlatformId::new(cut.text()?).ok()?, HolderId::new(cut.text()?).ok()?));
    }
    let dropped = match cut.u8()? {
        0 => None,
        1 => Some(EffectId { position: cut.u64()?, index: cut.u32()? }),
        _ => return None,
    };
    let mut effects = Vec::new();
    for _ in 0..cut.count()? {
        effects.push(effect::read(cut)?);
    }
    Some((pending, dropped, effects))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Reads from the front of some bytes; `None` when they end too early.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(head).ok()
    }
}
