//! New edges on their way into the lists: the writer appends, readers scan, the tender sorts.
//!
//! A block has one writer. Its length is stored after the edge, so a reader sees whole edges only.

use std::sync::atomic::{AtomicU32, Ordering};

/// Edges of one block: small enough to be scanned within some microseconds.
pub(super) const BLOCK: usize = if cfg!(test) { 64 } else { 16_384 };

/// Edges in the order they came.
#[derive(Debug)]
pub(super) struct Block {
    followers: Box<[AtomicU32]>,
    followees: Box<[AtomicU32]>,
    len: AtomicU32,
}

impl Block {
    pub(super) fn new() -> Block {
        let column = || (0..BLOCK).map(|_| AtomicU32::new(0)).collect();
        Block { followers: column(), followees: column(), len: AtomicU32::new(0) }
    }

    /// Adds an edge as number `at`, which counts up from 0. Single writer.
    #[inline]
    pub(super) fn put(&self, at: usize, follower: u32, followee: u32) {
        if let (Some(a), Some(b)) = (self.followers.get(at), self.followees.get(at)) {
            a.store(follower, Ordering::Relaxed);
            b.store(followee, Ordering::Relaxed);
            self.len.store(at as u32 + 1, Ordering::Release);
        }
    }

    /// Appends whom `who` follows according to this block, in no order, repeats included.
    pub(super) fn list_of(&self, who: u32, out: &mut Vec<u32>) {
        let len = self.len.load(Ordering::Acquire) as usize;
        for (follower, followee) in self.followers.iter().zip(&self.followees).take(len) {
            if follower.load(Ordering::Relaxed) == who {
                out.push(followee.load(Ordering::Relaxed));
            }
        }
    }

    /// Appends every edge: the follower above, the followed account below.
    pub(super) fn edges(&self, out: &mut Vec<u64>) {
        let len = self.len.load(Ordering::Acquire) as usize;
        out.extend(self.followers.iter().zip(&self.followees).take(len).map(|(follower, followee)| {
            u64::from(follower.load(Ordering::Relaxed)) << 32 | u64::from(followee.load(Ordering::Relaxed))
        }));
    }
}
