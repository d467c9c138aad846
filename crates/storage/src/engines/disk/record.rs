//! One log record as bytes. The layout is in `docs/formats/log.md`.
//!
//! Every record says where its group (the records of one sync) starts. A later group proves that all earlier ones
//! were durable, which is how a torn write is told from damage.

use crc32fast::Hasher;

/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 32;
/// Bytes after the payload and its padding.
pub(super) const TRAILER_BYTES: usize = 8;
/// Records start at multiples of this.
pub(super) const ALIGN: usize = 8;

const MAGIC: u32 = u32::from_le_bytes(*b"npr1");

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of payload.
    pub(super) length: u32,
    /// Log position.
    pub(super) position: u64,
    /// How many records of the same group come before this one.
    pub(super) group_back: u32,
    /// `checksum` of the record before, across segments.
    pub(super) chain: u32,
    /// Checksum of the payload.
    pub(super) payload_checksum: u32,
    /// Checksum of the fields above, salted.
    pub(super) checksum: u32,
}

impl Header {
    pub(super) fn new(payload: &[u8], position: u64, group_back: u32, chain: u32, salt: u32) -> Option<Self> {
        let payload_checksum = crc32fast::hash(payload);
        let length = u32::try_from(payload.len()).ok()?;
        let mut header = Self { length, position, group_back, chain, payload_checksum, checksum: 0 };
        header.checksum = header.expected_checksum(salt);
        Some(header)
    }

    /// Reads a header; `None` where its bytes do not verify.
    pub(super) fn parse(bytes: &[u8], salt: u32) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let (group_back, rest) = rest.split_first_chunk::<4>()?;
        let (chain, rest) = rest.split_first_chunk::<4>()?;
        let (payload_checksum, rest) = rest.split_first_chunk::<4>()?;
        let (checksum, _) = rest.split_first_chunk::<4>()?;
        let header = Self {
            length: u32::from_le_bytes(*length),
            position: u64::from_le_bytes(*position),
            group_back: u32::from_le_bytes(*group_back),
            chain: u32::from_le_bytes(*chain),
            payload_checksum: u32::from_le_bytes(*payload_checksum),
            checksum: u32::from_le_bytes(*checksum),
        };
        let verifies =
            u32::from_le_bytes(*magic) == MAGIC && header.checksum == header.expected_checksum(salt);
        verifies.then_some(header)
    }

    /// First position of the group this record belongs to.
    pub(super) fn group_first(&self) -> u64 {
        self.position.saturating_sub(u64::from(self.group_back))
    }

    /// Bytes of the whole record.
    pub(super) fn record_bytes(&self) -> usize {
        record_bytes(self.length as usize)
    }

    fn fields(&self) -> [u8; HEADER_BYTES - 4] {
        let mut fields = [0; HEADER_BYTES - 4];
        let parts = MAGIC.to_le_bytes().into_iter();
        let parts = parts.chain(self.length.to_le_bytes()).chain(self.position.to_le_bytes());
        let parts = parts.chain(self.group_back.to_le_bytes()).chain(self.chain.to_le_bytes());
        let parts = parts.chain(self.payload_checksum.to_le_bytes());
        fields.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        fields
    }

    fn expected_checksum(&self, salt: u32) -> u32 {
        // Salted so that a payload cannot carry bytes that pass for a header of this log.
        let mut hasher = Hasher::new_with_initial(salt);
        hasher.update(&self.fields());
        hasher.finalize()
    }
}

/// Bytes of a record with a payload of `length` bytes.
pub(super) fn record_bytes(length: usize) -> usize {
    HEADER_BYTES + length.next_multiple_of(ALIGN) + TRAILER_BYTES
}

/// Writes a record behind what `out` holds.
pub(super) fn encode(header: &Header, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header.fields());
    out.extend_from_slice(&header.checksum.to_le_bytes());
    out.extend_from_slice(payload);
    out.resize(out.len() + payload.len().next_multiple_of(ALIGN) - payload.len(), 0);
    out.extend_from_slice(&trailer(header.position));
}

/// The record's last word. Never zero, so a missing last sector is seen as missing.
fn trailer(position: u64) -> [u8; TRAILER_BYTES] {
    (!position).to_le_bytes()
}

/// The payload of a whole record's bytes; `None` where payload, padding or trailer do not verify.
pub(super) fn payload<'a>(header: &Header, record: &'a [u8]) -> Option<&'a [u8]> {
    let (payload, rest) =
        record.get(HEADER_BYTES..header.record_bytes())?.split_at_checked(header.length as usize)?;
    let (padding, end) = rest.split_at_checked(rest.len().checked_sub(TRAILER_BYTES)?)?;
    let verifies = padding.iter().all(|byte| *byte == 0)
        && end == trailer(header.position)
        && crc32fast::hash(payload) == header.payload_checksum;
    verifies.then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(payload: &[u8]) -> (Header, Vec<u8>) {
        let header = Header::new(payload, 7, 2, 99, 5).expect("small");
        let mut bytes = Vec::new();
        encode(&header, payload, &mut bytes);
        (header, bytes)
    }

    #[test]
    fn a_record_reads_back() {
        for length in [0, 1, 7, 8, 9, 600] {
            let (header, bytes) = encoded(&vec![3; length]);
            assert_eq!(bytes.len(), header.record_bytes());
            assert_eq!(Header::parse(&bytes, 5), Some(header));
            assert_eq!(payload(&header, &bytes), Some(vec![3; length].as_slice()));
            assert_eq!(header.group_first(), 5);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (header, bytes) = encoded(b"thirteen bytes");
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let same = Header::parse(&broken, 5) == Some(header) && payload(&header, &broken).is_some();
            assert!(!same, "bit {bit}");
        }
    }

    #[test]
    fn another_salt_is_another_log() {
        let (_, bytes) = encoded(b"x");
        assert_eq!(Header::parse(&bytes, 6), None);
    }
}
