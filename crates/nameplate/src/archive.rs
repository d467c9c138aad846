//! An archive folder: a copy of a data folder with a list of its files and their hashes.
//!
//! The list is written last and names everything, so an archive that was cut off while it was written does not verify.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::progress::Progress;
use crate::wiring::{KEY_FILE, RING_FILE};

const MANIFEST: &str = "manifest.json";
const CONTENT: &str = "content";
const FORMAT: u32 = 1;
/// What of a data folder is copied. The lock is this process's own, the key must not lie beside what it opens.
const COPIED: [&str; 5] = ["log", "snapshots", "blobs", "imports", RING_FILE];

/// An archive folder.
pub(crate) struct Archive(PathBuf);

/// What is in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: u32,
    /// The last position in it.
    pub(crate) position: u64,
    files: Vec<Listed>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    path: String,
    bytes: u64,
    blake3: String,
}

impl Manifest {
    /// Number of files, and bytes in all of them.
    pub(crate) fn sums(&self) -> (u64, u64) {
        (self.files.len() as u64, self.files.iter().map(|file| file.bytes).sum())
    }
}

impl Archive {
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Copies a data folder that nobody writes to. `position` is its last.
    pub(crate) fn write(&self, data: &Path, position: u64) -> anyhow::Result<Manifest> {
        let mut paths = Vec::new();
        for name in COPIED {
            walk(data, &data.join(name), &mut paths)?;
        }
        paths.sort();
        let all = sizes(data, &paths);
        let mut progress = Progress::new("copying", "bytes");
        let mut files = Vec::with_capacity(paths.len());
        let mut done = 0;
        for path in &paths {
            let relative = path.to_str().context("a file of the data folder has a name that is not UTF-8")?;
            let (bytes, hash) = copy(&data.join(path), &self.0.join(CONTENT).join(path), &mut |more| {
                done += more;
                progress.set(done, all);
            })?;
            files.push(Listed { path: relative.to_owned(), bytes, blake3: hash });
        }
        let manifest = Manifest { format: FORMAT, position, files };
        let mut file = File::create(self.0.join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        file.sync_all()?;
        File::open(&self.0)?.sync_all()?;
        Ok(manifest)
    }

    /// Reads everything and compares it with the list.
    pub(crate) fn verify(&self) -> anyhow::Result<Manifest> {
        let path = self.0.join(MANIFEST);
        let text = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not a list of files", path.display()))?;
        if manifest.format != FORMAT {
            bail!("the archive has format {}, this program reads {FORMAT}", manifest.format);
        }
        let (_, all) = manifest.sums();
        let mut progress = Progress::new("checking", "bytes");
        let mut done = 0;
        for listed in &manifest.files {
            let file = self.0.join(CONTENT).join(safe(&listed.path)?);
            let (bytes, hash) = hash_of(&file, &mut |more| {
                done += more;
                progress.set(done, all);
            })?;
            if bytes != listed.bytes || hash != listed.blake3 {
                bail!("`{}` is not what was archived", file.display());
            }
        }
        Ok(manifest)
    }

    /// Copies a verified archive to a new data folder, comparing on the way.
    pub(crate) fn restore(&self, manifest: &Manifest, data: &Path) -> anyhow::Result<()> {
        let (_, all) = manifest.sums();
        let mut progress = Progress::new("restoring", "bytes");
        let mut done = 0;
        for listed in &manifest.files {
            let path = safe(&listed.path)?;
            let (_, hash) = copy(&self.0.join(CONTENT).join(&path), &data.join(&path), &mut |more| {
                done += more;
                progress.set(done, all);
            })?;
            if hash != listed.blake3 {
                bail!("`{}` changed while it was copied", listed.path);
            }
        }
        Ok(())
    }
}

/// A path of the list, if it stays inside of the archive and names something an archive may hold.
fn safe(text: &str) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(text);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let known =
        path.components().next().is_some_and(|first| COPIED.iter().any(|name| first.as_os_str() == *name));
    if !inside || !known || path.file_name().is_some_and(|name| name == KEY_FILE) {
        bail!("the archive lists `{text}`, which no archive holds");
    }
    Ok(path)
}

fn sizes(data: &Path, paths: &[PathBuf]) -> u64 {
    paths.iter().filter_map(|path| fs::metadata(data.join(path)).ok()).map(|meta| meta.len()).sum()
}

fn walk(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(root, &entry?.path(), files)?;
        }
    } else if path.is_file() {
        files.push(path.strip_prefix(root).unwrap_or(path).to_owned());
    }
    Ok(())
}

type Told<'a> = &'a mut dyn FnMut(u64);

fn copy(from: &Path, to: &Path, told: Told<'_>) -> anyhow::Result<(u64, String)> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut target = File::create(to).with_context(|| format!("cannot write `{}`", to.display()))?;
    let sums = read_all(from, told, &mut |piece| target.write_all(piece))?;
    target.sync_all()?;
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(sums)
}

fn hash_of(file: &Path, told: Told<'_>) -> anyhow::Result<(u64, String)> {
    read_all(file, told, &mut |_| Ok(()))
}

fn read_all(
    from: &Path,
    told: Told<'_>,
    each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> anyhow::Result<(u64, String)> {
    let mut source = File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    let mut hash = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = source.read(&mut buffer).with_context(|| format!("cannot read `{}`", from.display()))?;
        if read == 0 {
            return Ok((bytes, hash.finalize().to_hex().to_string()));
        }
        let piece = buffer.get(..read).unwrap_or_default();
        hash.update(piece);
        each(piece)?;
        bytes += read as u64;
        told(read as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in
            [("log/1", "one"), ("blobs/a", "two"), (RING_FILE, "ring"), (KEY_FILE, "key"), ("LOCK", "")]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn an_archive_restores_to_the_same_files_without_the_key() {
        let (data, place) = (data(), tempfile::tempdir().unwrap());
        let archive = Archive::at(&place.path().join("archive"));
        let written = archive.write(data.path(), 9).unwrap();
        assert_eq!(written.sums(), (3, 10));
        assert_eq!(archive.verify().unwrap(), written);
        let back = place.path().join("back");
        archive.restore(&written, &back).unwrap();
        assert_eq!(fs::read(back.join("log/1")).unwrap(), b"one");
        assert!(!back.join(KEY_FILE).exists());
        assert!(!back.join("LOCK").exists());
    }

    #[test]
    fn an_archive_that_was_changed_or_cut_off_does_not_verify() {
        for damage in ["change", "remove a file", "remove the list"] {
            let (data, place) = (data(), tempfile::tempdir().unwrap());
            let archive = Archive::at(&place.path().join("archive"));
            archive.write(data.path(), 9).unwrap();
            let file = archive.0.join(CONTENT).join("log/1");
            match damage {
                "change" => fs::write(file, "0ne").unwrap(),
                "remove a file" => fs::remove_file(file).unwrap(),
                _ => fs::remove_file(archive.0.join(MANIFEST)).unwrap(),
            }
            assert!(archive.verify().is_err(), "{damage}");
        }
    }

    #[test]
    fn a_list_cannot_climb_out_of_the_archive() {
        for path in
            ["../log/1", "/etc/passwd", "log/../../x", "vault.key", "LOCK", "other/x", "log/vault.key"]
        {
            assert!(safe(path).is_err(), "{path}");
        }
        safe("log/000001").unwrap();
    }
}
