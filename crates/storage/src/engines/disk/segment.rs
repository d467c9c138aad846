//! One segment file of the log: made full of zeros, then overwritten record by record.
//!
//! Zeros are written once, not reserved: overwriting written blocks needs no metadata at sync time, which makes a
//! sync about a third cheaper. They also tell what was never written, so a segment file is never used twice.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::medium::{Medium, RawFile};
use crate::Error;

/// Bytes before the first record.
pub(super) const HEAD_BYTES: u64 = 64;
/// Version of the format written here.
pub(super) const VERSION: u32 = 1;
/// Name of a segment that is being made.
pub(super) const SPARE: &str = "spare.tmp";

const MAGIC: [u8; 8] = *b"NPLOG\r\n\0";
const ZEROS: usize = 1024 * 1024;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Position of the first record.
    pub(super) first: u64,
    /// Size of the file in bytes.
    pub(super) bytes: u64,
    /// Checksum of the last record before this segment; 0 at the start of a log.
    pub(super) chain: u32,
    /// Start value of the header checksums in this segment.
    pub(super) salt: u32,
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEAD_BYTES as usize] {
        let mut out = [0; HEAD_BYTES as usize];
        let parts = MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain(self.salt.to_le_bytes());
        let parts = parts.chain(self.first.to_le_bytes()).chain(self.bytes.to_le_bytes());
        let parts = parts.chain(self.chain.to_le_bytes());
        out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        if let Some((fields, checksum)) = out.split_last_chunk_mut::<4>() {
            *checksum = crc32fast::hash(fields).to_le_bytes();
        }
        out
    }

    fn parse(bytes: &[u8; HEAD_BYTES as usize]) -> Result<Self, HeadError> {
        let broken = || HeadError::Broken;
        let (fields, checksum) = bytes.split_last_chunk::<4>().ok_or_else(broken)?;
        if crc32fast::hash(fields).to_le_bytes() != *checksum {
            return Err(HeadError::Broken);
        }
        let (magic, rest) = fields.split_first_chunk::<8>().ok_or_else(broken)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let (salt, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let (first, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let (bytes, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let (chain, _) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let version = u32::from_le_bytes(*version);
        match *magic == MAGIC {
            true if version == VERSION => Ok(Self {
                first: u64::from_le_bytes(*first),
                bytes: u64::from_le_bytes(*bytes),
                chain: u32::from_le_bytes(*chain),
                salt: u32::from_le_bytes(*salt),
            }),
            true if version > VERSION => Err(HeadError::Newer(version)),
            _ => Err(HeadError::Broken),
        }
    }
}

enum HeadError {
    Broken,
    Newer(u32),
}

/// File name of the segment whose first record is at `first`.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The first position a file name stands for; `None` for other files.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Makes a spare segment of zeros, durable but for its name. In pieces, so that syncs of the log wait little.
pub(super) fn prepare(medium: &dyn Medium, dir: &Path, bytes: u64) -> io::Result<()> {
    let file = medium.create(&dir.join(SPARE))?;
    let zeros = vec![0; ZEROS];
    let mut at = 0;
    while at < bytes {
        let piece = (bytes - at).min(ZEROS as u64);
        file.write_at(zeros.get(..usize::try_from(piece).unwrap_or(ZEROS)).unwrap_or(&zeros), at)?;
        at += piece;
        if at.is_multiple_of(8 * ZEROS as u64) {
            file.sync_data()?;
        }
    }
    file.sync_data()
}

/// Turns the spare into the segment that `head` describes, durable with its name.
pub(super) fn begin(
    medium: &dyn Medium,
    dir: &Path,
    head: &Head,
) -> Result<(PathBuf, Arc<dyn RawFile>), Error> {
    let spare = dir.join(SPARE);
    let path = dir.join(name(head.first));
    let file = medium.open(&spare).map_err(|e| Error::file("open", &spare, e))?;
    file.write_at(&head.encode(), 0).map_err(|e| Error::file("write to", &spare, e))?;
    file.sync_data().map_err(|e| Error::file("sync", &spare, e))?;
    // Named only when whole: a segment with its real name always has a head.
    medium.rename(&spare, &path).map_err(|e| Error::file("rename to", &path, e))?;
    super::sync_dir(medium, dir)?;
    Ok((path, Arc::from(file)))
}

/// Opens a segment and checks its head against its name and size.
pub(super) fn open(medium: &dyn Medium, path: &Path, first: u64) -> Result<(Head, Arc<dyn RawFile>), Error> {
    let damaged = |what: &str| Error::LogDamaged {
        file: path.to_owned(),
        offset: 0,
        position: first,
        what: what.to_owned(),
    };
    let file = medium.open(path).map_err(|e| Error::file("open", path, e))?;
    let length = file.len().map_err(|e| Error::file("read", path, e))?;
    let mut bytes = [0; HEAD_BYTES as usize];
    if length < HEAD_BYTES {
        return Err(damaged("it ends before its head does"));
    }
    file.read_at(&mut bytes, 0).map_err(|e| Error::file("read", path, e))?;
    match Head::parse(&bytes) {
        Ok(head) if head.first != first => Err(damaged("its name and its head name different positions")),
        Ok(head) if head.bytes != length => Err(damaged("it is not as long as its head says")),
        Ok(head) => Ok((head, Arc::from(file))),
        Err(HeadError::Newer(found)) => {
            Err(Error::FormatIsNewer { file: path.to_owned(), found, known: VERSION })
        }
        Err(HeadError::Broken) => Err(damaged("its head does not verify")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_every_flipped_bit_is_noticed() {
        let head = Head { first: 12, bytes: 4096, chain: 3, salt: 4 };
        let bytes = head.encode();
        assert!(matches!(Head::parse(&bytes), Ok(read) if read == head));
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::parse(&broken).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn names_sort_as_positions_do() {
        assert!(name(9) < name(10));
        assert_eq!(first_of(&name(10)), Some(10));
        assert_eq!(first_of("spare.tmp"), None);
        assert_eq!(first_of("1.log"), None);
    }
}
