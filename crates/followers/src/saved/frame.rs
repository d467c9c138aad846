//! Saved bytes as frames, each with its own checksum.
//!
//! A frame stands alone: distances between numbers start afresh in it.

use super::{LoadError, What};

const MAGIC: &[u8; 8] = b"NPFOLLOW";
const VERSION: u16 = 1;

/// A frame is closed once it holds as much.
const FRAME_BYTES: usize = 1 << 20;

/// Before the payload: kind and length. After it: the checksum.
const FRONT: usize = 5;
const BACK: usize = 4;

/// What a frame holds. Frames come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Head = 1,
    Sets = 2,
    Attributes = 3,
    Horizon = 4,
    Filters = 5,
    Removals = 6,
    End = 7,
}

impl Kind {
    fn from_number(number: u8) -> Option<Kind> {
        let all = [
            Kind::Head,
            Kind::Sets,
            Kind::Attributes,
            Kind::Horizon,
            Kind::Filters,
            Kind::Removals,
            Kind::End,
        ];
        all.into_iter().find(|kind| *kind as u8 == number)
    }
}

pub(super) fn put_opening(out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
}

pub(super) fn put(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let from = open(out, kind);
    out.extend_from_slice(payload);
    close(out, from);
}

/// Starts a frame of unknown length; returns where.
fn open(out: &mut Vec<u8>, kind: Kind) -> usize {
    let from = out.len();
    out.push(kind as u8);
    out.extend_from_slice(&[0; 4]);
    from
}

fn close(out: &mut Vec<u8>, from: usize) {
    let length = u32::try_from(out.len() - from - FRONT);
    #[expect(
        clippy::expect_used,
        reason = "a frame holds little more than one set, and no set has 2^32 bytes"
    )]
    let length = length.expect("a frame is shorter than 4 GB");
    out[from + 1..from + FRONT].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&out[from..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Writes items of one kind into as many frames as they need; none when there are none.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    kind: Kind,
    open: Option<usize>,
    last: u32,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, kind: Kind) -> Writer<'a> {
        Writer { out, kind, open: None, last: 0 }
    }

    /// The number the next item's distance starts from: 0 at the start of a frame, then the last item's.
    pub(super) fn before(&self) -> u32 {
        if self.open.is_some() { self.last } else { 0 }
    }

    pub(super) fn payload(&mut self) -> &mut Vec<u8> {
        if self.open.is_none() {
            self.open = Some(open(self.out, self.kind));
        }
        self.out
    }

    pub(super) fn end_item(&mut self, number: u32) {
        self.last = number;
        if self.open.is_some_and(|from| self.out.len() - from >= FRAME_BYTES) {
            self.finish();
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(from) = self.open.take() {
            close(self.out, from);
        }
    }
}

/// Reads frames and checks their checksums.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    /// Where the frame read last starts, and the next one.
    current: usize,
    next: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Frames<'a>, LoadError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::NotFollowers)?;
        let (version, _) = rest.split_first_chunk().ok_or(LoadError::NotFollowers)?;
        match u16::from_le_bytes(*version) {
            VERSION => Ok(Frames { bytes, current: 0, next: MAGIC.len() + 2 }),
            other => Err(LoadError::UnknownVersion(other)),
        }
    }

    pub(super) fn next(&mut self) -> Result<(Kind, &'a [u8]), LoadError> {
        self.current = self.next;
        let rest = &self.bytes[self.current..];
        let length = rest.get(1..FRONT).and_then(|length| length.first_chunk().copied());
        let length = length.map(u32::from_le_bytes).ok_or_else(|| self.damaged("a frame is cut short"))?;
        let checked = FRONT.saturating_add(length as usize);
        let whole = rest.get(..checked.saturating_add(BACK));
        let (checked, checksum) = whole
            .and_then(|whole| whole.split_last_chunk::<BACK>())
            .ok_or_else(|| self.damaged("a frame is cut short"))?;
        if crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
            return Err(self.damaged("the checksum does not match"));
        }
        let kind = checked.first().copied().and_then(Kind::from_number);
        let kind = kind.ok_or_else(|| self.damaged("a kind of frame nobody knows"))?;
        self.next = self.current + checked.len() + BACK;
        Ok((kind, &checked[FRONT..]))
    }

    /// Nothing may follow the last frame.
    pub(super) fn end(&self) -> Result<(), LoadError> {
        if self.next == self.bytes.len() { Ok(()) } else { Err(self.damaged("bytes follow the last frame")) }
    }

    pub(super) fn damaged(&self, what: What) -> LoadError {
        LoadError::Damaged { offset: self.current as u64, what }
    }
}
