//! Whom a filter took and holds still.
//!
//! Most filters that matter take most of a set. What such a one took is never written down: it is the set before without
//! the set after, both of which are there anyway, share their memory with what readers see, and never change. What
//! became of single followers since lies beside it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::choose::{first, places};
use crate::set::{Change, LEAF_MAX, Leaf, Mask, Scratch, SetBuilder};
use crate::{AccountNo, Day, FollowerSet};

/// Whom a filter took when it ran; never changes, whatever becomes of them.
#[derive(Debug, Clone)]
pub struct FilteredOut {
    len: u32,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Listed(Arc<FollowerSet>),
    Difference(Arc<Difference>),
}

/// `before` without `left`.
#[derive(Debug)]
struct Difference {
    before: Arc<FollowerSet>,
    left: Arc<FollowerSet>,
    /// Who is in `before` and not in `left`, for each leaf of `before` in order.
    masks: Box<[Mask]>,
}

/// A set without one out of so many of those before costs less memory listed than as a difference.
const LISTED_BELOW: u32 = 4;

impl FilteredOut {
    pub(crate) fn listed(set: FollowerSet) -> FilteredOut {
        FilteredOut { len: set.len(), body: Body::Listed(Arc::new(set)) }
    }

    /// All of `before` who are not in `left`, which is a part of it: those in the masks, one for each leaf of `before`.
    pub(crate) fn between(
        before: &Arc<FollowerSet>,
        left: &Arc<FollowerSet>,
        masks: Vec<Mask>,
    ) -> FilteredOut {
        let len = before.len() - left.len();
        if len < before.len() / LISTED_BELOW {
            let mut listed = SetBuilder::default();
            masked(before, &masks).for_each(|(id, day)| listed.push(id, day));
            return FilteredOut::listed(listed.finish());
        }
        let (before, left) = (Arc::clone(before), Arc::clone(left));
        let body = Body::Difference(Arc::new(Difference { before, left, masks: masks.into() }));
        FilteredOut { len, body }
    }

    /// How many.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether nobody was taken.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Since which day a follower who was taken had followed, or `None` for others.
    pub fn contains(&self, follower: AccountNo) -> Option<Day> {
        match &self.body {
            Body::Listed(set) => set.contains(follower),
            Body::Difference(parts) => {
                parts.before.contains(follower).filter(|_| parts.left.contains(follower).is_none())
            }
        }
    }

    /// At most `limit` of them with numbers above `after`, ascending.
    pub fn page(&self, after: Option<AccountNo>, limit: usize) -> Vec<AccountNo> {
        let beyond = |id: u32| after.is_none_or(|after| id > after.0);
        let skip = |leaf: &Leaf| after.is_some_and(|after| leaf.last() <= after.0);
        let mut page = Vec::new();
        let mut add = |leaf: &Leaf, mask: &Mask| {
            let offsets = leaf.offsets();
            let numbers = places(mask).map(|at| offsets.get(at)).filter(|id| beyond(*id));
            page.extend(numbers.take(limit - page.len()).map(AccountNo));
            page.len() < limit
        };
        match &self.body {
            Body::Listed(set) => {
                let leaves = set.leaves().skip_while(|leaf| skip(leaf));
                leaves.map(|leaf| (leaf, first(leaf.len()))).all(|(leaf, mask)| add(leaf, &mask));
            }
            Body::Difference(parts) => {
                let leaves = parts.before.leaves().zip(&*parts.masks);
                leaves.skip_while(|(leaf, _)| skip(leaf)).all(|(leaf, mask)| add(leaf, mask));
            }
        }
        page
    }

    /// Calls `each` for all of them, by ascending number.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, u16)) {
        match &self.body {
            Body::Listed(set) => set.iter().for_each(|(id, day)| each(id.0, day.0)),
            Body::Difference(parts) => {
                masked(&parts.before, &parts.masks).for_each(|(id, day)| each(id, day));
            }
        }
    }

    /// All of them, as a set of its own.
    pub(crate) fn to_set(&self) -> FollowerSet {
        if let Body::Listed(set) = &self.body {
            return (**set).clone();
        }
        let mut set = SetBuilder::default();
        self.for_each(|id, day| set.push(id, day));
        set.finish()
    }
}

/// Whom a filter took and holds still, and since when they followed: `then` without `gone`, and `put`.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    len: u32,
    then: FilteredOut,
    /// Those of `then` who are held no longer, or since another day.
    gone: FollowerSet,
    /// Who is held but was not in `then`, or since another day.
    put: FollowerSet,
}

impl Taken {
    pub(crate) fn new(then: FilteredOut) -> Taken {
        Taken { len: then.len, then, gone: FollowerSet::default(), put: FollowerSet::default() }
    }

    /// From its parts, as they were saved; `None` when they do not fit together.
    pub(crate) fn of_parts(then: FollowerSet, gone: FollowerSet, put: FollowerSet) -> Option<Taken> {
        let fits = gone.iter().all(|(id, _)| then.contains(id).is_some())
            && put.iter().all(|(id, _)| then.contains(id).is_none() || gone.contains(id).is_some());
        let len = then.len().checked_sub(gone.len())?.checked_add(put.len())?;
        fits.then(|| Taken { len, then: FilteredOut::listed(then), gone, put })
    }

    /// Its parts: whom it took, those of them it no longer holds as they were, and whom else it holds.
    pub(crate) fn parts(&self) -> (&FilteredOut, &FollowerSet, &FollowerSet) {
        (&self.then, &self.gone, &self.put)
    }

    /// Whom it took when it ran.
    pub(crate) fn then(&self) -> &FilteredOut {
        &self.then
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Since which day a follower it holds followed.
    pub(crate) fn contains(&self, follower: AccountNo) -> Option<Day> {
        let then = || self.then.contains(follower).filter(|_| self.gone.contains(follower).is_none());
        self.put.contains(follower).or_else(then)
    }

    /// Calls `each` for all it holds, by ascending number.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, u16)) {
        if self.is_untouched() {
            return self.then.for_each(each);
        }
        let mut put = self.put.iter().peekable();
        let mut gone = self.gone.iter().peekable();
        self.then.for_each(|id, day| {
            while let Some((put, day)) = put.next_if(|(put, _)| put.0 <= id) {
                each(put.0, day.0);
            }
            if gone.next_if(|(gone, _)| gone.0 == id).is_none() {
                each(id, day);
            }
        });
        put.for_each(|(put, day)| each(put.0, day.0));
    }

    /// All it holds leaf by leaf, if that is how they lie in memory.
    pub(crate) fn leaves(&self) -> Option<impl Iterator<Item = (&Leaf, &Mask)>> {
        match &self.then.body {
            Body::Difference(parts) if self.is_untouched() => {
                Some(parts.before.leaves_ahead().zip(&*parts.masks))
            }
            Body::Difference(_) | Body::Listed(_) => None,
        }
    }

    /// Makes changes. They ascend and name each follower once.
    pub(crate) fn change(&mut self, changes: &[Change], scratch: &mut Scratch) {
        let (mut gone, mut put) = (Vec::new(), Vec::new());
        for change in changes {
            let then = self.then.contains(AccountNo(change.id)).map(|day| day.0);
            let as_then = then.is_some() && then == change.day;
            if then.is_some() {
                gone.push(Change { id: change.id, day: (!as_then).then_some(0) });
            }
            put.push(Change { id: change.id, day: change.day.filter(|_| !as_then) });
        }
        self.gone = self.gone.with(&gone, scratch);
        self.put = self.put.with(&put, scratch);
        self.len = self.then.len - self.gone.len() + self.put.len();
    }

    /// The set `now` with all that is held back in it: what came of the set since is kept.
    ///
    /// Undoing a large filter nobody touched gives the very set of before.
    pub(crate) fn back_into(&self, now: &Arc<FollowerSet>, scratch: &mut Scratch) -> Arc<FollowerSet> {
        let Body::Difference(parts) = &self.then.body else {
            let mut changes = Vec::with_capacity(self.len as usize);
            self.for_each(|id, day| changes.push(Change { id, day: Some(day) }));
            return Arc::new(now.with(&changes, scratch));
        };
        let changes = self.since(&parts.left, now);
        if changes.is_empty() {
            return Arc::clone(&parts.before);
        }
        Arc::new(parts.before.with(&changes, scratch))
    }

    /// What has to change in the set of before to become `now` with all that is held; `left` is what the filter left.
    fn since(&self, left: &Arc<FollowerSet>, now: &Arc<FollowerSet>) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        if !Arc::ptr_eq(now, left) {
            apart(left, now, |id, left, now| {
                if left != now {
                    changes.push(Change { id, day: now });
                }
            });
        }
        if self.is_untouched() {
            return changes;
        }
        // Who is gone was in the set before: gone from there too, but for those who are in it again or held anew.
        let lost = self.gone.iter().filter(|(id, _)| now.contains(*id).is_none());
        changes.extend(lost.map(|(id, _)| Change { id: id.0, day: None }));
        changes.extend(self.put.iter().map(|(id, day)| Change { id: id.0, day: Some(day.0) }));
        // Stable, so of several for one follower the last one is the one that counts.
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

    fn is_untouched(&self) -> bool {
        self.gone.is_empty() && self.put.is_empty()
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
        let then = match &self.then.body {
            Body::Listed(set) => set.is_sound(),
            Body::Difference(parts) => parts.before.is_sound() && parts.left.is_sound(),
        };
        ascends && then && self.gone.is_sound() && self.put.is_sound() && counted == self.len
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
