//! Loading follower lists: exact counts, refused lines by number, going on after an interruption.

use crate::house::House;

#[test]
fn counts_are_exact_whatever_the_file_repeats() {
    let house = House::initialised();
    house.write("follows.csv", "follower,account\n1,ann\n2,ann\n1,ann\n3,bob\nann,bob\n2,10\n2,9\n");
    let report = house
        .run(&[
            "import",
            "--platform",
            "demo",
            "--follows",
            "follows.csv",
            "--columns",
            "follower,account",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(
        (&report["rows"], &report["loaded"], &report["duplicate"], &report["refused"]),
        (&7.into(), &6.into(), &1.into(), &0.into())
    );
    assert_eq!(report["complete"], true);
    assert_eq!(house.counts(), "account,followers\n9,1\n10,1\nann,2\nbob,2\n");
    let all = house.run(&["export", "counts", "--platform", "demo", "--all"]).ok().stdout;
    assert_eq!(all, "account,followers\n1,0\n2,0\n3,0\n9,1\n10,1\nann,2\nbob,2\n");
}

#[test]
fn the_columns_may_stand_in_any_order() {
    let house = House::initialised();
    house.write("follows.tsv", "ann\t2023-01-31T00:00:00Z\t1\nann\t2023-02-01T00:00:00Z\t2\n");
    house
        .run(&[
            "import",
            "--platform",
            "demo",
            "--follows",
            "follows.tsv",
            "--columns",
            "account,at,follower",
        ])
        .ok();
    assert_eq!(house.counts(), "account,followers\nann,2\n");
}

#[test]
fn refused_lines_are_reported_by_number_and_written_out() {
    let house = House::initialised();
    let mut rows = String::new();
    for line in 1..=60 {
        rows.push_str(&if line % 2 == 0 { format!("{line},{line}\n") } else { format!("{line},ann\n") });
    }
    house.write("follows.csv", &rows);
    let arguments = [
        "import",
        "--platform",
        "demo",
        "--follows",
        "follows.csv",
        "--refused",
        "refused.csv",
        "--json",
        "--strict",
    ];
    let ran = house.run(&arguments);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    assert_eq!(
        (&report["rows"], &report["loaded"], &report["refused"]),
        (&60.into(), &30.into(), &30.into())
    );
    let listed = report["refused_lines"].as_array().unwrap();
    assert_eq!(listed.len(), 20, "the first twenty");
    assert_eq!(listed[0], serde_json::json!({ "line": 2, "reason": "account_cannot_follow_itself" }));
    assert_eq!(report["refused_lines_complete"], false);
    let written = std::fs::read_to_string(house.path("refused.csv")).unwrap();
    assert_eq!(written.lines().count(), 31, "all of them, and a header");
    assert_eq!(house.counts(), "account,followers\nann,30\n");
}

#[test]
fn a_file_that_was_loaded_is_not_loaded_again_unless_asked() {
    let house = House::initialised();
    house.write("follows.csv", "1,ann\n2,ann\n");
    let arguments = ["import", "--platform", "demo", "--follows", "follows.csv", "--json"];
    let first = house.run(&arguments).ok().json();
    let second = house.run(&arguments).ok();
    assert!(second.stderr.contains("was loaded before"), "{second:?}");
    assert_eq!(second.json()["position"], first["position"]);
    let again = house
        .run(&["import", "--platform", "demo", "--follows", "follows.csv", "--json", "--again"])
        .ok()
        .json();
    assert_eq!((&again["loaded"], &again["duplicate"]), (&0.into(), &2.into()));
    assert_eq!(house.counts(), "account,followers\nann,2\n");
}

#[test]
fn a_file_can_come_through_the_standard_input() {
    use std::io::Write;
    use std::process::Stdio;
    let house = House::initialised();
    let mut child = house
        .command(&["import", "--platform", "demo", "--follows", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"1,ann\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(house.counts(), "account,followers\nann,1\n");
}
