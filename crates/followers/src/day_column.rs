//! One day per account: when it was made, when it was last active.
//!
//! Like attributes, days lie in chunks that are replaced, never written, and a chunk without a day is not there. The
//! first day of all, 1970-01-01, stands for "not known".

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// Accounts of a chunk, as a power of two: 4 KB.
const CHUNK_SHIFT: u32 = 11;

/// Accounts of a chunk.
pub(crate) const CHUNK_LEN: usize = 1 << CHUNK_SHIFT;

/// The days of 2,048 accounts.
pub(crate) type DayChunk = [u16; CHUNK_LEN];

/// The days of all accounts.
#[derive(Debug, Default)]
pub(crate) struct DayColumn {
    chunks: boxcar::Vec<ArcSwapOption<DayChunk>>,
}

impl DayColumn {
    /// 0 when it is not known.
    pub(crate) fn get(&self, who: u32) -> u16 {
        let chunk = self.chunks.get((who >> CHUNK_SHIFT) as usize);
        chunk.and_then(|chunk| chunk.load().as_deref().map(|chunk| chunk[place(who)])).unwrap_or(0)
    }

    /// Only the engine calls this.
    pub(crate) fn set(&self, who: u32, day: u16) {
        if self.get(who) == day {
            return;
        }
        let slot = self.slot((who >> CHUNK_SHIFT) as usize);
        let mut chunk = slot.load().as_deref().copied().unwrap_or([0; CHUNK_LEN]);
        chunk[place(who)] = day;
        slot.store(chunk.iter().any(|day| *day != 0).then(|| Arc::new(chunk)));
    }

    /// Puts a whole chunk in place. Only loading calls this.
    pub(crate) fn set_chunk(&self, at: usize, chunk: DayChunk) {
        self.slot(at).store(Some(Arc::new(chunk)));
    }

    /// The days as they are now.
    pub(crate) fn now(&self) -> Days {
        Days { chunks: self.chunks.iter().map(|(_, chunk)| chunk.load_full()).collect() }
    }

    fn slot(&self, at: usize) -> &ArcSwapOption<DayChunk> {
        while self.chunks.count() <= at {
            self.chunks.push(ArcSwapOption::empty());
        }
        &self.chunks[at]
    }
}

/// The days of all accounts at one moment.
#[derive(Debug, Default)]
pub(crate) struct Days {
    chunks: Vec<Option<Arc<DayChunk>>>,
}

impl Days {
    pub(crate) fn get(&self, who: u32) -> u16 {
        self.chunk((who >> CHUNK_SHIFT) as usize).map_or(0, |chunk| chunk[place(who)])
    }

    /// The chunk at that place, if it has a day.
    pub(crate) fn chunk(&self, at: usize) -> Option<&DayChunk> {
        self.chunks.get(at)?.as_deref()
    }

    /// Every chunk with a day in it, by ascending place.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (usize, &DayChunk)> + '_ {
        self.chunks.iter().enumerate().filter_map(|(at, chunk)| Some((at, chunk.as_deref()?)))
    }

    /// Every account whose day is known, ascending.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.chunks().flat_map(|(at, chunk)| {
            let base = (at << CHUNK_SHIFT) as u32;
            (base..).zip(chunk).filter(|(_, day)| **day != 0).map(|(who, day)| (who, *day))
        })
    }
}

fn place(who: u32) -> usize {
    who as usize % CHUNK_LEN
}
