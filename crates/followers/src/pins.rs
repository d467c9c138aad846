//! What lies in numbered places as it was at one moment, while its writer goes on.
//!
//! Nothing is copied when a moment is pinned. From then on the writer lays what is in a place aside before it changes it,
//! once a place and only until that place is saved. Who saves looks at what readers see, and then at what was laid aside:
//! what changed in between was laid aside before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The moments that are pinned, as the writer knows them.
#[derive(Debug)]
pub struct Pins<V> {
    /// Whether there may be any; the writer looks here first.
    any: AtomicBool,
    asides: Mutex<Vec<Arc<Aside<V>>>>,
}

#[derive(Debug)]
struct Aside<V> {
    places: Mutex<Places<V>>,
    /// Nobody looks any more.
    over: AtomicBool,
}

#[derive(Debug)]
struct Places<V> {
    /// Those that are still to be saved.
    from: u32,
    until: u32,
    old: BTreeMap<u32, V>,
}

/// One moment, as seen by who saves it. The writer lays things aside as long as this lives.
#[derive(Debug)]
pub struct PinnedPlaces<V>(Arc<Aside<V>>);

impl<V> Default for Pins<V> {
    fn default() -> Pins<V> {
        Pins { any: AtomicBool::new(false), asides: Mutex::default() }
    }
}

// What is behind these locks is whole whatever happened to a thread that held one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V> Pins<V> {
    /// The writer is about to change what is at that place; `old` gives it as it is.
    #[inline]
    pub fn lay_aside(&self, place: u32, old: impl Fn() -> V) {
        if self.any.load(Ordering::Relaxed) {
            self.lay_aside_for_each(place, &old);
        }
    }

    fn lay_aside_for_each(&self, place: u32, old: &dyn Fn() -> V) {
        let mut asides = lock(&self.asides);
        asides.retain(|aside| !aside.over.load(Ordering::Acquire));
        self.any.store(!asides.is_empty(), Ordering::Relaxed);
        for aside in asides.iter() {
            let mut places = lock(&aside.places);
            if (places.from..places.until).contains(&place) {
                places.old.entry(place).or_insert_with(old);
            }
        }
    }

    /// Pins the places below `until` as they are now. By who holds the writer, or beside a writer that does nothing.
    pub fn pin(&self, until: u32) -> PinnedPlaces<V> {
        let places = Mutex::new(Places { from: 0, until, old: BTreeMap::new() });
        let aside = Arc::new(Aside { places, over: AtomicBool::new(false) });
        lock(&self.asides).push(Arc::clone(&aside));
        self.any.store(true, Ordering::Relaxed);
        PinnedPlaces(aside)
    }
}

impl<V> PinnedPlaces<V> {
    /// What was in the places up to `until` that were not taken before, ascending. `now` gives what readers see there.
    pub fn take(&self, until: u32, now: impl FnMut(u32) -> V) -> Vec<(u32, V)> {
        let (from, until) = {
            let places = lock(&self.0.places);
            (places.from, until.min(places.until))
        };
        let seen: Vec<V> = (from..until).map(now).collect();
        let mut places = lock(&self.0.places);
        let later = places.old.split_off(&until);
        let mut old = std::mem::replace(&mut places.old, later);
        places.from = until;
        drop(places);
        (from..).zip(seen).map(|(place, seen)| (place, old.remove(&place).unwrap_or(seen))).collect()
    }
}

impl<V> Drop for PinnedPlaces<V> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
        lock(&self.0.places).old.clear();
    }
}
