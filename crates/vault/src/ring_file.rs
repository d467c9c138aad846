//! The file of a key ring: its bytes, and how they reach the disk.
//!
//! A new ring never replaces a file, and a changed ring is renamed into place only after it is on disk: losing
//! the ring is losing every identity, which is also why `docs/formats/vault.md` asks for a backup of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::record::Bytes;
use crate::ring::PassphraseCost;

const MAGIC: &[u8; 8] = b"NPRING01";
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// How the ring's file key is made; stands in clear at the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opened_by: OpenedBy,
    pub(crate) salt: [u8; 32],
    pub(crate) ring: [u8; 16],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenedBy {
    Passphrase { memory_kib: u32, passes: u32, lanes: u32 },
    KeyFile,
}

pub(crate) const HEADER_BYTES: usize = 8 + 1 + 12 + 32 + 16;

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (kind, cost) = match self.opened_by {
            OpenedBy::Passphrase { memory_kib, passes, lanes } => (1_u8, [memory_kib, passes, lanes]),
            OpenedBy::KeyFile => (2, [0; 3]),
        };
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(MAGIC);
        out.push(kind);
        for number in cost {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.ring);
        out
    }

    /// The header, the nonce and the ciphertext of a ring's file.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, [u8; 24], &[u8])> {
        let mut bytes = Bytes(bytes);
        (bytes.array()? == *MAGIC).then_some(())?;
        let [kind] = bytes.array()?;
        let [memory_kib, passes, lanes] = [
            u32::from_le_bytes(bytes.array()?),
            u32::from_le_bytes(bytes.array()?),
            u32::from_le_bytes(bytes.array()?),
        ];
        let opened_by = match (kind, memory_kib, passes, lanes) {
            (1, ..) if (PassphraseCost { memory_kib, passes, lanes }).is_usable() => {
                OpenedBy::Passphrase { memory_kib, passes, lanes }
            }
            (2, 0, 0, 0) => OpenedBy::KeyFile,
            _ => return None,
        };
        let header = Self { opened_by, salt: bytes.array()?, ring: bytes.array()? };
        let nonce = bytes.array()?;
        Some((header, nonce, bytes.0))
    }
}

/// Reads a file that holds, or is opened by, a key.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("the file is longer than 64 KiB"));
    }
    Ok(bytes)
}

/// Writes a file that must not exist yet; durable on return.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = write_beside(path, bytes)?;
    // A link refuses to replace; a rename would not.
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    linked?;
    sync_folder(path)
}

/// Replaces a file as a whole; durable on return.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::rename(write_beside(path, bytes)?, path)?;
    sync_folder(path)
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // Left over from a crash before the rename: never part of a ring.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(beside)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Header, OpenedBy};

    #[test]
    fn a_header_reads_back_as_it_was() {
        let passphrase = OpenedBy::Passphrase { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
        for opened_by in [passphrase, OpenedBy::KeyFile] {
            let header = Header { opened_by, salt: [3; 32], ring: [4; 16] };
            let mut bytes = header.encode();
            assert_eq!(bytes.len(), super::HEADER_BYTES);
            bytes.extend_from_slice(&[5; 24]);
            bytes.push(6);
            assert_eq!(Header::decode(&bytes), Some((header, [5; 24], &[6][..])));
        }
    }

    #[test]
    fn a_cost_beyond_the_bounds_is_refused() {
        for (memory_kib, passes, lanes) in [(u32::MAX, 1, 1), (1024, u32::MAX, 1), (1024, 1, 17), (8, 1, 2)] {
            let opened_by = OpenedBy::Passphrase { memory_kib, passes, lanes };
            let mut bytes = Header { opened_by, salt: [0; 32], ring: [0; 16] }.encode();
            bytes.extend_from_slice(&[0; 64]);
            assert_eq!(Header::decode(&bytes), None, "{memory_kib} {passes} {lanes}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::decode(&bytes);
        }
    }
}
