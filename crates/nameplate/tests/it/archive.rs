//! Backup and restore of a data folder.

use crate::house::House;

fn with_counts() -> House {
    let house = House::initialised();
    house.write("follows.csv", "1,ann\n2,ann\n");
    house.run(&["import", "--platform", "demo", "--follows", "follows.csv"]).ok();
    house
}

#[test]
fn a_restored_folder_has_the_same_counts_and_needs_the_key_from_elsewhere() {
    let house = with_counts();
    let written = house.run(&["backup", "--to", "archive", "--json"]).ok().json();
    assert!(written["files"].as_u64().unwrap() > 0);
    house.run(&["backup", "--to", "archive"]).failed("exists; choose a new folder");

    house
        .run(&["restore", "--from", "archive", "--data", "other"])
        .failed("give the file that was kept elsewhere");
    let key = house.data().join("vault.key");
    let restored = house
        .run(&[
            "restore",
            "--from",
            "archive",
            "--data",
            "other",
            "--key-file",
            key.to_str().unwrap(),
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(restored["position"], written["position"]);
    let counts = house.run(&["export", "counts", "--platform", "demo", "--data", "other"]).ok().stdout;
    assert_eq!(counts, house.counts());
}

#[test]
fn a_damaged_archive_is_not_restored() {
    let house = with_counts();
    house.run(&["backup", "--to", "archive"]).ok();
    let ring = house.path("archive/content/keyring");
    let mut bytes = std::fs::read(&ring).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&ring, bytes).unwrap();
    house.run(&["restore", "--from", "archive", "--data", "other"]).failed("is not what was archived");
    assert!(!house.path("other").exists());
}
