//! Whom a filter took and holds still.
//!
//! Most filters that matter take most of a set. What such a one took is never written down: it is the set before without
//! the set after, both of which are there anyway, share their memory with what readers see, and never change. What
//! became of single followers since lies beside it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::choose::places;
use crate::set::{Change, LEAF_MAX, Leaf, Mask, Scratch, SetBuilder};
use crate::{AccountNo, Day, FollowerSet};

/// Those taken and since when they followed.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    len: u32,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Listed(FollowerSet),
    Difference(Box<Difference>),
}

/// (`before` without `left` without `gone`) and `put`.
#[derive(Debug, Clone)]
struct Difference {
    before: Arc<FollowerSet>,
    left: Arc<FollowerSet>,
    /// Who is in `before` and not in `left`, for each leaf of `before` in order.
    masks: Arc<[Mask]>,
    /// Who was taken but is no longer; only who is in `before` and not in `left`.
    gone: FollowerSet,
    /// Who came since, or has another day now; no one who is in the rest.
    put: FollowerSet,
}

/// A set without one out of so many of those before costs less memory listed than as a difference.
const LISTED_BELOW: u32 = 4;

impl Taken {
    pub(crate) fn listed(set: FollowerSet) -> Taken {
        Taken { len: set.len(), body: Body::Listed(set) }
    }

    /// All of `before` who are not in `left`, which is a part of it: those in the masks, one for each leaf of `before`.
    pub(crate) fn between(before: &Arc<FollowerSet>, left: &Arc<FollowerSet>, masks: Vec<Mask>) -> Taken {
        let len = before.len() - left.len();
        if len < before.len() / LISTED_BELOW {
            let mut listed = SetBuilder::default();
            masked(before, &masks).for_each(|(id, day)| listed.push(id, day));
            return Taken::listed(listed.finish());
        }
        let body = Body::Difference(Box::new(Difference {
            before: Arc::clone(before),
            left: Arc::clone(left),
            masks: masks.into(),
            gone: FollowerSet::default(),
            put: FollowerSet::default(),
        }));
        Taken { len, body }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Since which day a follower it holds followed.
    pub(crate) fn contains(&self, follower: AccountNo) -> Option<Day> {
        match &self.body {
            Body::Listed(set) => set.contains(follower),
            Body::Difference(difference) => difference.contains(follower),
        }
    }

    /// Calls `each` for all it holds, by ascending number.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, u16)) {
        match &self.body {
            Body::Listed(set) => set.iter().for_each(|(id, day)| each(id.0, day.0)),
            Body::Difference(difference) => difference.for_each(each),
        }
    }

    /// All it holds leaf by leaf, if nothing came of any of them since.
    pub(crate) fn leaves(&self) -> Option<impl Iterator<Item = (&Leaf, &Mask)>> {
        match &self.body {
            Body::Difference(all) if all.gone.is_empty() && all.put.is_empty() => {
                Some(all.before.leaves().zip(&*all.masks))
            }
            Body::Difference(_) | Body::Listed(_) => None,
        }
    }

    /// All it holds, as a set of its own.
    pub(crate) fn to_set(&self) -> FollowerSet {
        if let Body::Listed(set) = &self.body {
            return set.clone();
        }
        let mut set = SetBuilder::default();
        self.for_each(|id, day| set.push(id, day));
        set.finish()
    }

    /// Makes changes. They ascend and name each follower once.
    pub(crate) fn change(&mut self, changes: &[Change], scratch: &mut Scratch) {
        match &mut self.body {
            Body::Listed(set) => {
                *set = set.with(changes, scratch);
                self.len = set.len();
            }
            Body::Difference(difference) => {
                let more = difference.change(changes, scratch);
                self.len = self.len.saturating_add_signed(more);
            }
        }
    }

    /// The set `now` with all that is held back in it: what came of the set since is kept.
    ///
    /// Undoing a filter nobody touched gives the very set of before.
    pub(crate) fn back_into(&self, now: &Arc<FollowerSet>, scratch: &mut Scratch) -> Arc<FollowerSet> {
        let difference = match &self.body {
            Body::Listed(set) => {
                let mut changes = Vec::with_capacity(set.len() as usize);
                set.iter().for_each(|(id, day)| changes.push(Change { id: id.0, day: Some(day.0) }));
                return Arc::new(now.with(&changes, scratch));
            }
            Body::Difference(difference) => difference,
        };
        let changes = difference.since(now);
        if changes.is_empty() {
            return Arc::clone(&difference.before);
        }
        Arc::new(difference.before.with(&changes, scratch))
    }

    pub(crate) fn is_sound(&self) -> bool {
        let mut last = None;
        let mut counted = 0;
        let mut ascends = true;
        self.for_each(|id, _| {
            ascends &= last.is_none_or(|last| last < id);
            last = Some(id);
            counted += 1;
        });
        let parts = match &self.body {
            Body::Listed(set) => set.is_sound(),
            Body::Difference(difference) => {
                [&*difference.before, &*difference.left, &difference.gone, &difference.put]
                    .iter()
                    .all(|set| set.is_sound())
            }
        };
        ascends && parts && counted == self.len
    }
}

impl Difference {
    fn contains(&self, follower: AccountNo) -> Option<Day> {
        self.put
            .contains(follower)
            .or_else(|| self.taken_then(follower).filter(|_| self.gone.contains(follower).is_none()))
    }

    /// Whether the filter took it when it ran.
    fn taken_then(&self, follower: AccountNo) -> Option<Day> {
        self.before.contains(follower).filter(|_| self.left.contains(follower).is_none())
    }

    fn for_each(&self, mut each: impl FnMut(u32, u16)) {
        let then = masked(&self.before, &self.masks);
        if self.gone.is_empty() && self.put.is_empty() {
            then.for_each(|(id, day)| each(id, day));
            return;
        }
        let mut put = self.put.iter().peekable();
        let mut gone = self.gone.iter().peekable();
        for (id, day) in then {
            if gone.next_if(|(gone, _)| gone.0 == id).is_some() {
                continue;
            }
            while let Some((put, day)) = put.next_if(|(put, _)| put.0 < id) {
                each(put.0, day.0);
            }
            each(id, day);
        }
        put.for_each(|(put, day)| each(put.0, day.0));
    }

    /// Makes changes and says how many more it holds now.
    fn change(&mut self, changes: &[Change], scratch: &mut Scratch) -> i32 {
        let (mut gone, mut put) = (Vec::new(), Vec::new());
        let mut more = 0;
        for change in changes {
            let follower = AccountNo(change.id);
            more += i32::from(change.day.is_some()) - i32::from(self.contains(follower).is_some());
            if self.taken_then(follower).is_some() {
                gone.push(Change { id: change.id, day: Some(0) });
            }
            put.push(*change);
        }
        self.gone = self.gone.with(&gone, scratch);
        self.put = self.put.with(&put, scratch);
        more
    }

    /// What has to change in `before` to become `now` with all that is held.
    fn since(&self, now: &Arc<FollowerSet>) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        if !Arc::ptr_eq(now, &self.left) {
            apart(&self.left, now, |id, left, now| {
                if left != now {
                    changes.push(Change { id, day: now });
                }
            });
        }
        if self.gone.is_empty() && self.put.is_empty() {
            return changes;
        }
        // Who is gone is in `before`: gone from there too, but for those who are in the set or held again.
        let lost = self.gone.iter().filter(|(id, _)| now.contains(*id).is_none());
        changes.extend(lost.map(|(id, _)| Change { id: id.0, day: None }));
        changes.extend(self.put.iter().map(|(id, day)| Change { id: id.0, day: Some(day.0) }));
        // Stable, so of two for one follower the later one is the one that counts.
        changes.sort_by_key(|change| change.id);
        changes.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                earlier.day = later.day;
            }
            same
        });
        changes
    }
}

/// Those of the set who are in the masks, one for each leaf.
fn masked(set: &FollowerSet, masks: &[Mask]) -> impl Iterator<Item = (u32, u16)> {
    set.leaves().zip(masks).flat_map(|(leaf, mask)| {
        let (offsets, days) = (leaf.offsets(), leaf.days());
        places(mask).map(move |at| (offsets.get(at), days[at]))
    })
}

/// Walks two sets side by side and calls `each` for every follower of either, ascending, with its day in both; leaves
/// that both share are left out, so those who do not differ may or may not be named.
fn apart(one: &FollowerSet, two: &FollowerSet, mut each: impl FnMut(u32, Option<u16>, Option<u16>)) {
    let (mut one, mut two) = (Walk::over(one.leaves()), Walk::over(two.leaves()));
    while let (Some(left), Some(right)) = (one.leaf, two.leaf) {
        if one.at == 0 && two.at == 0 && left.is_same(right) {
            one.next_leaf();
            two.next_leaf();
            continue;
        }
        while let (Some((id, day)), Some((other, other_day))) = (one.here(), two.here()) {
            match id.cmp(&other) {
                Ordering::Less => each(id, Some(day), None),
                Ordering::Equal => each(id, Some(day), Some(other_day)),
                Ordering::Greater => each(other, None, Some(other_day)),
            }
            one.at += usize::from(id <= other);
            two.at += usize::from(other <= id);
        }
        one.next_leaf_if_done();
        two.next_leaf_if_done();
    }
    one.rest(|id, day| each(id, Some(day), None));
    two.rest(|id, day| each(id, None, Some(day)));
}

/// A place in a set.
struct Walk<'a, L> {
    leaves: L,
    leaf: Option<&'a Leaf>,
    ids: [u32; LEAF_MAX],
    at: usize,
}

impl<'a, L: Iterator<Item = &'a Leaf>> Walk<'a, L> {
    fn over(leaves: L) -> Walk<'a, L> {
        let mut walk = Walk { leaves, leaf: None, ids: [0; LEAF_MAX], at: 0 };
        walk.next_leaf();
        walk
    }

    fn next_leaf(&mut self) {
        self.leaf = self.leaves.next();
        self.at = 0;
        if let Some(leaf) = self.leaf {
            leaf.ids_into(&mut self.ids);
        }
    }

    fn next_leaf_if_done(&mut self) {
        if self.here().is_none() {
            self.next_leaf();
        }
    }

    /// The follower at this place of the leaf, if it is not through.
    fn here(&self) -> Option<(u32, u16)> {
        let day = self.leaf?.days().get(self.at)?;
        Some((*self.ids.get(self.at)?, *day))
    }

    /// All that is left.
    fn rest(&mut self, mut each: impl FnMut(u32, u16)) {
        while self.leaf.is_some() {
            while let Some((id, day)) = self.here() {
                each(id, day);
                self.at += 1;
            }
            self.next_leaf();
        }
    }
}
