//! Reads a segment record by record, and judges what it means when a record does not verify.
//!
//! A segment is written over zeros that were made durable first. So what an interrupted write leaves has one shape:
//! whole 512-byte sectors are either new or still zero. Anything else is damage, and is never cut off by itself.

use std::{io, ops::Range, sync::Arc};

use super::{
    medium::RawFile,
    record::{self, ALIGN, HEADER_BYTES, Header},
    segment::{HEAD_BYTES, Head},
};
use crate::record_bytes_max;

const SECTOR: u64 = 512;
const WINDOW: usize = 1024 * 1024;

/// What stands at one place of a segment.
pub(super) enum Step {
    /// A record that verifies; its payload is in the reader ([`Reader::payload`]).
    Record(Header),
    /// Nothing that verifies as the next record. The end of the written part, or worse.
    Stop,
}

/// Goes through a segment's records in order.
pub(super) struct Reader {
    file: Arc<dyn RawFile>,
    head: Head,
    window: Vec<u8>,
    window_at: u64,
    payload: Range<usize>,
    /// Offset of the record that comes next.
    pub(super) at: u64,
    /// Position of the record that comes next.
    pub(super) position: u64,
    /// Checksum of the record before.
    pub(super) chain: u32,
    /// Offset at which the newest group starts.
    pub(super) group_at: u64,
}

impl Reader {
    pub(super) fn new(file: Arc<dyn RawFile>, head: Head) -> Self {
        Self {
            file,
            head,
            window: Vec::new(),
            window_at: HEAD_BYTES,
            payload: 0..0,
            at: HEAD_BYTES,
            position: head.first,
            chain: head.chain,
            group_at: HEAD_BYTES,
        }
    }

    /// Reads the next record.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        let salt = self.head.salt;
        let Some(header) = self.bytes(HEADER_BYTES)?.and_then(|bytes| Header::parse(bytes, salt)) else {
            return Ok(Step::Stop);
        };
        let in_order = header.position == self.position && header.chain == self.chain;
        if !in_order || header.length as usize > record_bytes_max() {
            return Ok(Step::Stop);
        }
        let whole = header.record_bytes();
        let verifies = self.bytes(whole)?.and_then(|bytes| record::payload(&header, bytes)).is_some();
        if !verifies {
            return Ok(Step::Stop);
        }
        let start = usize::try_from(self.at - self.window_at).unwrap_or(usize::MAX) + HEADER_BYTES;
        self.payload = start..start + header.length as usize;
        if header.group_back == 0 {
            self.group_at = self.at;
        }
        self.at += whole as u64;
        self.position += 1;
        self.chain = header.checksum;
        Ok(Step::Record(header))
    }

    /// Payload of the record the last step gave.
    pub(super) fn payload(&self) -> &[u8] {
        self.window.get(self.payload.clone()).unwrap_or_default()
    }

    /// The next `count` bytes, or `None` where the segment ends before.
    fn bytes(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        if self.at + count as u64 > self.head.bytes {
            return Ok(None);
        }
        let start = usize::try_from(self.at - self.window_at).unwrap_or(usize::MAX);
        if start.saturating_add(count) > self.window.len() {
            let left = self.head.bytes - self.at;
            let size = usize::try_from(left.min(count.max(WINDOW) as u64)).unwrap_or(count);
            self.window.resize(size, 0);
            self.window_at = self.at;
            self.file.read_at(&mut self.window, self.at)?;
            return Ok(self.window.get(..count));
        }
        Ok(self.window.get(start..start + count))
    }
}

/// What the bytes behind the last good record of the newest segment mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Only zeros: the log ended there.
    Clean,
    /// An interrupted write of `bytes` bytes that was never acknowledged.
    Torn {
        /// Bytes up to the last one that is not zero.
        bytes: u64,
    },
    /// A record that was acknowledged, or bytes that no interrupted write leaves.
    Damaged {
        /// Why.
        what: String,
        /// True where a later write proves that the unreadable record had been acknowledged.
        acknowledged: bool,
    },
}

/// Judges `rest`, the bytes of a segment from file offset `at` on, where the record for `position` does not verify.
pub(super) fn judge(rest: &[u8], at: u64, position: u64, chain: u32, salt: u32) -> Tail {
    let Some(last) = last_not_zero(rest) else { return Tail::Clean };
    let torn = Tail::Torn { bytes: last as u64 + 1 };
    let damaged = |what: &str| Tail::Damaged { what: what.to_owned(), acknowledged: false };

    // A group is written only when the one before it is durable. So a later group behind this place proves that
    // what stood here had been acknowledged.
    for offset in (0..=last).step_by(ALIGN) {
        let header = rest.get(offset..).and_then(|bytes| Header::parse(bytes, salt));
        if let Some(header) = header
            && header.group_first() > position
        {
            let what = format!("position {} of a later write is intact behind it", header.position);
            return Tail::Damaged { what, acknowledged: true };
        }
    }

    match Header::parse(rest, salt) {
        Some(header) if header.position != position || header.chain != chain => {
            damaged("it holds a record of another place")
        }
        Some(header) if header.length as usize > record_bytes_max() || header.record_bytes() > rest.len() => {
            damaged("its record is longer than its segment")
        }
        Some(header) if sector_missing(rest, at, header.record_bytes()) => torn,
        Some(_) => damaged("its content does not verify and no sector of it is missing"),
        None if sector_missing(rest, at, HEADER_BYTES) => torn,
        None => damaged("its header does not verify and no sector of it is missing"),
    }
}

/// Index of the last byte that is not zero. Block by block, because most of a fresh segment is zeros.
fn last_not_zero(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 4096;
    let zero = |block: &[u8]| block.iter().fold(0, |all, byte| all | byte) == 0;
    let block = bytes.chunks(BLOCK).rposition(|block| !zero(block))?;
    let within = bytes.chunks(BLOCK).nth(block)?.iter().rposition(|byte| *byte != 0)?;
    Some(block * BLOCK + within)
}

/// True where some sector's share of the first `count` bytes is all zero: that sector never reached the medium.
fn sector_missing(rest: &[u8], at: u64, count: usize) -> bool {
    let mut from = 0;
    while from < count {
        let to_sector_end = usize::try_from(SECTOR - (at + from as u64) % SECTOR).unwrap_or(count);
        let to = count.min(from + to_sector_end);
        match rest.get(from..to) {
            Some(share) if share.iter().any(|byte| *byte != 0) => from = to,
            Some(_) | None => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u32 = 9;

    /// One group per entry; records of the given payload sizes. Bytes, and the offset of each group.
    fn groups(sizes: &[&[usize]]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts, mut position, mut chain) = (Vec::new(), Vec::new(), 1, 0);
        for group in sizes {
            starts.push(bytes.len());
            for (back, size) in group.iter().enumerate() {
                let payload = vec![7; *size];
                let header = Header::new(&payload, position, back as u32, chain, SALT).expect("small");
                record::encode(&header, &payload, &mut bytes);
                (position, chain) = (position + 1, header.checksum);
            }
        }
        bytes.resize(bytes.len() + 4096, 0);
        (bytes, starts)
    }

    fn verdict(bytes: &[u8]) -> Tail {
        judge(bytes, HEAD_BYTES, 1, 0, SALT)
    }

    #[test]
    fn zeros_are_a_clean_end() {
        assert_eq!(verdict(&[0; 5000]), Tail::Clean);
        assert_eq!(verdict(&[]), Tail::Clean);
    }

    #[test]
    fn a_missing_sector_is_a_torn_write() {
        let (whole, _) = groups(&[&[2000, 2000]]);
        for sector in 0..8_u64 {
            let mut bytes = whole.clone();
            let lost = (sector * SECTOR).saturating_sub(HEAD_BYTES)..((sector + 1) * SECTOR - HEAD_BYTES);
            let record_ends = 2040;
            bytes[lost.start as usize..lost.end as usize].fill(0);
            if (lost.start as usize) < record_ends {
                assert!(matches!(verdict(&bytes), Tail::Torn { .. }), "sector {sector}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_the_last_record_is_damage_not_a_torn_write() {
        let (whole, _) = groups(&[&[1500]]);
        for bit in 0..record::record_bytes(1500) * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(verdict(&bytes), Tail::Damaged { acknowledged: false, .. }), "bit {bit}");
        }
    }

    #[test]
    fn a_later_group_proves_that_the_damage_was_acknowledged() {
        let (mut bytes, starts) = groups(&[&[1500, 10], &[10]]);
        bytes[..600].fill(0);
        assert!(matches!(verdict(&bytes), Tail::Damaged { acknowledged: true, .. }));
        // Without the later group the same hole is a torn write.
        bytes[starts[1]..].fill(0);
        assert!(matches!(verdict(&bytes), Tail::Torn { .. }));
    }
}
