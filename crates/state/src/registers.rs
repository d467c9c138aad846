//! One number an account in chunks that a snapshot shares with the writer.
//!
//! Pinning is a clone: it copies a pointer a chunk. The writer copies a chunk before the first change after that.

use std::sync::Arc;

/// Numbers of a chunk: 4 KB, little to copy for one change.
const CHUNK: usize = 512;

/// The numbers, 0 where none was set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registers {
    chunks: Vec<Arc<[u64; CHUNK]>>,
}

impl Registers {
    pub(crate) fn get(&self, no: u32) -> u64 {
        let chunk = self.chunks.get(no as usize / CHUNK);
        chunk.and_then(|chunk| chunk.get(no as usize % CHUNK)).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, no: u32, value: u64) {
        let at = no as usize / CHUNK;
        while self.chunks.len() <= at {
            self.chunks.push(Arc::new([0; CHUNK]));
        }
        if let Some(chunk) = self.chunks.get_mut(at)
            && let Some(register) = Arc::make_mut(chunk).get_mut(no as usize % CHUNK)
        {
            *register = value;
        }
    }

    /// Puts numbers behind all others, as many as fill whole chunks, and leaves the rest. For loading, from the first on.
    pub(crate) fn take_whole(&mut self, numbers: &mut Vec<u64>) {
        let (whole, rest) = numbers.as_chunks::<CHUNK>();
        if whole.is_empty() {
            return;
        }
        self.chunks.extend(whole.iter().map(|chunk| Arc::new(*chunk)));
        let rest = rest.len();
        numbers.drain(..numbers.len() - rest);
    }

    /// Puts the last numbers behind all others.
    pub(crate) fn take_rest(&mut self, mut numbers: Vec<u64>) {
        numbers.resize(numbers.len().next_multiple_of(CHUNK), 0);
        self.take_whole(&mut numbers);
    }

    /// The numbers in order and in blocks, without the zeros at the end: how many there are depends on what was asked,
    /// not on what is known.
    pub(crate) fn blocks(&self, block: usize) -> impl Iterator<Item = &[u64]> + '_ {
        let known = |chunk: &[u64; CHUNK]| chunk.iter().rposition(|register| *register != 0);
        let last = self.chunks.iter().enumerate().rev().find_map(|(at, chunk)| Some((at, known(chunk)?)));
        let until = last.map_or(0, |(at, place)| at * CHUNK + place + 1);
        let chunks = self.chunks.iter().enumerate();
        let cut = chunks.map(move |(at, chunk)| &chunk[..until.saturating_sub(at * CHUNK).min(CHUNK)]);
        cut.flat_map(move |chunk| chunk.chunks(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_stays_as_it_was_and_zeros_at_the_end_do_not_show() {
        let mut registers = Registers::default();
        registers.set(700, 3);
        registers.set(2_000, 0);
        let pinned = registers.clone();
        registers.set(700, 4);
        registers.set(9, 1);
        assert_eq!((pinned.get(700), pinned.get(9), pinned.get(1 << 30)), (3, 0, 0));
        assert_eq!((registers.get(700), registers.get(9)), (4, 1));
        let blocks: Vec<usize> = pinned.blocks(256).map(<[u64]>::len).collect();
        assert_eq!(blocks, [256, 256, 189]);
        assert_eq!(pinned.blocks(256).flatten().sum::<u64>(), 3);
        assert_eq!(Registers::default().blocks(256).count(), 0);
        let mut loaded = Registers::default();
        let mut numbers: Vec<u64> = pinned.blocks(256).flatten().copied().collect();
        loaded.take_whole(&mut numbers);
        assert_eq!(numbers.len(), 189);
        loaded.take_rest(numbers);
        assert_eq!((loaded.get(700), loaded.get(699), loaded.get(1 << 30)), (3, 0, 0));
    }
}
