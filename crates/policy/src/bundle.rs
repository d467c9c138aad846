//! A pack's files as one piece of bytes: what an activation writes into the log.
//!
//! The bytes are canonical: the same files give the same bytes and the same hash, and bytes that are not
//! canonical do not decode. Layout: `docs/formats/pack.md`.

use std::collections::BTreeMap;

/// The files of one pack by path inside the pack, as in `rules/legal-name.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Path to content.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Files in one pack at most.
pub const FILES_MAX: usize = 256;
/// Bytes of all files of one pack at most.
pub const BUNDLE_BYTES_MAX: usize = 1 << 20;
/// Bytes of one path at most.
pub const PATH_BYTES_MAX: usize = 128;

const MAGIC: &[u8; 8] = b"nplpack1";

/// Why bytes are not a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The first bytes are something else.
    #[error("these bytes are not a pack bundle")]
    NotABundle,
    /// The bytes end before the bundle does.
    #[error("the pack bundle is cut off")]
    CutOff,
    /// Bytes follow the last file.
    #[error("the pack bundle is followed by other bytes")]
    Trailing,
    /// Files are not in the order of their paths, or one comes twice.
    #[error("the pack bundle's files are out of order")]
    OutOfOrder,
    /// A path is empty, too long, absolute, climbs out of the pack or has odd characters.
    #[error("the pack bundle has a path that a pack may not have")]
    BadPath,
    /// More files than [`FILES_MAX`].
    #[error("the pack bundle has more than {FILES_MAX} files")]
    TooManyFiles,
    /// More bytes than [`BUNDLE_BYTES_MAX`].
    #[error("the pack bundle's files have more than {BUNDLE_BYTES_MAX} bytes")]
    TooLarge,
}

impl Bundle {
    /// A bundle of the given files.
    pub fn new<P: Into<String>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
        Self { files: files.into_iter().map(|(path, content)| (path.into(), content.into())).collect() }
    }

    /// The files that decide: `pack.toml` and `rules/*.toml`. Cases, the matrix and notes stay out of the log.
    pub fn essential(&self) -> Self {
        let decides =
            |path: &str| path == "pack.toml" || (path.starts_with("rules/") && path.ends_with(".toml"));
        Self {
            files: self
                .files
                .iter()
                .filter(|(path, _)| decides(path))
                .map(|(path, content)| (path.clone(), content.clone()))
                .collect(),
        }
    }

    /// Says whether the bundle keeps the limits on files, bytes and paths.
    ///
    /// # Errors
    /// The first limit that is broken.
    pub fn validate(&self) -> Result<(), BundleError> {
        if self.files.len() > FILES_MAX {
            return Err(BundleError::TooManyFiles);
        }
        let mut bytes = 0_usize;
        for (path, content) in &self.files {
            if !path_is_good(path) {
                return Err(BundleError::BadPath);
            }
            bytes = bytes.saturating_add(content.len());
        }
        if bytes > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        Ok(())
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&length(self.files.len()));
        for (path, content) in &self.files {
            for part in [path.as_bytes(), content.as_slice()] {
                out.extend_from_slice(&length(part.len()));
                out.extend_from_slice(part);
            }
        }
        out
    }

    /// Reads canonical bytes back.
    ///
    /// # Errors
    /// If the bytes are not exactly what [`Bundle::encode`] writes for a bundle within the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(BundleError::NotABundle)?;
        let count = take_length(&mut rest)?;
        if count > FILES_MAX {
            return Err(BundleError::TooManyFiles);
        }
        let mut bundle = Self::default();
        for _ in 0..count {
            let path = std::str::from_utf8(take_part(&mut rest)?).map_err(|_| BundleError::BadPath)?;
            let content = take_part(&mut rest)?;
            if bundle.files.last_key_value().is_some_and(|(last, _)| last.as_str() >= path) {
                return Err(BundleError::OutOfOrder);
            }
            bundle.files.insert(path.to_owned(), content.to_vec());
        }
        if !rest.is_empty() {
            return Err(BundleError::Trailing);
        }
        bundle.validate()?;
        Ok(bundle)
    }

    /// BLAKE3 of the canonical bytes: names this very version of the files.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.encode()).as_bytes()
    }
}

fn length(len: usize) -> [u8; 4] {
    // A bundle past 4 GiB breaks the limits long before; saturating keeps the bytes wrong and not the process.
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_length(rest: &mut &[u8]) -> Result<usize, BundleError> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or(BundleError::CutOff)?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*head)).map_err(|_| BundleError::TooLarge)
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], BundleError> {
    let len = take_length(rest)?;
    let (part, tail) = rest.split_at_checked(len).ok_or(BundleError::CutOff)?;
    *rest = tail;
    Ok(part)
}

fn path_is_good(path: &str) -> bool {
    let part_is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    path.len() <= PATH_BYTES_MAX && path.split('/').all(part_is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        Bundle::new([("pack.toml", "id = \"x\""), ("rules/a.toml", ""), ("matrix.txt", "m")])
    }

    #[test]
    fn bytes_read_back_and_name_the_files() {
        let bytes = bundle().encode();
        assert_eq!(Bundle::decode(&bytes), Ok(bundle()));
        let mut other = bundle();
        other.files.insert("rules/a.toml".into(), b" ".to_vec());
        assert_ne!(other.hash(), bundle().hash());
        assert_eq!(bundle().essential().files.keys().collect::<Vec<_>>(), ["pack.toml", "rules/a.toml"]);
    }

    #[test]
    fn the_bytes_are_pinned() {
        let one = Bundle::new([("a", "b")]);
        assert_eq!(one.encode(), b"nplpack1\x01\0\0\0\x01\0\0\0a\x01\0\0\0b");
    }

    #[test]
    fn no_cut_and_no_extra_byte_decodes() {
        let bytes = bundle().encode();
        for end in 0..bytes.len() {
            assert!(Bundle::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(Bundle::decode(&longer), Err(BundleError::Trailing));
    }

    #[test]
    fn files_out_of_order_do_not_decode() {
        let mut bytes = b"nplpack1\x02\0\0\0".to_vec();
        for path in ["b", "a"] {
            bytes.extend_from_slice(b"\x01\0\0\0");
            bytes.extend_from_slice(path.as_bytes());
            bytes.extend_from_slice(b"\0\0\0\0");
        }
        assert_eq!(Bundle::decode(&bytes), Err(BundleError::OutOfOrder));
    }

    #[test]
    fn a_path_stays_inside_the_pack() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a b", "a\\b", "规则"] {
            assert_eq!(Bundle::new([(path, "")]).validate(), Err(BundleError::BadPath), "{path}");
        }
        assert_eq!(Bundle::new([("rules/legal-name.toml", "")]).validate(), Ok(()));
        assert_eq!(
            Bundle::new([("a", vec![0; BUNDLE_BYTES_MAX + 1])]).validate(),
            Err(BundleError::TooLarge)
        );
        let many = (0..=FILES_MAX).map(|n| (n.to_string(), ""));
        assert_eq!(Bundle::new(many).validate(), Err(BundleError::TooManyFiles));
    }
}
