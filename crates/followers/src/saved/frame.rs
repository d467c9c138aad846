//! Saved bytes as frames, each with its own checksum.
//!
//! A frame stands alone, so that several can be read at once: distances between numbers start afresh in it. The
//! exception are the sets of a block of accounts that are too much for one frame: they go on in frames of their own.

use std::ops::Range;

use super::{LoadError, What};

const MAGIC: &[u8; 8] = b"NPFOLLOW";
const VERSION: u16 = 3;

/// A frame is closed once it holds as much.
const FRAME_BYTES: usize = 1 << 20;

/// Before the payload: kind and length. After it: the checksum.
const FRONT: usize = 5;
const BACK: usize = 4;

/// What a frame holds. Frames come in this order, but that each of `Sets` has its own `More` behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Head = 1,
    Sets = 2,
    /// Goes on where the frame before was full.
    More = 3,
    Following = 4,
    Attributes = 5,
    Horizon = 6,
    Filters = 7,
    Removals = 8,
    End = 9,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Head,
        Kind::Sets,
        Kind::More,
        Kind::Following,
        Kind::Attributes,
        Kind::Horizon,
        Kind::Filters,
        Kind::Removals,
        Kind::End,
    ];

    fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Whether a frame of this kind may stand behind one of the other.
    fn may_follow(self, before: Kind) -> bool {
        match (before, self) {
            (_, Kind::Head) | (Kind::End, _) => false,
            (Kind::More, Kind::Sets) => true,
            (before, Kind::More) => matches!(before, Kind::Sets | Kind::More),
            (before, this) => before <= this,
        }
    }
}

/// Where frames go: each is handed on when it is whole.
pub(super) struct Out<'s, E> {
    sink: &'s mut dyn FnMut(&[u8]) -> Result<(), E>,
    frame: Vec<u8>,
    open: Option<Kind>,
}

impl<'s, E> Out<'s, E> {
    /// Hands on what stands before all frames.
    pub(super) fn open(sink: &'s mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<Out<'s, E>, E> {
        sink(&[MAGIC.as_slice(), &VERSION.to_le_bytes()].concat())?;
        Ok(Out { sink, frame: Vec::new(), open: None })
    }

    /// Makes room for one more item of that kind; true when it is the first of its frame.
    pub(super) fn item(&mut self, kind: Kind) -> Result<bool, E> {
        if self.open == Some(kind) && !self.is_full() {
            return Ok(false);
        }
        self.begin(kind)?;
        Ok(true)
    }

    /// Begins a frame, after handing on the one that is open.
    pub(super) fn begin(&mut self, kind: Kind) -> Result<(), E> {
        self.close()?;
        self.open = Some(kind);
        self.frame.push(kind as u8);
        self.frame.extend_from_slice(&[0; 4]);
        Ok(())
    }

    /// What the open frame holds; to be appended to.
    pub(super) fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.frame
    }

    /// Whether the open frame holds as much as a frame should.
    pub(super) fn is_full(&self) -> bool {
        self.frame.len() >= FRAME_BYTES
    }

    /// Hands on the open frame, if there is one.
    pub(super) fn close(&mut self) -> Result<(), E> {
        if self.open.take().is_none() {
            return Ok(());
        }
        #[expect(
            clippy::expect_used,
            reason = "a frame holds little more than one item, and none has 2^32 bytes"
        )]
        let length = u32::try_from(self.frame.len() - FRONT).expect("a frame is shorter than 4 GB");
        self.frame[1..FRONT].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32fast::hash(&self.frame);
        self.frame.extend_from_slice(&checksum.to_le_bytes());
        (self.sink)(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}

/// One frame, found but not checked yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Where it starts.
    pub(super) offset: usize,
    checked: &'a [u8],
    checksum: u32,
}

impl<'a> Frame<'a> {
    /// What the frame holds, if its checksum is right.
    pub(super) fn payload(&self) -> Result<&'a [u8], What> {
        if crc32fast::hash(self.checked) == self.checksum {
            Ok(&self.checked[FRONT..])
        } else {
            Err("the checksum does not match")
        }
    }

    /// Where what it holds lies.
    pub(super) fn place(&self) -> Range<usize> {
        self.offset + FRONT..self.offset + self.checked.len()
    }

    pub(super) fn damaged(&self, what: What) -> LoadError {
        LoadError::Damaged { offset: self.offset as u64, what }
    }
}

/// Finds every frame, from the head to the end, and says how many bytes they are. Reads no more than lengths: the
/// checksums are looked at when the frames are read.
pub(super) fn find(bytes: &[u8]) -> Result<(Vec<Frame<'_>>, usize), LoadError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::NotFollowers)?;
    let (version, _) = rest.split_first_chunk().ok_or(LoadError::NotFollowers)?;
    match u16::from_le_bytes(*version) {
        VERSION => {}
        other => return Err(LoadError::UnknownVersion(other)),
    }
    let mut frames: Vec<Frame<'_>> = Vec::new();
    let mut at = MAGIC.len() + 2;
    loop {
        let frame = frame_at(bytes, at).map_err(|what| LoadError::Damaged { offset: at as u64, what })?;
        let in_place = match frames.last() {
            None => frame.kind == Kind::Head,
            Some(before) => frame.kind.may_follow(before.kind),
        };
        if !in_place {
            // The kind is not checked yet, so it may be a wrong byte rather than a wrong order.
            frame.payload().map_err(|what| frame.damaged(what))?;
            return Err(frame.damaged("frames are out of order"));
        }
        at += frame.checked.len() + BACK;
        frames.push(frame);
        if frame.kind == Kind::End {
            return Ok((frames, at));
        }
    }
}

fn frame_at(bytes: &[u8], offset: usize) -> Result<Frame<'_>, What> {
    const SHORT: What = "a frame is cut short";
    let rest = bytes.get(offset..).ok_or(SHORT)?;
    let length = rest.get(1..FRONT).and_then(|length| length.first_chunk().copied());
    let length = length.map(u32::from_le_bytes).ok_or(SHORT)?;
    let checked = FRONT.saturating_add(length as usize);
    let whole = rest.get(..checked.saturating_add(BACK));
    let (checked, checksum) = whole.and_then(|whole| whole.split_last_chunk::<BACK>()).ok_or(SHORT)?;
    let kind = checked.first().copied().and_then(Kind::from_number);
    let checksum = u32::from_le_bytes(*checksum);
    match kind {
        Some(kind) => Ok(Frame { kind, offset, checked, checksum }),
        None if crc32fast::hash(checked) == checksum => Err("a kind of frame nobody knows"),
        None => Err("the checksum does not match"),
    }
}
