//! Large sets are changed in place, though readers never see a set change.
//!
//! Copying a node means counting one more owner of each of its leaves, and one less when the old node goes: far more
//! memory than the few leaves that changed. So the version before the last is kept as a spare, with the steps that
//! lead from it to the last. When no reader looks at the spare any more, the steps are done to it, then the new
//! changes, and it becomes the version readers see; the one they saw becomes the spare. Otherwise the root is copied
//! once and the nodes as they are touched: slower, but never different.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::rewrite::set_of;
use super::{Body, Claim, FollowerSet, Leaf, Root, Scratch};
use crate::prefetch;

/// Sets that have a spare at most.
const SPARES_MAX: usize = 2048;

/// A set that was not changed for so many batches has no spare any more.
const IDLE_MAX: u32 = 64;

/// How many steps ahead memory is asked for.
const AHEAD: usize = 8;

/// Something to do to a root.
#[derive(Debug)]
pub(super) enum Step {
    /// A leaf in the place of another.
    Leaf { node: u32, leaf: u32, new: Leaf },
    /// Leaves in the place of others.
    Leaves { node: u32, at: Range<usize>, new: Vec<Leaf> },
    /// Several nodes, or none, in the place of one that became too large or too small.
    Rebalance { node: u32 },
}

/// The versions before the last.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    of: BTreeMap<u32, Spare>,
    batch: u32,
    swept: u32,
}

#[derive(Debug)]
struct Spare {
    root: Arc<Root>,
    /// What was done to the version readers see, and was not to this one.
    steps: Vec<Step>,
    used: u32,
}

impl Root {
    fn redo(&mut self, steps: &mut Vec<Step>) {
        for at in 0..steps.len() {
            for (ahead, near) in [(3, Near::Node), (2, Near::Leaf), (1, Near::Owners)] {
                if let Some(later) = steps.get(at + ahead * AHEAD) {
                    self.soon(later, near);
                }
            }
            match std::mem::replace(&mut steps[at], Step::Rebalance { node: 0 }) {
                Step::Leaf { node, leaf, new } => {
                    let at = node as usize;
                    if let Some(node) = self.parts.get_mut(at) {
                        Arc::make_mut(node).put(leaf as usize, new);
                        self.firsts[at] = node.first();
                    }
                }
                Step::Leaves { node, at, new } => {
                    let place = node as usize;
                    if let Some(node) = self.parts.get_mut(place) {
                        Arc::make_mut(node).splice(at, &new);
                        self.firsts[place] = node.first();
                    }
                }
                Step::Rebalance { node } => {
                    self.rebalance(node as usize);
                }
            }
        }
        steps.clear();
    }

    /// Asks for what a step will touch: the node, the place in it, the owners of the leaf that goes.
    #[inline]
    fn soon(&self, step: &Step, near: Near) {
        let Step::Leaf { node, leaf, .. } = step else { return };
        let Some(node) = self.parts.get(*node as usize) else { return };
        let leaf = *leaf as usize;
        match near {
            Near::Node => prefetch::soon(Arc::as_ptr(node)),
            Near::Leaf => {
                node.parts.get(leaf).into_iter().for_each(|leaf| prefetch::soon(leaf));
                node.firsts.get(leaf).into_iter().for_each(|first| prefetch::soon(first));
            }
            Near::Owners => node.parts.get(leaf).into_iter().for_each(Leaf::owners_soon),
        }
    }
}

/// How near a step is.
#[derive(Debug, Clone, Copy)]
enum Near {
    Node,
    Leaf,
    Owners,
}

impl Spares {
    /// `set`, the version of `who` that readers see, with the claims met; says in each how it was. `None` when they
    /// change nothing.
    pub(crate) fn changed(
        &mut self,
        who: u32,
        set: &FollowerSet,
        claims: &mut [Claim],
        scratch: &mut Scratch,
    ) -> Option<FollowerSet> {
        let Body::Large(root) = &set.body else {
            let after = set.with_claims(claims, scratch);
            let same = claims.iter().all(|claim| claim.was == claim.is());
            return (!same).then_some(after);
        };
        let (mut fresh, mut steps) = match self.of.remove(&who) {
            Some(mut spare) => match Arc::get_mut(&mut spare.root) {
                Some(free) => {
                    free.redo(&mut spare.steps);
                    (spare.root, spare.steps)
                }
                None => (Arc::new((**root).clone()), Vec::new()),
            },
            None => (Arc::new((**root).clone()), Vec::new()),
        };
        let by = {
            let fresh = Arc::make_mut(&mut fresh);
            let by = fresh.edit(claims, scratch, Some(&mut steps));
            fresh.recent = root.recent.after(claims);
            by
        };
        if steps.is_empty() {
            self.keep(who, fresh, steps);
            return None;
        }
        let after = set_of(fresh, set.len.saturating_add_signed(by));
        // The spare holds on to every leaf that was replaced, so it is not worth it for a set that changed a lot.
        if matches!(after.body, Body::Large(_)) && steps.len() * 4 <= leaves_of(root) {
            self.keep(who, Arc::clone(root), steps);
        }
        Some(after)
    }

    /// Forgets the spare of a set that was replaced in another way.
    pub(crate) fn forget(&mut self, who: u32) {
        if !self.of.is_empty() {
            self.of.remove(&who);
        }
    }

    /// Forgets the spares of sets that are no longer changed. Once a batch.
    pub(crate) fn sweep(&mut self) {
        self.batch = self.batch.wrapping_add(1);
        if self.batch.wrapping_sub(self.swept) > IDLE_MAX {
            self.swept = self.batch;
            let batch = self.batch;
            self.of.retain(|_, spare| batch.wrapping_sub(spare.used) <= IDLE_MAX);
        }
    }

    fn keep(&mut self, who: u32, root: Arc<Root>, steps: Vec<Step>) {
        if self.of.len() < SPARES_MAX {
            self.of.insert(who, Spare { root, steps, used: self.batch });
        }
    }
}

fn leaves_of(root: &Root) -> usize {
    root.parts.iter().map(|node| node.parts.len()).sum()
}
