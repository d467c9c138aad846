//! Every shipped pack, and the language's own errors and promises.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside of test functions")]

mod packs;

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
