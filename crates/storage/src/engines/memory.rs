//! Everything in memory, for tests and demos.
//!
//! A [`Store`] outlives the handles opened on it, so a test can "restart" by opening again. It survives no process.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Error, Records, blobs, command_log};

/// What a data directory is to the disk engine. Cheap to clone; clones share the content.
#[derive(Clone, Default)]
pub struct Store {
    log: Arc<Mutex<LogContent>>,
    snapshots: Snapshots,
    blobs: Blobs,
}

#[derive(Default)]
struct LogContent {
    open: bool,
    trimmed: u64,
    records: Vec<Arc<[u8]>>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the log. `InUse` while another handle on it lives.
    pub fn log(&self) -> Result<Log, Error> {
        let mut content = lock(&self.log);
        if content.open {
            return Err(Error::InUse { file: PathBuf::from("memory") });
        }
        content.open = true;
        Ok(Log { content: Arc::clone(&self.log) })
    }

    /// The snapshots.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.clone()
    }

    /// The blobs.
    pub fn blobs(&self) -> Blobs {
        self.blobs.clone()
    }
}

/// A command log in memory.
pub struct Log {
    content: Arc<Mutex<LogContent>>,
}

impl Log {
    /// A log on a store of its own.
    pub fn new() -> Self {
        Self { content: Arc::new(Mutex::new(LogContent { open: true, ..LogContent::default() })) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        lock(&self.content).open = false;
    }
}

impl LogContent {
    fn last(&self) -> u64 {
        self.trimmed + self.records.len() as u64
    }
}

impl crate::CommandLog for Log {
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error> {
        command_log::check_sizes(records)?;
        let mut content = lock(&self.content);
        content.records.extend(records.iter().map(|record| Arc::from(*record)));
        Ok(content.last())
    }

    fn read_from(&self, position: u64) -> Result<Records, Error> {
        let content = lock(&self.content);
        let start = command_log::read_start(position, content.trimmed + 1, content.last())?;
        let skip = usize::try_from(start - content.trimmed - 1).unwrap_or(usize::MAX);
        let records: Vec<Arc<[u8]>> = content.records.iter().skip(skip).cloned().collect();
        Ok(Box::new((start..).zip(records).map(|(position, record)| Ok((position, record.to_vec())))))
    }

    fn last(&self) -> u64 {
        lock(&self.content).last()
    }

    fn first(&self) -> u64 {
        lock(&self.content).trimmed + 1
    }

    fn trim_before(&mut self, position: u64) -> Result<(), Error> {
        let mut content = lock(&self.content);
        let last = content.last();
        if position > last + 1 {
            return Err(Error::BeyondTheEnd { position, last });
        }
        let drop = position.saturating_sub(content.trimmed + 1);
        content.records.drain(..usize::try_from(drop).unwrap_or(usize::MAX));
        content.trimmed += drop;
        Ok(())
    }
}

/// Snapshots in memory. Clones share the content.
#[derive(Clone, Default)]
pub struct Snapshots {
    content: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
}

struct Saving {
    to: Snapshots,
    position: u64,
    bytes: Vec<u8>,
}

impl crate::Saving for Saving {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        lock(&self.to.content).insert(self.position, self.bytes);
        Ok(())
    }
}

impl crate::Snapshots for Snapshots {
    fn begin(&self, position: u64) -> Result<Box<dyn crate::Saving>, Error> {
        Ok(Box::new(Saving { to: self.clone(), position, bytes: Vec::new() }))
    }

    fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        Ok(lock(&self.content).last_key_value().map(|(position, bytes)| (*position, bytes.clone())))
    }

    fn load(&self, position: u64) -> Result<Option<Vec<u8>>, Error> {
        Ok(lock(&self.content).get(&position).cloned())
    }

    fn list(&self) -> Result<Vec<u64>, Error> {
        Ok(lock(&self.content).keys().copied().collect())
    }

    fn prune(&self, keep: usize) -> Result<usize, Error> {
        let mut content = lock(&self.content);
        let before = content.len();
        while content.len() > keep.max(1) {
            content.pop_first();
        }
        Ok(before - content.len())
    }
}

/// Blobs in memory. Clones share the content.
#[derive(Clone, Default)]
pub struct Blobs {
    content: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl crate::Blobs for Blobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        blobs::check(key, bytes.len())?;
        lock(&self.content).insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        blobs::check(key, 0)?;
        Ok(lock(&self.content).get(key).cloned())
    }

    fn delete(&self, key: &str) -> Result<bool, Error> {
        blobs::check(key, 0)?;
        Ok(lock(&self.content).remove(key).is_some())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let content = lock(&self.content);
        let from = content.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        Ok(from.map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect())
    }
}

// A poisoned mutex means a thread died between two whole steps here; the content is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
