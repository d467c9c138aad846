//! Snapshots on disk: one file each, written aside and named only when whole and durable.
//!
//! A snapshot that does not verify is passed over, never removed by itself: somebody may want to know why.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{DataDir, medium::Medium};
use crate::Error;

const HEAD_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"NPSNAP\r\n";
const VERSION: u32 = 1;
/// Written and synced in pieces of this size, so that the log's own syncs never wait for a whole snapshot.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// The snapshots of a data directory; opened by [`DataDir::snapshots`].
pub struct Snapshots {
    medium: Arc<dyn Medium>,
    dir: PathBuf,
    /// Positions whose files this handle wrote or has read and verified; also keeps two saves apart.
    verified: Mutex<BTreeSet<u64>>,
    _lock: DataDir,
}

impl Snapshots {
    pub(super) fn open(medium: Arc<dyn Medium>, dir: PathBuf, lock: DataDir) -> Result<Self, Error> {
        Ok(Self { medium, dir, verified: Mutex::default(), _lock: lock })
    }

    fn path(&self, position: u64) -> PathBuf {
        self.dir.join(name(position))
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        // A set of numbers is whole whatever happened to the thread that held it.
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, position: u64, bytes: &[u8]) -> Result<(), Error> {
        let aside = self.dir.join(format!("{}.tmp", name(position)));
        let path = self.path(position);
        let file = self.medium.create(&aside).map_err(|e| Error::file("make", &aside, e))?;
        let failed = |e| Error::file("write to", &aside, e);
        file.write_at(&head(position, bytes), 0).map_err(failed)?;
        let mut at = HEAD_BYTES as u64;
        for piece in bytes.chunks(PIECE_BYTES) {
            file.write_at(piece, at).map_err(failed)?;
            file.sync_data().map_err(|e| Error::file("sync", &aside, e))?;
            at += piece.len() as u64;
        }
        file.sync_data().map_err(|e| Error::file("sync", &aside, e))?;
        self.medium.rename(&aside, &path).map_err(|e| Error::file("rename to", &path, e))?;
        super::sync_dir(&*self.medium, &self.dir)
    }
}

impl crate::Snapshots for Snapshots {
    fn save(&self, position: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut verified = self.verified();
        verified.remove(&position);
        let saved = self.write(position, bytes);
        if saved.is_err() {
            // Best effort: what is left aside takes room and is made anew by the next save at this position.
            let _ = self.medium.remove(&self.dir.join(format!("{}.tmp", name(position))));
        }
        saved?;
        verified.insert(position);
        Ok(())
    }

    fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        for position in self.list()?.into_iter().rev() {
            match self.load(position) {
                Ok(Some(bytes)) => return Ok(Some((position, bytes))),
                // Only a shortcut: the log is the truth, whatever has become of this file.
                Ok(None) | Err(Error::Damaged { .. } | Error::FormatIsNewer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn load(&self, position: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(position);
        let file = match self.medium.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("open", &path, error)),
        };
        let failed = |e| Error::file("read", &path, e);
        let length = usize::try_from(file.len().map_err(failed)?).unwrap_or(usize::MAX);
        let Some(content) = length.checked_sub(HEAD_BYTES) else {
            return Err(damaged(&path, "it ends before its head does"));
        };
        let mut head_bytes = [0; HEAD_BYTES];
        file.read_at(&mut head_bytes, 0).map_err(failed)?;
        let mut bytes = vec![0; content];
        file.read_at(&mut bytes, HEAD_BYTES as u64).map_err(failed)?;
        if head_bytes != head(position, &bytes) {
            return Err(why(&path, &head_bytes));
        }
        self.verified().insert(position);
        Ok(Some(bytes))
    }

    fn list(&self) -> Result<Vec<u64>, Error> {
        let names = self.medium.list(&self.dir).map_err(|e| Error::file("list", &self.dir, e))?;
        Ok(names.iter().filter_map(|name| position_of(name)).collect())
    }

    fn prune(&self, keep: usize) -> Result<usize, Error> {
        let (mut good, mut removed) = (0, 0);
        for position in self.list()?.into_iter().rev() {
            if good >= keep.max(1) {
                let path = self.path(position);
                self.medium.remove(&path).map_err(|e| Error::file("remove", &path, e))?;
                self.verified().remove(&position);
                removed += 1;
                continue;
            }
            let known = self.verified().contains(&position);
            match if known { Ok(None) } else { self.load(position) } {
                Ok(_) => good += 1,
                Err(Error::Damaged { .. } | Error::FormatIsNewer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // Held so that no save is running: what is set aside now was left behind by one that was interrupted.
        let running = self.verified();
        for name in self.medium.list(&self.dir).map_err(|e| Error::file("list", &self.dir, e))? {
            if name.ends_with(".tmp") {
                let path = self.dir.join(name);
                self.medium.remove(&path).map_err(|e| Error::file("remove", &path, e))?;
            }
        }
        drop(running);
        if removed > 0 {
            super::sync_dir(&*self.medium, &self.dir)?;
        }
        Ok(removed)
    }
}

fn name(position: u64) -> String {
    format!("{position:020}.snapshot")
}

fn position_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".snapshot")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn head(position: u64, bytes: &[u8]) -> [u8; HEAD_BYTES] {
    let mut out = [0; HEAD_BYTES];
    let parts = MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain([0; 4]);
    let parts = parts.chain(position.to_le_bytes()).chain((bytes.len() as u64).to_le_bytes());
    let parts = parts.chain(*blake3::hash(bytes).as_bytes());
    out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    out
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Damaged { file: path.to_owned(), offset: 0, what: what.to_owned() }
}

/// Why a head is not the one its content must have.
fn why(path: &Path, head: &[u8; HEAD_BYTES]) -> Error {
    let version = head.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    match version {
        Some(found) if head.starts_with(&MAGIC) && found > VERSION => {
            Error::FormatIsNewer { file: path.to_owned(), found, known: VERSION }
        }
        _ => damaged(path, "its content does not have the checksum in its head"),
    }
}
