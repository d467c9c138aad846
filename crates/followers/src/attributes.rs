//! What the platform says about accounts, as flat bitsets.
//!
//! Bits lie in chunks that are replaced, never written: a filter or a preview takes the chunks it starts with and
//! is not disturbed by what changes meanwhile. A chunk without a single bit is not there at all.

use crate::chunked::{Chunked, Chunks};
use crate::day_column::DayColumn;

/// Words of a chunk: 4 KB, small enough to copy for one bit.
pub(crate) const CHUNK_WORDS: usize = 512;

/// Accounts of a chunk, as a power of two.
pub(crate) const CHUNK_SHIFT: u32 = 15;

/// The bits of 32,768 accounts.
pub(crate) type Chunk = [u64; CHUNK_WORDS];

/// Something that is so or not so of an account. The number is part of the saved format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// Shows no activity for as long as the platform calls inactive.
    Inactive = 0,
    /// Has no profile picture.
    NoPicture = 1,
    /// Has never posted.
    NoPosts = 2,
    /// Its holder's identity is not verified.
    Unverified = 3,
    /// Its holder's identity is verified.
    Verified = 4,
    /// The platform suspects a program behind it.
    SuspectedBot = 5,
    /// Is suspended.
    Suspended = 6,
    /// Is younger than the platform calls new.
    NewAccount = 7,
    /// Shows its posts to approved followers only.
    Private = 8,
}

impl Attribute {
    /// Every attribute, by number.
    pub const ALL: [Attribute; 9] = [
        Attribute::Inactive,
        Attribute::NoPicture,
        Attribute::NoPosts,
        Attribute::Unverified,
        Attribute::Verified,
        Attribute::SuspectedBot,
        Attribute::Suspended,
        Attribute::NewAccount,
        Attribute::Private,
    ];

    /// The word for it in APIs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Attribute::Inactive => "inactive",
            Attribute::NoPicture => "no_picture",
            Attribute::NoPosts => "no_posts",
            Attribute::Unverified => "unverified",
            Attribute::Verified => "verified",
            Attribute::SuspectedBot => "suspected_bot",
            Attribute::Suspended => "suspended",
            Attribute::NewAccount => "new_account",
            Attribute::Private => "private",
        }
    }

    /// The attribute of that name, if there is one.
    pub fn parse(word: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|attribute| attribute.as_str() == word)
    }

    /// The attribute of that number, if there is one.
    pub fn from_number(number: u8) -> Option<Attribute> {
        Attribute::ALL.get(usize::from(number)).copied()
    }

    /// Its number in records.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A day that is known of an account. The number is part of the saved format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AccountDay {
    /// When it was made.
    Created = 0,
    /// When it last showed any activity.
    LastActive = 1,
}

impl AccountDay {
    /// Both, by number.
    pub const ALL: [AccountDay; 2] = [AccountDay::Created, AccountDay::LastActive];

    /// The one of that number, if there is one.
    pub fn from_number(number: u8) -> Option<AccountDay> {
        AccountDay::ALL.get(usize::from(number)).copied()
    }

    /// Its number in records.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Every attribute of every account, and the days that are known of it.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    days: [DayColumn; AccountDay::ALL.len()],
    columns: [Chunked<Chunk>; Attribute::ALL.len()],
}

impl Attributes {
    pub(crate) fn has(&self, who: u32, attribute: Attribute) -> bool {
        self.column(attribute).look(chunk_of(who), |chunk| bit(chunk, who)).unwrap_or(false)
    }

    /// Only the engine calls this.
    pub(crate) fn set(&self, who: u32, attribute: Attribute, on: bool) {
        if self.has(who, attribute) == on {
            return;
        }
        let column = self.column(attribute);
        let mut chunk = column.look(chunk_of(who), |chunk| *chunk).unwrap_or([0; CHUNK_WORDS]);
        chunk[word(who)] ^= 1 << (who & 63);
        column.put(chunk_of(who), chunk.iter().any(|word| *word != 0).then_some(chunk));
    }

    /// Puts a whole chunk in place. Only loading calls this.
    pub(crate) fn set_chunk(&self, attribute: Attribute, at: usize, chunk: Chunk) {
        self.column(attribute).put(at, Some(chunk));
    }

    pub(crate) fn days(&self, which: AccountDay) -> &DayColumn {
        &self.days[usize::from(which.number())]
    }

    /// The bits of one attribute as they are now.
    pub(crate) fn bits(&self, attribute: Attribute) -> Bits {
        self.column(attribute).now()
    }

    fn column(&self, attribute: Attribute) -> &Chunked<Chunk> {
        &self.columns[usize::from(attribute.number())]
    }
}

/// The bits of one attribute at one moment.
pub(crate) type Bits = Chunks<Chunk>;

impl Bits {
    pub(crate) fn has(&self, who: u32) -> bool {
        self.chunk(chunk_of(who)).is_some_and(|chunk| bit(chunk, who))
    }

    /// Every account that carries the attribute, ascending.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks().flat_map(|(at, chunk)| {
            chunk.iter().enumerate().flat_map(move |(word, bits)| {
                let base = ((at << CHUNK_SHIFT) | (word << 6)) as u32;
                (0..64).filter(move |place| bits >> place & 1 == 1).map(move |place| base | place)
            })
        })
    }
}

fn chunk_of(who: u32) -> usize {
    (who >> CHUNK_SHIFT) as usize
}

fn word(who: u32) -> usize {
    (who >> 6) as usize % CHUNK_WORDS
}

fn bit(chunk: &Chunk, who: u32) -> bool {
    chunk[word(who)] >> (who & 63) & 1 == 1
}
