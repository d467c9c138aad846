//! A run of followers sorted by number, with the day of each beside it.
//!
//! Numbers and days lie in two columns, so that a test on one of them reads nothing of the other.

/// Followers of one leaf at most. Also the width of a [`Mask`].
pub(crate) const LEAF_MAX: usize = 256;

/// A leaf with fewer is joined to its neighbour when it is rewritten anyway.
pub(super) const LEAF_MIN: usize = 64;

/// How full leaves are made when many are made at once: room for a few more before the first split.
pub(super) const LEAF_FILL: usize = 224;

/// One bit per follower of a leaf, in order.
pub(crate) type Mask = [u64; LEAF_MAX / 64];

/// What becomes of one follower: here since that day, or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: u32,
    pub(crate) day: Option<u16>,
}

/// At most [`LEAF_MAX`] followers, ascending, never empty but in the empty set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaf {
    ids: Box<[u32]>,
    days: Box<[u16]>,
}

impl Leaf {
    pub(super) fn new(ids: &[u32], days: &[u16]) -> Leaf {
        debug_assert!(ids.len() <= LEAF_MAX);
        debug_assert_eq!(ids.len(), days.len());
        Leaf { ids: ids.into(), days: days.into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    pub(crate) fn days(&self) -> &[u16] {
        &self.days
    }

    /// The lowest number; 0 for the leaf of the empty set.
    pub(super) fn first(&self) -> u32 {
        self.ids.first().copied().unwrap_or(0)
    }

    pub(super) fn day_of(&self, id: u32) -> Option<u16> {
        self.ids.binary_search(&id).ok().and_then(|at| self.days.get(at).copied())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.ids.iter().copied().zip(self.days.iter().copied())
    }

    /// Writes this leaf with the changes made to `out`.
    pub(super) fn rewrite(&self, changes: &[Change], out: &mut Columns) {
        let mut copied = 0;
        for change in changes {
            let at = copied + self.ids[copied..].partition_point(|id| *id < change.id);
            out.extend(&self.ids[copied..at], &self.days[copied..at]);
            let present = self.ids.get(at) == Some(&change.id);
            copied = at + usize::from(present);
            if let Some(day) = change.day {
                out.push(change.id, day);
            }
        }
        out.extend(&self.ids[copied..], &self.days[copied..]);
    }
}

/// Followers on their way into leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) ids: Vec<u32>,
    pub(super) days: Vec<u16>,
}

impl Columns {
    pub(super) fn push(&mut self, id: u32, day: u16) {
        self.ids.push(id);
        self.days.push(day);
    }

    pub(super) fn extend(&mut self, ids: &[u32], days: &[u16]) {
        self.ids.extend_from_slice(ids);
        self.days.extend_from_slice(days);
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.days.clear();
    }

    /// The leaves that hold all of it, evenly filled.
    pub(super) fn leaves(&self) -> impl Iterator<Item = Leaf> + '_ {
        let parts = if self.len() <= LEAF_MAX { 1 } else { self.len().div_ceil(LEAF_FILL) };
        let size = self.len().div_ceil(parts).max(1);
        self.ids.chunks(size).zip(self.days.chunks(size)).map(|(ids, days)| Leaf::new(ids, days))
    }
}
