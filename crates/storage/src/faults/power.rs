//! A disk in memory that can lose power, run full, fail a sync and flip bits, below the disk engine.
//!
//! It promises no more than real disks do: 512-byte sectors are whole, unsynced sectors survive or not each by
//! itself, names change in order but only a directory sync makes them stay. After a failed sync it behaves like
//! Linux: memory shows the new bytes and calls them clean, the medium never gets them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Plan, When};
use crate::engines::disk::{Held, Medium, RawFile};

const SECTOR: usize = 512;

/// The disk. Clones share it.
#[derive(Clone, Default)]
pub struct PowerDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    /// Names as the running system sees them, and as they are after a crash.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since the last directory sync, oldest first.
    pending: Vec<Renaming>,
    locked: BTreeSet<PathBuf>,
    plan: Option<Plan>,
    error: Option<io::ErrorKind>,
    room_bytes: Option<usize>,
    /// Counts crashes; what an earlier process still holds open no longer works.
    boot: u64,
}

#[derive(Clone, Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that differ and would be written by the next sync.
    dirty: BTreeSet<usize>,
}

#[derive(Clone)]
enum Renaming {
    Set(PathBuf, usize),
    Gone(PathBuf),
    Move(PathBuf, PathBuf, usize),
}

impl Renaming {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Set(path, _) | Self::Gone(path) | Self::Move(_, path, _) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Set(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Gone(path) => {
                names.remove(path);
            }
            Self::Move(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

impl Inode {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.current.len() < end {
            self.dirty.extend(self.current.len() / SECTOR..end.div_ceil(SECTOR));
            self.current.resize(end, 0);
        }
        self.dirty.extend(offset / SECTOR..end.div_ceil(SECTOR));
        if let Some(to) = self.current.get_mut(offset..end) {
            to.copy_from_slice(bytes);
        }
    }

    fn sync(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        self.durable.resize(self.current.len(), 0);
        dirty.into_iter().for_each(|sector| self.persist(sector));
    }

    fn persist(&mut self, sector: usize) {
        let end = self.durable.len().min(self.current.len()).min((sector + 1) * SECTOR);
        let range = (sector * SECTOR).min(end)..end;
        if let (Some(to), Some(from)) = (self.durable.get_mut(range.clone()), self.current.get(range)) {
            to.copy_from_slice(from);
        }
    }

    /// The file after a power cut: its unsynced sectors survive each by the flip of a coin.
    fn cut(&mut self, coin: &mut impl FnMut() -> bool) {
        if self.current.len() > self.durable.len() && coin() {
            self.durable.resize(self.current.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if coin() {
                self.persist(sector);
            }
        }
        self.current = self.durable.clone();
    }
}

impl PowerDisk {
    /// An empty disk that never fails by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the planned one of the coming writes, syncs and changes of names, with this kind of error.
    pub fn fail(&self, plan: Plan, error: io::ErrorKind) {
        let mut state = self.state();
        state.plan = Some(plan);
        state.error = Some(error);
    }

    /// Limits the sum of all file sizes; `None` is no limit.
    pub fn limit(&self, bytes: Option<usize>) {
        self.state().room_bytes = bytes;
    }

    /// Cuts the power. What was not synced survives in part, chosen by `seed`. Files that are open stop working.
    pub fn cut_power(&self, seed: u64) {
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut coin = move || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x >> 63 == 1
        };
        let mut state = self.state();
        state.boot += 1;
        state.locked.clear();
        state.plan = None;
        let mut stopped = BTreeSet::new();
        let pending = std::mem::take(&mut state.pending);
        for renaming in pending {
            // In order within a directory: once one change is lost, so are those after it.
            let dir = renaming.dir().map(Path::to_owned);
            if !stopped.contains(&dir) && coin() {
                renaming.apply(&mut state.durable_names);
            } else {
                stopped.insert(dir);
            }
        }
        state.names = state.durable_names.clone();
        state.inodes.iter_mut().for_each(|inode| inode.cut(&mut coin));
    }

    /// Kills the process: memory survives, so nothing is lost, but open files stop working.
    pub fn kill_process(&self) {
        let mut state = self.state();
        state.boot += 1;
        state.locked.clear();
        state.plan = None;
    }

    /// Files with a name, and their content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let content = |inode: &usize| state.inodes.get(*inode).map(|inode| inode.current.clone());
        state.names.iter().filter_map(|(path, inode)| Some((path.clone(), content(inode)?))).collect()
    }

    /// Everything the medium holds, named or not: where deleted bytes would be found.
    pub fn medium(&self) -> Vec<Vec<u8>> {
        self.state().inodes.iter().map(|inode| inode.durable.clone()).collect()
    }

    /// Frees the room of files that no name leads to, neither now nor after a crash. What is open stays.
    pub fn scrub(&self) {
        let mut state = self.state();
        let named: BTreeSet<usize> =
            state.names.values().chain(state.durable_names.values()).copied().collect();
        for (number, inode) in state.inodes.iter_mut().enumerate() {
            if !named.contains(&number) {
                *inode = Inode::default();
            }
        }
    }

    /// Flips one bit of a file, in memory and on the medium. False where the file does not reach that far.
    pub fn flip(&self, path: &Path, bit: u64) -> bool {
        self.change(path, |bytes| {
            let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
            bytes.get_mut(at).map(|byte| *byte ^= 1 << (bit % 8)).is_some()
        })
    }

    /// Changes the content of a file, in memory and on the medium. False where there is no such file.
    pub fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let mut state = self.state();
        let Some(number) = state.names.get(path).copied() else { return false };
        let Some(inode) = state.inodes.get_mut(number) else { return false };
        let changed = change(&mut inode.current);
        inode.durable = inode.current.clone();
        changed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an act that the plan may fail.
    fn act<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        let kind = state.error.unwrap_or(io::ErrorKind::Other);
        match state.plan.as_ref().and_then(Plan::next) {
            None => act(&mut state),
            Some(When::Before) => Err(kind.into()),
            Some(When::After) => act(&mut state).and_then(|_| Err(kind.into())),
        }
    }
}

struct OpenFile {
    disk: PowerDisk,
    inode: usize,
    boot: u64,
}

impl OpenFile {
    fn get<'s>(&self, state: &'s mut State) -> io::Result<&'s mut Inode> {
        if state.boot != self.boot {
            return Err(io::Error::other("the process that opened this is gone"));
        }
        state.inodes.get_mut(self.inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl RawFile for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.get(&mut self.disk.state())?.current.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let inode = self.get(&mut state)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = inode.current.get(start..start.saturating_add(bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.act(|state| {
            let used: usize = state.inodes.iter().map(|inode| inode.current.len()).sum();
            let room = state.room_bytes;
            let inode = self.get(state)?;
            let grows = (offset + bytes.len()).saturating_sub(inode.current.len());
            if room.is_some_and(|room| used + grows > room) && grows > 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            inode.write(bytes, offset);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let failed = self.disk.act(|state| {
            self.get(state)?.sync();
            Ok(())
        });
        if failed.is_err() {
            // Clean in memory, lost on the medium: the next sync of these sectors does nothing.
            let mut state = self.disk.state();
            self.get(&mut state)?.dirty.clear();
        }
        failed
    }

    fn forget_cache(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let inode = self.get(&mut state)?;
        let mut fresh = inode.clone();
        fresh.current = fresh.durable.clone();
        if inode.dirty.is_empty() {
            *inode = fresh;
        }
        Ok(())
    }
}

impl Medium for PowerDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create(&self, file: &Path) -> io::Result<Box<dyn RawFile>> {
        self.act(|state| {
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            state.names.insert(file.to_owned(), inode);
            state.pending.push(Renaming::Set(file.to_owned(), inode));
            Ok(Box::new(OpenFile { disk: self.clone(), inode, boot: state.boot }) as Box<dyn RawFile>)
        })
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn RawFile>> {
        let state = self.state();
        let inode = *state.names.get(file).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(OpenFile { disk: self.clone(), inode, boot: state.boot }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(|state| {
            let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            let renaming = Renaming::Move(from.to_owned(), to.to_owned(), inode);
            renaming.apply(&mut state.names);
            state.pending.push(renaming);
            Ok(())
        })
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.act(|state| {
            state.names.remove(file).ok_or(io::ErrorKind::NotFound)?;
            state.pending.push(Renaming::Gone(file.to_owned()));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(|state| {
            let pending = std::mem::take(&mut state.pending);
            for renaming in pending {
                if renaming.dir() == Some(dir) {
                    renaming.apply(&mut state.durable_names);
                } else {
                    state.pending.push(renaming);
                }
            }
            Ok(())
        })
    }

    fn lock(&self, file: &Path) -> io::Result<Option<Held>> {
        let mut state = self.state();
        if !state.locked.insert(file.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Unlock { disk: self.clone(), file: file.to_owned(), boot: state.boot })))
    }
}

struct Unlock {
    disk: PowerDisk,
    file: PathBuf,
    boot: u64,
}

impl Drop for Unlock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locked.remove(&self.file);
        }
    }
}
