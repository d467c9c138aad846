//! Commands as bytes, to be read for ever.
//!
//! The first byte is the version of the format, the second the command. The layout is in `docs/formats/record.md`
//! and pinned by `golden/`. A record that can be decoded encodes to the very same bytes.

pub(crate) mod bytes;
pub(crate) mod v1;

use crate::commands::Command;

/// The version that is written.
pub const VERSION: u8 = 1;

/// Bytes in a record at most.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Nothing there.
    #[error("the record is empty")]
    Empty,
    /// Written by a later version of this software.
    #[error("the record has version `{0}`, this software reads `1`: use a newer one")]
    UnknownVersion(u8),
    /// A command of a later version of this software.
    #[error("the record has command `{0}`, which this software does not know: use a newer one")]
    UnknownCommand(u8),
    /// The bytes are not what they claim to be.
    #[error(
        "the record of `{command}` cannot be read: its bytes are damaged or were written by something else"
    )]
    Malformed {
        /// The command's word.
        command: &'static str,
    },
}

/// The bytes of a command; [`decode`] gives the same command back.
///
/// # Panics
/// If filter criteria nest deeper than 500: such a record could not be read back, and no caller has a reason to try.
pub fn encode(command: &Command) -> Vec<u8> {
    let mut out = vec![VERSION];
    v1::put_command(&mut out, command);
    out
}

/// The command of some bytes.
///
/// # Errors
/// Everything that [`encode`] does not write is refused, down to a number spelled longer than needed.
pub fn decode(record: &[u8]) -> Result<Command, RecordError> {
    match record.split_first() {
        None => Err(RecordError::Empty),
        Some((&VERSION, rest)) => v1::command(rest),
        Some((&version, _)) => Err(RecordError::UnknownVersion(version)),
    }
}
