//! One blob as bytes in a cell, a place of fixed size in a file. The layout is in `docs/formats/blobs.md`.
//!
//! A cell's state word shares its first sector with the header. Sectors reach the medium whole, so the word never
//! says more than the header beside it.

/// Bytes before the key.
pub(super) const HEADER_BYTES: usize = 40;
/// The share of a cell that reaches the medium in one piece.
pub(super) const SECTOR: usize = 512;

/// No blob. The whole cell is zero, or an interrupted write or deletion left remains behind the first sector.
const FREE: [u8; 8] = [0; 8];
/// Being written: never acknowledged.
pub(super) const WRITING: [u8; 8] = *b"npwrite\n";
/// A blob that was acknowledged, or may have been.
pub(super) const KEPT: [u8; 8] = *b"npkept!\n";

/// What a cell holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// Nothing. `remains` where some byte is not zero and must be overwritten.
    Free { remains: bool },
    /// A blob, or (`value` is `None`) the place of one that does not verify.
    Kept { sequence: u64, key: &'a str, value: Option<&'a [u8]> },
    /// Bytes that do not even say whose they were.
    Damaged,
}

/// Bytes of a cell that a blob needs.
pub(super) fn used_bytes(key: &str, value: usize) -> usize {
    HEADER_BYTES + key.len() + value
}

/// A blob's cell up to its last used byte.
pub(super) fn encode(state: [u8; 8], sequence: u64, key: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(used_bytes(key, value.len()));
    out.extend_from_slice(&state);
    out.extend_from_slice(&sequence.to_le_bytes());
    // Both lengths are far below the limits of their types, which `blobs::check` has seen to.
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(value).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&head_checksum(&out, key.as_bytes()).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value);
    out
}

/// Reads a cell.
pub(super) fn parse(cell: &[u8]) -> Content<'_> {
    match kept(cell) {
        Some(content) => content,
        None if cell.starts_with(&FREE) || cell.starts_with(&WRITING) => {
            Content::Free { remains: cell.iter().any(|byte| *byte != 0) }
        }
        None => Content::Damaged,
    }
}

fn kept(cell: &[u8]) -> Option<Content<'_>> {
    let (header, rest) = cell.split_first_chunk::<HEADER_BYTES>()?;
    if !header.starts_with(&KEPT) {
        return None;
    }
    let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let sequence = u64::from_le_bytes(header.get(8..16)?.try_into().ok()?);
    let (key_length, value_length) = (word(16)? as usize, word(20)? as usize);
    let (value_checksum, checksum) = (word(24)?, word(32)?);
    let (key, rest) = rest.split_at_checked(key_length)?;
    if checksum != head_checksum(header, key) {
        return None;
    }
    let value = rest.get(..value_length).filter(|value| crc32fast::hash(value) == value_checksum);
    Some(Content::Kept { sequence, key: std::str::from_utf8(key).ok()?, value })
}

/// Covers everything but the state word (which changes in place), itself and the value.
fn head_checksum(header: &[u8], key: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header.get(8..32).unwrap_or_default());
    hasher.update(key);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_reads_back() {
        let mut cell = encode(KEPT, 5, "a/b", b"value");
        cell.resize(512, 0);
        assert_eq!(parse(&cell), Content::Kept { sequence: 5, key: "a/b", value: Some(b"value") });
    }

    #[test]
    fn a_cell_being_written_is_free_with_remains() {
        let mut cell = encode(WRITING, 5, "a/b", b"value");
        cell.resize(512, 0);
        assert_eq!(parse(&cell), Content::Free { remains: true });
        assert_eq!(parse(&[0; 512]), Content::Free { remains: false });
    }

    #[test]
    fn no_flipped_bit_gives_another_blob_or_none() {
        let cell = encode(KEPT, 5, "a/b", b"value");
        for bit in 0..cell.len() * 8 {
            let mut broken = cell.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            match parse(&broken) {
                Content::Damaged | Content::Kept { sequence: 5, key: "a/b", value: None } => {}
                // Four bytes of the header mean nothing.
                other => assert!((36..40).contains(&(bit / 8)), "bit {bit}: {other:?}"),
            }
        }
    }
}
