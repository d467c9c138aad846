//! Changes of a large set that its tree does not show yet.
//!
//! A leaf is a kilobyte and a change a few bytes, so a leaf that is written anew for each change costs more than all else
//! an event does. Changes of a tree therefore wait beside it in two runs: a short one that is written anew with each
//! batch, and a long one that takes over the short one when that is full. When the long one is full, the leaves are
//! written anew, each for several changes, and also when nothing has changed for a while. Who searches looks into the
//! runs first; who walks through all of the set has it settled.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::newest::Recent;
use super::search;
use super::{Body, Change, Claim, FollowerSet, LEAF_MAX, Root, Scratch, SetBuilder, ahead};
use crate::prefetch;

/// Changes that may wait, for each leaf the tree has room for.
const WAITING_PER_LEAF: usize = 8;

/// Changes that wait at most. Settling so many takes as long as one batch may wait for it: tens of milliseconds, of the
/// largest sets a tenth of a second.
const WAITING_MAX: usize = 1 << 18;

/// Under changes in bulk, what so many batches bring may wait, but not more than this for each leaf.
const WAITING_BATCHES: usize = 8;
const WAITING_PER_LEAF_MAX: usize = 48;

/// So many changes a leaf are met in the tree at once: they touch few leaves, as when followers come in order.
const DENSE: usize = 4;

/// The short run is at most this part of the long one, or so short.
const FRESH_PART: usize = 16;
const FRESH_MIN: usize = 64;

/// With fewer claims than one for so many changes of a run, each is looked for by itself.
const SPARSE: usize = 16;

/// How far from an even spread the place of a change mostly is.
const NEAR: usize = 8;

/// A tree and what waits beside it. Never changes once seen.
#[derive(Debug)]
pub(super) struct Pending {
    root: Arc<Root>,
    /// Followers in the tree.
    in_tree: u32,
    /// Both ascend and name each follower once; of a follower in both, the short run knows better.
    fresh: Vec<Change>,
    waiting: Arc<Vec<Change>>,
    pub(super) recent: Recent,
    /// When it was made; see [`Scratch::turn`].
    turn: u32,
    /// The same set without anything that waits, for who walks through it.
    settled: OnceLock<FollowerSet>,
}

impl FollowerSet {
    /// This set with the claims met, which ascend and name each follower once; says in each how it was. `None` when they
    /// change nothing.
    pub(crate) fn changed(&self, claims: &mut [Claim], scratch: &mut Scratch) -> Option<FollowerSet> {
        match &self.body {
            Body::Empty | Body::Small(_) => unless_same(self.with_claims(claims, scratch), claims),
            Body::Large(root) => changed(root, None, self.len, claims, scratch),
            Body::Pending(pending) => match pending.settled.get() {
                Some(settled) => settled.changed(claims, scratch),
                None => changed(&pending.root, Some(pending), self.len, claims, scratch),
            },
        }
    }

    /// The same set with nothing that waits.
    pub(crate) fn settled(&self) -> Cow<'_, FollowerSet> {
        match &self.body {
            Body::Pending(pending) => match pending.settled.get() {
                Some(settled) => Cow::Borrowed(settled),
                None => Cow::Owned(pending.settle(self.len, &mut Scratch::default())),
            },
            Body::Empty | Body::Small(_) | Body::Large(_) => Cow::Borrowed(self),
        }
    }

    /// When the last of the changes came that wait beside its tree, if any do; see [`Scratch::turn`].
    pub(crate) fn pending_since(&self) -> Option<u32> {
        match &self.body {
            Body::Pending(pending) => Some(pending.turn),
            Body::Empty | Body::Small(_) | Body::Large(_) => None,
        }
    }
}

/// What became of a set by these claims, if they changed anything.
fn unless_same(after: FollowerSet, claims: &[Claim]) -> Option<FollowerSet> {
    let same = claims.iter().all(|claim| claim.was == claim.is());
    (!same).then_some(after)
}

/// The tree, what waits beside it if anything does, and the claims; `len` is how many follow before.
fn changed(
    root: &Arc<Root>,
    pending: Option<&Arc<Pending>>,
    mut len: u32,
    claims: &mut [Claim],
    scratch: &mut Scratch,
) -> Option<FollowerSet> {
    root.locate_all(claims, scratch);
    if pending.is_none() && claims.len() > scratch.leaves_touched() * DENSE {
        return unless_same(root.with_claims(len, claims, scratch), claims);
    }
    root.look_up(claims, scratch);
    let in_tree = pending.map_or(len, |pending| pending.in_tree);
    let fresh = pending.map_or(&[][..], |pending| &pending.fresh);
    let mut waiting = pending.map(|pending| Arc::clone(&pending.waiting)).unwrap_or_default();
    for run in [&waiting[..], fresh] {
        override_with(run, claims);
    }
    let mut new = std::mem::take(&mut scratch.new);
    new.clear();
    for claim in &*claims {
        let is = claim.is();
        if is != claim.was {
            len = len + u32::from(is.is_some()) - u32::from(claim.was.is_some());
            new.push(Change { id: claim.id, day: is });
        }
    }
    if new.is_empty() {
        scratch.new = new;
        return None;
    }
    let recent = pending.map_or(&root.recent, |pending| &pending.recent).after(claims);
    let leaves = in_tree as usize / LEAF_MAX;
    let in_bulk = (new.len() * WAITING_BATCHES).min(leaves * WAITING_PER_LEAF_MAX);
    let waiting_max = (leaves * WAITING_PER_LEAF).min(WAITING_MAX).max(in_bulk);
    let fresh_max = FRESH_MIN.max(waiting_max / FRESH_PART);
    let mut fresh = merged(fresh, &new);
    scratch.new = new;
    if fresh.len() > fresh_max {
        let all = if waiting.is_empty() { fresh } else { merged(&waiting, &fresh) };
        if all.len() > waiting_max {
            return Some(settle(root, in_tree, &all, recent, len, scratch));
        }
        (fresh, waiting) = (Vec::new(), Arc::new(all));
    }
    let (root, turn, settled) = (Arc::clone(root), scratch.turn, OnceLock::new());
    let pending = Pending { root, in_tree, fresh, waiting, recent, turn, settled };
    Some(FollowerSet { len, body: Body::Pending(Arc::new(pending)) })
}

/// The tree of `in_tree` followers with the changes made; `len` is how many follow then.
fn settle(
    root: &Arc<Root>,
    in_tree: u32,
    changes: &[Change],
    recent: Recent,
    len: u32,
    scratch: &mut Scratch,
) -> FollowerSet {
    let mut settled = if changes.len() > in_tree as usize / LEAF_MAX {
        rebuilt(root, changes)
    } else {
        FollowerSet { len: in_tree, body: Body::Large(Arc::clone(root)) }.with(changes, scratch)
    };
    // The runs know of newest followers whom the tree was never asked for.
    if let Body::Large(root) = &mut settled.body
        && let Some(root) = Arc::get_mut(root)
    {
        root.recent = recent;
    }
    assert_eq!(settled.len, len, "what waits beside a tree was counted when it came");
    settled
}

/// A tree of all leaves anew, filled evenly.
fn rebuilt(root: &Root, changes: &[Change]) -> FollowerSet {
    let mut builder = SetBuilder::default();
    let mut room = [0; LEAF_MAX];
    let mut rest = changes;
    for leaf in ahead(root.leaves()) {
        let (mut ids, mut days) = (leaf.ids_into(&mut room), leaf.days());
        let last = ids.last().copied().unwrap_or(0);
        while let Some((change, later)) = rest.split_first()
            && change.id <= last
        {
            let at = search::at_front(ids, |id| *id < change.id);
            builder.extend(&ids[..at], &days[..at]);
            if let Some(day) = change.day {
                builder.push(change.id, day);
            }
            let from = at + usize::from(ids.get(at) == Some(&change.id));
            (ids, days) = (&ids[from..], &days[from..]);
            rest = later;
        }
        builder.extend(ids, days);
    }
    for change in rest {
        if let Some(day) = change.day {
            builder.push(change.id, day);
        }
    }
    builder.finish()
}

impl Pending {
    /// The set without anything that waits; `len` is how many follow.
    pub(super) fn settle(&self, len: u32, scratch: &mut Scratch) -> FollowerSet {
        let changes = merged(&self.waiting, &self.fresh);
        settle(&self.root, self.in_tree, &changes, self.recent.clone(), len, scratch)
    }

    /// [`Pending::settle`], kept for the next who asks.
    pub(super) fn settled(&self, len: u32) -> &FollowerSet {
        self.settled.get_or_init(|| self.settle(len, &mut Scratch::default()))
    }

    /// The tree, and what is known of the follower without it: since which day it follows, or that it does not.
    #[inline]
    pub(super) fn find(&self, id: u32) -> Result<Option<u16>, &Root> {
        for run in [&self.fresh, &*self.waiting] {
            if let Ok(at) = run.binary_search_by_key(&id, |change| change.id) {
                return Ok(run[at].day);
            }
        }
        Err(&self.root)
    }

    /// Asks for what a change of the set will read.
    #[inline]
    pub(super) fn soon(&self) {
        prefetch::soon(Arc::as_ptr(&self.root));
        prefetch::soon(Arc::as_ptr(&self.waiting));
        prefetch::all_soon(self.fresh.get(..FRESH_MIN).unwrap_or(&self.fresh));
    }

    /// Asks for what a search in the long run reads first.
    #[inline]
    pub(super) fn waiting_soon(&self) {
        let quarter = self.waiting.len() / 4;
        for at in 0..4 {
            prefetch::soon(self.waiting.as_ptr().wrapping_add(at * quarter));
        }
    }

    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Bytes on the heap beside those of the tree.
    pub(super) fn heap_bytes(&self) -> usize {
        let runs = self.fresh.capacity() + self.waiting.capacity();
        runs * size_of::<Change>() + size_of::<Pending>() + 16 + size_of::<Vec<Change>>() + 16
    }

    /// Whether its runs are what they should be.
    pub(super) fn is_sound(&self) -> bool {
        let ascends = |run: &[Change]| run.is_sorted_by(|a, b| a.id < b.id);
        ascends(&self.fresh) && ascends(&self.waiting)
    }
}

/// Says in each claim how it is if the run knows. Both ascend.
fn override_with(run: &[Change], claims: &mut [Claim]) {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    if run.len() < claims.len() * SPARSE {
        let mut rest = run;
        for claim in claims {
            rest = &rest[search::at_front(rest, |change| change.id < claim.id)..];
            match rest.first() {
                None => return,
                Some(change) if change.id == claim.id => claim.was = change.day,
                Some(_) => {}
            }
        }
        return;
    }
    // Where it lies if the run is spread evenly. All of those places are asked for before any is read.
    let spread = u64::from(last.id - first.id);
    let guess = |id: u32| {
        let before = u64::from(id.saturating_sub(first.id)) * run.len() as u64;
        (before.checked_div(spread).unwrap_or(0) as usize).min(run.len() - 1)
    };
    for claim in &*claims {
        let at = guess(claim.id);
        prefetch::soon(run.as_ptr().wrapping_add(at.saturating_sub(NEAR)));
        prefetch::soon(run.as_ptr().wrapping_add(at));
        prefetch::soon(run.as_ptr().wrapping_add(at + NEAR));
    }
    for claim in claims {
        let at = search::near(run, guess(claim.id), NEAR, |change| change.id < claim.id);
        if let Some(change) = run.get(at).filter(|change| change.id == claim.id) {
            claim.was = change.day;
        }
    }
}

/// Both runs in one; where both name a follower the newer one counts.
fn merged(older: &[Change], newer: &[Change]) -> Vec<Change> {
    let mut all = Vec::with_capacity(older.len() + newer.len());
    let mut rest = older;
    for change in newer {
        let (before, from) = rest.split_at(search::at_front(rest, |older| older.id < change.id));
        all.extend_from_slice(before);
        all.push(*change);
        rest = if from.first().is_some_and(|first| first.id == change.id) { &from[1..] } else { from };
    }
    all.extend_from_slice(rest);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::set::Asks;
    use crate::{AccountNo, Day, Edge, Engine, Limits, Op};

    type Model = BTreeMap<u32, u16>;

    fn of(model: &Model) -> FollowerSet {
        let mut builder = SetBuilder::default();
        model.iter().for_each(|(id, day)| builder.push(*id, *day));
        builder.finish()
    }

    fn is_same(set: &FollowerSet, model: &Model) -> bool {
        set.iter().map(|(id, day)| (id.0, day.0)).eq(model.iter().map(|(id, day)| (*id, *day)))
    }

    fn asks() -> impl Strategy<Value = Asks> {
        prop_oneof![
            3 => (0u16..50).prop_map(Asks::Since),
            1 => (0u16..50).prop_map(Asks::NotBefore),
            2 => Just(Asks::Gone),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Batches that are few and spread, many, or in order at the end; each version is held until the last.
        #[test]
        fn every_version_is_what_its_changes_say(
            len in 257u32..6_000,
            batches in prop::collection::vec((prop::collection::btree_map(0u32..30_000, asks(), 1..200), 0u32..600), 1..40),
        ) {
            let mut model: Model = (0..len).map(|nth| (nth * 4, (nth % 40) as u16)).collect();
            let mut set = of(&model);
            let mut scratch = Scratch::default();
            let mut held = Vec::new();
            for (nth, (asked, in_order)) in (0u32..).zip(batches) {
                let next = 30_000 + nth * 1_000;
                let in_order = (next..next + in_order).map(|id| (id, Asks::Since(3)));
                let mut claims: Vec<Claim> =
                    asked.into_iter().chain(in_order).map(|(id, asks)| Claim { id, asks, was: None }).collect();
                let changed = set.changed(&mut claims, &mut scratch);
                let before = model.clone();
                for claim in &claims {
                    prop_assert_eq!(claim.was, before.get(&claim.id).copied());
                    match claim.is() {
                        Some(day) => model.insert(claim.id, day),
                        None => model.remove(&claim.id),
                    };
                }
                prop_assert_eq!(changed.is_none(), before == model);
                set = changed.unwrap_or(set);
                prop_assert_eq!(set.len() as usize, model.len());
                for claim in &claims {
                    prop_assert_eq!(set.contains(AccountNo(claim.id)), model.get(&claim.id).copied().map(Day));
                }
                held.push((set.clone(), model.clone()));
            }
            for (set, model) in &held {
                prop_assert!(is_same(&set.settled(), model));
                prop_assert!(is_same(set, model) && set.is_sound());
            }
        }
    }

    #[test]
    fn changes_wait_until_there_are_enough_for_each_leaf() {
        let model: Model = (0..20_000).map(|nth| (nth * 3, 1)).collect();
        let mut set = of(&model);
        let mut waited = 0;
        for nth in 0..2_000 {
            let mut claims = [Claim { id: nth * 29 % 60_000 / 3 * 3 + 1, asks: Asks::Since(2), was: None }];
            set = set.changed(&mut claims, &mut Scratch::default()).unwrap_or(set);
            waited += u32::from(set.pending_since().is_some());
        }
        let leaves = 20_000 / LEAF_MAX as u32;
        assert!(
            (1_990..2_000).contains(&waited),
            "settled once in {} changes",
            leaves * WAITING_PER_LEAF as u32
        );
        assert!(set.is_sound());
    }

    #[test]
    fn what_waits_is_put_in_place_when_nothing_changes_for_a_while() {
        const ACCOUNTS: [u32; 4] = [19_999, 20_000, 20_001, 20_002];
        let mut engine = Engine::new(Limits::default());
        engine.grow(20_003);
        let edge = |account, follower, op| Edge {
            followee: AccountNo(account),
            follower: AccountNo(follower),
            op,
            version: 1_000,
        };
        let apply =
            |engine: &mut Engine, batch: Vec<Edge>| engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
        for account in ACCOUNTS {
            apply(&mut engine, (0..19_000).step_by(2).map(|id| edge(account, id, Op::Backfill)).collect());
            apply(&mut engine, (1..19_000).step_by(200).map(|id| edge(account, id, Op::Follow)).collect());
        }
        let pending = |engine: &Engine| ACCOUNTS.map(|who| engine.sets.get(who).pending_since().is_some());
        assert_eq!(pending(&engine), [true; 4]);
        engine.settle_idle();
        apply(&mut engine, vec![edge(19_999, 3, Op::Follow)]);
        assert!(!engine.settle_more());
        engine.settle_idle();
        assert_eq!(pending(&engine), [true, false, false, true]);
        assert_eq!(engine.reader().count(AccountNo(20_000)), 9_595);
        assert!(!engine.settle_more());
        assert_eq!(pending(&engine), [true, false, false, false]);
        engine.settle_idle();
        assert_eq!(pending(&engine), [false; 4]);
        engine.check().unwrap();
    }
}
