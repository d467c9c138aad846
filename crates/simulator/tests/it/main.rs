//! Short runs of the simulator: the same as the long ones of its binary, on fewer seeds.

use std::time::Duration;

use simulator::whole;

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
