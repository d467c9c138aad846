//! A restart finds the same state: from the log, from a snapshot, from an older snapshot when the newest is broken.

use storage::{CommandLog as _, Snapshots as _};

use crate::house::{House, NOTICES, count, demo, done, follow, register};

#[test]
fn a_restart_replays_what_the_snapshot_lacks() {
    let mut house = House::new();
    house.limits.snapshot_entries = 5;
    let (pipeline, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed, opened.position), (None, 0, 0));
    done(&pipeline, register());
    for follower in 1..=7 {
        done(&pipeline, follow("ann", &follower.to_string(), NOTICES));
    }
    pipeline.close();
    assert_eq!(house.store.snapshots().list().unwrap(), [5, 8], "one was due, and closing saves one more");
    let (pipeline, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed, opened.position), (Some(8), 0, 8));
    assert_eq!(count(&pipeline, "ann"), Some(7));
    pipeline.close();

    // The newest snapshot is lost: the older one and the tail give the same.
    house.store.snapshots().save(8, b"not a snapshot").unwrap();
    let (pipeline, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed, opened.position), (Some(5), 3, 8));
    assert_eq!(opened.passed_over.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [8]);
    assert_eq!(count(&pipeline, "ann"), Some(7));
}

#[test]
fn without_a_snapshot_at_the_end_the_whole_log_is_replayed() {
    let mut house = House::new();
    house.limits.snapshot_at_close = false;
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, follow("ann", "1", NOTICES));
    pipeline.close();
    assert!(house.store.snapshots().list().unwrap().is_empty());
    let (pipeline, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed, opened.position), (None, 2, 2));
    assert_eq!(count(&pipeline, "ann"), Some(1));
}

#[test]
fn the_log_is_trimmed_behind_the_older_of_the_kept_snapshots() {
    let mut house = House::new();
    house.limits.snapshot_entries = 100;
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    for follower in 1..=12u64 {
        let position = done(&pipeline, follow("ann", &follower.to_string(), NOTICES)).position;
        if position.is_multiple_of(4) {
            assert_eq!(pipeline.handle().snapshot_and_wait(), Ok(position));
        }
    }
    assert_eq!(house.store.snapshots().list().unwrap(), [8, 12]);
    pipeline.close();
    let kept = house.store.snapshots().list().unwrap();
    assert_eq!(kept, [12, 13]);
    assert_eq!(house.store.log().unwrap().first(), 13, "the log starts behind the older one");
    let (pipeline, _) = house.open();
    assert_eq!(count(&pipeline, "ann"), Some(12));
}

#[test]
fn snapshots_without_their_log_are_refused() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, follow("ann", "1", NOTICES));
    pipeline.close();
    let empty = House { store: storage::memory::Store::new(), ..house.clone() };
    let snapshot = house.store.snapshots().load(2).unwrap().unwrap();
    empty.store.snapshots().save(2, &snapshot).unwrap();
    let refused = empty.try_open(empty.store.log().unwrap()).err().unwrap().to_string();
    assert!(refused.contains("the log ends at position 0 but a snapshot was taken at 2"), "{refused}");
}

#[test]
fn a_trimmed_log_without_its_snapshots_is_refused() {
    let mut house = House::new();
    house.limits.snapshot_entries = 2;
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    for follower in 1..=7 {
        done(&pipeline, follow("ann", &follower.to_string(), NOTICES));
    }
    pipeline.close();
    for position in house.store.snapshots().list().unwrap() {
        house.store.snapshots().save(position, b"broken").unwrap();
    }
    let refused = house.try_open(house.store.log().unwrap()).err().unwrap().to_string();
    assert!(refused.contains("newest usable snapshot ends at 0"), "{refused}");
}

#[test]
fn an_entry_that_is_none_stops_the_opening_and_is_named() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    pipeline.close();
    house.store.log().unwrap().append(&[b"nonsense that is longer than a stamp"]).unwrap();
    let refused = house.try_open(house.store.log().unwrap()).err().unwrap().to_string();
    assert!(refused.contains("log position 2 cannot be read"), "{refused}");
}

#[test]
fn a_restart_gives_the_same_answers_and_the_same_platforms() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, follow("ann", "1", NOTICES));
    assert_eq!(done(&pipeline, follow("ann", "1", NOTICES)).items, [state::ItemOutcome::Duplicate]);
    pipeline.close();
    let (pipeline, _) = house.open();
    assert_eq!(pipeline.handle().reader().platforms(), [demo()]);
    assert_eq!(done(&pipeline, follow("ann", "1", NOTICES)).items, [state::ItemOutcome::Duplicate]);
    assert_eq!(count(&pipeline, "ann"), Some(1));
}

/// A store whose snapshots take until someone lets them.
#[derive(Clone)]
struct Slow {
    inner: storage::memory::Snapshots,
    gate: std::sync::Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
}

struct SlowSaving(Box<dyn storage::Saving>, Slow);

impl storage::Saving for SlowSaving {
    fn write(&mut self, bytes: &[u8]) -> Result<(), storage::Error> {
        let (open, changed) = &*self.1.gate;
        let mut open = open.lock().unwrap();
        while !*open {
            open = changed.wait(open).unwrap();
        }
        self.0.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), storage::Error> {
        self.0.finish()
    }
}

impl storage::Snapshots for Slow {
    fn begin(&self, position: u64) -> Result<Box<dyn storage::Saving>, storage::Error> {
        Ok(Box::new(SlowSaving(self.inner.begin(position)?, self.clone())))
    }

    fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, storage::Error> {
        self.inner.load_latest()
    }

    fn load(&self, position: u64) -> Result<Option<Vec<u8>>, storage::Error> {
        self.inner.load(position)
    }

    fn list(&self) -> Result<Vec<u64>, storage::Error> {
        self.inner.list()
    }

    fn prune(&self, keep: usize) -> Result<usize, storage::Error> {
        self.inner.prune(keep)
    }
}

#[test]
fn the_writer_goes_on_while_a_snapshot_is_saved_and_the_snapshot_is_of_its_position() {
    let mut house = House::new();
    house.limits.snapshot_entries = 3;
    let slow = Slow { inner: house.store.snapshots(), gate: std::sync::Arc::default() };
    let mut parts = house.parts(house.store.log().unwrap());
    parts.snapshots = std::sync::Arc::new(slow.clone());
    let (pipeline, _) = pipeline::Pipeline::open(house.limits.clone(), parts).unwrap();
    done(&pipeline, register());
    // The third entry begins a snapshot that cannot go on; the others are answered all the same.
    for follower in 1..=9 {
        done(&pipeline, follow("ann", &follower.to_string(), NOTICES));
    }
    assert!(house.store.snapshots().list().unwrap().is_empty());
    *slow.gate.0.lock().unwrap() = true;
    slow.gate.1.notify_all();
    assert_eq!(pipeline.handle().snapshot_and_wait(), Ok(10), "who asks gets one that is not older");
    pipeline.close();
    assert_eq!(house.store.snapshots().list().unwrap(), [3, 10]);
    let saved = house.store.snapshots().load(3).unwrap();

    // The same log, with a snapshot that nothing happened beside.
    let mut calm = House::new();
    calm.limits.snapshot_at_close = false;
    let (pipeline, _) = calm.open();
    done(&pipeline, register());
    for follower in 1..=2 {
        done(&pipeline, follow("ann", &follower.to_string(), NOTICES));
    }
    assert_eq!(pipeline.handle().snapshot_and_wait(), Ok(3));
    assert!(calm.store.snapshots().load(3).unwrap() == saved, "the same log gives the same bytes");
}
