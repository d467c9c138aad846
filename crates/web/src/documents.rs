//! The generated files under `docs/` and `openapi/` are what the program says. `UPDATE=1 cargo test -p web`
//! rewrites them.

use std::collections::BTreeSet;
use std::path::Path;

fn compare(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == generated, "`{}` is stale: run `UPDATE=1 cargo test -p web`", path.display());
}

#[test]
fn the_checked_in_api_is_what_the_handlers_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    compare(&root.join("openapi/nameplate-v1.json"), &crate::openapi());
}

/// A change of who may call what is a change of this file, so that it is seen.
#[test]
fn the_checked_in_roles_are_those_of_the_router() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    compare(&root.join("openapi/roles.txt"), &crate::role_table());
}

#[test]
fn each_problem_type_has_its_page_and_no_page_is_left_over() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let mut known = BTreeSet::new();
    for (name, text) in crate::error_pages() {
        compare(&folder.join(&name), &text);
        known.insert(name);
    }
    let found: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, known);
}
