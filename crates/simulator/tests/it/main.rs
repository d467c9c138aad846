//! Short runs of the simulator: the same as the long ones of its binary, on fewer seeds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fuzzed;

use std::time::Duration;

use simulator::{exactness, soak, whole};

/// Seeds of a test run. The binary takes any others.
const SEEDS: std::ops::Range<u64> = 0..60;

#[test]
fn whole_runs_agree_with_the_model_through_every_fault() {
    let mut all = whole::Report::default();
    for seed in SEEDS {
        match whole::run(seed, Duration::from_secs(20)) {
            Ok(report) => all.add(&report),
            Err(why) => panic!("{why:#}"),
        }
    }
    println!("{all}");
    // A fault that never struck shows nothing.
    for kind in whole::FAULTS {
        assert!(all.struck.contains_key(kind), "no seed made it happen: {kind}\n{all}");
    }
}

#[test]
fn a_long_run_in_short_agrees_with_the_model() {
    let settings = exactness::Settings { seed: 5, events: 300_000, accounts: 2_000 };
    exactness::run(settings, &mut |_| {}).unwrap();
}

#[test]
fn a_soak_in_short_does_not_drift() {
    let folder = tempfile::tempdir().unwrap();
    let settings = soak::Settings { seed: 5, minutes: 20, batch: 10, accounts: 2_400 };
    // Whether memory is flat is for a long run to say, in a process of its own.
    soak::run(settings, folder.path(), &mut |_| {}).unwrap();
}
