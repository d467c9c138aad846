//! Keys of those who left are destroyed here, after the leave is logged and applied.
//!
//! A leave is on a list from the moment it is applied until its keys are gone, and the list is saved with each
//! snapshot. Whatever the process dies at, a restart finds the leave on the list or in the replayed tail.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use state::{HolderId, Outcome, PlatformId};
use tokio::sync::oneshot;

use crate::crash::{self, CrashPoint};
use crate::error::{OpenError, SubmitError};

/// Whoever can destroy a holder's keys. Destroying them twice is the same as once.
pub trait Forget: Send + Sync + 'static {
    /// Destroys the keys of one holder, durably, before it returns.
    ///
    /// # Errors
    /// When the keys may still exist.
    fn forget(&self, platform: &PlatformId, holder: &HolderId) -> Result<(), vault::Error>;
}

impl<B: storage::Blobs + 'static> Forget for vault::Vault<B> {
    fn forget(&self, platform: &PlatformId, holder: &HolderId) -> Result<(), vault::Error> {
        vault::Vault::forget(self, platform.as_str(), vault::HolderRef(holder.as_str())).map(|_| ())
    }
}

impl<F: Forget + ?Sized> Forget for Arc<F> {
    fn forget(&self, platform: &PlatformId, holder: &HolderId) -> Result<(), vault::Error> {
        (**self).forget(platform, holder)
    }
}

/// One holder on one platform.
pub(crate) type Holder = (PlatformId, HolderId);

/// An answer that waits until the keys are gone.
pub(crate) type Reply = Option<(oneshot::Sender<Result<Outcome, SubmitError>>, Outcome)>;

/// The list of holders whose keys must go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending(Arc<Mutex<BTreeSet<Holder>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Holder>> {
        // A set is whole after every call on it, so a panic elsewhere leaves nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, holder: Holder) {
        self.lock().insert(holder);
    }

    pub(crate) fn remove(&self, holder: &Holder) {
        self.lock().remove(holder);
    }

    pub(crate) fn contains(&self, holder: &Holder) -> bool {
        self.lock().contains(holder)
    }

    pub(crate) fn list(&self) -> Vec<Holder> {
        self.lock().iter().cloned().collect()
    }
}

/// The thread that destroys keys, so that a slow disk there never holds up the writer.
pub(crate) struct Forgetter {
    work: Option<Sender<(Holder, Reply)>>,
    thread: Option<JoinHandle<()>>,
}

impl Forgetter {
    /// Destroys what is on the list, then starts the thread.
    pub(crate) fn start(keys: Arc<dyn Forget>, pending: Pending, retry: Duration) -> Result<Self, OpenError> {
        for holder in pending.list() {
            keys.forget(&holder.0, &holder.1).map_err(|error| OpenError::Forget(error.to_string().into()))?;
            pending.remove(&holder);
        }
        // Unbounded, but each element is on the pending list and each is one account's only leave.
        let (work, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("forgetter".into())
            .spawn(move || run(&*keys, &pending, &inbox, retry))
            .map_err(OpenError::Thread)?;
        Ok(Self { work: Some(work), thread: Some(thread) })
    }

    pub(crate) fn forget(&self, holder: Holder, reply: Reply) {
        if let Some(work) = &self.work {
            // The thread only ends when this sender is dropped; were it gone, the list still has the holder.
            let _ = work.send((holder, reply));
        }
    }

    /// Waits until what was asked for is tried once more and the thread has ended.
    pub(crate) fn stop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(keys: &dyn Forget, pending: &Pending, inbox: &Receiver<(Holder, Reply)>, retry: Duration) {
    let mut failed: Vec<Holder> = Vec::new();
    loop {
        let next = if failed.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(retry)
        };
        match next {
            Ok((holder, reply)) => match destroy(keys, pending, &holder) {
                Ok(()) => answer(reply, None),
                Err(why) => {
                    tracing::error!(%why, "keys of someone who left are not destroyed yet");
                    failed.push(holder);
                    answer(reply, Some(why));
                }
            },
            Err(RecvTimeoutError::Timeout) => failed.retain(|holder| destroy(keys, pending, holder).is_err()),
            Err(RecvTimeoutError::Disconnected) => {
                for holder in &failed {
                    // Still on the list when it fails again: the next start does it.
                    let _ = destroy(keys, pending, holder);
                }
                return;
            }
        }
    }
}

fn destroy(keys: &dyn Forget, pending: &Pending, holder: &Holder) -> Result<(), Arc<str>> {
    crash::here(CrashPoint::BeforeForget);
    keys.forget(&holder.0, &holder.1).map_err(|error| Arc::from(error.to_string()))?;
    crash::here(CrashPoint::AfterForget);
    pending.remove(holder);
    Ok(())
}

fn answer(reply: Reply, failure: Option<Arc<str>>) {
    if let Some((reply, outcome)) = reply {
        // Nobody may be waiting any more; the leave stands all the same.
        let _ = reply.send(match failure {
            None => Ok(outcome),
            Some(why) => Err(SubmitError::KeysNotYetDestroyed(why)),
        });
    }
}
