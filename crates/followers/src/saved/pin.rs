//! The sets as they were at one moment, while the writer goes on.
//!
//! Nothing is copied when a moment is pinned. From then on the writer lays the old set of an account aside before it
//! shows a new one, once an account and only until that account is saved. Who saves looks at the sets that readers
//! see, and then at what was laid aside: a set that changed in between was laid aside before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::FollowerSet;
use crate::shared::Shared;

type Version = Option<Arc<FollowerSet>>;

/// The moments that are pinned, as the writer knows them.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    /// Whether there may be any; the writer looks here first.
    any: AtomicBool,
    asides: Mutex<Vec<Arc<Aside>>>,
}

impl Pins {
    /// The writer is about to show another set of `who` than `old`.
    pub(crate) fn lay_aside(&self, who: u32, old: &Version) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut asides = lock(&self.asides);
        asides.retain(|aside| !aside.over.load(Ordering::Acquire));
        self.any.store(!asides.is_empty(), Ordering::Relaxed);
        for aside in asides.iter() {
            let mut sets = lock(&aside.sets);
            if (sets.from..sets.until).contains(&who) {
                sets.old.entry(who).or_insert_with(|| old.clone());
            }
        }
    }

    /// Pins the sets of the accounts below `accounts` as they are now. By who holds the writer, or beside a writer that
    /// does nothing.
    pub(super) fn pin(&self, accounts: u32) -> PinnedSets {
        let sets = Mutex::new(Sets { from: 0, until: accounts, old: BTreeMap::new() });
        let aside = Arc::new(Aside { sets, over: AtomicBool::new(false) });
        lock(&self.asides).push(Arc::clone(&aside));
        self.any.store(true, Ordering::Relaxed);
        PinnedSets(aside)
    }
}

// What is behind these locks is whole whatever happened to a thread that held one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Aside {
    sets: Mutex<Sets>,
    /// Nobody looks any more.
    over: AtomicBool,
}

#[derive(Debug)]
struct Sets {
    /// The accounts that are still to be saved.
    from: u32,
    until: u32,
    old: BTreeMap<u32, Version>,
}

/// The moment, as seen by who saves it.
#[derive(Debug)]
pub(super) struct PinnedSets(Arc<Aside>);

impl PinnedSets {
    /// The sets of the accounts up to `until` that were not taken before, by ascending number, into `taken`.
    pub(super) fn take(&self, shared: &Shared, until: u32, taken: &mut Vec<(u32, Arc<FollowerSet>)>) {
        taken.clear();
        let (from, until) = {
            let sets = lock(&self.0.sets);
            (sets.from, until.min(sets.until))
        };
        let seen: Vec<Version> =
            (from..until).map(|who| shared.slot(who).and_then(|slot| slot.load_full())).collect();
        let mut sets = lock(&self.0.sets);
        let later = sets.old.split_off(&until);
        let mut old = std::mem::replace(&mut sets.old, later);
        sets.from = until;
        drop(sets);
        let then = (from..).zip(seen).map(|(who, seen)| (who, old.remove(&who).unwrap_or(seen)));
        taken.extend(then.filter_map(|(who, set)| Some((who, set?))));
    }
}

impl Drop for PinnedSets {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
        lock(&self.0.sets).old.clear();
    }
}
