//! A column, one value an account, in chunks that are replaced, never written.
//!
//! A filter, a preview or a snapshot takes the chunks it starts with and is not disturbed by what changes meanwhile. A
//! chunk that says nothing is not there at all.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// A column in chunks of type `C`.
#[derive(Debug)]
pub(crate) struct Chunked<C> {
    slots: boxcar::Vec<ArcSwapOption<C>>,
}

impl<C> Default for Chunked<C> {
    fn default() -> Chunked<C> {
        Chunked { slots: boxcar::Vec::new() }
    }
}

impl<C> Chunked<C> {
    /// What `look` makes of the chunk at that place, if there is one.
    pub(crate) fn look<T>(&self, at: usize, look: impl FnOnce(&C) -> T) -> Option<T> {
        self.slots.get(at)?.load().as_deref().map(look)
    }

    /// Replaces the chunk at that place. Only the engine calls this.
    pub(crate) fn put(&self, at: usize, chunk: Option<C>) {
        while self.slots.count() <= at {
            self.slots.push(ArcSwapOption::empty());
        }
        if let Some(slot) = self.slots.get(at) {
            slot.store(chunk.map(Arc::new));
        }
    }

    /// The column as it is now.
    pub(crate) fn now(&self) -> Chunks<C> {
        Chunks { chunks: self.slots.iter().map(|(_, chunk)| chunk.load_full()).collect() }
    }
}

/// A column at one moment.
#[derive(Debug)]
pub(crate) struct Chunks<C> {
    chunks: Vec<Option<Arc<C>>>,
}

impl<C> Chunks<C> {
    /// The chunk at that place, if it says anything.
    pub(crate) fn chunk(&self, at: usize) -> Option<&C> {
        self.chunks.get(at)?.as_deref()
    }

    /// Every chunk that says anything, by ascending place.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (usize, &C)> + '_ {
        self.chunks.iter().enumerate().filter_map(|(at, chunk)| Some((at, chunk.as_deref()?)))
    }
}
