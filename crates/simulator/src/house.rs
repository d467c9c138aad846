//! A whole engine on a disk that can fail: pipeline, log and snapshots as in a server, only the medium is in memory.
//!
//! Crash points are passages that the process is told of, and there can be one such listener in a process: so there is one
//! house at a time.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use pipeline::crash::{self, CrashPoint};
use pipeline::{Clock, Forget, Handle, Limits, ManualClock, Opened, Parts, Pipeline};
use state::{HolderId, PlatformId};
use storage::disk::{DataDir, Options};
use storage::faults::{Plan, PowerDisk, When};

use crate::steps::{Fault, Strikes, Then};

/// Only one house at a time: the listener at the crash points is the process's own.
static ONE: Mutex<()> = Mutex::new(());

/// The engine and what it stands on.
pub(crate) struct House {
    disk: PowerDisk,
    pub(crate) clock: ManualClock,
    limits: Limits,
    options: Options,
    pipeline: Option<Pipeline>,
    trap: Arc<Trap>,
    plan: Option<(Plan, Then)>,
    _one: MutexGuard<'static, ()>,
}

/// What waits at the crash points.
struct Trap {
    disk: PowerDisk,
    armed: Mutex<Option<Armed>>,
    sprung: AtomicBool,
}

struct Armed {
    point: CrashPoint,
    passages_left: u64,
    then: Then,
}

/// Nobody has keys here.
pub(crate) struct NoKeys;

impl Forget for NoKeys {
    fn forget(&self, _: &PlatformId, _: &HolderId) -> Result<(), vault::Error> {
        Ok(())
    }
}

impl Trap {
    fn pass(&self, point: CrashPoint) {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(trap) = armed.as_mut().filter(|armed| armed.point == point) else { return };
        trap.passages_left -= 1;
        if trap.passages_left == 0 {
            // From here on nothing that this process does reaches the disk: it is as good as dead.
            self.sprung.store(true, Ordering::SeqCst);
            strike(&self.disk, trap.then);
            *armed = None;
        }
    }
}

fn strike(disk: &PowerDisk, then: Then) {
    match then {
        Then::Killed => disk.kill_process(),
        Then::PowerCut(seed) => disk.cut_power(seed),
    }
}

impl House {
    /// An empty house; open it next.
    pub(crate) fn new(limits: Limits, segment_bytes: u64, start_ms: i64) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = PowerDisk::new();
        let trap =
            Arc::new(Trap { disk: disk.clone(), armed: Mutex::new(None), sprung: AtomicBool::new(false) });
        let watched = Arc::clone(&trap);
        crash::watch(Some(Arc::new(move |point| watched.pass(point))));
        Self {
            disk,
            clock: ManualClock::at(start_ms),
            limits: Limits { tick_every: None, forget_retry: Duration::from_millis(2), ..limits },
            // Prepared segments and salts by chance would make runs of one seed differ.
            options: Options { segment_bytes, prepare_ahead: false, salt: Some(7), ..Options::default() },
            pipeline: None,
            trap,
            plan: None,
            _one: one,
        }
    }

    /// Starts the engine. After a fault that strikes while it starts, it is started once more.
    pub(crate) fn open(&mut self) -> Result<Opened> {
        match self.try_open() {
            Err(_) if self.has_failed() => {
                self.die();
                self.try_open()
            }
            opened => opened,
        }
    }

    fn try_open(&mut self) -> Result<Opened> {
        let folder = PathBuf::from("/simulated");
        let data = DataDir::open_on(Arc::new(self.disk.clone()), folder, self.options.clone())?;
        let parts = Parts {
            log: Box::new(data.log()?),
            snapshots: Arc::new(data.snapshots()?),
            keys: Arc::new(NoKeys),
            clock: Clock::Manual(self.clock.clone()),
            state_limits: state::Limits::default(),
        };
        let (pipeline, opened) = Pipeline::open(self.limits.clone(), parts)?;
        self.pipeline = Some(pipeline);
        Ok(opened)
    }

    /// A handle to the running engine.
    pub(crate) fn handle(&self) -> Result<Handle> {
        Ok(self.pipeline.as_ref().context("the engine is not running")?.handle())
    }

    /// Makes something go wrong later; an earlier plan that has not struck yet is given up.
    pub(crate) fn plan(&mut self, fault: Fault) {
        let mut armed = self.trap.armed.lock().unwrap_or_else(PoisonError::into_inner);
        *armed = None;
        self.plan = None;
        match fault.at {
            Strikes::Disk(act, when) => {
                let plan = Plan::fail(act, when);
                self.disk.fail(plan.clone(), io::ErrorKind::Other);
                self.plan = Some((plan, fault.then));
            }
            Strikes::Point(point, passages_left) => {
                self.disk.fail(Plan::never(), io::ErrorKind::Other);
                *armed = Some(Armed { point, passages_left, then: fault.then });
            }
        }
    }

    /// Has a fault struck since the last start?
    pub(crate) fn has_failed(&self) -> bool {
        self.trap.sprung.load(Ordering::SeqCst) || self.plan.as_ref().is_some_and(|(plan, _)| plan.struck())
    }

    /// Has the process died at a crash point? An answer that comes after that was never given.
    pub(crate) fn is_dead(&self) -> bool {
        self.trap.sprung.load(Ordering::SeqCst)
    }

    /// Ends the process at once, in the way that the fault asks for.
    pub(crate) fn die(&mut self) {
        let then = self.plan.take().map_or(Then::Killed, |(_, then)| then);
        if !self.trap.sprung.swap(false, Ordering::SeqCst) {
            strike(&self.disk, then);
        }
        self.pipeline = None;
        self.disk.fail(Plan::never(), io::ErrorKind::Other);
        *self.trap.armed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // The threads that ended meanwhile may have passed a point.
        self.trap.sprung.store(false, Ordering::SeqCst);
    }

    /// Stops the engine in order.
    pub(crate) fn close(&mut self) {
        if let Some(pipeline) = self.pipeline.take() {
            pipeline.close();
        }
    }

    /// Gives back the room of files that are gone.
    pub(crate) fn scrub(&self) {
        self.disk.scrub();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.disk.kill_process();
        self.pipeline = None;
        crash::watch(None);
    }
}

/// The name of a kind of fault, for counting.
pub(crate) fn kind(fault: Fault) -> &'static str {
    match (fault.at, fault.then) {
        (Strikes::Disk(_, When::Before), Then::Killed) => "disk fails before, killed",
        (Strikes::Disk(_, When::Before), Then::PowerCut(_)) => "disk fails before, power cut",
        (Strikes::Disk(_, When::After), Then::Killed) => "disk fails after, killed",
        (Strikes::Disk(_, When::After), Then::PowerCut(_)) => "disk fails after, power cut",
        (Strikes::Point(point, _), _) => point.as_str(),
    }
}
