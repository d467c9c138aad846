//! Follower sets that stay as they were saved until somebody looks at them.
//!
//! After a start most of what a state holds is looked at late or never. The checksums were looked at, and the sizes
//! compared; what lies in the bytes is looked at when they are unpacked.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bytes::Input;
use super::pack::Block;
use super::{LoadError, What, sets};
use crate::set::SetBuilder;
use crate::shared::SLOTS;
use crate::{AccountNo, FollowerSet};

/// The sets of every account at the moment they were saved.
pub(crate) struct Packed {
    bytes: Arc<Vec<u8>>,
    /// Where the saved engine begins in the bytes.
    from: usize,
    accounts: u32,
    /// Those in which somebody is followed, ascending.
    blocks: Vec<PackedBlock>,
    /// How many were handed out to be unpacked, and how many are.
    next: AtomicUsize,
    done: AtomicUsize,
}

/// The sets of a block of accounts.
#[derive(Debug)]
pub(super) struct PackedBlock {
    pub(super) at: u32,
    /// What each of its frames holds, from the beginning of the saved engine.
    pub(super) frames: Vec<Range<usize>>,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("blocks", &self.blocks.len()).finish_non_exhaustive()
    }
}

/// Which block it is, and how many follow its accounts: the beginning of its first frame.
pub(super) fn head(input: &mut Input<'_>) -> Result<(u32, u64), What> {
    Ok((input.u32()?, input.varint()?))
}

impl Packed {
    pub(super) fn new(bytes: Arc<Vec<u8>>, from: usize, accounts: u32, blocks: Vec<PackedBlock>) -> Packed {
        Packed { bytes, from, accounts, blocks, next: AtomicUsize::new(0), done: AtomicUsize::new(0) }
    }

    /// The next block that nobody was told to unpack; who is told says when it is done.
    pub(crate) fn next(&self) -> Option<usize> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.blocks.get(next).map(|block| block.at as usize)
    }

    /// One more of those handed out is unpacked. Says whether it was the last of all.
    pub(crate) fn is_last_done(&self) -> bool {
        self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.blocks.len()
    }

    /// The sets of a block, by account number.
    pub(crate) fn sets(&self, at: usize) -> Result<Vec<(u32, Arc<FollowerSet>)>, LoadError> {
        let Ok(found) = self.blocks.binary_search_by_key(&at, |block| block.at as usize) else {
            return Ok(Vec::new());
        };
        let mut frames = self.blocks[found].frames.iter();
        let mut offset = 0;
        let mut next = || {
            let frame = frames.next()?;
            offset = frame.start;
            self.bytes.get(self.from + frame.start..self.from + frame.end)
        };
        let read = self.read(at, &mut next);
        read.map_err(|what| LoadError::Damaged { offset: offset as u64, what })
    }

    fn read<'a>(
        &self,
        at: usize,
        frames: &mut dyn FnMut() -> Option<&'a [u8]>,
    ) -> Result<Vec<(u32, Arc<FollowerSet>)>, What> {
        const CUT: What = "a set is cut short";
        let (mut builder, mut room) = (SetBuilder::default(), Block::new());
        let mut sets = Vec::new();
        let mut input = Input::new(frames().ok_or(CUT)?);
        let (block, mut left) = head(&mut input)?;
        let mut lowest =
            block.checked_mul(SLOTS as u32).filter(|_| block as usize == at).ok_or("another block")?;
        let until = lowest.saturating_add(SLOTS as u32).min(self.accounts);
        while left > 0 {
            if input.is_empty() {
                input = Input::new(frames().ok_or(CUT)?);
            }
            let who = lowest.checked_add(input.u32()?).filter(|who| *who < until);
            let who = who.ok_or("an account number is too large")?;
            let set = sets::read_pieces(&mut input, &mut builder, &mut room, self.accounts, &mut |input| {
                *input = Input::new(frames().ok_or(CUT)?);
                Ok(())
            })?;
            if set.is_empty() || set.contains(AccountNo(who)).is_some() {
                return Err("a set that cannot be");
            }
            left = left.checked_sub(u64::from(set.len())).ok_or("followers are miscounted")?;
            lowest = who + 1;
            sets.push((who, Arc::new(set)));
        }
        if input.is_empty() && frames().is_none() { Ok(sets) } else { Err("more than the sets of a block") }
    }
}
