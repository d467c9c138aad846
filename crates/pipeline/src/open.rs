//! Opening: the newest usable snapshot, then the rest of the log, then a look whether the promises hold.
//!
//! A snapshot that does not load is passed over for an older one; the log reaches back to the oldest that is kept. Its
//! follower sets are still packed when reads and writes begin.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use state::{Entry, Machine};
use storage::{CommandLog, Snapshots};
use tokio::sync::watch;

use crate::append::LogAt;
use crate::clock::{Clock, Stamper};
use crate::effects::Feed;
use crate::error::OpenError;
use crate::forget::{Forget, Forgetter, Order, Pending};
use crate::gather::Gathering;
use crate::handle::{Handle, Shared};
use crate::limits::Limits;
use crate::saver::Saver;
use crate::tending::Tender;
use crate::unpacking::Unpacker;
use crate::writer::{SinceSnapshot, Writer};
use crate::{apply, record, snapshot};

/// What the pipeline is made of.
pub struct Parts {
    /// The log, opened for this process alone.
    pub log: Box<dyn CommandLog>,
    /// The snapshots of that log.
    pub snapshots: Arc<dyn Snapshots>,
    /// Destroys the keys of those who leave: usually the vault.
    pub keys: Arc<dyn Forget>,
    /// Where stamps come from.
    pub clock: Clock,
    /// The state's own limits. The log must be replayed under those it was written under.
    pub state_limits: state::Limits,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Position of the snapshot it started from; `None` when it started from nothing.
    pub snapshot: Option<u64>,
    /// Newer snapshots that were not usable, with the reason.
    pub passed_over: Vec<(u64, String)>,
    /// Entries replayed from the log.
    pub replayed: u64,
    /// The last position applied.
    pub position: u64,
    /// Leaves whose keys had to be destroyed again.
    pub forgotten: usize,
    /// How long it took.
    pub took: Duration,
}

/// The running pipeline. Dropping it stops it as [`Pipeline::close`] does.
pub struct Pipeline {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    tender: Option<Tender>,
    unpacker: Option<Unpacker>,
}

impl Pipeline {
    /// Loads the state and starts the writer.
    ///
    /// # Errors
    /// When the log or its snapshots cannot be read, do not fit together, or give a state that breaks a promise.
    pub fn open(limits: Limits, parts: Parts) -> Result<(Self, Opened), OpenError> {
        Self::open_watched(limits, parts, &mut |_, _| {})
    }

    /// Like [`Pipeline::open`], telling `progress` the entries replayed and the entries to replay.
    ///
    /// # Errors
    /// Those of [`Pipeline::open`].
    pub fn open_watched(
        limits: Limits,
        parts: Parts,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, Opened), OpenError> {
        let started = Instant::now();
        let Parts { log, snapshots, keys, clock, state_limits } = parts;
        let recovered = recover(&limits, &*log, &*snapshots, state_limits, progress)?;
        // A walk over all sets takes longer than everything else here; when they are unpacked each is looked at.
        let checked = if cfg!(debug_assertions) {
            recovered.machine.check()
        } else {
            recovered.machine.check_records()
        };
        checked.map_err(|broken| OpenError::Broken { why: broken.to_string() })?;

        let forgotten = recovered.pending.list().len();
        let forgetter = Forgetter::start(keys, recovered.pending.clone(), limits.forget_retry)?;

        let following_lists = limits.following_lists;
        let position = recovered.machine.position();
        let (commands, inbox) = sync_channel(limits.commands_queued_max);
        let (applied, applied_seen) = watch::channel(position);
        let shared = Arc::new(Shared {
            commands,
            commands_queued_bytes_max: limits.commands_queued_bytes_max,
            entries_waiting_max: (limits.commands_queued_max + 2 * limits.batch_entries_max) as u64,
            queued_bytes: AtomicUsize::new(0),
            stopped: recovered.stopped,
            gathering: Gathering::default(),
            gathered_events_max: limits.gathered_events_max,
            feed: Mutex::new(recovered.feed),
            pending: recovered.pending,
            reader: recovered.machine.reader(),
        });
        let writer = Writer {
            machine: recovered.machine,
            log: LogAt::new(log),
            saver: Saver::new(snapshots, limits.snapshots_kept),
            waiting: Vec::new(),
            waiting_next: Vec::new(),
            ticks: limits.tick_every.filter(|_| clock.runs()),
            stamper: Stamper::new(clock, recovered.last_ms),
            limits,
            shared: Arc::clone(&shared),
            applied,
            forgetter,
            since_snapshot: recovered.since_snapshot,
            callers: 0,
            sync_took: Duration::ZERO,
            untidy: false,
        };
        let tender = following_lists.then(|| Tender::start(shared.reader.clone())).transpose()?;
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || writer.run(inbox))
            .map_err(OpenError::Thread)?;
        let opened = Opened {
            snapshot: recovered.snapshot,
            passed_over: recovered.passed_over,
            replayed: recovered.since_snapshot.entries,
            position,
            forgotten,
            took: started.elapsed(),
        };
        tracing::info!(
            position,
            snapshot = opened.snapshot.unwrap_or(0),
            replayed = opened.replayed,
            forgotten,
            "pipeline open"
        );
        Ok((
            Self {
                handle: Handle::new(shared, applied_seen),
                thread: Some(thread),
                tender,
                unpacker: recovered.unpacker,
            },
            opened,
        ))
    }

    /// A handle to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Does what was submitted before, saves a snapshot and ends. Handles refuse from then on and still read.
    pub fn close(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.tender = None;
        self.unpacker = None;
        if let Some(thread) = self.thread.take() {
            self.handle.stop();
            if thread.join().is_err() {
                tracing::error!("the writer ended with a broken promise, see above");
            }
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Recovered {
    machine: Machine,
    unpacker: Option<Unpacker>,
    stopped: Arc<OnceLock<Arc<str>>>,
    feed: Feed,
    pending: Pending,
    last_ms: i64,
    snapshot: Option<u64>,
    passed_over: Vec<(u64, String)>,
    since_snapshot: SinceSnapshot,
}

fn recover(
    limits: &Limits,
    log: &dyn CommandLog,
    snapshots: &dyn Snapshots,
    state_limits: state::Limits,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Recovered, OpenError> {
    let mut recovered = load(limits, snapshots, state_limits)?;
    let (first, last) = (log.first(), log.last());
    let start = recovered.machine.position();
    if start + 1 < first {
        return Err(OpenError::LogStartsLate { first, snapshot: start });
    }
    if last < start {
        return Err(OpenError::LogEndsEarly { last, snapshot: start });
    }
    let records = log.read_from(start + 1)?;
    // Reading and decoding go on beside applying, which alone decides how long it takes.
    std::thread::scope(|scope| {
        let (give, take) = sync_channel(READ_AHEAD);
        let reader = recovered.machine.reader();
        scope.spawn(move || decode(records, start + 1, &reader, &give));
        for group in take {
            for (entry, bytes) in group? {
                recovered.last_ms = entry.at.0;
                apply::apply(&mut recovered.machine, &recovered.pending, &entry);
                let effects = recovered.machine.take_effects();
                recovered.feed.extend(effects, &recovered.machine);
                recovered.since_snapshot.entries += 1;
                recovered.since_snapshot.bytes += bytes;
                progress(recovered.since_snapshot.entries, last - start);
            }
        }
        Ok(recovered)
    })
}

/// Groups of entries that are decoded before they are needed.
const READ_AHEAD: usize = 8;
/// Entries of such a group at most, and their bytes, unless one entry alone is larger.
const GROUP_ENTRIES: usize = 512;
const GROUP_BYTES: u64 = 1 << 20;

type Decoded = Result<Vec<(Entry, u64)>, OpenError>;

/// Reads, decodes and prepares ahead of who applies. Ends at the first error, or when nobody listens any more.
fn decode(records: storage::Records, first: u64, reader: &state::Reader, give: &SyncSender<Decoded>) {
    let mut group = Vec::new();
    let mut bytes = 0;
    for (expected, record) in (first..).zip(records) {
        let entry = record.map_err(OpenError::from).and_then(|(position, record)| {
            let failed = |why| OpenError::Entry { position, why };
            if position != expected {
                return Err(failed("the positions have a gap".into()));
            }
            let entry = record::decode(position, &record).map_err(failed)?;
            entry.command.prepare(reader);
            Ok((entry, record.len() as u64))
        });
        match entry {
            Ok((entry, size)) => {
                bytes += size;
                group.push((entry, size));
            }
            Err(error) => {
                // What came before it is applied first, as if there were no reading ahead.
                let _ = give.send(Ok(group)).and_then(|()| give.send(Err(error)));
                return;
            }
        }
        if group.len() >= GROUP_ENTRIES || bytes >= GROUP_BYTES {
            bytes = 0;
            if give.send(Ok(std::mem::take(&mut group))).is_err() {
                return;
            }
        }
    }
    let _ = give.send(Ok(group));
}

/// The state of the newest snapshot that loads, or an empty one.
fn load(
    limits: &Limits,
    snapshots: &dyn Snapshots,
    state_limits: state::Limits,
) -> Result<Recovered, OpenError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut passed_over = Vec::new();
    for position in snapshots.list()?.into_iter().rev() {
        let loaded = match snapshots.load(position) {
            Ok(Some(bytes)) => snapshot::decode(bytes, state_limits.clone(), limits, threads),
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        match loaded {
            Ok(loaded) if loaded.machine.position() == position => {
                let pending = Pending::default();
                for holder in loaded.pending {
                    // Which leave it was no longer matters: it is done before anything new comes.
                    pending.add(Order { holder, position });
                }
                let stopped = Arc::default();
                // Half of the cores, so that replay, reads and writes have the others.
                let unpacker = Unpacker::start(&loaded.machine.reader(), threads.div_ceil(2), &stopped)?;
                return Ok(Recovered {
                    unpacker: Some(unpacker),
                    stopped,
                    last_ms: loaded.machine.reader().clock().0,
                    machine: loaded.machine,
                    feed: loaded.feed,
                    pending,
                    snapshot: Some(position),
                    passed_over,
                    since_snapshot: SinceSnapshot::default(),
                });
            }
            Ok(_) => passed_over.push((position, "it is the state at another position".into())),
            Err(why) => {
                tracing::warn!(position, %why, "snapshot passed over");
                passed_over.push((position, why));
            }
        }
    }
    Ok(Recovered {
        machine: Machine::new(state_limits),
        unpacker: None,
        stopped: Arc::default(),
        feed: Feed::new(limits),
        pending: Pending::default(),
        last_ms: i64::MIN,
        snapshot: None,
        passed_over,
        since_snapshot: SinceSnapshot::default(),
    })
}
