//! Blobs on disk: cells of a few fixed sizes, one file a size, an index in memory.
//!
//! A deleted blob is overwritten where it stood; nothing ever moves or is copied behind its owner's back. That is
//! the reason for cells: a log-structured or copy-on-write store keeps old bytes until it feels like compacting.
//! The format is in `docs/formats/blobs.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    One, Options,
    cell::{self, Content},
    medium::{Medium, RawFile},
};
use crate::{Error, blobs::check};

/// Sizes of cells in bytes. The last takes the largest blob with the longest key.
const CELL_BYTES: [usize; 8] = [512, 1024, 2048, 4096, 16_384, 65_536, 262_144, 1_048_576];
const HEAD_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"NPCELLS\n";
const VERSION: u32 = 1;
/// Read at once when opening.
const READ_BYTES: usize = 1024 * 1024;

/// The blobs of a data directory; opened by [`super::DataDir::blobs`].
pub struct Blobs {
    dir: PathBuf,
    files: Vec<CellFile>,
    grow_bytes: usize,
    index: RwLock<BTreeMap<Box<str>, Place>>,
    writer: Mutex<Writer>,
    /// Set once a change has failed half way.
    failed: OnceLock<PathBuf>,
    _one: One,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    class: usize,
    number: u64,
}

struct CellFile {
    path: PathBuf,
    file: Box<dyn RawFile>,
    cell_bytes: usize,
}

/// What only the one who writes may touch.
struct Writer {
    free: Vec<Vec<u64>>,
    cells: Vec<u64>,
    sequence: u64,
}

impl CellFile {
    fn offset(&self, number: u64) -> u64 {
        HEAD_BYTES as u64 + number * self.cell_bytes as u64
    }

    fn write(&self, number: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_at(bytes, self.offset(number)).map_err(|e| Error::file("write to", &self.path, e))
    }

    fn read(&self, number: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; self.cell_bytes];
        let read = self.file.read_at(&mut bytes, self.offset(number));
        read.map_err(|e| Error::file("read", &self.path, e))?;
        Ok(bytes)
    }

    fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|e| Error::file("sync", &self.path, e))
    }

    fn damaged(&self, number: u64, what: &str) -> Error {
        Error::Damaged { file: self.path.clone(), offset: self.offset(number), what: what.to_owned() }
    }
}

impl Blobs {
    pub(super) fn open(
        medium: Arc<dyn Medium>,
        dir: PathBuf,
        options: &Options,
        one: One,
    ) -> Result<Self, Error> {
        let names = medium.list(&dir).map_err(|e| Error::file("list", &dir, e))?;
        let files: Vec<CellFile> = CELL_BYTES
            .iter()
            .map(|bytes| open_file(&*medium, &dir, &names, *bytes))
            .collect::<Result<_, _>>()?;
        super::sync_dir(&*medium, &dir)?;

        let mut found: BTreeMap<Box<str>, (u64, Place)> = BTreeMap::new();
        let mut writer =
            Writer { free: vec![Vec::new(); files.len()], cells: vec![0; files.len()], sequence: 0 };
        let mut scrub: Vec<Place> = Vec::new();
        for (class, file) in files.iter().enumerate() {
            let free = each_cell(file, |number, content| {
                let place = Place { class, number };
                match content {
                    Content::Free { remains: false } => return Ok(true),
                    Content::Free { remains: true } => scrub.push(place),
                    Content::Damaged if options.pass_over_damaged_blobs => {}
                    Content::Damaged => {
                        return Err(file.damaged(number, "a cell does not say whose blob it holds"));
                    }
                    Content::Kept { sequence, key, value: _ } => {
                        writer.sequence = writer.sequence.max(sequence);
                        // Two cells for one key: the process died before the former value was destroyed.
                        let former = match found.get(key) {
                            Some((known, _)) if *known > sequence => Some(place),
                            _ => found.insert(key.into(), (sequence, place)).map(|(_, former)| former),
                        };
                        scrub.extend(former);
                    }
                }
                Ok(false)
            })?;
            writer.cells.get_mut(class).into_iter().for_each(|cells| *cells = free.cells);
            writer.free.get_mut(class).into_iter().for_each(|list| list.clone_from(&free.numbers));
        }
        let index = found.into_iter().map(|(key, (_, place))| (key, place)).collect();
        let (failed, grow_bytes) = (OnceLock::new(), options.blob_grow_bytes);
        let blobs = Self {
            dir,
            files,
            grow_bytes,
            index: RwLock::new(index),
            writer: Mutex::new(writer),
            failed,
            _one: one,
        };
        let mut writer = blobs.writer()?;
        blobs.destroy(&mut writer, &scrub)?;
        drop(writer);
        Ok(blobs)
    }

    /// How many blobs there are.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// True where there is no blob.
    pub fn is_empty(&self) -> bool {
        self.index().is_empty()
    }

    /// Reads and verifies every blob, and returns how many there are.
    pub fn verify(&self) -> Result<u64, Error> {
        let places: Vec<Place> = self.index().values().copied().collect();
        places.iter().try_fold(0, |count, place| match self.file(*place)?.read(place.number) {
            Ok(bytes) => match cell::parse(&bytes) {
                Content::Kept { value: None, .. } => {
                    Err(self.file(*place)?.damaged(place.number, "a blob does not verify"))
                }
                Content::Kept { .. } | Content::Free { .. } | Content::Damaged => Ok(count + 1),
            },
            Err(error) => Err(error),
        })
    }

    fn index(&self) -> RwLockReadGuard<'_, BTreeMap<Box<str>, Place>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Box<str>, Place>> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write; refused once a change has failed half way.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let writer = self.writer.lock().map_err(|_| Error::MustReopen { file: self.dir.clone() })?;
        self.refuse_after_failure()?;
        Ok(writer)
    }

    fn refuse_after_failure(&self) -> Result<(), Error> {
        match self.failed.get() {
            Some(file) => Err(Error::MustReopen { file: file.clone() }),
            None => Ok(()),
        }
    }

    fn file(&self, place: Place) -> Result<&CellFile, Error> {
        self.files.get(place.class).ok_or_else(|| Error::MustReopen { file: self.dir.clone() })
    }

    fn sync(&self, places: &[Place]) -> Result<(), Error> {
        let classes: BTreeSet<usize> = places.iter().map(|place| place.class).collect();
        classes.into_iter().filter_map(|class| self.files.get(class)).try_for_each(CellFile::sync)
    }

    /// Takes a free cell for `bytes` bytes, growing the file where there is none.
    fn take(&self, writer: &mut Writer, bytes: usize) -> Result<Place, Error> {
        let class = CELL_BYTES.iter().position(|size| *size >= bytes).unwrap_or(CELL_BYTES.len() - 1);
        let file = self.file(Place { class, number: 0 })?;
        let (Some(free), Some(cells)) = (writer.free.get_mut(class), writer.cells.get_mut(class)) else {
            return Err(Error::MustReopen { file: file.path.clone() });
        };
        if free.is_empty() {
            let count = (self.grow_bytes / file.cell_bytes).max(1) as u64;
            // Not a failure of the store: a disk without room leaves everything stored as it was.
            let zeros = vec![0; usize::try_from(count).unwrap_or(1) * file.cell_bytes];
            file.write(*cells, &zeros)?;
            file.sync()?;
            free.extend((*cells..*cells + count).rev());
            *cells += count;
        }
        let number = free.pop().ok_or_else(|| Error::MustReopen { file: file.path.clone() })?;
        Ok(Place { class, number })
    }

    /// Overwrites cells with zeros, durably, and makes them free.
    fn destroy(&self, writer: &mut Writer, places: &[Place]) -> Result<(), Error> {
        if places.is_empty() {
            return Ok(());
        }
        // First the sectors that say "kept": half a deletion must never look like a damaged blob.
        for place in places {
            self.file(*place)?.write(place.number, &[0; cell::SECTOR])?;
        }
        self.sync(places)?;
        let large: Vec<Place> = places
            .iter()
            .filter(|place| self.files.get(place.class).is_some_and(|file| file.cell_bytes > cell::SECTOR))
            .copied()
            .collect();
        for place in &large {
            let file = self.file(*place)?;
            file.write(place.number, &vec![0; file.cell_bytes])?;
        }
        self.sync(&large)?;
        for place in places {
            writer.free.get_mut(place.class).into_iter().for_each(|list| list.push(place.number));
        }
        Ok(())
    }

    /// Keeps in mind that a change failed half way: what is stored is not known until a reopen has looked.
    fn or_fail<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            let _ = self.failed.set(self.dir.clone());
        }
        done
    }

    fn write_all(&self, writer: &mut Writer, items: &[(&str, &[u8])], places: &[Place]) -> Result<(), Error> {
        // A blob that needs more than one sector is marked as kept only when all of it is durable; what a crash
        // leaves before that says "writing" and was never acknowledged. One sector is there whole or not at all.
        let mut marked = Vec::new();
        for ((key, value), place) in items.iter().zip(places) {
            writer.sequence += 1;
            let small = cell::used_bytes(key, value.len()) <= cell::SECTOR;
            let state = if small { cell::KEPT } else { cell::WRITING };
            self.file(*place)?.write(place.number, &cell::encode(state, writer.sequence, key, value))?;
            if !small {
                marked.push(*place);
            }
        }
        self.sync(places)?;
        for place in &marked {
            self.file(*place)?.write(place.number, &cell::KEPT)?;
        }
        self.sync(&marked)?;

        let mut former = Vec::new();
        {
            let mut index = self.index_mut();
            for ((key, _), place) in items.iter().zip(places) {
                former.extend(index.insert((*key).into(), *place));
            }
        }
        self.destroy(writer, &former)
    }
}

impl crate::Blobs for Blobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        self.put_many(&[(key, bytes)])
    }

    fn put_many(&self, items: &[(&str, &[u8])]) -> Result<(), Error> {
        items.iter().try_for_each(|(key, bytes)| check(key, bytes.len()))?;
        let mut writer = self.writer()?;
        // Reserved first: without room nothing has happened yet, and everything goes on.
        let mut places = Vec::with_capacity(items.len());
        for (key, bytes) in items {
            match self.take(&mut writer, cell::used_bytes(key, bytes.len())) {
                Ok(place) => places.push(place),
                Err(error) => {
                    for place in places {
                        writer.free.get_mut(place.class).into_iter().for_each(|list| list.push(place.number));
                    }
                    return Err(error);
                }
            }
        }
        self.or_fail(self.write_all(&mut writer, items, &places))
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        check(key, 0)?;
        self.refuse_after_failure()?;
        // Held while reading: a cell is only given to somebody else after its key has left the index.
        let index = self.index();
        let Some(place) = index.get(key) else { return Ok(None) };
        let file = self.file(*place)?;
        match cell::parse(&file.read(place.number)?) {
            Content::Kept { key: found, value: Some(value), .. } if found == key => Ok(Some(value.to_vec())),
            Content::Kept { .. } | Content::Free { .. } | Content::Damaged => {
                Err(file.damaged(place.number, "a blob does not verify"))
            }
        }
    }

    fn delete(&self, key: &str) -> Result<bool, Error> {
        check(key, 0)?;
        let mut writer = self.writer()?;
        let Some(place) = self.index_mut().remove(key) else { return Ok(false) };
        self.or_fail(self.destroy(&mut writer, &[place]))?;
        Ok(true)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.refuse_after_failure()?;
        let index = self.index();
        let from = index.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        Ok(from
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .map(|key| key.to_string())
            .collect())
    }
}

struct Free {
    cells: u64,
    numbers: Vec<u64>,
}

/// Shows every whole cell of a file in order; those for which `see` answers true are free to use.
fn each_cell(
    file: &CellFile,
    mut see: impl FnMut(u64, Content<'_>) -> Result<bool, Error>,
) -> Result<Free, Error> {
    let length = file.file.len().map_err(|e| Error::file("read", &file.path, e))?;
    let cells = length.saturating_sub(HEAD_BYTES as u64) / file.cell_bytes as u64;
    let at_once = (READ_BYTES / file.cell_bytes).max(1) as u64;
    let mut numbers = Vec::new();
    let mut number = 0;
    while number < cells {
        let count = at_once.min(cells - number);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(1) * file.cell_bytes];
        let read = file.file.read_at(&mut bytes, file.offset(number));
        read.map_err(|e| Error::file("read", &file.path, e))?;
        for cell in bytes.chunks_exact(file.cell_bytes) {
            if see(number, cell::parse(cell))? {
                numbers.push(number);
            }
            number += 1;
        }
    }
    numbers.reverse();
    Ok(Free { cells, numbers })
}

fn head(cell_bytes: usize) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(cell_bytes as u32).to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    head.resize(HEAD_BYTES, 0);
    head
}

/// Opens the file of one cell size, or makes it.
fn open_file(
    medium: &dyn Medium,
    dir: &Path,
    names: &[String],
    cell_bytes: usize,
) -> Result<CellFile, Error> {
    let name = format!("{cell_bytes}.cells");
    let path = dir.join(&name);
    if !names.contains(&name) {
        let aside = dir.join(format!("{name}.tmp"));
        let file = medium.create(&aside).map_err(|e| Error::file("make", &aside, e))?;
        file.write_at(&head(cell_bytes), 0).map_err(|e| Error::file("write to", &aside, e))?;
        file.sync_data().map_err(|e| Error::file("sync", &aside, e))?;
        medium.rename(&aside, &path).map_err(|e| Error::file("rename to", &path, e))?;
    }
    let file = medium.open(&path).map_err(|e| Error::file("open", &path, e))?;
    // What an earlier process wrote may be in the machine's memory only, and after a sync that failed the memory
    // may even claim what the medium does not have. So: sync, forget, and look at the medium itself.
    file.sync_data().map_err(|e| Error::file("sync", &path, e))?;
    file.forget_cache().map_err(|e| Error::file("read", &path, e))?;
    let mut found = vec![0; HEAD_BYTES];
    let damaged = |what: &str| Error::Damaged { file: path.clone(), offset: 0, what: what.to_owned() };
    if file.len().map_err(|e| Error::file("read", &path, e))? < HEAD_BYTES as u64 {
        return Err(damaged("it ends before its head does"));
    }
    file.read_at(&mut found, 0).map_err(|e| Error::file("read", &path, e))?;
    if found != head(cell_bytes) {
        let version = found.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        let whole = found.get(..16).map(crc32fast::hash).map(u32::to_le_bytes);
        if version > VERSION && found.get(16..20) == whole.as_ref().map(|sum| sum.as_slice()) {
            return Err(Error::FormatIsNewer { file: path, found: version, known: VERSION });
        }
        return Err(damaged("its head does not verify"));
    }
    Ok(CellFile { path, file, cell_bytes })
}
