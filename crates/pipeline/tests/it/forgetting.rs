//! Keys of those who left: destroyed before the leave is answered, and again after a restart if it was interrupted.

use std::time::{Duration, Instant};

use pipeline::SubmitError;
use storage::CommandLog as _;

use crate::house::{House, demo, done, facts, leave, link, register};

fn settled(house: &House, expected: &[&str]) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while house.forgotten() != expected && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(house.forgotten(), expected);
}

#[test]
fn a_leave_is_answered_once_the_keys_are_gone() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, link("ann", "h-1", 1));
    assert!(house.forgotten().is_empty());
    done(&pipeline, leave("ann"));
    assert_eq!(house.forgotten(), ["h-1"]);
    let handle = pipeline.handle();
    assert!(!handle.is_being_forgotten(&demo(), &state::HolderId::new("h-1").unwrap()));
}

#[test]
fn an_account_without_an_identity_leaves_without_keys() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, facts("ann"));
    done(&pipeline, leave("ann"));
    assert!(house.forgotten().is_empty());
}

#[test]
fn keys_that_could_not_be_destroyed_are_tried_again() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, link("ann", "h-1", 1));
    *house.keys.failures_left.lock().unwrap() = 2;
    let answer = pipeline.handle().submit_and_wait(leave("ann")).err();
    assert!(matches!(answer, Some(SubmitError::KeysNotYetDestroyed(_))), "{answer:?}");
    settled(&house, &["h-1"]);
}

#[test]
fn an_interrupted_forgetting_is_done_at_the_next_start() {
    for snapshot_after in [false, true] {
        let mut house = House::new();
        house.limits.forget_retry = Duration::from_secs(3_600);
        let (pipeline, _) = house.open();
        done(&pipeline, register());
        done(&pipeline, link("ann", "h-1", 1));
        *house.keys.failures_left.lock().unwrap() = u32::MAX;
        assert!(pipeline.handle().submit_and_wait(leave("ann")).is_err());
        if snapshot_after {
            pipeline.handle().snapshot_and_wait().unwrap();
        }
        pipeline.close();
        assert!(house.forgotten().is_empty());

        let refused = house.try_open(house.store.log().unwrap()).err().unwrap().to_string();
        assert!(refused.contains("nothing is served before they are"), "{refused}");
        *house.keys.failures_left.lock().unwrap() = 0;
        let (_pipeline, opened) = house.open();
        assert_eq!(opened.forgotten, 1);
        assert_eq!(house.forgotten(), ["h-1"]);
    }
}

#[test]
fn a_replay_never_destroys_what_was_sealed_after_the_leave() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, link("ann", "h-1", 1));
    done(&pipeline, leave("ann"));
    // The same holder comes back with another account.
    done(&pipeline, link("bob", "h-1", 2));
    assert_eq!(house.forgotten(), ["h-1"]);

    // A restart from the log alone, as after a kill.
    let records: Vec<Vec<u8>> = {
        drop(pipeline);
        let log = house.store.log().unwrap();
        log.read_from(1).unwrap().map(|record| record.unwrap().1).collect()
    };
    let after = House { store: storage::memory::Store::new(), ..house.clone() };
    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    after.store.log().unwrap().append(&slices).unwrap();
    let (_pipeline, opened) = after.open();
    assert_eq!((opened.replayed, opened.forgotten), (4, 0));
    assert_eq!(house.forgotten(), ["h-1"], "destroyed once, for the leave, and not again");
}

#[test]
fn a_leave_destroys_nothing_while_another_account_of_the_holder_remains() {
    for snapshot_after in [false, true] {
        let mut house = House::new();
        house.limits.snapshot_at_close = false;
        let (pipeline, _) = house.open();
        done(&pipeline, register());
        done(&pipeline, link("ann", "h-1", 1));
        done(&pipeline, link("bob", "h-1", 2));
        done(&pipeline, leave("ann"));
        if snapshot_after {
            pipeline.handle().snapshot_and_wait().unwrap();
        }
        pipeline.close();

        let (pipeline, opened) = house.open();
        assert_eq!(opened.forgotten, 0);
        assert!(house.forgotten().is_empty());
        done(&pipeline, leave("bob"));
        assert_eq!(house.forgotten(), ["h-1"]);
    }
}

#[test]
fn who_is_linked_again_before_the_keys_are_gone_keeps_what_was_sealed_for_that() {
    // The identity of the second account was sealed before the first one left, and linked after.
    let mut house = House::new();
    house.limits.forget_retry = Duration::from_secs(3_600);
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, link("ann", "h-1", 1));
    *house.keys.failures_left.lock().unwrap() = 1;
    assert!(pipeline.handle().submit_and_wait(leave("ann")).is_err());
    done(&pipeline, link("bob", "h-1", 2));
    // What failed is tried once more at the end, and finds that it must not.
    pipeline.close();
    assert!(house.forgotten().is_empty());
    let (pipeline, opened) = house.open();
    assert_eq!(opened.forgotten, 0);
    done(&pipeline, leave("bob"));
    assert_eq!(house.forgotten(), ["h-1"]);
}
