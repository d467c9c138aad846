//! Keys of holders whose last account left are destroyed here, after the leave is logged and applied.
//!
//! Such a holder is on a list from the moment the leave is applied until the keys are gone, and the list is saved with each
//! snapshot. Whatever the process dies at, a restart finds the holder on the list or the leave in the replayed tail. A
//! holder who is linked again meanwhile is taken off the list and keeps what was sealed for that.

use std::collections::BTreeMap;
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

/// To destroy the keys of a holder, because of the leave at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) holder: Holder,
    pub(crate) position: u64,
}

/// The list of holders whose keys must go, with the position of the leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending(Arc<Mutex<BTreeMap<Holder, u64>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Holder, u64>> {
        // A map is whole after every call on it, so a panic elsewhere leaves nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, Order { holder, position }: Order) {
        self.lock().insert(holder, position);
    }

    pub(crate) fn remove(&self, holder: &Holder) {
        self.lock().remove(holder);
    }

    pub(crate) fn contains(&self, holder: &Holder) -> bool {
        self.lock().contains_key(holder)
    }

    /// Does the order still stand? Not once the holder is linked again.
    fn stands(&self, order: &Order) -> bool {
        self.lock().get(&order.holder) == Some(&order.position)
    }

    /// The order is carried out. One that came after it stands.
    fn carried_out(&self, order: &Order) {
        let mut pending = self.lock();
        if pending.get(&order.holder) == Some(&order.position) {
            pending.remove(&order.holder);
        }
    }

    pub(crate) fn list(&self) -> Vec<Holder> {
        self.lock().keys().cloned().collect()
    }
}

/// The thread that destroys keys, so that a slow disk there never holds up the writer.
pub(crate) struct Forgetter {
    work: Option<Sender<(Order, Reply)>>,
    thread: Option<JoinHandle<()>>,
}

impl Forgetter {
    /// Destroys what is on the list, then starts the thread.
    pub(crate) fn start(keys: Arc<dyn Forget>, pending: Pending, retry: Duration) -> Result<Self, OpenError> {
        for holder in pending.list() {
            keys.forget(&holder.0, &holder.1).map_err(|error| OpenError::Forget(error.to_string().into()))?;
            pending.remove(&holder);
        }
        // Unbounded, but each element is on the pending list and each is a holder's last leave.
        let (work, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("forgetter".into())
            .spawn(move || run(&*keys, &pending, &inbox, retry))
            .map_err(OpenError::Thread)?;
        Ok(Self { work: Some(work), thread: Some(thread) })
    }

    pub(crate) fn forget(&self, order: Order, reply: Reply) {
        if let Some(work) = &self.work {
            // The thread only ends when this sender is dropped; were it gone, the list still has the holder.
            let _ = work.send((order, reply));
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

fn run(keys: &dyn Forget, pending: &Pending, inbox: &Receiver<(Order, Reply)>, retry: Duration) {
    let mut failed: Vec<Order> = Vec::new();
    loop {
        let next = if failed.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(retry)
        };
        match next {
            Ok((order, reply)) => match destroy(keys, pending, &order) {
                Ok(()) => answer(reply, None),
                Err(why) => {
                    tracing::error!(%why, "keys of someone who left are not destroyed yet");
                    failed.push(order);
                    answer(reply, Some(why));
                }
            },
            Err(RecvTimeoutError::Timeout) => failed.retain(|order| destroy(keys, pending, order).is_err()),
            Err(RecvTimeoutError::Disconnected) => {
                for order in &failed {
                    // Still on the list when it fails again: the next start does it.
                    let _ = destroy(keys, pending, order);
                }
                return;
            }
        }
    }
}

fn destroy(keys: &dyn Forget, pending: &Pending, order: &Order) -> Result<(), Arc<str>> {
    crash::here(CrashPoint::BeforeForget);
    // Linked again since: what is sealed now stands behind an account, as it would after a restart.
    if !pending.stands(order) {
        return Ok(());
    }
    let (platform, holder) = &order.holder;
    keys.forget(platform, holder).map_err(|error| Arc::from(error.to_string()))?;
    crash::here(CrashPoint::AfterForget);
    pending.carried_out(order);
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
