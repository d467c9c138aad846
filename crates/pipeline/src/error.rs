//! What can go wrong between a command and its answer.

use std::sync::Arc;

/// Why the pipeline could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log or the snapshots could not be read.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The log starts after what the newest usable snapshot covers.
    #[error(
        "the log starts at position {first} but the newest usable snapshot ends at {snapshot}; \
         restore the snapshots from a backup"
    )]
    LogStartsLate {
        /// First position still in the log.
        first: u64,
        /// Position of the snapshot, 0 without one.
        snapshot: u64,
    },
    /// The log is shorter than the snapshot says it was: a part of it is missing.
    #[error(
        "the log ends at position {last} but a snapshot was taken at {snapshot}; restore the log from a backup"
    )]
    LogEndsEarly {
        /// Last position of the log.
        last: u64,
        /// Position of the snapshot.
        snapshot: u64,
    },
    /// A log entry is not what this program writes.
    #[error(
        "log position {position} cannot be read: {why}; run the program that wrote it, or restore a backup"
    )]
    Entry {
        /// Position of the entry.
        position: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The loaded state breaks a promise.
    #[error("the loaded state breaks a promise: {why}; restore a backup and report this")]
    Broken {
        /// Which promise.
        why: String,
    },
    /// The keys of someone who left could not be destroyed.
    #[error("the keys of someone who left could not be destroyed: {0}; nothing is served before they are")]
    Forget(Arc<str>),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Why a command got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full. Nothing happened; try again shortly.
    #[error("the queue `commands` is full; try again shortly")]
    Busy,
    /// The command is larger than an entry may be. Nothing happened.
    #[error("the command has {bytes} bytes, an entry has at most {bytes_max}; send smaller batches")]
    TooLarge {
        /// Encoded size of the command.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The append failed. The command may be in the log or not; only a reopen can tell.
    #[error("the command may be logged or not: {0}; restart to find out, then ask for the state")]
    Unknown(Arc<str>),
    /// The pipeline no longer takes commands. Nothing happened.
    #[error("no commands are taken: {0}")]
    Stopped(Arc<str>),
    /// The leave is logged and shows, but the keys are not destroyed yet. It is tried again until they are.
    #[error("the account has left, its keys are not destroyed yet: {0}; it is tried again by itself")]
    KeysNotYetDestroyed(Arc<str>),
}

/// Why a wait for a position ended without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The position was not reached in time.
    #[error("position {position} is not applied yet, the last is {applied}; try again shortly")]
    NotYet {
        /// The position waited for.
        position: u64,
        /// The last one applied.
        applied: u64,
    },
    /// The pipeline no longer takes commands, so the position will not come.
    #[error("position {position} will not come: {why}")]
    Stopped {
        /// The position waited for.
        position: u64,
        /// Why the pipeline stopped.
        why: Arc<str>,
    },
}
