//! Every pack in `packs/`: it parses, has no finding but its gaps, its cases come out, its table is up to date.

use policy::{Severity, cases, check, matrix, parse};

use crate::{bundle, pack_names, packs_dir};

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
