//! A set from followers given in ascending order.

use std::sync::Arc;

use super::leaf::{Columns, LEAF_FILL, LEAF_MAX, LEAF_MIN, Leaf};
use super::{Body, FollowerSet, NODE_MAX, Node, Root};

/// Takes followers in ascending order and packs them into leaves and nodes.
#[derive(Debug, Default)]
pub(crate) struct SetBuilder {
    open: Columns,
    leaves: Vec<Leaf>,
    nodes: Vec<Arc<Node>>,
    closed: u32,
}

impl SetBuilder {
    /// Adds a follower whose number is above all before it.
    pub(crate) fn push(&mut self, id: u32, day: u16) {
        debug_assert!(self.open.ids.last().is_none_or(|last| *last < id));
        if self.open.len() == self.cut() {
            self.close_leaf();
        }
        self.open.push(id, day);
    }

    /// Adds followers whose numbers ascend and are above all before them.
    pub(crate) fn extend(&mut self, mut ids: &[u32], mut days: &[u16]) {
        while !ids.is_empty() {
            if self.open.len() == self.cut() {
                self.close_leaf();
            }
            let room = self.cut() - self.open.len();
            let (now, later) = ids.split_at(room.min(ids.len()));
            let (days_now, days_later) = days.split_at(now.len());
            self.open.extend(now, days_now);
            (ids, days) = (later, days_later);
        }
    }

    /// Adds a whole leaf whose numbers are above all before them; shares it where that leaves no crumbs.
    pub(crate) fn extend_leaf(&mut self, leaf: &Leaf) {
        if leaf.len() >= LEAF_MIN && (self.open.len() == 0 || self.open.len() >= LEAF_MIN) {
            while self.open.len() > 0 {
                self.close_leaf();
            }
            self.closed += leaf.len() as u32;
            self.put_leaf(leaf.clone());
        } else {
            self.extend(leaf.ids_into(&mut [0; LEAF_MAX]), leaf.days());
        }
    }

    /// The set of all that was pushed; the builder is empty again.
    pub(crate) fn finish(&mut self) -> FollowerSet {
        if self.leaves.is_empty() && self.nodes.is_empty() {
            let len = self.open.len() as u32;
            if len == 0 {
                return FollowerSet::default();
            }
            let leaf = Leaf::new(&self.open.ids, &self.open.days);
            self.open.clear();
            return FollowerSet { len, body: Body::Small(leaf) };
        }
        while self.open.len() > 0 {
            self.close_leaf();
        }
        if !self.leaves.is_empty() {
            self.close_node();
        }
        let len = std::mem::take(&mut self.closed);
        FollowerSet { len, body: Body::Large(Arc::new(Root::of_nodes(std::mem::take(&mut self.nodes)))) }
    }

    /// A set that fits into one leaf stays one leaf, so the first cut waits until it does not.
    fn cut(&self) -> usize {
        if self.leaves.is_empty() && self.nodes.is_empty() { LEAF_MAX } else { LEAF_FILL }
    }

    fn close_leaf(&mut self) {
        let leaf = self.open.first_leaf();
        self.closed += leaf.len() as u32;
        self.put_leaf(leaf);
    }

    fn put_leaf(&mut self, leaf: Leaf) {
        self.leaves.push(leaf);
        if self.leaves.len() == NODE_MAX {
            self.close_node();
        }
    }

    fn close_node(&mut self) {
        self.nodes.push(Arc::new(Node::of_leaves(std::mem::take(&mut self.leaves))));
    }
}
