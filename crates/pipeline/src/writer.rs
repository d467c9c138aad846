//! The one thread that owns the state: drain, stamp, append, apply, publish, answer.
//!
//! Commands that arrive while a sync is running wait and share the next one. A group worth the hand-over is appended by a
//! second thread while the one before it is applied. After a failed append nothing more is taken, because the record may
//! be there or not, and only a fresh look at the log can tell.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use state::{Command, Entry, Machine, Millis};
use tokio::sync::{oneshot, watch};

use crate::append::{Appending, Group, LogAt};
use crate::clock::Stamper;
use crate::crash::{self, CrashPoint};
use crate::error::SubmitError;
use crate::forget::Forgetter;
use crate::handle::{Message, Reply, Shared, Submitted};
use crate::limits::Limits;
use crate::saver::Saver;
use crate::{apply, record, snapshot};

pub(crate) struct Writer {
    pub(crate) machine: Machine,
    pub(crate) log: LogAt,
    pub(crate) saver: Saver,
    pub(crate) stamper: Stamper,
    /// Whether ticks are logged without being asked for.
    pub(crate) ticks: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) shared: Arc<Shared>,
    pub(crate) applied: watch::Sender<u64>,
    pub(crate) forgetter: Forgetter,
    pub(crate) since_snapshot: SinceSnapshot,
    /// Who waits for the snapshot that is being saved.
    pub(crate) waiting: Vec<SnapshotReply>,
    /// Who asked since it was begun, and waits for the next one.
    pub(crate) waiting_next: Vec<SnapshotReply>,
    /// Callers of single events that were there when the last of them were answered.
    pub(crate) callers: usize,
    /// How long the last append took.
    pub(crate) sync_took: Duration,
    /// Whether the state may have something to put in order.
    pub(crate) untidy: bool,
}

/// What was logged since the last snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SinceSnapshot {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

pub(crate) type SnapshotReply = oneshot::Sender<Result<u64, SubmitError>>;

/// A durable group below this many bytes is applied before anything else is looked at: handing the next append to
/// another thread takes longer than that.
const OVERLAP_BYTES_MIN: usize = 16 * 1024;
/// Longest wait for callers of single events who were there lately.
const GATHER_WAIT_MAX: Duration = Duration::from_millis(2);

/// Nothing came for so long: there is time for what follows a change of rules, so many ticks of it.
const IDLE_AFTER: Duration = Duration::from_millis(2);
const TICKS_WHEN_IDLE: usize = 16;

/// With nothing to do for so long, the state is put in order, a piece at a time.
const TIDY_AFTER: Duration = Duration::from_millis(5);

/// What one turn of the loop has to do.
#[derive(Default)]
struct Batch {
    commands: Vec<Submitted>,
    bytes: usize,
    snapshots: Vec<SnapshotReply>,
    stop: bool,
}

impl Writer {
    /// Runs until it is told to stop or an append fails, then waits for a snapshot and for the forgetter.
    pub(crate) fn run(mut self, inbox: Receiver<Message>) {
        let mut tick_at = self.ticks.map(|every| Instant::now() + every);
        // In the log and not applied yet.
        let mut durable = Group::default();
        loop {
            if durable.bytes < OVERLAP_BYTES_MIN {
                self.apply(std::mem::take(&mut durable));
            }
            // Rules changed: ticks follow each other until everyone concerned was looked at. One goes along with what comes,
            // since a sync of its own would be in the way of the next command; several when nothing does.
            let goes_on = self.ticks.is_some() && durable.is_empty() && self.machine.looks_on();
            let idle_at = goes_on.then(|| Instant::now() + IDLE_AFTER);
            let until = tick_at.into_iter().chain(idle_at).min();
            let mut batch = self.drain(&inbox, until, durable.is_empty());
            if goes_on {
                let ticks = if batch.commands.is_empty() { TICKS_WHEN_IDLE } else { 1 };
                batch.commands.extend(std::iter::repeat_with(tick).take(ticks));
            }
            if let (Some(every), Some(at)) = (self.ticks, tick_at)
                && Instant::now() >= at
            {
                batch.commands.push(tick());
                self.untidy = true;
                tick_at = Some(Instant::now() + every);
            }
            let appending = self.begin_append(batch.commands, batch.bytes, !durable.is_empty());
            self.apply(std::mem::take(&mut durable));
            match self.log.finish(appending) {
                Ok(group) => durable = group,
                Err((why, group)) => {
                    self.append_failed(&why, group);
                    self.refuse_snapshots(batch.snapshots);
                    break;
                }
            }
            let stop = batch.stop;
            self.waiting_next.extend(batch.snapshots);
            if stop || self.snapshot_is_due() || !self.waiting_next.is_empty() {
                self.apply(std::mem::take(&mut durable));
            }
            self.end_snapshot(false);
            if !self.saver.is_running() && (self.snapshot_is_due() || !self.waiting_next.is_empty()) {
                self.begin_snapshot();
            }
            if stop {
                let _ = self.shared.stopped.set(Arc::from("the server is shutting down"));
                self.end_snapshot(true);
                let last = self.limits.snapshot_at_close && self.since_snapshot.entries > 0;
                if last || !self.waiting_next.is_empty() {
                    // A failure is logged inside; the log alone is enough to start again.
                    self.begin_snapshot();
                }
                break;
            }
        }
        self.end_snapshot(true);
        self.refuse_the_rest(&inbox);
        self.forgetter.stop();
    }

    /// Takes what is there, up to the limits of one sync; waits for the first message if there is nothing else to do.
    fn drain(&mut self, inbox: &Receiver<Message>, tick_at: Option<Instant>, wait: bool) -> Batch {
        let mut batch = Batch::default();
        let wake_at = if self.untidy { Some(Instant::now() + TIDY_AFTER) } else { None };
        let first = match wake_at.into_iter().chain(tick_at).min() {
            _ if !wait => inbox.try_recv().map_err(|why| match why {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(message @ Message::Gathered(_)) if wait => {
                let meanwhile = self.let_gather(inbox);
                batch.take(message, &self.shared);
                meanwhile.into_iter().for_each(|message| batch.take(message, &self.shared));
            }
            Ok(message) => batch.take(message, &self.shared),
            Err(RecvTimeoutError::Timeout) => {
                if wait && self.untidy {
                    self.untidy = self.machine.tidy();
                }
                return batch;
            }
            Err(RecvTimeoutError::Disconnected) => batch.stop = true,
        }
        while !batch.stop
            && batch.commands.len() < self.limits.batch_entries_max
            && batch.bytes < self.limits.batch_bytes_max
        {
            match inbox.try_recv() {
                Ok(message) => batch.take(message, &self.shared),
                Err(_) => break,
            }
        }
        self.shared.queued_bytes.fetch_sub(batch.bytes, Ordering::AcqRel);
        batch
    }

    /// Waits until most of the callers who were there lately have their event here, no longer than a sync takes and not
    /// when there is something else to do. Gives the messages that came meanwhile.
    fn let_gather(&self, inbox: &Receiver<Message>) -> Vec<Message> {
        let mut meanwhile = Vec::new();
        // A few who are slow or gone are not waited for.
        let goal = self.callers - self.callers / 8;
        if !self.shared.gathering.expect(goal) {
            return meanwhile;
        }
        let until = Instant::now() + self.sync_took.min(GATHER_WAIT_MAX);
        while let Ok(message) = inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let another_gathering = matches!(message, Message::Gathered(_));
            meanwhile.push(message);
            if !another_gathering || self.shared.gathering.waiting() >= goal {
                break;
            }
        }
        self.shared.gathering.expect_no_more();
        meanwhile
    }

    /// Stamps and appends with one sync; on the other thread if there is something to do meanwhile.
    fn begin_append(&mut self, mut commands: Vec<Submitted>, bytes: usize, meanwhile: bool) -> Appending {
        if commands.is_empty() {
            return Appending::Nothing;
        }
        let at_ms = self.stamper.stamp_ms();
        for submitted in &mut commands {
            record::stamp(&mut submitted.record, at_ms);
        }
        self.since_snapshot.entries += commands.len() as u64;
        self.since_snapshot.bytes +=
            commands.iter().map(|submitted| submitted.record.len() as u64).sum::<u64>();
        self.log.begin(Group { at_ms, commands, bytes, ..Group::default() }, meanwhile)
    }

    /// Applies what is durable, shows it to readers and answers.
    fn apply(&mut self, group: Group) {
        if group.is_empty() {
            return;
        }
        let Group { at_ms, commands, last, took, .. } = group;
        self.sync_took = took;
        let first = self.machine.position() + 1;
        assert_eq!(last + 1, first + commands.len() as u64, "the log's positions have a gap");

        let mut answers = Vec::with_capacity(commands.len());
        for (position, submitted) in (first..).zip(commands) {
            let entry = Entry { position, at: Millis(at_ms), command: submitted.command };
            let (outcome, forget) = apply::apply(&mut self.machine, &self.shared.pending, &entry);
            answers.push((submitted.reply, outcome, forget));
        }
        let effects = self.machine.take_effects();
        if !effects.is_empty() {
            self.shared.feed.lock().unwrap_or_else(PoisonError::into_inner).extend(effects, &self.machine);
        }
        self.applied.send_replace(last);

        let gathered: usize = answers
            .iter()
            .filter(|(reply, ..)| matches!(reply, Reply::Many(_)))
            .map(|(_, outcome, _)| outcome.items.len())
            .sum();
        if gathered > 0 {
            self.callers = gathered + self.shared.gathering.waiting();
        }

        crash::here(CrashPoint::BeforeReply);
        for (reply, outcome, forget) in answers {
            match forget {
                Some(order) => {
                    let reply = if let Reply::One(reply) = reply { Some((reply, outcome)) } else { None };
                    self.forgetter.forget(order, reply);
                }
                None => reply.send(Ok(outcome)),
            }
        }
    }

    fn append_failed(&self, why: &Arc<str>, group: Group) {
        tracing::error!(error = %why, commands = group.commands.len(), "append failed, no more commands are taken");
        let _ = self.shared.stopped.set(Arc::from(format!("an append failed ({why}); restart the server")));
        for submitted in group.commands {
            submitted.reply.send(Err(SubmitError::Unknown(Arc::clone(why))));
        }
    }

    fn refuse_snapshots(&self, snapshots: Vec<SnapshotReply>) {
        for reply in snapshots {
            let _ = reply.send(Err(self.shared.why_stopped()));
        }
    }

    fn refuse_the_rest(&self, inbox: &Receiver<Message>) {
        while let Ok(message) = inbox.try_recv() {
            match message {
                Message::Command(Submitted { reply, .. }) => reply.send(Err(self.shared.why_stopped())),
                Message::Gathered(waiters) => {
                    drop(self.shared.gathering.close(&waiters));
                    waiters.answer(Err(self.shared.why_stopped()));
                }
                Message::Snapshot(reply) => {
                    let _ = reply.send(Err(self.shared.why_stopped()));
                }
                Message::Enough | Message::Saved | Message::Stop => {}
            }
        }
    }

    fn snapshot_is_due(&self) -> bool {
        self.since_snapshot.entries >= self.limits.snapshot_entries
            || self.since_snapshot.bytes >= self.limits.snapshot_bytes
    }

    /// Pins the state and has it saved while this thread goes on. The writer waits for the pinning alone.
    fn begin_snapshot(&mut self) {
        let started = Instant::now();
        let pending = self.shared.pending.list();
        let pinned = {
            let feed = self.shared.feed.lock().unwrap_or_else(PoisonError::into_inner);
            snapshot::Pinned::of(&mut self.machine, &feed, pending)
        };
        // Counted from here even when it fails, so that a full disk is not asked again at every command.
        self.since_snapshot = SinceSnapshot::default();
        self.waiting.append(&mut self.waiting_next);
        self.saver.begin(pinned, self.shared.commands.clone());
        let pause_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(position = self.machine.position(), pause_us, "snapshot begun");
    }

    /// Trims the log behind the oldest kept snapshot and answers, if the snapshot that was being saved is over; with
    /// `wait`, once it is. A failure is no reason to stop: the log has everything, only a restart is longer.
    fn end_snapshot(&mut self, wait: bool) {
        let Some((position, saved)) = self.saver.finish(wait) else { return };
        let ended = saved.and_then(|saved| {
            if let Some(position) = saved.trim_before {
                if let Some(log) = self.log.here() {
                    log.trim_before(position).map_err(|error| Arc::from(error.to_string()))?;
                }
                crash::here(CrashPoint::AfterTrim);
            }
            let save_ms = u64::try_from(saved.took.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(position, bytes = saved.bytes, save_ms, "snapshot saved");
            Ok(position)
        });
        if let Err(why) = &ended {
            tracing::error!(error = %why, position, "snapshot failed, the log is kept whole");
        }
        for reply in self.waiting.drain(..) {
            // Nobody may be waiting any more.
            let _ = reply.send(ended.clone().map_err(SubmitError::Unknown));
        }
    }
}

impl Batch {
    fn take(&mut self, message: Message, shared: &Shared) {
        match message {
            Message::Gathered(waiters) => {
                if let Some(command) = shared.gathering.close(&waiters) {
                    let record = record::encode(&command);
                    // These bytes were never counted as waiting: a gathering has a bound of its own.
                    self.bytes += record.len();
                    shared.queued_bytes.fetch_add(record.len(), Ordering::AcqRel);
                    self.commands.push(Submitted { command, record, reply: Reply::Many(waiters) });
                }
            }
            Message::Command(submitted) => {
                self.bytes += submitted.record.len();
                self.commands.push(submitted);
            }
            Message::Snapshot(reply) => self.snapshots.push(reply),
            // They woke the writer, which looks anyway.
            Message::Enough | Message::Saved => {}
            Message::Stop => self.stop = true,
        }
    }
}

fn tick() -> Submitted {
    Submitted { record: record::encode(&Command::Tick), command: Command::Tick, reply: Reply::Nobody }
}
