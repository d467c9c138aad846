//! Appending a group of records, here or on a thread of its own.
//!
//! The log itself goes to the thread and comes back with the answer, so there is one owner at any time and no lock. One
//! group is on its way at most: the next one waits for its answer, as it would without the thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use storage::CommandLog;

use crate::crash::{self, CrashPoint};
use crate::handle::Submitted;

/// Commands that are appended with one sync.
#[derive(Default)]
pub(crate) struct Group {
    /// The stamp of all of them.
    pub(crate) at_ms: i64,
    pub(crate) commands: Vec<Submitted>,
    /// Encoded bytes.
    pub(crate) bytes: usize,
    /// Position of the last one, once they are durable.
    pub(crate) last: u64,
    /// How long making them durable took.
    pub(crate) took: Duration,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// Why an append failed, and what it was to append.
type Failed = (Arc<str>, Group);

/// An append that was begun.
pub(crate) enum Appending {
    /// There was nothing to append.
    Nothing,
    /// It is over: small, or there was nothing else to do.
    Done(Result<Group, Failed>),
    /// The other thread is at it.
    Away,
}

/// The log, and who has it.
pub(crate) struct LogAt {
    here: Option<Box<dyn CommandLog>>,
    thread: Option<Appender>,
}

/// The thread that appends while the writer applies. It ends when it is dropped here.
struct Appender {
    to: SyncSender<(Box<dyn CommandLog>, Group)>,
    from: Receiver<(Box<dyn CommandLog>, Result<Group, Failed>)>,
}

impl LogAt {
    pub(crate) fn new(log: Box<dyn CommandLog>) -> Self {
        Self { here: Some(log), thread: None }
    }

    /// The log, while no append is on its way.
    pub(crate) fn here(&mut self) -> Option<&mut Box<dyn CommandLog>> {
        self.here.as_mut()
    }

    /// Begins to append; on the other thread if there is something to do `meanwhile`.
    pub(crate) fn begin(&mut self, group: Group, meanwhile: bool) -> Appending {
        let Some(log) = self.here.take() else {
            return Appending::Done(Err((Arc::from("the log is gone"), group)));
        };
        if meanwhile {
            if self.thread.is_none() {
                self.thread = Appender::start();
            }
            match self.thread.as_ref().map(|thread| &thread.to) {
                None => {}
                Some(to) => match to.send((log, group)) {
                    Ok(()) => return Appending::Away,
                    Err(unsent) => {
                        let (log, group) = unsent.0;
                        self.thread = None;
                        return self.append_here(log, group);
                    }
                },
            }
        }
        self.append_here(log, group)
    }

    fn append_here(&mut self, mut log: Box<dyn CommandLog>, group: Group) -> Appending {
        let answer = append(&mut *log, group);
        self.here = Some(log);
        Appending::Done(answer)
    }

    /// Waits until the append is over.
    pub(crate) fn finish(&mut self, appending: Appending) -> Result<Group, Failed> {
        match appending {
            Appending::Nothing => Ok(Group::default()),
            Appending::Done(answer) => answer,
            Appending::Away => match self.thread.as_ref().map(|thread| thread.from.recv()) {
                Some(Ok((log, answer))) => {
                    self.here = Some(log);
                    answer
                }
                // Its commands went with it; whoever waits for one hears that the writer has ended.
                _ => Err((Arc::from("the thread that appends has died"), Group::default())),
            },
        }
    }
}

impl Appender {
    fn start() -> Option<Self> {
        let (to, groups) = sync_channel::<(Box<dyn CommandLog>, Group)>(1);
        let (answers, from) = sync_channel(1);
        let work = move || {
            for (mut log, group) in groups {
                let answer = append(&mut *log, group);
                if answers.send((log, answer)).is_err() {
                    return;
                }
            }
        };
        // Without a thread appends are made where they are asked for.
        std::thread::Builder::new().name("log".into()).spawn(work).ok()?;
        Some(Self { to, from })
    }
}

fn append(log: &mut dyn CommandLog, mut group: Group) -> Result<Group, Failed> {
    let records: Vec<&[u8]> = group.commands.iter().map(|submitted| submitted.record.as_slice()).collect();
    crash::here(CrashPoint::BeforeAppend);
    let started = Instant::now();
    match log.append(&records) {
        Ok(last) => {
            crash::here(CrashPoint::AfterAppend);
            group.last = last;
            group.took = started.elapsed();
            Ok(group)
        }
        Err(error) => Err((Arc::from(error.to_string()), group)),
    }
}
