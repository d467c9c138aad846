//! Snapshots on disk: one file each, written aside and named only when whole and durable.
//!
//! A snapshot that does not verify is passed over, never removed by itself: somebody may want to know why.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blake3::{Hash, hazmat::HasherExt};

use super::{
    DataDir,
    medium::{Medium, RawFile},
};
use crate::Error;

const HEAD_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"NPSNAP\r\n";
const VERSION: u32 = 1;
/// Written and synced in pieces of this size, so that the log's own syncs never wait for a whole snapshot; read and
/// hashed in such pieces by several threads. A power of two, as a subtree of the hash must be.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// Threads that read a snapshot.
const READERS_MAX: usize = 8;

/// The snapshots of a data directory; opened by [`DataDir::snapshots`].
pub struct Snapshots {
    inner: Arc<Inner>,
}

struct Inner {
    medium: Arc<dyn Medium>,
    dir: PathBuf,
    known: Mutex<Known>,
    _lock: DataDir,
}

#[derive(Default)]
struct Known {
    /// Positions whose files this handle wrote or has read and verified.
    verified: BTreeSet<u64>,
    /// Positions whose files are being written aside.
    running: BTreeSet<u64>,
}

impl Snapshots {
    pub(super) fn open(medium: Arc<dyn Medium>, dir: PathBuf, lock: DataDir) -> Result<Self, Error> {
        Ok(Self { inner: Arc::new(Inner { medium, dir, known: Mutex::default(), _lock: lock }) })
    }
}

impl Inner {
    fn path(&self, position: u64) -> PathBuf {
        self.dir.join(name(position))
    }

    fn aside(&self, position: u64) -> PathBuf {
        self.dir.join(format!("{}.tmp", name(position)))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Sets of numbers are whole whatever happened to the thread that held them.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot that is written aside.
struct Saving {
    inner: Arc<Inner>,
    position: u64,
    file: Box<dyn RawFile>,
    hasher: blake3::Hasher,
    /// What is not written yet, less than a piece.
    piece: Vec<u8>,
    length: u64,
    finished: bool,
}

impl Saving {
    fn write_piece(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let aside = self.inner.aside(self.position);
        self.hasher.update(bytes);
        self.file
            .write_at(bytes, HEAD_BYTES as u64 + self.length)
            .map_err(|e| Error::file("write to", &aside, e))?;
        self.file.sync_data().map_err(|e| Error::file("sync", &aside, e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

impl crate::Saving for Saving {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while self.piece.len() + bytes.len() >= PIECE_BYTES {
            let (now, later) = bytes.split_at(PIECE_BYTES - self.piece.len());
            bytes = later;
            if self.piece.is_empty() {
                self.write_piece(now)?;
                continue;
            }
            let mut piece = std::mem::take(&mut self.piece);
            piece.extend_from_slice(now);
            self.write_piece(&piece)?;
            piece.clear();
            self.piece = piece;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let piece = std::mem::take(&mut self.piece);
        self.write_piece(&piece)?;
        let (aside, path) = (self.inner.aside(self.position), self.inner.path(self.position));
        let head = head(self.position, self.length, &self.hasher.finalize());
        self.file.write_at(&head, 0).map_err(|e| Error::file("write to", &aside, e))?;
        self.file.sync_data().map_err(|e| Error::file("sync", &aside, e))?;
        self.inner.medium.rename(&aside, &path).map_err(|e| Error::file("rename to", &path, e))?;
        super::sync_dir(&*self.inner.medium, &self.inner.dir)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: what is left aside takes room and goes with the next pruning.
            let _ = self.inner.medium.remove(&self.inner.aside(self.position));
        }
        let mut known = self.inner.known();
        known.running.remove(&self.position);
        if self.finished {
            known.verified.insert(self.position);
        }
    }
}

impl crate::Snapshots for Snapshots {
    fn begin(&self, position: u64) -> Result<Box<dyn crate::Saving>, Error> {
        let aside = self.inner.aside(position);
        {
            let mut known = self.inner.known();
            if !known.running.insert(position) {
                return Err(Error::InUse { file: aside });
            }
            known.verified.remove(&position);
        }
        let file = self.inner.medium.create(&aside).map_err(|e| {
            self.inner.known().running.remove(&position);
            Error::file("make", &aside, e)
        })?;
        Ok(Box::new(Saving {
            inner: Arc::clone(&self.inner),
            position,
            file,
            hasher: blake3::Hasher::new(),
            piece: Vec::new(),
            length: 0,
            finished: false,
        }))
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
        let path = self.inner.path(position);
        let file = match self.inner.medium.open(&path) {
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
        // Looked at first: a length that is not this file's is no reason to ask for so much memory.
        if head_bytes.get(..32) != head(position, content as u64, &Hash::from_bytes([0; 32])).get(..32) {
            return Err(why(&path, &head_bytes));
        }
        let mut bytes = vec![0; content];
        let hash = read_hashed(&*file, &mut bytes).map_err(failed)?;
        if head_bytes != head(position, content as u64, &hash) {
            return Err(why(&path, &head_bytes));
        }
        self.inner.known().verified.insert(position);
        Ok(Some(bytes))
    }

    fn list(&self) -> Result<Vec<u64>, Error> {
        let names =
            self.inner.medium.list(&self.inner.dir).map_err(|e| Error::file("list", &self.inner.dir, e))?;
        Ok(names.iter().filter_map(|name| position_of(name)).collect())
    }

    fn prune(&self, keep: usize) -> Result<usize, Error> {
        let (mut good, mut removed) = (0, 0);
        for position in self.list()?.into_iter().rev() {
            if good >= keep.max(1) {
                let path = self.inner.path(position);
                self.inner.medium.remove(&path).map_err(|e| Error::file("remove", &path, e))?;
                self.inner.known().verified.remove(&position);
                removed += 1;
                continue;
            }
            let known = self.inner.known().verified.contains(&position);
            match if known { Ok(None) } else { self.load(position) } {
                Ok(_) => good += 1,
                Err(Error::Damaged { .. } | Error::FormatIsNewer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // Held so that no save begins: what is aside and not being written was left behind by one that was interrupted.
        let known = self.inner.known();
        for name in
            self.inner.medium.list(&self.inner.dir).map_err(|e| Error::file("list", &self.inner.dir, e))?
        {
            let of = name.strip_suffix(".tmp");
            let runs = of.and_then(position_of).is_some_and(|position| known.running.contains(&position));
            if of.is_some() && !runs {
                let path = self.inner.dir.join(name);
                self.inner.medium.remove(&path).map_err(|e| Error::file("remove", &path, e))?;
            }
        }
        drop(known);
        if removed > 0 {
            super::sync_dir(&*self.inner.medium, &self.inner.dir)?;
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

/// Fills `bytes` with the content of a snapshot file and gives its hash. Several threads share the pieces; the hash of
/// the whole comes from theirs, because it is a tree.
fn read_hashed(file: &dyn RawFile, bytes: &mut [u8]) -> std::io::Result<Hash> {
    if bytes.len() <= PIECE_BYTES {
        file.read_at(bytes, HEAD_BYTES as u64)?;
        return Ok(blake3::hash(bytes));
    }
    let length = bytes.len();
    let pieces = Mutex::new(bytes.chunks_mut(PIECE_BYTES).enumerate());
    let hashes = Mutex::new(vec![[0; 32]; length.div_ceil(PIECE_BYTES)]);
    let work = || -> std::io::Result<()> {
        loop {
            let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((nth, piece)) = next else { return Ok(()) };
            let at = (nth * PIECE_BYTES) as u64;
            file.read_at(piece, HEAD_BYTES as u64 + at)?;
            let hash = blake3::Hasher::new().set_input_offset(at).update(piece).finalize_non_root();
            if let Some(place) = hashes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(nth) {
                *place = hash;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(READERS_MAX);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            let other = other.join().unwrap_or_else(|_| Err(std::io::Error::other("a reading thread died")));
            done = done.and(other);
        }
        done
    })?;
    let hashes = hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (left, right) = hashes.split_at(left_pieces(hashes.len()));
    Ok(blake3::hazmat::merge_subtrees_root(&subtree(left), &subtree(right), blake3::hazmat::Mode::Hash))
}

/// Of so many pieces (at least two), how many are in the left half of the tree: the largest power of two below.
fn left_pieces(pieces: usize) -> usize {
    pieces.next_power_of_two() / 2
}

fn subtree(hashes: &[[u8; 32]]) -> [u8; 32] {
    if let [hash] = hashes {
        return *hash;
    }
    let (left, right) = hashes.split_at(left_pieces(hashes.len()));
    blake3::hazmat::merge_subtrees_non_root(&subtree(left), &subtree(right), blake3::hazmat::Mode::Hash)
}

fn head(position: u64, length: u64, hash: &Hash) -> [u8; HEAD_BYTES] {
    let mut out = [0; HEAD_BYTES];
    let parts = MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain([0; 4]);
    let parts = parts.chain(position.to_le_bytes()).chain(length.to_le_bytes());
    let parts = parts.chain(*hash.as_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is its own content, with a head of zeros.
    struct Content(Vec<u8>);

    impl RawFile for Content {
        fn len(&self) -> std::io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&self, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
            let at = usize::try_from(offset).expect("small") - HEAD_BYTES;
            bytes.copy_from_slice(self.0.get(at..at + bytes.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<()> {
            Err(std::io::ErrorKind::Unsupported.into())
        }

        fn sync_data(&self) -> std::io::Result<()> {
            Ok(())
        }

        fn forget_cache(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_hash_in_pieces_is_the_hash_of_the_whole() {
        let all: Vec<u8> = (0..5 * PIECE_BYTES + 1000).map(|at| ((at * 31) >> 7) as u8).collect();
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES, all.len()] {
            let content = Content(all[..length].to_vec());
            let mut read = vec![0; length];
            let hash = read_hashed(&content, &mut read).expect("reads");
            assert!(read == content.0, "{length} bytes");
            assert_eq!(hash, blake3::hash(&content.0), "{length} bytes");
        }
    }
}
