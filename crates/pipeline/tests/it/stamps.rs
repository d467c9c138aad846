//! Time is stamped before the append, never goes back, and is read from the entry ever after.

use state::{Command, Millis};

use crate::house::{House, NOTICES, done, register};

#[test]
fn the_log_clock_is_the_stamp_and_never_goes_back() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    assert_eq!(pipeline.handle().reader().clock(), Millis(NOTICES));
    house.clock.advance_ms(5_000);
    done(&pipeline, Command::Tick);
    assert_eq!(pipeline.handle().reader().clock(), Millis(NOTICES + 5_000));
    pipeline.close();

    // The wall clock was set back while the server was down.
    let mut late = house.clone();
    late.clock = pipeline::ManualClock::at(NOTICES - 60_000);
    let (pipeline, _) = late.open();
    done(&pipeline, Command::Tick);
    assert_eq!(pipeline.handle().reader().clock(), Millis(NOTICES + 5_000));
}

#[test]
fn no_tick_is_logged_by_itself_while_the_clock_stands_still() {
    let mut house = House::new();
    house.limits.tick_every = Some(std::time::Duration::from_millis(1));
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(pipeline.handle().applied(), 1);
}

#[test]
fn ticks_are_logged_by_themselves_while_the_clock_runs() {
    let mut house = House::new();
    house.limits.tick_every = Some(std::time::Duration::from_millis(1));
    let mut parts = house.parts(house.store.log().unwrap());
    parts.clock = pipeline::Clock::System;
    let (pipeline, _) = pipeline::Pipeline::open(house.limits.clone(), parts).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(pipeline.handle().wait_applied(3, std::time::Duration::from_secs(20))).unwrap();
}
