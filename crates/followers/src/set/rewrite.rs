//! A new version of a set from the old one and what is claimed.
//!
//! Leaves no claim falls into are shared with the old version; the others are written anew. A tree is worked on from
//! its end to its beginning, so that nodes that become several or none do not move those still to come.

use std::ops::Range;
use std::sync::Arc;

use super::leaf::{Asks, Change, Claim, Columns, Edited, LEAF_MAX, LEAF_MIN, Leaf, LeafRoom};
use super::search;
use super::{Body, FollowerSet, NODE_MAX, NODE_MIN, Node, Root, guess};
use crate::prefetch;

/// Room that is used again from one rewrite to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    columns: Columns,
    leaf: LeafRoom,
    claims: Vec<Claim>,
    /// The claims of each node, and of each leaf.
    nodes: Vec<Part>,
    parts: Vec<Part>,
    /// What came of some of the parts.
    edited: Vec<Edited>,
    /// What of the claims is new.
    pub(super) new: Vec<Change>,
    /// How often sets were looked through for those in which changes have waited for a while.
    pub(crate) turn: u32,
}

impl Scratch {
    /// Leaves that the claims fall into that were located last.
    pub(super) fn leaves_touched(&self) -> usize {
        self.parts.len()
    }
}

/// Claims that fall into one leaf.
#[derive(Debug, Clone, Copy)]
struct Part {
    node: u32,
    leaf: u32,
    from: u32,
    until: u32,
}

impl FollowerSet {
    /// This set with the changes made. `changes` ascend and name each follower once; removing who is not there
    /// and putting who is already there are both fine.
    pub(crate) fn with(&self, changes: &[Change], scratch: &mut Scratch) -> FollowerSet {
        let mut claims = std::mem::take(&mut scratch.claims);
        claims.clear();
        claims.extend(changes.iter().map(|change| Claim {
            id: change.id,
            asks: change.day.map_or(Asks::Gone, Asks::Since),
            was: None,
        }));
        let settled = self.settled();
        let set = match &settled.body {
            Body::Large(root) => root.with_claims(self.len, &mut claims, scratch),
            Body::Empty | Body::Small(_) | Body::Pending(_) => settled.with_claims(&mut claims, scratch),
        };
        scratch.claims = claims;
        set
    }

    /// This set, which is no tree, with the claims met; says in each how it was.
    pub(super) fn with_claims(&self, claims: &mut [Claim], scratch: &mut Scratch) -> FollowerSet {
        debug_assert!(claims.is_sorted_by(|a, b| a.id < b.id));
        let columns = &mut scratch.columns;
        columns.clear();
        match &self.body {
            Body::Empty => {
                for claim in claims {
                    claim.was = None;
                    if let Some(day) = claim.is() {
                        columns.push(claim.id, day);
                    }
                }
            }
            Body::Small(leaf) => match leaf.edited(claims, &mut scratch.leaf) {
                Edited::Same => return self.clone(),
                Edited::Leaf(leaf) => {
                    return FollowerSet { len: leaf.len() as u32, body: Body::Small(leaf) };
                }
                Edited::Cut => leaf.rewrite(&scratch.leaf.edits, columns),
            },
            Body::Large(_) | Body::Pending(_) => {}
        }
        of_columns(columns)
    }
}

/// A set of its own.
fn of_columns(columns: &Columns) -> FollowerSet {
    let len = columns.len() as u32;
    let mut leaves: Vec<Leaf> = columns.leaves().collect();
    if leaves.len() <= 1 {
        return leaves
            .pop()
            .map_or_else(FollowerSet::default, |leaf| FollowerSet { len, body: Body::Small(leaf) });
    }
    FollowerSet { len, body: Body::Large(Arc::new(Root::of_nodes(nodes_of(leaves)))) }
}

/// The tree of that root as a set; a single leaf is no tree.
fn set_of(root: Arc<Root>, len: u32) -> FollowerSet {
    match &root.parts[..] {
        [] => FollowerSet::default(),
        [node] if node.parts.len() == 1 => {
            let leaf = node.parts.first().cloned();
            leaf.map_or_else(FollowerSet::default, |leaf| FollowerSet { len, body: Body::Small(leaf) })
        }
        _ => FollowerSet { len, body: Body::Large(root) },
    }
}

impl Root {
    /// Finds the leaf of each claim; they ascend.
    pub(super) fn locate_all(&self, claims: &[Claim], scratch: &mut Scratch) {
        let Scratch { nodes, parts, .. } = scratch;
        self.locate(claims, nodes, parts);
    }

    /// Says in each claim how it is, after [`Root::locate_all`] of the same.
    pub(super) fn look_up(&self, claims: &mut [Claim], scratch: &Scratch) {
        let parts = &scratch.parts;
        for (at, part) in parts.iter().enumerate() {
            if let Some(later) = parts.get(at + AHEAD) {
                let (leaf, guess) = self.guess(*later, claims[later.from as usize].id);
                leaf.soon_near(guess);
            }
            for claim in &mut claims[part.from as usize..part.until as usize] {
                let (leaf, guess) = self.guess(*part, claim.id);
                claim.was = leaf.day_of_near(claim.id, guess);
            }
        }
    }

    /// The leaf of a part, and where in it the follower may be.
    #[inline]
    fn guess(&self, part: Part, id: u32) -> (&Leaf, usize) {
        let node = &self.parts[part.node as usize];
        let at = part.leaf as usize;
        let leaf = &node.parts[at];
        (leaf, guess(id, &node.firsts, at, leaf.len_if_narrow()))
    }

    /// A set of this tree of `len` followers with the claims met; says in each how it was.
    pub(super) fn with_claims(&self, len: u32, claims: &mut [Claim], scratch: &mut Scratch) -> FollowerSet {
        let mut root = self.clone();
        let by = root.edit(claims, scratch);
        root.recent = self.recent.after(claims);
        set_of(Arc::new(root), len.saturating_add_signed(by))
    }

    /// Meets the claims in place and returns by how much there are more followers now.
    fn edit(&mut self, claims: &mut [Claim], scratch: &mut Scratch) -> i32 {
        debug_assert!(claims.is_sorted_by(|a, b| a.id < b.id));
        let mut parts = std::mem::take(&mut scratch.parts);
        self.locate(claims, &mut scratch.nodes, &mut parts);
        let mut edited = std::mem::take(&mut scratch.edited);
        let mut by = 0;
        let mut until = parts.len();
        while until > 0 {
            // New leaves are made before any is put in place: counting owners waits until all that was written arrived.
            let from = first_of_node(&parts, until.saturating_sub(AT_ONCE), until);
            edited.clear();
            for at in (from..until).rev() {
                if let Some(later) = at.checked_sub(AHEAD) {
                    self.leaf(parts[later]).soon();
                }
                let part = parts[at];
                let claims = &mut claims[part.from as usize..part.until as usize];
                edited.push(self.leaf(part).edited(claims, &mut scratch.leaf));
            }
            let mut edited = edited.drain(..);
            for parts in parts[from..until].chunk_by(|a, b| a.node == b.node).rev() {
                by += self.edit_node(parts, &mut edited, claims, scratch);
            }
            until = from;
        }
        scratch.parts = parts;
        scratch.edited = edited;
        by
    }

    fn leaf(&self, part: Part) -> &Leaf {
        &self.parts[part.node as usize].parts[part.leaf as usize]
    }

    /// Finds the leaf of each claim. Step by step for all of them: each step misses the cache, and the misses of one step
    /// do not wait for each other.
    fn locate(&self, claims: &[Claim], nodes: &mut Vec<Part>, parts: &mut Vec<Part>) {
        nodes.clear();
        let mut from = 0;
        while let Some(claim) = claims.get(from) {
            let at = self.part_of(claim.id);
            let until = from + below(&claims[from..], self.firsts.get(at + 1));
            prefetch::soon(Arc::as_ptr(&self.parts[at]));
            nodes.push(Part { node: at as u32, leaf: 0, from: from as u32, until: until as u32 });
            from = until;
        }
        for part in &*nodes {
            prefetch::all_soon(&self.parts[part.node as usize].firsts);
        }
        parts.clear();
        for part in &*nodes {
            let node = &self.parts[part.node as usize];
            let claims = &claims[..part.until as usize];
            let mut from = part.from as usize;
            while let Some(claim) = claims.get(from) {
                let leaf = node.part_of(claim.id);
                let until = from + below(&claims[from..], node.firsts.get(leaf + 1));
                prefetch::soon(&raw const node.parts[leaf]);
                parts.push(Part { leaf: leaf as u32, from: from as u32, until: until as u32, ..*part });
                from = until;
            }
        }
    }

    /// Puts in place what was made of the leaves of one node, from the last to the first.
    fn edit_node(
        &mut self,
        parts: &[Part],
        edited: &mut impl Iterator<Item = Edited>,
        claims: &mut [Claim],
        scratch: &mut Scratch,
    ) -> i32 {
        let Some(at) = parts.first().map(|part| part.node as usize) else { return 0 };
        let node = Arc::make_mut(&mut self.parts[at]);
        let mut by = 0;
        // The leaf that the one after was joined to.
        let mut joined = None;
        for (part, mut edited) in parts.iter().rev().zip(edited) {
            let leaf = part.leaf as usize;
            let old = &node.parts[leaf];
            let is_plain = match &edited {
                Edited::Same => true,
                Edited::Leaf(new) => new.len() >= LEAF_MIN,
                Edited::Cut => false,
            };
            if !is_plain || joined == Some(leaf) {
                let claims = &mut claims[part.from as usize..part.until as usize];
                edited = old.edited(claims, &mut scratch.leaf);
            }
            match edited {
                Edited::Same => {}
                Edited::Leaf(new) if new.len() >= LEAF_MIN => {
                    by += new.len() as i32 - old.len() as i32;
                    node.put(leaf, new);
                }
                Edited::Leaf(_) | Edited::Cut => {
                    let columns = &mut scratch.columns;
                    columns.clear();
                    old.rewrite(&scratch.leaf.edits, columns);
                    by += columns.len() as i32 - old.len() as i32;
                    let (at, new) = node.cut(leaf, columns);
                    joined = (at.start < leaf).then_some(at.start);
                    node.splice(at, new);
                }
            }
        }
        self.rebalance(at);
        by
    }

    /// Makes several nodes of one that has become too large, and none of one that is empty or nearly so.
    fn rebalance(&mut self, at: usize) {
        let len = self.parts[at].parts.len();
        if (1..=NODE_MAX).contains(&len) {
            self.firsts[at] = self.parts[at].first();
            let Some(before) = at.checked_sub(1).map(|before| self.parts[before].parts.len()) else { return };
            if len >= NODE_MIN || before + len > NODE_MAX - NODE_MIN {
                return;
            }
            self.firsts.remove(at);
            let few = Arc::unwrap_or_clone(self.parts.remove(at));
            let before = Arc::make_mut(&mut self.parts[at - 1]);
            before.firsts.extend(few.firsts);
            before.parts.extend(few.parts);
        } else {
            self.firsts.remove(at);
            let node = Arc::unwrap_or_clone(self.parts.remove(at));
            let nodes = nodes_of(node.parts);
            self.firsts.splice(at..at, nodes.iter().map(|node| node.first()));
            self.parts.splice(at..at, nodes);
        }
    }
}

impl Node {
    fn put(&mut self, at: usize, leaf: Leaf) {
        self.firsts[at] = leaf.first();
        self.parts[at] = leaf;
    }

    fn splice(&mut self, at: Range<usize>, leaves: Vec<Leaf>) {
        self.firsts.splice(at.clone(), leaves.iter().map(Leaf::first));
        self.parts.splice(at, leaves);
    }

    /// The columns as leaves in the place of that one, joined to the one before when they are short; and the place.
    fn cut(&self, at: usize, columns: &Columns) -> (Range<usize>, Vec<Leaf>) {
        if columns.len() < LEAF_MIN
            && let Some(before) = at.checked_sub(1)
            && self.parts[before].len() + columns.len() <= LEAF_MAX - LEAF_MIN
        {
            let mut joined = Columns::default();
            self.parts[before].rewrite(&[], &mut joined);
            joined.extend(&columns.ids, &columns.days);
            return (before..at + 1, joined.leaves().collect());
        }
        (at..at + 1, columns.leaves().collect())
    }
}

/// Leaves made at once at most, but for those of one node.
const AT_ONCE: usize = 64;

/// How many leaves ahead memory is asked for.
const AHEAD: usize = 8;

/// The first part of the node that `from` falls into; all of them lie before `until`.
fn first_of_node(parts: &[Part], from: usize, until: usize) -> usize {
    let node = parts[from].node;
    let before = parts[..until.min(from)].iter().rev().take_while(|part| part.node == node).count();
    from - before
}

/// How many of the claims are below the first number of the next part.
fn below(claims: &[Claim], next_first: Option<&u32>) -> usize {
    let Some(first) = next_first else { return claims.len() };
    search::at_front(claims, |claim| claim.id < *first)
}

/// The nodes that hold the leaves, evenly filled; none when there are no leaves.
fn nodes_of(mut leaves: Vec<Leaf>) -> Vec<Arc<Node>> {
    let mut nodes = Vec::new();
    if leaves.len() > NODE_MAX {
        let size = leaves.len().div_ceil(leaves.len().div_ceil(NODE_MAX * 3 / 4));
        let mut rest = leaves.into_iter();
        while rest.len() > size {
            nodes.push(Arc::new(Node::of_leaves(rest.by_ref().take(size).collect())));
        }
        leaves = rest.collect();
    }
    if !leaves.is_empty() {
        nodes.push(Arc::new(Node::of_leaves(leaves)));
    }
    nodes
}
