//! A new version of a set from the old one and sorted changes.
//!
//! Parts no change falls into are shared with the old version; only touched leaves are copied.

use std::sync::Arc;

use super::leaf::{Change, Columns, Edit, LEAF_MAX, LEAF_MIN, Leaf};
use super::{Body, FollowerSet, Level, NODE_MAX, NODE_MIN, Node};

/// Room that is used again from one rewrite to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    columns: Columns,
    edits: Vec<Edit>,
}

impl FollowerSet {
    /// This set with the changes made. `changes` ascend and name each follower once; removing who is not there
    /// and putting who is already there are both fine.
    pub(crate) fn with(&self, changes: &[Change], scratch: &mut Scratch) -> FollowerSet {
        debug_assert!(changes.is_sorted_by(|a, b| a.id < b.id));
        let root = match &self.body {
            Body::Empty => {
                scratch.columns.clear();
                for change in changes {
                    if let Some(day) = change.day {
                        scratch.columns.push(change.id, day);
                    }
                }
                return of_columns(&scratch.columns);
            }
            Body::Small(leaf) => {
                if let Some(leaf) = leaf.edited(changes, &mut scratch.edits) {
                    return FollowerSet { len: leaf.len() as u32, body: Body::Small(leaf) };
                }
                scratch.columns.clear();
                leaf.rewrite(changes, &mut scratch.columns);
                return of_columns(&scratch.columns);
            }
            Body::Large(root) => root,
        };
        let mut len = i64::from(self.len);
        let mut nodes: Vec<Arc<Node>> = Vec::with_capacity(root.parts.len() + 1);
        let mut rest = changes;
        let mut shared = 0;
        while let Some(next) = rest.first() {
            let at = root.part_of(next.id);
            let (here, later) = split_below(rest, root.firsts.get(at + 1));
            nodes.extend_from_slice(&root.parts[shared..at]);
            push_nodes(rewrite_node(&root.parts[at], here, scratch, &mut len), &mut nodes);
            shared = at + 1;
            rest = later;
        }
        nodes.extend_from_slice(&root.parts[shared..]);
        let len = u32::try_from(len).unwrap_or(0);
        if let [node] = &nodes[..]
            && let [leaf] = &node.parts[..]
        {
            return FollowerSet { len, body: Body::Small(leaf.clone()) };
        }
        if nodes.is_empty() {
            return FollowerSet::default();
        }
        FollowerSet { len, body: Body::Large(Level::of_nodes(nodes)) }
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
    let mut nodes = Vec::new();
    push_nodes(leaves, &mut nodes);
    FollowerSet { len, body: Body::Large(Level::of_nodes(nodes)) }
}

/// The changes below the first number of the next part, and the others.
fn split_below<'a>(changes: &'a [Change], next_first: Option<&u32>) -> (&'a [Change], &'a [Change]) {
    let cut = match next_first {
        Some(first) => changes.partition_point(|change| change.id < *first),
        None => changes.len(),
    };
    changes.split_at(cut)
}

/// The leaves of the node with the changes made. `len` follows the number of followers.
fn rewrite_node(node: &Node, changes: &[Change], scratch: &mut Scratch, len: &mut i64) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::with_capacity(node.parts.len() + 1);
    let mut rest = changes;
    let mut shared = 0;
    while let Some(next) = rest.first() {
        let at = node.part_of(next.id);
        let (here, later) = split_below(rest, node.firsts.get(at + 1));
        leaves.extend_from_slice(&node.parts[shared..at]);
        shared = at + 1;
        rest = later;
        let old = &node.parts[at];
        if let Some(new) = old.edited(here, &mut scratch.edits)
            && new.len() >= LEAF_MIN
        {
            *len += new.len() as i64 - old.len() as i64;
            leaves.push(new);
            continue;
        }
        let columns = &mut scratch.columns;
        columns.clear();
        old.rewrite(here, columns);
        *len += columns.len() as i64 - old.len() as i64;
        if columns.len() < LEAF_MIN
            && let Some(before) = leaves.last()
            && before.len() + columns.len() <= LEAF_MAX - LEAF_MIN
        {
            let mut joined = Columns::default();
            before.rewrite(&[], &mut joined);
            joined.extend(&columns.ids, &columns.days);
            leaves.pop();
            leaves.extend(joined.leaves());
        } else {
            leaves.extend(columns.leaves());
        }
    }
    leaves.extend_from_slice(&node.parts[shared..]);
    leaves
}

/// Appends the leaves as nodes, joined to the last node when they are few.
fn push_nodes(mut leaves: Vec<Leaf>, nodes: &mut Vec<Arc<Node>>) {
    if leaves.len() < NODE_MIN
        && let Some(before) = nodes.last()
        && before.parts.len() + leaves.len() <= NODE_MAX - NODE_MIN
    {
        let mut joined = before.parts.to_vec();
        joined.append(&mut leaves);
        leaves = joined;
        nodes.pop();
    }
    if leaves.is_empty() {
        return;
    }
    if leaves.len() <= NODE_MAX {
        nodes.push(Arc::new(Node::of_leaves(leaves)));
        return;
    }
    let size = leaves.len().div_ceil(leaves.len().div_ceil(NODE_MAX * 3 / 4));
    nodes.extend(leaves.chunks(size).map(|part| Arc::new(Node::of_leaves(part.to_vec()))));
}
