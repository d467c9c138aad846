//! Everything that can go wrong with stored bytes, said for the operator who has to act on it.
//!
//! No message carries stored content: a blob's key can name a holder, so keys are left out too.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A failure of a storage engine. Each message names the file and the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk has no room (or the quota is used up).
    #[error("cannot {act} `{}`: no space left; free space on that disk, then reopen", file.display())]
    NoSpaceLeft {
        /// What was tried.
        act: &'static str,
        /// The file concerned.
        file: PathBuf,
    },
    /// The operating system refused a file operation.
    #[error("cannot {act} `{}`: {source}", file.display())]
    File {
        /// What was tried.
        act: &'static str,
        /// The file concerned.
        file: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// An earlier write or sync failed, so what is on disk is not known. Nothing is answered until a reopen.
    #[error("an earlier write to `{}` failed, so its end is not known; reopen it to find out", file.display())]
    MustReopen {
        /// The file or directory whose write failed.
        file: PathBuf,
    },
    /// Stored bytes are not what was written. Never skipped, never repaired silently.
    #[error("`{}` is damaged at byte {offset} ({what}); restore it from a backup", file.display())]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Byte offset of the first piece that does not verify.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Damage in the log. Everything from `position` on is unreadable or unproven.
    #[error(
        "`{}` is damaged at byte {offset}, log position {position} ({what}); \
         restore the log from a backup", file.display()
    )]
    LogDamaged {
        /// The damaged segment.
        file: PathBuf,
        /// Byte offset of the first record that does not verify.
        offset: u64,
        /// Log position that the record at that offset must have.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The end of the log is unreadable in a way that an interrupted write does not explain.
    #[error(
        "`{}` is damaged at byte {offset}, log position {position}, in its last write ({what}); restore the log \
         from a backup, or open it once with `drop_damaged_tail` to lose position {position} and what follows",
        file.display()
    )]
    LogTailDamaged {
        /// The damaged segment.
        file: PathBuf,
        /// Byte offset of the first record that does not verify.
        offset: u64,
        /// Log position that the record at that offset must have.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// A newer program wrote this file.
    #[error("`{}` has format version {found}, this program reads up to {known}; run the newer program", file.display())]
    FormatIsNewer {
        /// The file.
        file: PathBuf,
        /// Version found in the file.
        found: u32,
        /// Highest version known here.
        known: u32,
    },
    /// Another handle, usually another process, has the data directory open.
    #[error("`{}` is in use by another process; stop it first", file.display())]
    InUse {
        /// The lock file.
        file: PathBuf,
    },
    /// The positions asked for are no longer kept.
    #[error("log position {position} was trimmed, the first kept is {first}; start from a snapshot")]
    Trimmed {
        /// Position asked for.
        position: u64,
        /// First position still kept.
        first: u64,
    },
    /// The log is shorter than the reader believes.
    #[error(
        "log position {position} is beyond the end, the last is {last}; the log is older than its reader"
    )]
    BeyondTheEnd {
        /// Position asked for.
        position: u64,
        /// Last position of the log.
        last: u64,
    },
    /// A record is larger than [`crate::record_bytes_max`]. Nothing was written.
    #[error("a record of {bytes} bytes is over the limit of {bytes_max}; send smaller batches")]
    RecordTooLarge {
        /// Size of the record.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A blob is larger than [`crate::blob_bytes_max`]. Nothing was written.
    #[error("a blob of {bytes} bytes is over the limit of {bytes_max}")]
    BlobTooLarge {
        /// Size of the blob.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A blob's key is empty, too long or has control characters. Nothing was written.
    #[error("a blob key of {bytes} bytes is not 1 to {bytes_max} bytes without control characters")]
    BadKey {
        /// Size of the key.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

impl Error {
    /// Wraps an operating system error with what was tried on which file.
    pub(crate) fn file(act: &'static str, file: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpaceLeft { act, file: file.to_owned() }
            }
            _ => Self::File { act, file: file.to_owned(), source },
        }
    }

    /// True where the caller asked for something impossible and nothing was touched: the engine goes on working.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Trimmed { .. }
            | Self::BeyondTheEnd { .. }
            | Self::RecordTooLarge { .. }
            | Self::BlobTooLarge { .. }
            | Self::BadKey { .. } => true,
            Self::NoSpaceLeft { .. }
            | Self::File { .. }
            | Self::MustReopen { .. }
            | Self::Damaged { .. }
            | Self::LogDamaged { .. }
            | Self::LogTailDamaged { .. }
            | Self::FormatIsNewer { .. }
            | Self::InUse { .. } => false,
        }
    }
}
