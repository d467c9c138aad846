//! Every append fails once before and once after the write, and a reopen finds out which it was.

use pipeline::SubmitError;
use storage::faults::{FaultyLog, Plan, When};

use crate::house::{House, NOTICES, count, done, follow, register};

#[test]
fn a_failed_append_stops_everything_and_a_reopen_tells_the_truth() {
    for (when, followers) in [(When::Before, 1), (When::After, 2)] {
        let house = House::new();
        let plan = Plan::fail(2, when);
        let (pipeline, _) = house.try_open(FaultyLog::new(house.store.log().unwrap(), plan.clone())).unwrap();
        let handle = pipeline.handle();
        done(&pipeline, register());
        done(&pipeline, follow("ann", "1", NOTICES));

        let unknown = handle.submit_and_wait(follow("ann", "2", NOTICES)).err();
        assert!(matches!(unknown, Some(SubmitError::Unknown(_))), "{unknown:?}");
        assert!(plan.struck());
        assert_eq!(count(&pipeline, "ann"), Some(1), "what may not be durable is never visible");
        assert!(handle.stopped().is_some());
        let refused = handle.submit_and_wait(follow("ann", "3", NOTICES)).err();
        assert!(matches!(refused, Some(SubmitError::Stopped(_))), "{refused:?}");
        assert!(refused.unwrap().to_string().contains("restart"), "the message names the next step");
        drop(pipeline);

        let (pipeline, opened) = house.open();
        assert_eq!(count(&pipeline, "ann"), Some(followers), "{when:?}");
        assert_eq!(opened.position, u64::from(followers) + 1);
        done(&pipeline, follow("ann", "3", NOTICES));
        assert_eq!(count(&pipeline, "ann"), Some(followers + 1));
    }
}

#[test]
fn a_snapshot_that_cannot_be_saved_stops_nothing() {
    for when in [When::Before, When::After] {
        let house = House::new();
        let plan = Plan::fail(0, when);
        let mut parts = house.parts(house.store.log().unwrap());
        parts.snapshots =
            std::sync::Arc::new(storage::faults::FaultySnapshots::new(house.store.snapshots(), plan.clone()));
        let (pipeline, _) = pipeline::Pipeline::open(house.limits.clone(), parts).unwrap();
        done(&pipeline, register());
        assert!(pipeline.handle().snapshot_and_wait().is_err());
        assert!(plan.struck());
        done(&pipeline, follow("ann", "1", NOTICES));
        pipeline.close();
        let (pipeline, opened) = house.open();
        assert_eq!(opened.position, 2);
        assert_eq!(count(&pipeline, "ann"), Some(1));
    }
}
