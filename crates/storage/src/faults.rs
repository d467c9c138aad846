//! Storage that fails on purpose: wrappers for the contracts, and a disk that loses power.
//!
//! Every fault strikes once before the act and once after it ("failed, and yet it is there"), because a caller that
//! only survives the first kind is not finished. A run must ask whether its fault struck ([`Plan::struck`]).

mod power;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub use power::PowerDisk;

use crate::{Blobs, CommandLog, Error, Records, Saving, Snapshots};

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened.
    Before,
    /// Everything has happened, only the answer is an error.
    After,
}

/// Which act fails. Clones share the plan, so a test keeps one and hands the other to the wrapper.
#[derive(Clone, Debug)]
pub struct Plan {
    shared: Arc<Counts>,
    at: u64,
    when: When,
}

#[derive(Debug, Default)]
struct Counts {
    acts: AtomicU64,
    struck: AtomicBool,
}

impl Plan {
    /// Fails the act with this number; the first is 0.
    pub fn fail(at: u64, when: When) -> Self {
        Self { shared: Arc::default(), at, when }
    }

    /// Never fails, only counts.
    pub fn never() -> Self {
        Self::fail(u64::MAX, When::Before)
    }

    /// Acts so far.
    pub fn acts(&self) -> u64 {
        self.shared.acts.load(Ordering::Acquire)
    }

    /// True once the fault has struck.
    pub fn struck(&self) -> bool {
        self.shared.struck.load(Ordering::Acquire)
    }

    /// Counts an act and says whether and when it fails.
    fn next(&self) -> Option<When> {
        let this = self.shared.acts.fetch_add(1, Ordering::AcqRel);
        let strikes = this == self.at;
        if strikes {
            self.shared.struck.store(true, Ordering::Release);
        }
        strikes.then_some(self.when)
    }

    fn run<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match self.next() {
            None => act(),
            Some(When::Before) => Err(planned()),
            Some(When::After) => act().and_then(|_| Err(planned())),
        }
    }
}

fn planned() -> Error {
    Error::File { act: "write to", file: PathBuf::from("faulty"), source: io::Error::other("planned fault") }
}

fn must_reopen() -> Error {
    Error::MustReopen { file: PathBuf::from("faulty") }
}

/// A command log whose appends fail as planned. Like any log it then refuses everything until it is reopened, which
/// here means: drop it and wrap what the inner engine opens anew.
pub struct FaultyLog<L> {
    inner: L,
    plan: Plan,
    /// Last position acknowledged: a record that slipped in behind an error does not count until a reopen.
    last: u64,
    failed: bool,
}

impl<L: CommandLog> FaultyLog<L> {
    /// Wraps a log. Only appends with records count as acts.
    pub fn new(inner: L, plan: Plan) -> Self {
        Self { last: inner.last(), inner, plan, failed: false }
    }

    fn refuse_after_failure(&self) -> Result<(), Error> {
        if self.failed { Err(must_reopen()) } else { Ok(()) }
    }
}

impl<L: CommandLog> CommandLog for FaultyLog<L> {
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error> {
        self.refuse_after_failure()?;
        if records.is_empty() {
            return Ok(self.last());
        }
        let done = self.plan.run(|| self.inner.append(records));
        self.failed = done.as_ref().is_err_and(|error| !error.is_refusal());
        self.last = *done.as_ref().unwrap_or(&self.last);
        done
    }

    fn read_from(&self, position: u64) -> Result<Records, Error> {
        self.refuse_after_failure()?;
        self.inner.read_from(position)
    }

    fn last(&self) -> u64 {
        self.last
    }

    fn first(&self) -> u64 {
        self.inner.first()
    }

    fn trim_before(&mut self, position: u64) -> Result<(), Error> {
        self.refuse_after_failure()?;
        self.inner.trim_before(position)
    }
}

/// Snapshots whose saves fail as planned.
pub struct FaultySnapshots<S> {
    inner: S,
    plan: Plan,
}

/// Fails when it is finished.
struct FaultySaving {
    inner: Box<dyn Saving>,
    plan: Plan,
}

impl Saving for FaultySaving {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.inner.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let Self { inner, plan } = *self;
        plan.run(|| inner.finish())
    }
}

impl<S: Snapshots> FaultySnapshots<S> {
    /// Wraps snapshots. Only saves that get to their end count as acts.
    pub fn new(inner: S, plan: Plan) -> Self {
        Self { inner, plan }
    }
}

impl<S: Snapshots> Snapshots for FaultySnapshots<S> {
    fn begin(&self, position: u64) -> Result<Box<dyn Saving>, Error> {
        let inner = self.inner.begin(position)?;
        Ok(Box::new(FaultySaving { inner, plan: self.plan.clone() }))
    }

    fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        self.inner.load_latest()
    }

    fn load(&self, position: u64) -> Result<Option<Vec<u8>>, Error> {
        self.inner.load(position)
    }

    fn list(&self) -> Result<Vec<u64>, Error> {
        self.inner.list()
    }

    fn prune(&self, keep: usize) -> Result<usize, Error> {
        self.inner.prune(keep)
    }
}

/// Blobs whose puts and deletions fail as planned; afterwards everything is refused, as the disk engine does.
pub struct FaultyBlobs<B> {
    inner: B,
    plan: Plan,
    failed: AtomicBool,
}

impl<B: Blobs> FaultyBlobs<B> {
    /// Wraps blobs. Puts (`put_many` is one) and deletions count as acts.
    pub fn new(inner: B, plan: Plan) -> Self {
        Self { inner, plan, failed: AtomicBool::new(false) }
    }

    fn refuse_after_failure(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::Acquire) { Err(must_reopen()) } else { Ok(()) }
    }

    fn change<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.refuse_after_failure()?;
        let done = self.plan.run(act);
        if done.as_ref().is_err_and(|error| !error.is_refusal()) {
            self.failed.store(true, Ordering::Release);
        }
        done
    }
}

impl<B: Blobs> Blobs for FaultyBlobs<B> {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        self.change(|| self.inner.put(key, bytes))
    }

    fn put_many(&self, items: &[(&str, &[u8])]) -> Result<(), Error> {
        self.change(|| self.inner.put_many(items))
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.refuse_after_failure()?;
        self.inner.get(key)
    }

    fn delete(&self, key: &str) -> Result<bool, Error> {
        self.change(|| self.inner.delete(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.refuse_after_failure()?;
        self.inner.list(prefix)
    }
}
