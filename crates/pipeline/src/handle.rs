//! The handle that everybody holds: submit commands, read the state, follow the effects.
//!
//! A command is encoded by whoever submits it, not by the writer thread: the writer is the one that others wait for.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use state::{Command, EdgeEvent, Effect, EffectId, HolderId, Outcome, PlatformId, Reader};
use tokio::sync::{oneshot, watch};

use crate::effects::{EffectPage, Feed};
use crate::error::{SubmitError, WaitError};
use crate::forget::Pending;
use crate::gather::{EventTicket, Gathering, Joined, Waiters};
use crate::record;

/// Pauses between two tries to find room in the queue, the first one and the longest.
const PAUSE_MIN: Duration = Duration::from_micros(200);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Gives commands to the pipeline and reads what came of them. Clones are the same handle.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    applied: watch::Receiver<u64>,
}

/// What the handles and the writer share.
pub(crate) struct Shared {
    pub(crate) commands: SyncSender<Message>,
    pub(crate) commands_queued_bytes_max: usize,
    /// Entries that can be on their way at once: those in the queue and those in the writer's hands.
    pub(crate) entries_waiting_max: u64,
    /// Encoded bytes in the queue `commands`.
    pub(crate) queued_bytes: AtomicUsize,
    /// Set once, when no more commands are taken.
    pub(crate) stopped: Arc<OnceLock<Arc<str>>>,
    /// Single events that wait for their command's turn.
    pub(crate) gathering: Gathering,
    pub(crate) gathered_events_max: u32,
    pub(crate) feed: Mutex<Feed>,
    pub(crate) pending: Pending,
    pub(crate) reader: Reader,
}

/// What waits in the queue named `commands`.
pub(crate) enum Message {
    /// A command with its encoded record, whose time is stamped later.
    Command(Submitted),
    /// The place of single events that are gathered until it is reached.
    Gathered(Waiters),
    /// As many single events wait as the writer waited for.
    Enough,
    /// Save a snapshot now and say where.
    Snapshot(oneshot::Sender<Result<u64, SubmitError>>),
    /// The snapshot that was being saved is over.
    Saved,
    /// Take no more commands.
    Stop,
}

pub(crate) struct Submitted {
    pub(crate) command: Command,
    pub(crate) record: Vec<u8>,
    pub(crate) reply: Reply,
}

/// Who hears what came of a command.
pub(crate) enum Reply {
    /// The pipeline's own commands.
    Nobody,
    One(oneshot::Sender<Result<Outcome, SubmitError>>),
    Many(Waiters),
}

impl Reply {
    pub(crate) fn send(self, answer: Result<Outcome, SubmitError>) {
        match self {
            Reply::Nobody => {}
            // Whoever asked may have gone; the command stands all the same.
            Reply::One(reply) => drop(reply.send(answer)),
            Reply::Many(waiters) => waiters.answer(answer),
        }
    }
}

/// The answer to a command, when it comes: durable, applied and visible to readers. Await it, or block on [`Ticket::wait`].
///
/// Dropping it changes nothing: the command is on its way.
#[must_use = "the command may still be refused"]
pub struct Ticket {
    answer: oneshot::Receiver<Result<Outcome, SubmitError>>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// Waits for the answer. Not for use inside of an async runtime.
    ///
    /// # Errors
    /// When the append failed or the pipeline stopped.
    pub fn wait(self) -> Result<Outcome, SubmitError> {
        let Self { answer, shared } = self;
        answer.blocking_recv().unwrap_or_else(|_| Err(shared.why_stopped()))
    }
}

impl Future for Ticket {
    type Output = Result<Outcome, SubmitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer)
            .poll(context)
            .map(|answer| answer.unwrap_or_else(|_| Err(self.shared.why_stopped())))
    }
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, applied: watch::Receiver<u64>) -> Self {
        Self { shared, applied }
    }

    /// Puts a command into the queue. The ticket resolves once it is durable, applied and visible.
    ///
    /// # Errors
    /// `Busy` when the queue is full, `TooLarge`, or `Stopped`; in each case nothing happened.
    pub fn submit(&self, command: Command) -> Result<Ticket, SubmitError> {
        let (submitted, ticket) = self.encode(command)?;
        match self.offer(submitted) {
            Ok(()) => Ok(ticket),
            Err(refused) => Err(refused.0),
        }
    }

    /// The command with its bytes, and where its answer will be.
    fn encode(&self, command: Command) -> Result<(Submitted, Ticket), SubmitError> {
        let record = record::encode(&command);
        let bytes = record.len();
        if bytes > storage::record_bytes_max() {
            return Err(SubmitError::TooLarge { bytes, bytes_max: storage::record_bytes_max() });
        }
        let (reply, answer) = oneshot::channel();
        let submitted = Submitted { command, record, reply: Reply::One(reply) };
        Ok((submitted, Ticket { answer, shared: Arc::clone(&self.shared) }))
    }

    /// Puts it into the queue, or gives it back. What can be worked out before its turn is worked out once it is there, so
    /// that the writer does not have to and makes it durable meanwhile.
    fn offer(&self, submitted: Submitted) -> Result<(), Box<(SubmitError, Submitted)>> {
        let preparation = submitted.command.preparation();
        let bytes = submitted.record.len();
        if let Err(error) = self.reserve(bytes) {
            return Err(Box::new((error, submitted)));
        }
        let (error, message) = match self.shared.commands.try_send(Message::Command(submitted)) {
            Ok(()) => {
                if let Some(preparation) = preparation {
                    preparation.run(&self.shared.reader);
                }
                return Ok(());
            }
            Err(TrySendError::Full(message)) => (SubmitError::Busy, message),
            Err(TrySendError::Disconnected(message)) => (self.shared.why_stopped(), message),
        };
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        match message {
            Message::Command(submitted) => Err(Box::new((error, submitted))),
            // Only a command was sent.
            _ => Ok(()),
        }
    }

    /// Puts one event into the queue, together with those that others put there at about the same time. The ticket
    /// resolves once it is durable, applied and visible; there is none for an event that no batch takes.
    ///
    /// # Errors
    /// `Busy` when the queue is full, or `Stopped`; in each case nothing happened.
    pub fn submit_event(
        &self,
        platform: &PlatformId,
        event: &EdgeEvent<'_>,
    ) -> Result<Option<EventTicket>, SubmitError> {
        if self.shared.stopped.get().is_some() {
            return Err(self.shared.why_stopped());
        }
        let Ok(joined) = self.shared.gathering.join(platform, event, self.shared.gathered_events_max) else {
            return Ok(None);
        };
        let (ticket, waiters) = match joined {
            Joined::Waiting(ticket) => return Ok(Some(ticket)),
            Joined::Enough(ticket) => {
                // On a full queue the writer has enough to do anyway.
                let _ = self.shared.commands.try_send(Message::Enough);
                return Ok(Some(ticket));
            }
            Joined::First(ticket, waiters) => (ticket, waiters),
        };
        let (error, message) = match self.shared.commands.try_send(Message::Gathered(waiters)) {
            Ok(()) => return Ok(Some(ticket)),
            Err(TrySendError::Full(message)) => (SubmitError::Busy, message),
            Err(TrySendError::Disconnected(message)) => (self.shared.why_stopped(), message),
        };
        if let Message::Gathered(waiters) = message {
            // Others may have joined meanwhile; they hear the same.
            drop(self.shared.gathering.close(&waiters));
            waiters.answer(Err(error.clone()));
        }
        Err(error)
    }

    /// Submits and waits for the answer, waiting also while the queue is full. For threads, not for async code.
    ///
    /// # Errors
    /// `TooLarge`, `Unknown` or `Stopped`.
    pub fn submit_and_wait(&self, command: Command) -> Result<Outcome, SubmitError> {
        self.submit_patiently(command)?.wait()
    }

    /// Submits, waiting while the queue is full. For threads, not for async code.
    ///
    /// # Errors
    /// `TooLarge` or `Stopped`.
    pub fn submit_patiently(&self, command: Command) -> Result<Ticket, SubmitError> {
        let mut pause = PAUSE_MIN;
        let (mut submitted, ticket) = self.encode(command)?;
        loop {
            submitted = match self.offer_again(submitted)? {
                None => return Ok(ticket),
                Some(back) => back,
            };
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Submits, waiting while the queue is full, at most about as long as `patience`.
    ///
    /// # Errors
    /// `Busy` after that, `TooLarge` or `Stopped`; in each case nothing happened.
    pub async fn submit_within(&self, patience: Duration, command: Command) -> Result<Ticket, SubmitError> {
        let (mut submitted, ticket) = self.encode(command)?;
        let (mut pause, mut waited) = (PAUSE_MIN, Duration::ZERO);
        loop {
            submitted = match self.offer_again(submitted)? {
                None => return Ok(ticket),
                Some(_) if waited >= patience => return Err(SubmitError::Busy),
                Some(back) => back,
            };
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Puts it into the queue, or gives it back while that is full.
    fn offer_again(&self, submitted: Submitted) -> Result<Option<Submitted>, SubmitError> {
        match self.offer(submitted).map_err(|refused| *refused) {
            Ok(()) => Ok(None),
            Err((SubmitError::Busy, back)) => Ok(Some(back)),
            Err((error, _)) => Err(error),
        }
    }

    fn reserve(&self, bytes: usize) -> Result<(), SubmitError> {
        let before = self.shared.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        // A command larger than the whole bound passes alone, or it never would.
        if before > 0 && before.saturating_add(bytes) > self.shared.commands_queued_bytes_max {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(SubmitError::Busy);
        }
        Ok(())
    }

    /// The state as readers see it. Lock-free; clone it freely.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// The last position applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    /// Waits until `position` is applied, at most `timeout`. A position further away than everything that can be on its
    /// way is not waited for.
    ///
    /// # Errors
    /// `NotYet` after the timeout, or at once for a position too far away; `Stopped` when the position will never come.
    pub async fn wait_applied(&self, position: u64, timeout: Duration) -> Result<(), WaitError> {
        if self.applied() >= position {
            return Ok(());
        }
        if position.saturating_sub(self.applied()) > self.shared.entries_waiting_max {
            return Err(WaitError::NotYet { position, applied: self.applied() });
        }
        let mut applied = self.applied.clone();
        let reached = tokio::time::timeout(timeout, applied.wait_for(|applied| *applied >= position)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(WaitError::Stopped { position, why: self.shared.stop_reason() }),
            Err(_) => Err(WaitError::NotYet { position, applied: self.applied() }),
        }
    }

    /// A receiver that changes whenever more is applied: for those who follow the feed.
    #[must_use]
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Effects after `cursor` (all that are kept for `None`), at most `limit`.
    #[must_use]
    pub fn effects_after(&self, cursor: Option<EffectId>, limit: usize) -> EffectPage {
        self.shared.feed.lock().unwrap_or_else(PoisonError::into_inner).after(cursor, limit)
    }

    /// One effect, while it is kept.
    #[must_use]
    pub fn effect(&self, id: EffectId) -> Option<Effect> {
        self.shared.feed.lock().unwrap_or_else(PoisonError::into_inner).get(id)
    }

    /// Why no more commands are taken; `None` while they are.
    #[must_use]
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.shared.stopped.get().cloned()
    }

    /// Whether the keys of this holder are about to be destroyed. Until they are, nothing new may be sealed.
    #[must_use]
    pub fn is_being_forgotten(&self, platform: &PlatformId, holder: &HolderId) -> bool {
        self.shared.pending.contains(&(platform.clone(), holder.clone()))
    }

    /// Commands waiting in the queue, in encoded bytes: for metrics.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued_bytes.load(Ordering::Acquire)
    }

    /// Saves a snapshot of now and gives its position once it is durable. For threads, not for async code.
    ///
    /// # Errors
    /// `Stopped`, or `Unknown` with what failed when it could not be saved; the state is as before.
    pub fn snapshot_and_wait(&self) -> Result<u64, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.shared.commands.send(Message::Snapshot(reply)).map_err(|_| self.shared.why_stopped())?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.shared.why_stopped()))
    }

    /// Asks the writer to take no more commands once it has done those before this call.
    pub(crate) fn stop(&self) {
        // Nobody to tell when it has stopped already.
        let _ = self.shared.commands.send(Message::Stop);
    }
}

impl Shared {
    fn stop_reason(&self) -> Arc<str> {
        self.stopped.get().cloned().unwrap_or_else(|| Arc::from("the writer has ended; restart the server"))
    }

    pub(crate) fn why_stopped(&self) -> SubmitError {
        SubmitError::Stopped(self.stop_reason())
    }
}
