//! The followers of one account at one moment.
//!
//! Small sets are one leaf; larger ones a tree of three levels (root, nodes, leaves) whose parts are shared
//! between versions, and changes that wait beside it (see `pending`). Nothing changes once readers see it. Where leaves
//! are cut depends on the order of changes and means nothing: equal sets may be cut differently.

mod build;
mod leaf;
mod newest;
mod pending;
mod rewrite;
mod search;

use std::sync::Arc;

use crate::{AccountNo, Day, prefetch};

pub(crate) use build::SetBuilder;
pub(crate) use leaf::{Asks, Change, Claim, LEAF_MAX, Leaf, Mask, Offsets};
pub(crate) use rewrite::Scratch;

/// Leaves of one node at most.
const NODE_MAX: usize = 128;

/// A node with fewer is joined to its neighbour when it is rewritten anyway.
const NODE_MIN: usize = 32;

/// Numbers of a line of memory.
const LINE: usize = 16;

/// How many leaves ahead memory is asked for when all are read.
const AHEAD: usize = 2;

/// The followers of one account at one moment; never changes once seen.
#[derive(Debug, Clone, Default)]
pub struct FollowerSet {
    len: u32,
    body: Body,
}

#[derive(Debug, Clone, Default)]
enum Body {
    #[default]
    Empty,
    Small(Leaf),
    Large(Arc<Root>),
    Pending(Arc<pending::Pending>),
}

/// How near a follower in a tree is: each step reads what the one before asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Node,
    Parts,
    Leaf,
}

/// Nodes in ascending order, beside the lowest number of each, so that a search does not touch the nodes.
#[derive(Debug, Clone)]
struct Root {
    firsts: Vec<u32>,
    parts: Vec<Arc<Node>>,
    recent: newest::Recent,
}

/// Leaves in ascending order, beside the lowest number of each.
#[derive(Debug, Clone)]
struct Node {
    firsts: Vec<u32>,
    parts: Vec<Leaf>,
}

/// The part that holds `id` if any does, by the lowest number of each part.
#[inline]
fn part_of(firsts: &[u32], id: u32) -> usize {
    firsts.partition_point(|first| *first <= id).saturating_sub(1)
}

/// Where `id` lies among the `len` of a part if these are spread evenly; in the middle when the part is the last one.
#[inline]
fn guess(id: u32, firsts: &[u32], part: usize, len: usize) -> usize {
    match firsts.get(part..part + 2) {
        Some([first, next]) if first < next => {
            let (before, all) = (u64::from(id.saturating_sub(*first)), u64::from(next - first));
            (before * len as u64 / all) as usize
        }
        _ => len / 2,
    }
}

impl Node {
    fn of_leaves(leaves: Vec<Leaf>) -> Node {
        Node { firsts: leaves.iter().map(Leaf::first).collect(), parts: leaves }
    }

    fn first(&self) -> u32 {
        self.firsts.first().copied().unwrap_or(0)
    }

    #[inline]
    fn part_of(&self, id: u32) -> usize {
        part_of(&self.firsts, id)
    }

    /// Asks for what a search reads that is guessed to end at that leaf.
    #[inline]
    fn soon(&self, guess: usize) {
        prefetch::all_soon(&self.firsts);
        let parts = self.parts.as_ptr();
        prefetch::soon(parts.wrapping_add(guess.saturating_sub(2)));
        prefetch::soon(parts.wrapping_add(guess + 2));
    }
}

impl Root {
    fn of_nodes(nodes: Vec<Arc<Node>>) -> Root {
        let firsts = nodes.iter().map(|node| node.first()).collect();
        Root { firsts, parts: nodes, recent: newest::Recent::default() }
    }

    #[inline]
    fn part_of(&self, id: u32) -> usize {
        part_of(&self.firsts, id)
    }

    #[inline]
    fn day_of(&self, id: u32) -> Option<u16> {
        let at = self.part_of(id);
        let node = self.parts.get(at)?;
        node.soon(guess(id, &self.firsts, at, node.parts.len()));
        let at = node.part_of(id);
        let leaf = node.parts.get(at)?;
        let guess = guess(id, &node.firsts, at, leaf.len_if_narrow());
        leaf.soon_near(guess);
        leaf.day_of_near(id, guess)
    }

    /// One step of [`Root::day_of`], for who has something else to do meanwhile.
    #[inline]
    fn way_soon(&self, step: Way, id: u32) {
        let at = self.part_of(id);
        let Some(node) = self.parts.get(at) else { return };
        match step {
            Way::Node => prefetch::soon(Arc::as_ptr(node)),
            Way::Parts => node.soon(guess(id, &self.firsts, at, node.parts.len())),
            Way::Leaf => {
                let at = node.part_of(id);
                if let Some(leaf) = node.parts.get(at) {
                    leaf.soon_near(guess(id, &node.firsts, at, leaf.len_if_narrow()));
                }
            }
        }
    }

    fn leaves(&self) -> impl DoubleEndedIterator<Item = &Leaf> + '_ {
        self.parts.iter().flat_map(|node| node.parts.iter())
    }

    /// Whether each level knows the lowest numbers of the one below.
    fn is_sound(&self) -> bool {
        self.firsts.len() == self.parts.len()
            && self.firsts.iter().zip(&self.parts).all(|(first, node)| *first == node.first())
            && self.parts.iter().all(|node| node_is_sound(node))
    }

    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize {
        let node = |node: &Arc<Node>| node.parts.len() * 20 + size_of::<Node>() + 16;
        let leaves: usize = self.leaves().map(Leaf::heap_bytes).sum();
        leaves + self.parts.len() * 12 + self.parts.iter().map(node).sum::<usize>()
    }
}

impl FollowerSet {
    /// How many follow.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether nobody follows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Since which day `follower` follows, or `None` when it does not.
    pub fn contains(&self, follower: AccountNo) -> Option<Day> {
        let id = follower.0;
        match &self.body {
            Body::Empty => None,
            Body::Small(leaf) => {
                leaf.soon();
                leaf.day_of(id).map(Day)
            }
            Body::Large(root) => root.day_of(id).map(Day),
            Body::Pending(pending) => pending.find(id).unwrap_or_else(|root| root.day_of(id)).map(Day),
        }
    }

    /// Asks for what a change will read first.
    #[inline]
    pub(crate) fn soon(&self) {
        match &self.body {
            Body::Empty => {}
            Body::Small(leaf) => leaf.soon(),
            Body::Large(root) => prefetch::soon(Arc::as_ptr(root)),
            Body::Pending(pending) => prefetch::whole_soon(&**pending),
        }
    }

    /// Asks for what lies behind that.
    #[inline]
    pub(crate) fn changes_soon(&self) {
        if let Body::Pending(pending) = &self.body {
            pending.soon();
        }
    }

    /// The tree, whatever waits beside it.
    #[inline]
    fn root(&self) -> Option<&Root> {
        match &self.body {
            Body::Empty | Body::Small(_) => None,
            Body::Large(root) => Some(root),
            Body::Pending(pending) => Some(pending.root()),
        }
    }

    /// Asks for where the way through the tree begins. Says whether there is one.
    #[inline]
    pub(crate) fn tree_soon(&self) -> bool {
        if let Body::Pending(pending) = &self.body {
            pending.waiting_soon();
        }
        let Some(root) = self.root() else { return false };
        prefetch::all_soon(root.firsts.get(..LINE).unwrap_or(&root.firsts));
        prefetch::soon(root.parts.as_ptr());
        true
    }

    /// One step on the way to a follower in the tree.
    #[inline]
    pub(crate) fn way_soon(&self, step: Way, id: u32) {
        if let Some(root) = self.root() {
            root.way_soon(step, id);
        }
    }

    /// Every follower by ascending account number.
    pub fn iter(&self) -> impl Iterator<Item = (AccountNo, Day)> + '_ {
        self.leaves().flat_map(Leaf::iter).map(|(id, day)| (AccountNo(id), Day(day)))
    }

    /// Every leaf by ascending account number, for who reads all of each.
    pub(crate) fn leaves_ahead(&self) -> impl Iterator<Item = &Leaf> + '_ {
        ahead(self.leaves())
    }

    /// Every leaf by ascending account number. What waits is settled first, and stays settled for the next who asks: for
    /// many sets, or one that is soon changed, [`FollowerSet::settled`] keeps less.
    pub(crate) fn leaves(&self) -> impl DoubleEndedIterator<Item = &Leaf> + '_ {
        let set = match &self.body {
            Body::Pending(pending) => pending.settled(self.len),
            Body::Empty | Body::Small(_) | Body::Large(_) => self,
        };
        let (small, nodes) = match &set.body {
            Body::Small(leaf) => (Some(leaf), &[] as &[Arc<Node>]),
            Body::Large(root) => (None, &root.parts[..]),
            Body::Empty | Body::Pending(_) => (None, &[] as &[Arc<Node>]),
        };
        small.into_iter().chain(nodes.iter().flat_map(|node| node.parts.iter()))
    }

    /// Whether its shape is sound: ascending, counted right, no part empty or too large.
    pub(crate) fn is_sound(&self) -> bool {
        let settled = self.settled();
        let mut last = None;
        let mut counted = 0;
        for leaf in settled.leaves() {
            counted += leaf.len();
            if !leaf.is_sound() || last.is_some_and(|last| last >= leaf.first()) {
                return false;
            }
            last = Some(leaf.last());
        }
        let is_sound = match &self.body {
            Body::Empty | Body::Small(_) => true,
            Body::Large(root) => root.is_sound() && root.recent.is_sound(self),
            Body::Pending(pending) => {
                pending.is_sound() && pending.root().is_sound() && pending.recent.is_sound(&settled)
            }
        };
        is_sound && usize::try_from(self.len).is_ok_and(|len| len == counted)
    }

    /// Bytes on the heap, without what the allocator adds.
    pub fn heap_bytes(&self) -> usize {
        let body = match &self.body {
            Body::Empty => 0,
            Body::Small(leaf) => leaf.heap_bytes(),
            Body::Large(root) => root.heap_bytes(),
            Body::Pending(pending) => pending.root().heap_bytes() + pending.heap_bytes(),
        };
        body + size_of::<FollowerSet>() + 16
    }
}

/// The same leaves. Each is asked for while those before it are looked at.
pub(crate) fn ahead<'a>(mut leaves: impl Iterator<Item = &'a Leaf>) -> impl Iterator<Item = &'a Leaf> {
    let mut next = move || leaves.next().inspect(|leaf| leaf.soon());
    let mut soon: [Option<&Leaf>; AHEAD] = std::array::from_fn(|_| next());
    std::iter::from_fn(move || {
        let leaf = soon[0]?;
        soon.rotate_left(1);
        soon[AHEAD - 1] = next();
        Some(leaf)
    })
}

fn node_is_sound(node: &Node) -> bool {
    !node.parts.is_empty()
        && node.parts.len() <= NODE_MAX
        && node.firsts.len() == node.parts.len()
        && node.firsts.iter().zip(&node.parts).all(|(first, leaf)| *first == leaf.first())
}
