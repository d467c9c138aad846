//! The threads that unpack what opening left packed, while reads and writes go on.
//!
//! Nothing waits for them: whoever needs a set before its turn unpacks it. They only see to it that this ends soon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use state::Reader;

use crate::error::OpenError;

pub(crate) struct Unpacker {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Unpacker {
    /// Begins. `stopped` hears of sets that were saved wrong: no write can be taken then.
    pub(crate) fn start(
        reader: &Reader,
        threads: usize,
        stopped: &Arc<OnceLock<Arc<str>>>,
    ) -> Result<Self, OpenError> {
        let stop = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let start = |_| {
            let (reader, told, stopped) = (reader.clone(), Arc::clone(&stop), Arc::clone(stopped));
            std::thread::Builder::new()
                .name("unpacking".into())
                .spawn(move || unpack(&reader, &told, &stopped, started))
                .map_err(OpenError::Thread)
        };
        let threads = (0..threads).map(start).collect::<Result<_, _>>()?;
        Ok(Self { stop, threads })
    }
}

fn unpack(reader: &Reader, told: &AtomicBool, stopped: &OnceLock<Arc<str>>, started: Instant) {
    while !told.load(Ordering::Acquire) {
        match reader.unpack() {
            Ok(true) => {}
            Ok(false) => {
                let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                return tracing::debug!(took_ms, "follower sets unpacked");
            }
            Err(error) => {
                tracing::error!(%error, "follower sets do not unpack, no more commands are taken");
                let _ = stopped.set(Arc::from(format!(
                    "the snapshot holds sets that do not unpack ({error}); remove it and restart the server"
                )));
                return;
            }
        }
    }
}

impl Drop for Unpacker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("unpacking ended with a broken promise, see above");
            }
        }
    }
}
