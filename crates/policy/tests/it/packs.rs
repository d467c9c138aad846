//! Every pack in `packs/`: it parses, has no finding but its gaps, its cases come out, its table is up to date.

use policy::{Severity, cases, check, matrix, parse};

use crate::{bundle, pack_names, packs_dir, sample};

fn parsed(name: &str) -> policy::Pack {
    match parse(&bundle(name)) {
        Ok(pack) => pack,
        Err(found) => {
            panic!("{name}:\n{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

#[test]
fn every_pack_parses_under_the_name_of_its_folder() {
    assert!(!pack_names().is_empty());
    for name in pack_names() {
        assert_eq!(parsed(&name).id, name);
    }
}

#[test]
fn a_shipped_pack_has_no_finding_but_its_gaps() {
    for name in pack_names() {
        let found = check(&parsed(&name));
        let faults: Vec<String> =
            found.iter().filter(|one| one.severity != Severity::Note).map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
    }
}

#[test]
fn every_packs_cases_come_out() {
    for name in pack_names() {
        match cases::run(&bundle(&name)) {
            Ok(report) => {
                assert!(report.failures.is_empty(), "{name}: {:#?}", report.failures);
                assert!(report.passed >= 3, "{name} has only {} cases", report.passed);
            }
            Err(found) => {
                panic!("{name}:\n{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

/// To renew the tables: `NAMEPLATE_BLESS=1 cargo test -p policy every_table`, then read the diff.
#[test]
fn every_table_is_up_to_date() {
    for name in pack_names() {
        let table = matrix::of_pack(&parsed(&name));
        let path = packs_dir().join(&name).join("matrix.txt");
        if std::env::var_os("NAMEPLATE_BLESS").is_some() {
            std::fs::write(&path, &table).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, table, "{name}: renew the table with NAMEPLATE_BLESS=1 and read the diff");
    }
}

/// What running the sample with these cases says, word for word.
fn check_cases(cases: &str, expected: &[&str]) {
    let mut bundle = sample();
    bundle.files.insert("cases/a.toml".into(), cases.as_bytes().to_vec());
    let said: Vec<String> = match cases::run(&bundle) {
        Ok(report) => report
            .failures
            .iter()
            .map(|one| format!("{}:{}: {}: {}", one.file, one.line, one.name, one.what))
            .chain((report.passed > 0).then(|| format!("passed {}", report.passed)))
            .collect(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(said, expected);
}

#[test]
fn a_case_that_comes_out_otherwise_says_how() {
    check_cases(
        r#"
activated = 2023-11-01
choices = { suggested = true }
given = { now = 2023-12-01, topics = ["law"], followers = 999, under = { name = "showing" } }

[[case]]
name = "all wrong"
holds = ["name"]
distance = { name = 2 }
shown = { legal_name = "full" }
withheld = {}

[[case]]
name = "all right"
holds = "none"
distance = { name = 1 }
shown = {}
withheld = { legal_name = "below_threshold" }
"#,
        &[
            "cases/a.toml:6: all wrong: holds: expected `name`, got no rule",
            "cases/a.toml:6: all wrong: distance of `name`: expected 2, got 1",
            "cases/a.toml:6: all wrong: shown to verified on profile: expected legal_name: full, got nothing",
            "cases/a.toml:6: all wrong: withheld from verified on profile: expected nothing, got legal_name: \
             below_threshold",
            "passed 1",
        ],
    );
}

#[test]
fn a_case_that_cannot_be_read_says_where() {
    let head = "activated = 2023-11-01\nchoices = { suggested = true }\n";
    check_cases(
        &format!("{head}[[case]]\nname = \"nothing expected\"\nnow = 2023-12-01\n"),
        &[
            "cases/a.toml:3:1: error: `case[1]`: the case expects nothing\n  help: write at least one of `holds`, \
           `distance`, `shown`, `withheld`",
        ],
    );
    check_cases(
        &format!("{head}[[case]]\nname = \"no day\"\nholds = \"none\"\n"),
        &[
            "cases/a.toml:3:1: error: `case[1].now`: is missing\n  help: say on which day, in the case or under `[given]`",
        ],
    );
    check_cases(
        &format!("{head}[[case]]\nname = \"no rule\"\nnow = 2023-12-01\nholds = [\"nam\"]\n"),
        &[
            "cases/a.toml:6:10: error: `case[1].holds[1]`: `nam` is not a rule of this pack\n  help: did you mean `name`?",
        ],
    );
    check_cases(
        "activated = 2023-11-01\n[[case]]\nname = \"no choice\"\nholds = \"none\"\n",
        &[
            "cases/a.toml: error: `choices`: `name.phase.second.starts` has no answer: When does the second phase start? \
           Give `at_activation`, `not_yet` or a date such as `2024-01-31`\n  help: answer under `[choices]`, or set \
           `suggested = true` there",
        ],
    );
}
