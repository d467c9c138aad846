//! What readers search: groups of packed lists, sorted runs that wait to join them, and blocks nobody has sorted yet.
//!
//! Only the tender changes groups. A run is dropped only after all of it has joined the groups, so an edge is always in
//! at least one of the places, perhaps in two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use super::pending::Block;
use super::segment::{GROUP, list_of, local, pack, unpack};
use crate::FollowerSet;

/// Segments of one group at most: more are joined.
const SEGMENTS_MAX: usize = 6;

/// Groups whose slots are made at once.
const SLOTS: usize = 1024;

/// Everything that is listed, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    /// Which time the lists were begun: what was begun before is gone.
    pub(super) generation: u64,
    /// Whether the groups hold all that was in the sets when recording began.
    pub(super) ready: bool,
    pub(super) groups: Arc<Groups>,
    /// Ascending edges, the follower above.
    pub(super) runs: Vec<Arc<[u64]>>,
    /// In the order they were begun; the last one is being written.
    pub(super) blocks: Vec<Arc<Block>>,
    /// Sets into which many came back at once, with whose they are.
    pub(super) restored: Vec<(u32, Arc<FollowerSet>)>,
}

impl Lists {
    pub(super) fn new(generation: u64) -> Lists {
        Lists {
            generation,
            ready: false,
            groups: Arc::new(Groups::default()),
            runs: Vec::new(),
            blocks: Vec::new(),
            restored: Vec::new(),
        }
    }

    /// Whom `who` may follow, ascending: all it does follow, and some it once did.
    pub(super) fn of(&self, who: u32) -> Vec<u32> {
        let mut found = Vec::new();
        for block in &self.blocks {
            block.list_of(who, &mut found);
        }
        for run in &self.runs {
            let from = run.partition_point(|edge| edge >> 32 < u64::from(who));
            let mine = run[from..].iter().take_while(|edge| *edge >> 32 == u64::from(who));
            found.extend(mine.map(|edge| *edge as u32));
        }
        for (followee, set) in &self.restored {
            if set.contains(crate::AccountNo(who)).is_some() {
                found.push(*followee);
            }
        }
        // Last: what left the places above has joined the groups by now.
        self.groups.list_of(who, &mut found);
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The packed lists of all accounts.
#[derive(Debug, Default)]
pub(super) struct Groups {
    slots: boxcar::Vec<Box<[ArcSwapOption<Group>]>>,
    edges: AtomicU64,
}

/// The lists of [`GROUP`] accounts.
#[derive(Debug)]
struct Group {
    /// Larger ones first.
    segments: Vec<Segment>,
}

/// Packed lists, and how many edges they hold.
#[derive(Debug, Clone)]
struct Segment {
    edges: u64,
    bytes: Arc<[u8]>,
}

impl Segment {
    fn of(edges: &[u64]) -> Segment {
        Segment { edges: edges.len() as u64, bytes: Arc::from(pack(edges)) }
    }
}

impl Group {
    fn edges(&self) -> u64 {
        self.segments.iter().map(|segment| segment.edges).sum()
    }
}

impl Groups {
    pub(super) fn new(accounts: u32) -> Groups {
        let groups = Groups::default();
        groups.grow(accounts.div_ceil(GROUP));
        groups
    }

    fn grow(&self, groups: u32) {
        while self.slots.count() * SLOTS < groups as usize {
            self.slots.push((0..SLOTS).map(|_| ArcSwapOption::empty()).collect());
        }
    }

    fn slot(&self, group: u32) -> Option<&ArcSwapOption<Group>> {
        self.slots.get(group as usize / SLOTS)?.get(group as usize % SLOTS)
    }

    fn set(&self, group: u32, segments: Vec<Segment>) {
        self.grow(group + 1);
        let Some(slot) = self.slot(group) else { return };
        let group = Group { segments };
        let after = group.edges();
        let before = slot.swap(Some(Arc::new(group))).map_or(0, |group| group.edges());
        // One writer, so it never goes below zero.
        self.edges.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Puts edges in place of whatever the group had: ascending, without repeats, in the form of [`local`].
    pub(super) fn fill(&self, group: u32, edges: &[u64]) {
        self.set(group, vec![Segment::of(edges)]);
    }

    /// Adds ascending edges of one group. Single writer.
    pub(super) fn add(&self, edges: &[u64]) {
        let Some(first) = edges.first() else { return };
        let group = (first >> 32) as u32 / GROUP;
        let mut new: Vec<u64> = edges.iter().map(|edge| local((edge >> 32) as u32, *edge as u32)).collect();
        new.dedup();
        self.grow(group + 1);
        let mut segments = match self.slot(group).and_then(ArcSwapOption::load_full) {
            Some(old) => old.segments.clone(),
            None => Vec::new(),
        };
        if segments.len() >= SEGMENTS_MAX {
            // Smaller ones join the new one until the next is well larger than all of those together.
            let mut joined = new.len() as u64;
            while let Some(last) = segments.pop_if(|last| last.edges < joined * 3) {
                joined += last.edges;
                unpack(&last.bytes, &mut new);
            }
            // A merge of ascending parts, which the stable sort finds by itself.
            new.sort();
            new.dedup();
        }
        segments.push(Segment::of(&new));
        self.set(group, segments);
    }

    /// Edges listed, also those that are none any more; one that is listed twice counts twice.
    pub(super) fn edges(&self) -> u64 {
        self.edges.load(Ordering::Relaxed)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let of_group = |group: &Group| {
            let segments: usize =
                group.segments.iter().map(|segment| handed_out(segment.bytes.len() + 16)).sum();
            let list = group.segments.capacity() * size_of::<Segment>();
            segments + handed_out(list) + handed_out(size_of::<Group>() + 16)
        };
        let slots = self.slots.iter().flat_map(|(_, slots)| slots.iter());
        let groups: usize = slots.map(|slot| slot.load().as_deref().map_or(0, of_group)).sum();
        groups + self.slots.count() * SLOTS * 8
    }

    fn list_of(&self, who: u32, out: &mut Vec<u32>) {
        let Some(slot) = self.slot(who / GROUP) else { return };
        let group = slot.load();
        let Some(group) = group.as_deref() else { return };
        for segment in &group.segments {
            list_of(&segment.bytes, who % GROUP, out);
        }
    }
}

/// What an allocator hands out for so many bytes: those in use have four sizes for each doubling.
fn handed_out(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}
