//! Pieces of a saved state, each with its kind, its length and its own checksum.

use crate::machine::LoadError;

/// A piece is closed once it holds as much.
const FRAME_BYTES: usize = 1 << 20;

/// Before the content: kind and length. After it: the checksum.
const FRONT: usize = 5;
const BACK: usize = 4;

/// What a piece holds. The follower sets stand between `Ids` and `Registers` and have frames of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Head = 1,
    Platform = 2,
    Ids = 3,
    Registers = 4,
    EventIds = 5,
    Slots = 6,
    Rest = 7,
    End = 8,
}

impl Kind {
    fn place(self) -> &'static str {
        match self {
            Kind::Head => "its head",
            Kind::Platform => "the head of a platform",
            Kind::Ids => "the account ids of a platform",
            Kind::Registers => "the attributes of a platform",
            Kind::EventIds => "the event ids of a platform",
            Kind::Slots => "the records of a platform",
            Kind::Rest => "the timers of a platform",
            Kind::End => "its end",
        }
    }

    pub(super) fn damaged(self) -> LoadError {
        LoadError::Damaged(self.place())
    }
}

/// Where pieces go: each is handed on when it is whole.
pub(super) struct Out<'s, E> {
    pub(super) sink: &'s mut dyn FnMut(&[u8]) -> Result<(), E>,
    frame: Vec<u8>,
    open: Option<Kind>,
}

impl<'s, E> Out<'s, E> {
    pub(super) fn new(sink: &'s mut dyn FnMut(&[u8]) -> Result<(), E>) -> Self {
        Self { sink, frame: Vec::new(), open: None }
    }

    /// Room for one more item of that kind.
    pub(super) fn item(&mut self, kind: Kind) -> Result<&mut Vec<u8>, E> {
        if self.open != Some(kind) || self.frame.len() >= FRAME_BYTES {
            return self.begin(kind);
        }
        Ok(&mut self.frame)
    }

    /// Room in a new piece, after handing on the one before.
    pub(super) fn begin(&mut self, kind: Kind) -> Result<&mut Vec<u8>, E> {
        self.close()?;
        self.open = Some(kind);
        self.frame.push(kind as u8);
        self.frame.extend_from_slice(&[0; 4]);
        Ok(&mut self.frame)
    }

    /// Hands on the open piece, if there is one.
    pub(super) fn close(&mut self) -> Result<(), E> {
        if self.open.take().is_none() {
            return Ok(());
        }
        // An item is a record or a list of bounded length, so this holds; a length that did not fit would not load.
        let length = u32::try_from(self.frame.len() - FRONT).unwrap_or(u32::MAX);
        if let Some(place) = self.frame.get_mut(1..FRONT) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let checksum = crc32fast::hash(&self.frame);
        self.frame.extend_from_slice(&checksum.to_le_bytes());
        (self.sink)(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}

/// Reads pieces from the front of some bytes.
pub(super) struct Frames<'a> {
    pub(super) left: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The kind of the next piece, not checked yet.
    pub(super) fn is_next(&self, kind: Kind) -> bool {
        self.left.first() == Some(&(kind as u8))
    }

    /// The next piece, which must be of that kind; its checksum is looked at by [`content`].
    pub(super) fn find(&mut self, kind: Kind) -> Result<&'a [u8], LoadError> {
        let length = self.left.get(1..FRONT).and_then(|length| length.first_chunk().copied());
        let length = length.map(u32::from_le_bytes).ok_or_else(|| kind.damaged())?;
        let whole = FRONT.saturating_add(length as usize).saturating_add(BACK);
        let (frame, rest) = self.left.split_at_checked(whole).ok_or_else(|| kind.damaged())?;
        if !self.is_next(kind) {
            return Err(kind.damaged());
        }
        self.left = rest;
        Ok(frame)
    }

    /// The content of the next piece, which must be of that kind.
    pub(super) fn next(&mut self, kind: Kind) -> Result<&'a [u8], LoadError> {
        let frame = self.find(kind)?;
        content(frame).ok_or_else(|| kind.damaged())
    }
}

/// What a piece holds, if its checksum is right.
pub(super) fn content(frame: &[u8]) -> Option<&[u8]> {
    let (checked, checksum) = frame.split_last_chunk::<BACK>()?;
    if crc32fast::hash(checked) == u32::from_le_bytes(*checksum) { checked.get(FRONT..) } else { None }
}
