//! The lists anew, from the follower sets.
//!
//! Follower sets are read from the lowest account to the highest, so what belongs to one group of followers arrives
//! ordered by followed account; one counting pass by follower is all the sorting there is. The work is done in stripes
//! of followers, so that unpacked edges never take more than a share of what the lists take in the end.

use super::lists::Groups;
use super::segment::{GROUP, local};
use crate::set::LEAF_MAX;
use crate::shared::Shared;
use crate::{AccountNo, FollowerSet};

/// Edges of one stripe at least.
const STRIPE_MIN: u64 = if cfg!(test) { 500 } else { 4 << 20 };

/// Stripes at most: each reads the beginning of every set once more.
const STRIPES_MAX: u64 = 6;

/// Every edge that is in a set while this runs from beginning to end is in the result; others may be.
pub(super) fn build(shared: &Shared) -> Groups {
    let accounts = shared.accounts();
    let groups = Groups::new(accounts);
    let edges: u64 = (0..accounts).map(|who| u64::from(shared.following(AccountNo(who)))).sum();
    let stripe = (edges / STRIPES_MAX).max(STRIPE_MIN);
    let mut from = 0;
    while from < accounts {
        let until = end_of_stripe(shared, from, accounts, stripe);
        build_stripe(shared, from, until, accounts, &groups);
        from = until;
    }
    groups
}

/// Where the stripe ends that begins at `from`, at the border of a group.
fn end_of_stripe(shared: &Shared, from: u32, accounts: u32, stripe: u64) -> u32 {
    let mut edges = 0;
    let mut until = from;
    while until < accounts && edges < stripe {
        let end = until.saturating_add(GROUP).min(accounts);
        edges += (until..end).map(|who| u64::from(shared.following(AccountNo(who)))).sum::<u64>();
        until = end;
    }
    until
}

fn build_stripe(shared: &Shared, from: u32, until: u32, accounts: u32, groups: &Groups) {
    let first_group = from / GROUP;
    let mut edges_of: Vec<Vec<u64>> = vec![Vec::new(); (until - from).div_ceil(GROUP) as usize];
    for followee in 0..accounts {
        let Some(slot) = shared.slot(followee) else { continue };
        let set = slot.load();
        let Some(set) = set.as_deref() else { continue };
        each_between(&set.settled(), from, until, |follower| {
            let group = (follower / GROUP - first_group) as usize;
            if let Some(edges) = edges_of.get_mut(group) {
                edges.push(local(follower, followee));
            }
        });
    }
    let mut sorted = Vec::new();
    for (group, edges) in (first_group..).zip(edges_of) {
        if edges.is_empty() {
            continue;
        }
        by_follower(&edges, &mut sorted);
        drop(edges);
        groups.fill(group, &sorted);
    }
}

/// Goes through the followers of a set that are in a range.
fn each_between(set: &FollowerSet, from: u32, until: u32, mut each: impl FnMut(u32)) {
    let mut ids = [0; LEAF_MAX];
    for leaf in set.leaves() {
        if leaf.last() < from {
            continue;
        }
        if leaf.first() >= until {
            return;
        }
        for id in leaf.ids_into(&mut ids) {
            if (from..until).contains(id) {
                each(*id);
            }
        }
    }
}

/// Puts edges, which ascend by followed account, in order of the follower first.
fn by_follower(edges: &[u64], sorted: &mut Vec<u64>) {
    let mut starts = [0usize; GROUP as usize + 1];
    for edge in edges {
        if let Some(start) = starts.get_mut((edge >> 32) as usize + 1) {
            *start += 1;
        }
    }
    for place in 1..starts.len() {
        starts[place] += starts[place - 1];
    }
    sorted.clear();
    sorted.resize(edges.len(), 0);
    for edge in edges {
        let Some(start) = starts.get_mut((edge >> 32) as usize) else { continue };
        if let Some(to) = sorted.get_mut(*start) {
            *to = *edge;
        }
        *start += 1;
    }
}
