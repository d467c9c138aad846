//! Saves snapshots on a thread of its own, one at a time, while the writer goes on.
//!
//! The writer pins the state, which is the only time it waits, and hears of the end through its own queue. Only then does
//! it trim the log: the log has one owner.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use storage::Snapshots;

use crate::crash::{self, CrashPoint};
use crate::handle::Message;
use crate::snapshot::Pinned;

/// Who saves.
pub(crate) struct Saver {
    snapshots: Arc<dyn Snapshots>,
    kept: usize,
    running: Option<Running>,
}

struct Running {
    position: u64,
    done: Receiver<Result<Saved, Why>>,
    thread: Option<JoinHandle<()>>,
}

/// What went wrong, for the log and for who asked.
type Why = Arc<str>;

/// A snapshot that is durable.
pub(crate) struct Saved {
    /// The log is no longer needed before this position.
    pub(crate) trim_before: Option<u64>,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// From the first byte to the last, durable.
    pub(crate) took: Duration,
}

impl Saver {
    pub(crate) fn new(snapshots: Arc<dyn Snapshots>, kept: usize) -> Self {
        Self { snapshots, kept, running: None }
    }

    /// Whether a snapshot is being saved.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins to save; `wake` gets a message when it is over. Not while one is running.
    pub(crate) fn begin(&mut self, pinned: Pinned, wake: SyncSender<Message>) {
        assert!(self.running.is_none(), "one snapshot is saved at a time");
        let position = pinned.position();
        let (tell, done) = channel();
        let (snapshots, kept, failed) = (Arc::clone(&self.snapshots), self.kept, tell.clone());
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            let saved = save(pinned, &*snapshots, kept).map_err(|error| Arc::from(error.to_string()));
            // Whoever waits for it is the writer, and it waits as long as this runs.
            let _ = tell.send(saved);
            // A full queue means that the writer is awake, and it looks after every batch.
            let _ = wake.try_send(Message::Saved);
        });
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                let _ = failed.send(Err(Arc::from(format!("cannot start a thread: {error}"))));
                None
            }
        };
        self.running = Some(Running { position, done, thread });
    }

    /// The snapshot that was running, if it is over; with `wait`, once it is.
    pub(crate) fn finish(&mut self, wait: bool) -> Option<(u64, Result<Saved, Why>)> {
        let running = self.running.as_ref()?;
        let died = || Err(Arc::from("the saving thread died"));
        let result = if wait {
            running.done.recv().unwrap_or_else(|_| died())
        } else {
            match running.done.try_recv() {
                Ok(result) => result,
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => died(),
            }
        };
        let Running { position, thread, .. } = self.running.take()?;
        // What it had to say is said; a panic has printed its own message.
        let _ = thread.map(JoinHandle::join);
        Some((position, result))
    }
}

fn save(pinned: Pinned, snapshots: &dyn Snapshots, kept: usize) -> Result<Saved, storage::Error> {
    let started = Instant::now();
    crash::here(CrashPoint::BeforeSnapshot);
    let mut saving = snapshots.begin(pinned.position())?;
    let mut bytes = 0;
    pinned.save(&mut |piece| {
        bytes += piece.len() as u64;
        saving.write(piece)
    })?;
    saving.finish()?;
    crash::here(CrashPoint::AfterSnapshot);
    snapshots.prune(kept)?;
    // Kept entries start behind the oldest snapshot that is still there, so any of them can be started from.
    // A single one could turn out broken, and then only the whole log helps.
    let list = snapshots.list()?;
    let trim_before = list.first().filter(|_| list.len() >= kept.max(2)).map(|oldest| oldest + 1);
    Ok(Saved { trim_before, bytes, took: started.elapsed() })
}
