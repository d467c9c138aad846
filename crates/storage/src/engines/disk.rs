//! Everything in one data directory: `LOCK`, `log/`, `snapshots/` and `blobs/`.
//!
//! The lock is the kernel's, not the file's: a `LOCK` file left behind by a crash locks nothing.

mod blobs;
mod cell;
mod log;
mod medium;
mod record;
mod scan;
mod segment;
mod snapshots;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use blobs::Blobs;
pub use log::{Log, Recovered};
pub use medium::{Files, Held, Medium, RawFile};
pub use snapshots::Snapshots;

use crate::Error;

/// How to open a data directory. The default is right for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a log segment in bytes, at least 4,096. Default 64 MiB.
    pub segment_bytes: u64,
    /// Check every record of the log when it is opened, not only those of the last segment. Default true.
    /// Without it, damage in older segments shows when they are read.
    pub verify_all: bool,
    /// Fill the next log segment with zeros in the background, so that no append waits for it. Default true.
    pub prepare_ahead: bool,
    /// Give up the last write of the log where it is unreadable and an interrupted write does not explain that.
    /// Only ever set by a person, for one start. Default false.
    pub drop_damaged_tail: bool,
    /// Open the blobs although some cells are unreadable and do not say whose they were; they are left alone.
    /// Only ever set by a person. Default false.
    pub pass_over_damaged_blobs: bool,
    /// Bytes by which a file of blobs grows, or one cell where that is more. Default 1 MiB.
    pub blob_grow_bytes: usize,
    /// Salt of new log segments in place of a random one, for bytes that repeat. Default none.
    pub salt: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            verify_all: true,
            prepare_ahead: true,
            drop_damaged_tail: false,
            pass_over_damaged_blobs: false,
            blob_grow_bytes: 1024 * 1024,
            salt: None,
        }
    }
}

/// A data directory held by this process. The lock lasts as long as this or anything opened from it.
#[derive(Clone)]
pub struct DataDir {
    shared: Arc<Shared>,
}

struct Shared {
    medium: Arc<dyn Medium>,
    dir: PathBuf,
    options: Options,
    log_open: AtomicBool,
    blobs_open: AtomicBool,
    _lock: Held,
}

impl DataDir {
    /// Makes the directory where it is missing and takes its lock. `InUse` while anybody else has it.
    pub fn open(dir: impl Into<PathBuf>, options: Options) -> Result<Self, Error> {
        Self::open_on(Arc::new(Files), dir, options)
    }

    /// Like [`open`](Self::open), on another medium than the file system.
    pub fn open_on(
        medium: Arc<dyn Medium>,
        dir: impl Into<PathBuf>,
        options: Options,
    ) -> Result<Self, Error> {
        let dir = dir.into();
        for name in ["log", "snapshots", "blobs"] {
            let folder = dir.join(name);
            medium.create_dir(&folder).map_err(|e| Error::file("make", &folder, e))?;
        }
        let file = dir.join("LOCK");
        let held = medium.lock(&file).map_err(|e| Error::file("lock", &file, e))?;
        let Some(lock) = held else { return Err(Error::InUse { file }) };
        sync_dir(&*medium, &dir)?;
        if let Some(parent) = dir.parent()
            && parent != Path::new("")
        {
            sync_dir(&*medium, parent)?;
        }
        let (log_open, blobs_open) = Default::default();
        Ok(Self { shared: Arc::new(Shared { medium, dir, options, log_open, blobs_open, _lock: lock }) })
    }

    /// Opens the log: checks it, cuts off what an interrupted write left, and tells what it found
    /// ([`Log::recovered`]). `InUse` while another handle on it lives.
    pub fn log(&self) -> Result<Log, Error> {
        let one = One::take(self.clone(), |shared| &shared.log_open, "log")?;
        Log::open(Arc::clone(&self.shared.medium), self.folder("log"), self.shared.options.clone(), one)
    }

    /// Opens the snapshots. Any number of handles may live side by side.
    pub fn snapshots(&self) -> Result<Snapshots, Error> {
        Snapshots::open(Arc::clone(&self.shared.medium), self.folder("snapshots"), self.clone())
    }

    /// Opens the blobs: reads all of them once to find and check them. `InUse` while another handle on them lives.
    pub fn blobs(&self) -> Result<Blobs, Error> {
        let one = One::take(self.clone(), |shared| &shared.blobs_open, "blobs")?;
        Blobs::open(Arc::clone(&self.shared.medium), self.folder("blobs"), &self.shared.options, one)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.shared.dir
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.shared.dir.join(name)
    }
}

/// The right to be the only handle on one part of a data directory; given back when dropped.
struct One {
    dir: DataDir,
    flag: fn(&Shared) -> &AtomicBool,
}

impl One {
    fn take(dir: DataDir, flag: fn(&Shared) -> &AtomicBool, name: &str) -> Result<Self, Error> {
        if flag(&dir.shared).swap(true, Ordering::AcqRel) {
            return Err(Error::InUse { file: dir.folder(name) });
        }
        Ok(Self { dir, flag })
    }
}

impl Drop for One {
    fn drop(&mut self) {
        (self.flag)(&self.dir.shared).store(false, Ordering::Release);
    }
}

fn sync_dir(medium: &dyn Medium, dir: &Path) -> Result<(), Error> {
    medium.sync_dir(dir).map_err(|e| Error::file("sync", dir, e))
}
