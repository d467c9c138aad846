//! Whom an account follows: lists beside the follower sets, for readers without a lock.
//!
//! What is listed is a superset. Every candidate is looked up in the follower set before anyone gets to see it, so an
//! unfollow, a filter or a purge need not touch the lists at all, and no list can disagree with a set. The writer does
//! nothing but append new edges to a block; sorting, packing and clearing out are done by whoever calls
//! [`crate::Reader::tend_following`], on a thread of its own.
//!
//! The lists are a cache of the sets and never saved. Until they are built once, nothing is recorded and nothing is
//! listed; the sets are all one needs to build them, while the writer goes on.
//!
//! Why no edge is missed: the writer records an edge before the command that adds it is over. Whoever builds begins the
//! recording first and then waits until a command that began before it is over; from there on an edge is in a set that
//! will be read, or recorded, or both.

mod build;
mod lists;
mod pending;
mod segment;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;

use crate::shared::Shared;
use crate::{AccountNo, FollowerSet};
use lists::Lists;
use pending::{BLOCK, Block};
use segment::GROUP;

/// Blocks that may wait to be sorted. Nobody tends the lists then, or more comes than can be listed meanwhile: they are
/// given up, and built again when somebody asks.
const BLOCKS_MAX: usize = if cfg!(test) { 64 } else { 1024 };

/// Edges that wait in runs until they join the groups: at least as many, or a share of what is listed.
const JOIN_MIN: u64 = if cfg!(test) { 1 << 10 } else { 1 << 20 };
const JOIN_SHARE: u64 = 64;

/// With so many edges sorted one after the other without a pause, or a share of what is listed, the lists are given up as
/// well: building them anew when the load is over is less work, and a load needs the processors.
const BURST_MIN: u64 = if cfg!(test) { 1 << 12 } else { 1 << 20 };
const BURST_SHARE: u64 = 4;

/// Lists are built only while fewer edges come between two calls.
const CALM: u64 = 1 << 14;

/// Looks at the writer before giving up for now.
const LOOKS_MAX: u32 = 10_000;

/// Calls without work between two looks at how much of what is listed still holds.
const IDLE_CALLS: u64 = 256;

/// What the writer, the readers and the tender share.
#[derive(Debug)]
pub(crate) struct Following {
    lists: ArcSwapOption<Lists>,
    /// The lists that the writer records for; 0 for none.
    recording: AtomicU64,
    /// The last number given to lists.
    begun: AtomicU64,
    /// Odd while a command runs that may add edges.
    writing: AtomicU64,
    /// Odd while sets are read to build lists; another number each time.
    building: AtomicU64,
    /// Edges that were added since the start, recorded or not.
    inserted: AtomicU64,
    wanted: AtomicBool,
    tending: Mutex<Tending>,
}

/// What the tender remembers.
#[derive(Debug, Default)]
struct Tending {
    idle: u64,
    /// Edges sorted since a call had nothing to do.
    burst: u64,
    /// Edges that had been added at the last call.
    inserted: u64,
}

impl Default for Following {
    fn default() -> Following {
        Following {
            lists: ArcSwapOption::empty(),
            recording: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            writing: AtomicU64::new(0),
            building: AtomicU64::new(0),
            inserted: AtomicU64::new(0),
            wanted: AtomicBool::new(true),
            tending: Mutex::default(),
        }
    }
}

/// The writer's end: where new edges are written down.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    recording: u64,
    inserted: u64,
    block: Option<Arc<Block>>,
    len: usize,
}

impl Recorder {
    /// A command that may add edges begins.
    pub(crate) fn begin(&mut self, following: &Following) {
        // Before the look at `recording`: a tender that we do not see yet sees us, and waits.
        following.writing.fetch_add(1, Ordering::SeqCst);
        let recording = following.recording.load(Ordering::SeqCst);
        if recording != self.recording {
            self.recording = recording;
            self.block = None;
            if recording != 0 {
                self.next_block(following);
            }
        }
    }

    /// `follower` follows `followee` from here on; to be called before the command is over.
    #[inline]
    pub(crate) fn inserted(&mut self, following: &Following, followee: u32, follower: u32) {
        self.inserted += 1;
        let Some(block) = &self.block else { return };
        block.put(self.len, follower, followee);
        self.len += 1;
        if self.len == BLOCK {
            self.next_block(following);
        }
    }

    /// Some of these came back to `followee`, which lost them when the lists were of that edition; to be called before
    /// readers see them in the set.
    pub(crate) fn restored(
        &mut self,
        following: &Following,
        followee: u32,
        followers: &Arc<FollowerSet>,
        lost_at: Option<Edition>,
    ) {
        // A build that begins after this look waits until the command is over, and reads them.
        if lost_at.is_some() && lost_at == following.edition() {
            return;
        }
        if self.block.is_some() {
            following.change(self.recording, |lists| lists.restored.push((followee, Arc::clone(followers))));
        }
    }

    /// The command is over: readers see all of it.
    pub(crate) fn end(&mut self, following: &Following) {
        following.inserted.store(self.inserted, Ordering::Relaxed);
        following.writing.fetch_add(1, Ordering::SeqCst);
    }

    fn next_block(&mut self, following: &Following) {
        let block = Arc::new(Block::new());
        let mut waiting = 0;
        following.change(self.recording, |lists| {
            lists.blocks.push(Arc::clone(&block));
            waiting = lists.blocks.len();
        });
        self.len = 0;
        self.block = Some(block);
        if waiting > BLOCKS_MAX {
            following.wanted.store(false, Ordering::Relaxed);
            following.give_up(self.recording);
            self.recording = 0;
            self.block = None;
        }
    }
}

/// Which time lists were built. Who is listed in one edition is listed as long as it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition(u64);

impl Following {
    /// The present edition; `None` while sets are read for the next.
    pub(crate) fn edition(&self) -> Option<Edition> {
        let building = self.building.load(Ordering::SeqCst);
        building.is_multiple_of(2).then_some(Edition(building))
    }

    /// Changes the lists of that number, if they are still the present ones.
    fn change(&self, number: u64, mut change: impl FnMut(&mut Lists)) {
        self.lists.rcu(|lists| match lists {
            Some(lists) if lists.generation == number => {
                let mut lists = Lists::clone(lists);
                change(&mut lists);
                Some(Arc::new(lists))
            }
            other => other.clone(),
        });
    }

    fn give_up(&self, number: u64) {
        if self.recording.compare_exchange(number, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.lists.store(None);
        }
    }

    /// Whom `who` may follow, ascending: all it follows, and perhaps more. `None` until the lists are built, which is
    /// asked for herewith.
    pub(crate) fn candidates(&self, who: u32) -> Option<Vec<u32>> {
        let lists = self.lists.load();
        match lists.as_deref() {
            Some(lists) if lists.ready => Some(lists.of(who)),
            _ => {
                self.wanted.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether the lists are built.
    pub(crate) fn is_ready(&self) -> bool {
        self.lists.load().as_deref().is_some_and(|lists| lists.ready)
    }

    /// Bytes on the heap; 0 until the lists are built.
    pub(crate) fn heap_bytes(&self) -> usize {
        let lists = self.lists.load();
        let Some(lists) = lists.as_deref() else { return 0 };
        let runs: usize = lists.runs.iter().map(|run| run.len() * 8).sum();
        lists.groups.heap_bytes() + runs + lists.blocks.len() * BLOCK * 8
    }

    /// Does one piece of the work; true when there is more to do at once.
    ///
    /// Several callers do not get in each other's way: all but one have nothing to do.
    pub(crate) fn tend(&self, shared: &Shared) -> bool {
        let Ok(mut tending) = self.tending.try_lock() else { return false };
        let lists = self.lists.load_full();
        let inserted = self.inserted.load(Ordering::Relaxed);
        let came = inserted - std::mem::replace(&mut tending.inserted, inserted);
        match lists {
            None if self.wanted.load(Ordering::Relaxed) && came < CALM => self.begin_lists(shared),
            None => false,
            Some(lists) if !lists.ready => self.rebuild(&lists, shared),
            Some(lists) => self.tidy(&lists, shared, &mut tending),
        }
    }

    fn begin_lists(&self, shared: &Shared) -> bool {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let lists = Arc::new(Lists::new(number));
        self.lists.store(Some(Arc::clone(&lists)));
        self.recording.store(number, Ordering::SeqCst);
        self.rebuild(&lists, shared)
    }

    /// Reads every set. What was recorded before joins nothing meanwhile, so it is there whatever is read.
    fn rebuild(&self, lists: &Lists, shared: &Shared) -> bool {
        // Before the look at the writer: a command that still sees the last edition is waited for.
        self.building.fetch_add(1, Ordering::SeqCst);
        let groups = self.writer_is_past().then(|| Arc::new(build::build(shared)));
        self.building.fetch_add(1, Ordering::SeqCst);
        let Some(groups) = groups else { return true };
        self.change(lists.generation, |lists| {
            lists.groups = Arc::clone(&groups);
            lists.ready = true;
        });
        true
    }

    /// Whether every command that was running is over. False when one goes on for long: ask again later.
    fn writer_is_past(&self) -> bool {
        let seen = self.writing.load(Ordering::SeqCst);
        if seen.is_multiple_of(2) {
            return true;
        }
        (0..LOOKS_MAX).any(|_| {
            std::hint::spin_loop();
            self.writing.load(Ordering::SeqCst) != seen
        })
    }

    fn tidy(&self, lists: &Lists, shared: &Shared, tending: &mut Tending) -> bool {
        let full = lists.blocks.len().saturating_sub(1) as u64;
        if full > 0 || !lists.restored.is_empty() {
            tending.burst += full * BLOCK as u64;
            if tending.burst > BURST_MIN.max(lists.groups.edges() / BURST_SHARE) {
                tending.burst = 0;
                self.give_up(lists.generation);
                return false;
            }
            self.sort(lists);
            return true;
        }
        tending.burst = 0;
        let waiting: u64 = lists.runs.iter().map(|run| run.len() as u64).sum();
        let joins = waiting >= JOIN_MIN.max(lists.groups.edges() / JOIN_SHARE);
        if joins {
            self.join(lists);
        }
        tending.idle = if joins { 0 } else { tending.idle + 1 };
        if joins || tending.idle.is_multiple_of(IDLE_CALLS) {
            let accounts = 0..shared.accounts();
            let live: u64 = accounts.map(|who| u64::from(shared.following(AccountNo(who)))).sum();
            if lists.groups.edges() > live + live / 2 + JOIN_MIN {
                return self.rebuild(lists, shared);
            }
        }
        joins
    }

    /// Blocks that are full, and followers that came back, become one run; runs that are not much larger join it.
    fn sort(&self, lists: &Lists) {
        let full = lists.blocks.len().saturating_sub(1);
        let mut edges = Vec::with_capacity(full * BLOCK);
        for block in lists.blocks.iter().take(full) {
            block.edges(&mut edges);
        }
        for (followee, followers) in &lists.restored {
            let of = |follower: AccountNo| u64::from(follower.0) << 32 | u64::from(*followee);
            edges.extend(followers.iter().map(|(follower, _)| of(follower)));
        }
        edges.sort_unstable();
        let mut kept = lists.runs.len();
        while let Some(run) = kept.checked_sub(1).and_then(|last| lists.runs.get(last))
            && run.len() <= 2 * edges.len()
        {
            edges.extend_from_slice(run);
            kept -= 1;
        }
        // Two and more ascending parts, which the stable sort finds by itself.
        edges.sort();
        let run: Arc<[u64]> = Arc::from(edges);
        let restored = lists.restored.len();
        self.change(lists.generation, |lists| {
            lists.blocks.drain(..full);
            lists.restored.drain(..restored);
            lists.runs.truncate(kept);
            lists.runs.push(Arc::clone(&run));
        });
    }

    /// All runs join the groups.
    fn join(&self, lists: &Lists) {
        let mut edges = Vec::with_capacity(lists.runs.iter().map(|run| run.len()).sum());
        for run in &lists.runs {
            edges.extend_from_slice(run);
        }
        edges.sort();
        for of_group in edges.chunk_by(|a, b| (a >> 32) as u32 / GROUP == (b >> 32) as u32 / GROUP) {
            lists.groups.add(of_group);
        }
        let joined = lists.runs.len();
        self.change(lists.generation, |lists| drop(lists.runs.drain(..joined)));
    }
}
