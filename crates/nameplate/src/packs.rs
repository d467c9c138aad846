//! Packs as folders: those in the binary, and those of a folder that the operator names.
//!
//! A pack of the operator's folder replaces the one of the same name in the binary, as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use policy::Bundle;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/packs.rs"));
}

/// Files of one pack, most: a folder with more is not a pack.
const PACK_FILES_MAX: usize = 1_000;
/// Bytes of one file of a pack, most.
const PACK_FILE_BYTES_MAX: u64 = 1 << 20;

/// The packs in the binary, by name, overridden by those in `folder`.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub(crate) fn all(folder: Option<&Path>) -> anyhow::Result<BTreeMap<String, Bundle>> {
    let mut packs: BTreeMap<String, Bundle> = BTreeMap::new();
    for (path, bytes) in embedded::FILES {
        if let Some((pack, file)) = path.split_once('/') {
            packs.entry(pack.to_owned()).or_default().files.insert(file.to_owned(), bytes.to_vec());
        }
    }
    if let Some(folder) = folder {
        let entries = fs::read_dir(folder)
            .with_context(|| format!("cannot read the pack folder `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.join("pack.toml").is_file()
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                packs.insert(name.to_owned(), read(&path)?);
            }
        }
    }
    packs.retain(|_, bundle| bundle.files.contains_key("pack.toml"));
    Ok(packs)
}

/// The pack called `name`: a path to a folder with a `pack.toml`, or the name of one of [`all`].
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn find(name: &str, folder: Option<&Path>) -> anyhow::Result<Bundle> {
    let path = Path::new(name);
    if path.join("pack.toml").is_file() {
        return read(path);
    }
    let mut packs = all(folder)?;
    match packs.remove(name) {
        Some(bundle) => Ok(bundle),
        None => bail!(
            "there is no pack `{name}`; give a folder that has a `pack.toml`, or one of: {}",
            packs.into_keys().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Reads the pack in `folder`: every file below it, by its path.
fn read(folder: &Path) -> anyhow::Result<Bundle> {
    let mut files = Vec::new();
    walk(folder, &mut files)?;
    let mut bundle = Bundle::default();
    for file in files {
        let length = fs::metadata(&file)?.len();
        if length > PACK_FILE_BYTES_MAX {
            bail!(
                "`{}` has {length} bytes, a file of a pack has at most {PACK_FILE_BYTES_MAX}",
                file.display()
            );
        }
        let bytes = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let relative = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        bundle.files.insert(relative, bytes);
    }
    Ok(bundle)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
        if files.len() > PACK_FILES_MAX {
            bail!("`{}` has more than {PACK_FILES_MAX} files, it is not a pack", folder.display());
        }
    }
    Ok(())
}
