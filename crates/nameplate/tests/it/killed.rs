//! The process dies at each durable boundary in turn, and a restart finds what it must.

use std::os::unix::process::ExitStatusExt;

use pipeline::crash::{CrashPoint, VARIABLE};

use crate::house::House;

const ROWS: u32 = 4_000;
const IMPORT: [&str; 7] = ["import", "--platform", "demo", "--follows", "follows.csv", "--batch", "100"];

fn with_follows() -> House {
    let house = House::initialised();
    let rows: String = (1..=ROWS)
        .map(|follower| format!("{follower},{}\n", ["ann", "bob"][follower as usize % 2]))
        .collect();
    house.write("follows.csv", &rows);
    house
}

fn finished(house: &House) {
    let report = house.run(&[&IMPORT[..], &["--json"]].concat()).ok().json();
    assert_eq!((&report["rows"], &report["complete"]), (&ROWS.into(), &true.into()));
    assert_eq!(house.counts(), "account,followers\nann,2000\nbob,2000\n");
}

#[test]
fn an_import_that_was_killed_at_a_boundary_goes_on_to_exact_counts() {
    let points = [
        (CrashPoint::BeforeAppend, 3),
        (CrashPoint::AfterAppend, 3),
        (CrashPoint::BeforeReply, 3),
        (CrashPoint::BeforeSnapshot, 1),
        (CrashPoint::AfterSnapshot, 1),
    ];
    for (point, passage) in points {
        let house = with_follows();
        let mut command = house.command(&IMPORT);
        let output = command.env(VARIABLE, format!("{}:{passage}", point.as_str())).output().unwrap();
        assert_eq!(
            output.status.signal(),
            Some(6),
            "the point `{}` was not passed: {output:?}",
            point.as_str()
        );
        finished(&house);
    }
}

#[test]
fn a_kill_after_the_log_was_trimmed_loses_nothing() {
    let house = with_follows();
    let mut command = house.command(&IMPORT);
    command.env("NAMEPLATE__STORE__SNAPSHOT_ENTRIES", "5").env(VARIABLE, "after_trim");
    let output = command.output().unwrap();
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    finished(&house);
}

#[test]
fn an_import_killed_from_outside_goes_on_to_exact_counts() {
    let house = with_follows();
    // Slow enough to be hit in the middle: one event a command.
    let mut child = house
        .command(&["import", "--platform", "demo", "--follows", "follows.csv", "--batch", "1"])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    // SIGKILL; an import that was quicker than the kill is as good a case as any.
    let _ = child.kill();
    child.wait().unwrap();
    finished(&house);
}
