//! A log entry: the command's record, then the stamp. The layout is in `docs/formats/entry.md`.
//!
//! The command is encoded before the stamp is known, so room for the stamp is left behind it and filled in later.

use state::{Command, Entry, Millis};

/// Bytes of the stamp behind a record.
const STAMP_BYTES: usize = 8;

/// A record with room for its stamp.
pub(crate) fn encode(command: &Command) -> Vec<u8> {
    let mut record = state::record::encode(command);
    record.extend_from_slice(&[0; STAMP_BYTES]);
    record
}

/// Writes the stamp into the room that [`encode`] left.
pub(crate) fn stamp(record: &mut [u8], at_ms: i64) {
    if let Some(room) = record.last_chunk_mut::<STAMP_BYTES>() {
        *room = at_ms.to_le_bytes();
    }
}

/// The entry at `position`, as it was appended.
///
/// # Errors
/// A sentence on what is wrong with the bytes.
pub(crate) fn decode(position: u64, record: &[u8]) -> Result<Entry, String> {
    let Some((command, stamp)) = record.split_last_chunk::<STAMP_BYTES>() else {
        return Err(format!("the entry has {} bytes, a stamp alone has {STAMP_BYTES}", record.len()));
    };
    let command = state::record::decode(command).map_err(|error| error.to_string())?;
    Ok(Entry { position, at: Millis(i64::from_le_bytes(*stamp)), command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_with_its_stamp() {
        let mut record = encode(&Command::Tick);
        stamp(&mut record, 1_698_710_400_123);
        let entry = decode(7, &record).unwrap();
        assert_eq!(entry, Entry { position: 7, at: Millis(1_698_710_400_123), command: Command::Tick });
        assert_eq!(record, [1, 17, 0x7b, 0xac, 0x07, 0x83, 0x8b, 0x01, 0, 0]);
    }

    #[test]
    fn bytes_that_are_no_entry_are_refused() {
        assert!(decode(1, &[1, 2, 3]).unwrap_err().contains("3 bytes"));
        assert!(decode(1, &[0; 8]).is_err());
    }
}
