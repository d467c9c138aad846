//! Every shipped pack, and the language's own errors and promises.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside of test functions")]

mod findings;
mod packs;
mod page;
mod promises;
mod simulate;
mod windows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::Bundle;

/// The folder of the shipped packs.
pub(crate) fn packs_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs")
}

/// The names of the shipped packs.
pub(crate) fn pack_names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(packs_dir())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A shipped pack's files.
pub(crate) fn bundle(name: &str) -> Bundle {
    fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let root = packs_dir().join(name);
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files);
    Bundle { files }
}

/// A small pack with one rule that uses most of the language.
pub(crate) fn sample() -> Bundle {
    Bundle::new([("pack.toml", SAMPLE_PACK), ("rules/name.toml", SAMPLE_RULE)])
}

const SAMPLE_PACK: &str = r#"id = "sample"
version = 1
language = 1
title = "A sample"
status = "announced"
utc_offset = "+00:00"

[source.notice]
url = "https://example.org/notice"
date = 2023-10-31
grade = "high"
says = "What the notice says"

[source.press]
url = "https://example.org/press"
grade = "low"
says = "What the press says"
"#;

const SAMPLE_RULE: &str = r#"id = "name"
title = "The name of large accounts"
status = "announced"
sources = ["notice"]

consent = true
dwell = "7d"
refused = ["less_traffic"]
silent = "none"
below = "hide_now"
again = "new_notice"
removal = "1d"
appeal = "15d"

[cite]
below = ["press"]

[trigger]
topics = ["finance", "law"]
mode = "any"

[[exempt]]
id = "daily-life"
when = { topics = ["daily_life"], mode = "dominant" }
kind = "exempt"

[[phase]]
id = "first"
starts = 2023-11-01
when = { metric = "followers", at_least = 1_000 }

[[phase]]
id = "second"
starts = "unspecified"
when = { metric = "followers", at_least = 500 }

[notice]
kind = "personal"
channels = ["letter"]
period = "30d"

[[show]]
field = "legal_name"
coarse = "full"
surfaces = ["profile"]
viewers = ["verified"]
bars = [{ viewer = "logged_out", says = "visitors" }]

[ask."phase.second.starts"]
question = "When does the second phase start?"
suggestion = "not_yet"
why = "nobody says so"
"#;
