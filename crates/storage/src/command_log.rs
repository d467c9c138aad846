//! The contract of a command log: append, read back, trim.
//!
//! A failed append means reopen: the records may be there or not, and only a fresh look at the medium can tell.

use crate::Error;

/// Largest record a log takes, in bytes: 16 MiB.
pub const fn record_bytes_max() -> usize {
    16 * 1024 * 1024
}

/// Records in order, with their positions. Owns what it needs, so the log may be appended to meanwhile.
pub type Records = Box<dyn Iterator<Item = Result<(u64, Vec<u8>), Error>> + Send>;

/// One ordered, durable sequence of opaque records. Positions start at 1 and have no gaps.
///
/// One writer: whoever holds the `&mut`. An engine keeps a second writer out with a lock of its own.
pub trait CommandLog: Send {
    /// Appends records and returns the position of the last one, once all of them are durable.
    ///
    /// Many records cost one sync. Without records the answer is [`last`](Self::last).
    /// After an error that is not a refusal ([`Error::is_refusal`]) the log answers `MustReopen` to every call until
    /// it is reopened; after the reopen any leading part of the failed append may be there.
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error>;

    /// Records from `position` to the last one at the time of the call. 0 and 1 mean the same.
    ///
    /// One past the end gives nothing; further is `BeyondTheEnd`; before [`first`](Self::first) is `Trimmed`.
    fn read_from(&self, position: u64) -> Result<Records, Error>;

    /// Position of the last durable record; 0 for a log that never had one.
    fn last(&self) -> u64;

    /// Position of the first record still kept, or the next one to come where none is.
    fn first(&self) -> u64;

    /// Gives up records before `position`. An engine may keep some of them; it never drops others.
    ///
    /// Call it only with a durable snapshot at or after `position - 1`. A position beyond the end is `BeyondTheEnd`.
    fn trim_before(&mut self, position: u64) -> Result<(), Error>;
}

impl<L: CommandLog + ?Sized> CommandLog for Box<L> {
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error> {
        (**self).append(records)
    }

    fn read_from(&self, position: u64) -> Result<Records, Error> {
        (**self).read_from(position)
    }

    fn last(&self) -> u64 {
        (**self).last()
    }

    fn first(&self) -> u64 {
        (**self).first()
    }

    fn trim_before(&mut self, position: u64) -> Result<(), Error> {
        (**self).trim_before(position)
    }
}

/// Refuses records over the limit before anything is written.
pub(crate) fn check_sizes(records: &[&[u8]]) -> Result<(), Error> {
    match records.iter().find(|record| record.len() > record_bytes_max()) {
        None => Ok(()),
        Some(record) => Err(Error::RecordTooLarge { bytes: record.len(), bytes_max: record_bytes_max() }),
    }
}

/// Where a read asked for at `position` starts, given what the log holds.
pub(crate) fn read_start(position: u64, first: u64, last: u64) -> Result<u64, Error> {
    let position = position.max(1);
    if position > last + 1 {
        return Err(Error::BeyondTheEnd { position, last });
    }
    if position < first {
        return Err(Error::Trimmed { position, first });
    }
    Ok(position)
}
