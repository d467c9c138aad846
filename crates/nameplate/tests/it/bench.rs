//! `nameplate bench` on small graphs: times prove nothing here, but every answer is checked on the way.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::house::House;

#[test]
fn a_small_bench_prints_lines_of_six_fields_for_every_work() {
    let house = House::new();
    let on = house.0.path().to_str().unwrap();
    let ran =
        house.run(&["bench", "--quick", "--scale", "1000", "--json", "--on", on, "--report", "report"]).ok();
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields: BTreeSet<&str> = ["work", "value", "unit", "peer", "peer_value", "ratio"].into();
    for line in &lines {
        let named: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, fields, "{line}");
        assert!(line["value"].as_f64().unwrap() > 0.0 || line["work"] == "memory", "{line}");
    }
    let works: BTreeSet<&str> = lines.iter().map(|line| line["work"].as_str().unwrap()).collect();
    let all = "filter filter_reads preview load import_csv stream_10k stream_10k_http stream_100 single_http memory \
               snapshot count is_follower page restart growth what_if notices activate";
    assert_eq!(works, all.split(' ').collect(), "{}", ran.stderr);
    let bare = lines.iter().find(|line| line["work"] == "single_http").unwrap();
    assert_eq!(bare["peer"], "bare reply");
    assert!(house.path("report/growth.svg").is_file());
    let left: Vec<_> =
        std::fs::read_dir(house.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["report"], "the temporary stores are gone");
}

#[test]
fn peers_without_their_helper_are_said_how_to_get_it() {
    let house = House::new();
    let ran = house.run(&["bench", "--quick", "--scale", "1000", "--only", "page", "--peers"]);
    ran.failed("cargo xtask show bench-peers");
}
