//! One day per account: when it was made, when it was last active.
//!
//! The first day of all, 1970-01-01, stands for "not known".

use crate::chunked::{Chunked, Chunks};

/// Accounts of a chunk, as a power of two: 4 KB.
const CHUNK_SHIFT: u32 = 11;

/// Accounts of a chunk.
pub(crate) const CHUNK_LEN: usize = 1 << CHUNK_SHIFT;

/// The days of 2,048 accounts.
pub(crate) type DayChunk = [u16; CHUNK_LEN];

/// The days of all accounts.
pub(crate) type DayColumn = Chunked<DayChunk>;

/// The days of all accounts at one moment.
pub(crate) type Days = Chunks<DayChunk>;

impl DayColumn {
    /// 0 when it is not known.
    pub(crate) fn get(&self, who: u32) -> u16 {
        self.look(chunk_of(who), |chunk| chunk[place(who)]).unwrap_or(0)
    }

    /// Only the engine calls this.
    pub(crate) fn set(&self, who: u32, day: u16) {
        if self.get(who) == day {
            return;
        }
        let mut chunk = self.look(chunk_of(who), |chunk| *chunk).unwrap_or([0; CHUNK_LEN]);
        chunk[place(who)] = day;
        self.put(chunk_of(who), chunk.iter().any(|day| *day != 0).then_some(chunk));
    }
}

impl Days {
    pub(crate) fn get(&self, who: u32) -> u16 {
        self.chunk(chunk_of(who)).map_or(0, |chunk| chunk[place(who)])
    }

    /// Every account whose day is known, ascending.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.chunks().flat_map(|(at, chunk)| {
            let base = (at << CHUNK_SHIFT) as u32;
            (base..).zip(chunk).filter(|(_, day)| **day != 0).map(|(who, day)| (who, *day))
        })
    }
}

fn chunk_of(who: u32) -> usize {
    (who >> CHUNK_SHIFT) as usize
}

fn place(who: u32) -> usize {
    who as usize % CHUNK_LEN
}
