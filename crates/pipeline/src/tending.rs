//! The thread that keeps the lists of followed accounts in order.
//!
//! It only ever works for readers: nothing that is logged or answered depends on how far it got.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use state::Reader;

use crate::error::OpenError;

/// Pause while there is nothing to do.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Tender {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tender {
    pub(crate) fn start(reader: Reader) -> Result<Self, OpenError> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("following".into())
            .spawn(move || {
                while !told.load(Ordering::Acquire) {
                    if !reader.tend_following() {
                        std::thread::park_timeout(PAUSE);
                    }
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Tender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the lists of followed accounts ended with a broken promise, see above");
            }
        }
    }
}
