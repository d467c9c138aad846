//! What can go wrong in the vault.
//!
//! No variant carries a tenant, a holder, a field or a value: an error may end up in a log line.

use std::io;
use std::path::PathBuf;

/// Why the vault did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A new key ring would replace one that exists; every identity sealed under it would be lost.
    #[error("`{path}` exists: open it, or choose another path for the new key ring", path = path.display())]
    RingExists {
        /// Where the ring is.
        path: PathBuf,
    },
    /// There is no key ring at this path.
    #[error("there is no key ring at `{path}`: create one, or restore it from the backup", path = path.display())]
    RingMissing {
        /// Where the ring was looked for.
        path: PathBuf,
    },
    /// The passphrase or key file does not open the ring, or the ring's file was changed.
    #[error("cannot open key ring `{path}`: another passphrase or key file sealed it, or it was changed", path = path.display())]
    RingRefused {
        /// Where the ring is.
        path: PathBuf,
    },
    /// The file is no key ring, or one of a format that this version does not read.
    #[error("`{path}` is not a key ring that this version reads", path = path.display())]
    RingUnreadable {
        /// Where the file is.
        path: PathBuf,
    },
    /// The key file does not hold a key.
    #[error("`{path}` is not a key file: it must hold 64 hexadecimal digits, as `openssl rand -hex 32` prints them", path = path.display())]
    KeyFileUnreadable {
        /// Where the key file is.
        path: PathBuf,
    },
    /// The passphrase is outside the bounds.
    #[error("a passphrase has {min} to {max} bytes")]
    PassphraseLength {
        /// Shortest accepted.
        min: usize,
        /// Longest accepted.
        max: usize,
    },
    /// A passphrase's cost is outside the bounds.
    #[error("a passphrase costs 1 to 16 lanes, 1 to 64 passes, and 8 KiB for each lane up to 1 GiB")]
    PassphraseCost,
    /// The operating system did not let us read or write a key ring or key file.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    Io {
        /// The act that failed, as a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something given is empty or longer than its limit.
    #[error("{what} has {min} to {max} {unit}")]
    OutOfBounds {
        /// The thing, such as `a field's value`.
        what: &'static str,
        /// Least accepted.
        min: usize,
        /// Most accepted.
        max: usize,
        /// Unit of the bounds.
        unit: &'static str,
    },
    /// One field id was given twice.
    #[error("one field is given twice: give each field once")]
    FieldTwice,
    /// The record was sealed under another key ring than the one that is open.
    #[error("the record was sealed under another key ring: open that ring, or restore the matching backup")]
    OtherKeys,
    /// The record needs a key version that the ring no longer holds.
    #[error("the record needs key version {version}, which this key ring does not hold")]
    KeyVersionGone {
        /// The version asked for.
        version: u32,
    },
    /// A stored record does not open: it was changed, moved or cut.
    #[error("a sealed record does not open: it was changed, moved or cut: restore it from the backup")]
    Refused,
    /// The stored record is not the one that the log names.
    #[error("the sealed record is not the one that the log names: seal the identity again")]
    NotAsLogged,
    /// A key service did not do its part.
    #[error("the key service failed: {0}")]
    Provider(String),
    /// The system gave no randomness.
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The store of sealed records failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}
