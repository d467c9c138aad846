//! Verbs that open little: init, config, pack, account.

use crate::house::House;

#[test]
fn init_makes_a_folder_once_and_prints_the_key_once() {
    let house = House::new();
    let first = house.run(&["init", "--platform", "demo"]).ok();
    assert!(first.stdout.starts_with("npk_"), "{first:?}");
    assert_eq!(first.stdout.lines().count(), 1, "only the key goes to stdout");
    assert!(!first.stderr.contains("npk_"), "the key is not in the talk");
    for file in ["keyring", "vault.key", "log", "snapshots", "blobs"] {
        assert!(house.data().join(file).exists(), "{file}");
    }
    house.run(&["init"]).failed("is a data folder already");
    house.run(&["init", "--platform", "demo"]).failed("exists already");
    let second = house.run(&["init", "--platform", "other", "--json"]).ok().json();
    assert_eq!(second["created"], false);
    assert!(second["api_key"].as_str().unwrap().starts_with("npk_"));
}

#[test]
fn a_key_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::initialised();
    let mode = std::fs::metadata(house.data().join("vault.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn verbs_on_a_folder_that_is_none_say_what_to_do() {
    let house = House::new();
    house.run(&["export", "counts", "--platform", "demo"]).failed("make one with `nameplate init --data");
    assert!(!house.data().exists(), "asking does not make one");
}

#[test]
fn an_unknown_platform_is_named_with_those_there_are() {
    let house = House::initialised();
    house.run(&["export", "counts", "--platform", "other"]).failed("there is: `demo`");
}

#[test]
fn the_settings_are_checked_and_printed() {
    let house = House::new();
    house.run(&["config", "check"]).ok();
    let printed = house.run(&["config", "print", "--defaults"]).ok().stdout;
    let file = house.write("nameplate.toml", &printed);
    house.run(&["--config", file.to_str().unwrap(), "config", "check"]).ok();
    let reachable = house.write("reachable.toml", "[server]\nlisten = \"0.0.0.0:80\"\n");
    house.run(&["--config", reachable.to_str().unwrap(), "config", "check"]).failed("nothing speaks TLS");
    let mut command = house.command(&["config", "check"]);
    let unknown = crate::house::Ran::of(command.env("NAMEPLATE__SERVER__PORT", "1").output().unwrap());
    unknown.failed("there is no setting `server.port`");
}

#[test]
fn every_pack_in_the_binary_can_be_used_and_passes_its_own_cases() {
    let house = House::new();
    let checked = house.run(&["pack", "check"]).ok();
    assert!(checked.stdout.contains("weibo-2023: can be used"), "{checked:?}");
    let tested = house.run(&["pack", "test"]).ok();
    assert!(tested.stdout.contains("weibo-2023: ") && tested.stdout.contains(" 0 failed"), "{tested:?}");
    house.run(&["pack", "check", "no-such-pack"]).failed("there is no pack `no-such-pack`");
}

#[test]
fn a_pack_asks_before_it_is_activated() {
    let house = House::initialised();
    let asked = house.run(&["pack", "activate", "weibo-2023", "--platform", "demo"]);
    let asked = asked.failed("no source answers these, so you must");
    let mut arguments: Vec<String> = ["pack", "activate", "weibo-2023", "--platform", "demo", "--json"]
        .iter()
        .map(|part| (*part).to_owned())
        .collect();
    for line in asked.stderr.lines().filter(|line| line.trim_start().starts_with('`')) {
        let key = line.trim_start().trim_start_matches('`').split('`').next().unwrap();
        let answer = match key.rsplit('.').next().unwrap() {
            "starts" => "at_activation",
            "period" => "30d",
            "dwell" => "7d",
            "below" => "hide_now",
            "again" => "new_notice",
            "removal" => "24h",
            "appeal" => "15d",
            "silent" => "none",
            "applies" => "apply",
            other => panic!("the pack asks something new: `{other}`"),
        };
        arguments.push("--choose".to_owned());
        arguments.push(format!("{key}={answer}"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let activated = house.run(&arguments).ok().json();
    assert_eq!(activated["pack"], "weibo-2023");
    house.run(&arguments).failed("");

    house.write("follows.csv", "1,ann\n2,ann\n");
    house.run(&["import", "--platform", "demo", "--follows", "follows.csv"]).ok();
    let shown = house.run(&["account", "show", "--platform", "demo", "ann", "--json"]).ok().json();
    assert_eq!(shown["followers"], 2);
    assert_eq!(shown["profile"]["verified"], serde_json::json!([]));
    house.run(&["account", "show", "--platform", "demo", "nobody"]).failed("was never seen");
}
