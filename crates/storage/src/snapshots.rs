//! The contract of snapshots: whole states, each at a log position.
//!
//! A snapshot is a shortcut, never the truth: one that does not verify is passed over for an older one.

use std::sync::Arc;

use crate::Error;

/// A snapshot that is being written. Dropped unfinished, it never was.
pub trait Saving: Send {
    /// Adds bytes behind those written before.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes it durable and visible in one step.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// States saved whole, found again by log position.
pub trait Snapshots: Send + Sync {
    /// Begins to save the state at `position`, piece by piece. Nobody sees it before it is finished, when it replaces
    /// one at the same position. `InUse` while another one for that position is being written.
    fn begin(&self, position: u64) -> Result<Box<dyn Saving>, Error>;

    /// Saves `bytes` as the state at `position`, durable and visible in one step. Replaces one at the same position.
    fn save(&self, position: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut saving = self.begin(position)?;
        saving.write(bytes)?;
        saving.finish()
    }

    /// The newest snapshot that verifies, or `None`. Broken ones are passed over.
    fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, Error>;

    /// The snapshot at exactly `position`: `None` where there is none, `Damaged` where it does not verify.
    fn load(&self, position: u64) -> Result<Option<Vec<u8>>, Error>;

    /// Positions that have a snapshot, oldest first, whether it verifies or not.
    fn list(&self) -> Result<Vec<u64>, Error>;

    /// Removes all but the newest `keep` snapshots that verify, and returns how many went. `keep` of 0 counts as 1.
    ///
    /// Broken ones newer than the newest kept are left for a person to look at.
    fn prune(&self, keep: usize) -> Result<usize, Error>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Snapshots + ?Sized> Snapshots for $pointer {
            fn begin(&self, position: u64) -> Result<Box<dyn Saving>, Error> {
                (**self).begin(position)
            }

            fn load_latest(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
                (**self).load_latest()
            }

            fn load(&self, position: u64) -> Result<Option<Vec<u8>>, Error> {
                (**self).load(position)
            }

            fn list(&self) -> Result<Vec<u64>, Error> {
                (**self).list()
            }

            fn prune(&self, keep: usize) -> Result<usize, Error> {
                (**self).prune(keep)
            }
        }
    )*};
}

forward!(Box<S>, Arc<S>);
