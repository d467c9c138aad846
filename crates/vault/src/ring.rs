//! The key ring on this machine: versions of the key that wraps data keys.
//!
//! Rotation is three steps that can each be repeated: add a version, rewrap every record (`Vault::rewrap`), drop
//! the old versions. Dropping a version before rewrapping destroys the records that still need it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::envelope::derive;
use crate::error::Error;
use crate::framing::{DOMAIN, framed};
use crate::keys::{KeyProvider, Wrapped};
use crate::limits::{KEY_VERSIONS_MAX, PASSPHRASE_BYTES_MAX, PASSPHRASE_BYTES_MIN};
use crate::random::{self, Fill};
use crate::record::Bytes;
use crate::ring_file::{self, Header, OpenedBy};
use crate::secret::{Key, SEALED, Secret};

/// What opens a key ring's file.
pub enum Opener {
    /// A passphrase of `limits::PASSPHRASE_BYTES_MIN` bytes or more, stretched with Argon2id.
    Passphrase(Secret),
    /// A file of 64 hexadecimal digits. Creating a ring creates this file too when there is none.
    KeyFile(PathBuf),
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

/// What one try of a passphrase costs. Stored in the ring's file, so it can be raised for new rings later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in KiB, 8 x lanes to 1 GiB.
    pub memory_kib: u32,
    /// Passes over the memory, 1 to 64.
    pub passes: u32,
    /// Lanes, 1 to 16.
    pub lanes: u32,
}

impl PassphraseCost {
    /// The second recommendation of RFC 9106: 64 MiB, 3 passes, 4 lanes.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// Bounded, so that a planted ring file cannot ask for all memory or for a day of work.
    pub(crate) fn is_usable(&self) -> bool {
        (1..=16).contains(&self.lanes)
            && (1..=64).contains(&self.passes)
            && (8 * self.lanes..=1_048_576).contains(&self.memory_kib)
    }
}

/// An open key ring.
pub struct KeyRing {
    path: PathBuf,
    header: Header,
    file_key: Key,
    versions: BTreeMap<u32, Key>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

impl KeyRing {
    /// Makes a ring with one key and writes its file; durable on return. Never replaces a file.
    ///
    /// # Errors
    /// `RingExists`, `PassphraseLength`, `KeyFileUnreadable`, or `Io` when the file cannot be written.
    pub fn create(path: &Path, opener: &Opener) -> Result<Self, Error> {
        Self::create_with_cost(path, opener, PassphraseCost::STANDARD)
    }

    /// Like `create`, with another cost of trying a passphrase.
    ///
    /// # Errors
    /// Those of `create`, and `PassphraseCost` for a cost that could not be opened again.
    pub fn create_with_cost(path: &Path, opener: &Opener, cost: PassphraseCost) -> Result<Self, Error> {
        Self::create_from(path, opener, cost, &mut random::system)
    }

    pub(crate) fn create_from(
        path: &Path,
        opener: &Opener,
        cost: PassphraseCost,
        fill: Fill<'_>,
    ) -> Result<Self, Error> {
        if path.try_exists().map_err(io_error("look for", path))? {
            return Err(Error::RingExists { path: path.to_owned() });
        }
        let opened_by = match opener {
            Opener::Passphrase(passphrase) => {
                if !(PASSPHRASE_BYTES_MIN..=PASSPHRASE_BYTES_MAX).contains(&passphrase.len()) {
                    return Err(passphrase_length());
                }
                if !cost.is_usable() {
                    return Err(Error::PassphraseCost);
                }
                OpenedBy::Passphrase { memory_kib: cost.memory_kib, passes: cost.passes, lanes: cost.lanes }
            }
            Opener::KeyFile(key_file) => {
                create_key_file(key_file, fill)?;
                OpenedBy::KeyFile
            }
        };
        let header = Header { opened_by, salt: random::bytes(fill)?, ring: random::bytes(fill)? };
        let file_key = file_key(&header, opener, path)?;
        let versions = BTreeMap::from([(1, random::key(fill)?)]);
        let ring = Self { path: path.to_owned(), header, file_key, versions };
        let bytes = ring.encode(fill)?;
        match ring_file::create(path, &bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::RingExists { path: path.to_owned() })
            }
            written => written.map_err(io_error("write", path)).map(|()| ring),
        }
    }

    /// Opens a ring's file.
    ///
    /// # Errors
    /// `RingMissing`, `RingUnreadable`, `RingRefused` for the wrong passphrase or key file, `KeyFileUnreadable`, `Io`.
    pub fn open(path: &Path, opener: &Opener) -> Result<Self, Error> {
        let bytes = match ring_file::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::RingMissing { path: path.to_owned() });
            }
            read => read.map_err(io_error("read", path))?,
        };
        let unreadable = || Error::RingUnreadable { path: path.to_owned() };
        let refused = || Error::RingRefused { path: path.to_owned() };
        let (header, nonce, sealed) = Header::decode(&bytes).ok_or_else(unreadable)?;
        let file_key = file_key(&header, opener, path)?;
        let mut body = Zeroizing::new(sealed.to_vec());
        XChaCha20Poly1305::new(file_key.expose().into())
            .decrypt_in_place(&XNonce::from(nonce), &header.encode(), &mut *body)
            .map_err(|_| refused())?;
        let versions = decode_versions(&body).ok_or_else(unreadable)?;
        Ok(Self { path: path.to_owned(), header, file_key, versions })
    }

    /// Adds a key version, which wraps from now on; durable on return.
    ///
    /// # Errors
    /// `Randomness`, `OutOfBounds` when the ring is full, or `Io`; then the ring is as before.
    pub fn add_version(&mut self) -> Result<u32, Error> {
        let version = self.newest().checked_add(1).filter(|_| self.versions.len() < KEY_VERSIONS_MAX);
        let version = version.ok_or(Error::OutOfBounds {
            what: "a key ring",
            min: 1,
            max: KEY_VERSIONS_MAX,
            unit: "versions: rewrap, then drop the old ones",
        })?;
        self.versions.insert(version, random::key(&mut random::system)?);
        self.save().inspect_err(|_| drop(self.versions.remove(&version)))?;
        Ok(version)
    }

    /// Destroys every version below `version`, but never the newest; durable on return. Says how many went.
    ///
    /// Records that were not rewrapped since can never be opened again.
    ///
    /// # Errors
    /// `Io`; then the file is as before or already without them.
    pub fn drop_versions_below(&mut self, version: u32) -> Result<usize, Error> {
        let kept = self.versions.split_off(&version.min(self.newest()));
        let dropped = std::mem::replace(&mut self.versions, kept).len();
        self.save()?;
        Ok(dropped)
    }

    fn newest(&self) -> u32 {
        self.versions.last_key_value().map_or(0, |(version, _)| *version)
    }

    fn save(&self) -> Result<(), Error> {
        let bytes = self.encode(&mut random::system)?;
        ring_file::replace(&self.path, &bytes).map_err(io_error("write", &self.path))
    }

    fn encode(&self, fill: Fill<'_>) -> Result<Vec<u8>, Error> {
        let mut body = Zeroizing::new(Vec::with_capacity(4 + self.versions.len() * 36 + 16));
        #[expect(clippy::expect_used, reason = "a ring holds at most 1000 versions")]
        let count = u32::try_from(self.versions.len()).expect("at most 1000 versions");
        body.extend_from_slice(&count.to_le_bytes());
        for (version, key) in &self.versions {
            body.extend_from_slice(&version.to_le_bytes());
            body.extend_from_slice(key.expose());
        }
        let nonce = random::bytes::<24>(fill)?;
        let mut out = self.header.encode();
        XChaCha20Poly1305::new(self.file_key.expose().into())
            .encrypt_in_place(&XNonce::from(nonce), &out, &mut *body)
            .map_err(|_| Error::Refused)?;
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        Ok(out)
    }

    fn context(&self, version: u32, context: &[u8]) -> Vec<u8> {
        framed(&[DOMAIN, b"ring", &self.header.ring, &version.to_le_bytes(), context])
    }

    pub(crate) fn wrap_from(&self, key: &Key, context: &[u8], fill: Fill<'_>) -> Result<Wrapped, Error> {
        let version = self.newest();
        let wrapping = self.versions.get(&version).ok_or(Error::KeyVersionGone { version })?;
        let nonce = random::bytes::<24>(fill)?;
        let mut sealed = Zeroizing::new(Vec::with_capacity(48));
        sealed.extend_from_slice(key.expose());
        XChaCha20Poly1305::new(wrapping.expose().into())
            .encrypt_in_place(&XNonce::from(nonce), &self.context(version, context), &mut *sealed)
            .map_err(|_| Error::Refused)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(Wrapped { version, bytes })
    }
}

impl KeyProvider for KeyRing {
    fn id(&self) -> [u8; 16] {
        self.header.ring
    }

    fn version(&self) -> u32 {
        self.newest()
    }

    fn wrap(&self, key: &Key, context: &[u8]) -> Result<Wrapped, Error> {
        self.wrap_from(key, context, &mut random::system)
    }

    fn unwrap_key(&self, wrapped: &Wrapped, context: &[u8]) -> Result<Key, Error> {
        let version = wrapped.version;
        let wrapping = self.versions.get(&version).ok_or(Error::KeyVersionGone { version })?;
        let (nonce, sealed) = wrapped.bytes.split_first_chunk::<24>().ok_or(Error::Refused)?;
        let mut key = Zeroizing::new(sealed.to_vec());
        XChaCha20Poly1305::new(wrapping.expose().into())
            .decrypt_in_place(&XNonce::from(*nonce), &self.context(version, context), &mut *key)
            .map_err(|_| Error::Refused)?;
        Key::from_slice(&key).ok_or(Error::Refused)
    }
}

fn file_key(header: &Header, opener: &Opener, ring: &Path) -> Result<Key, Error> {
    let mut key = Key::zero();
    match (header.opened_by, opener) {
        (OpenedBy::Passphrase { memory_kib, passes, lanes }, Opener::Passphrase(passphrase)) => {
            if passphrase.len() > PASSPHRASE_BYTES_MAX {
                return Err(passphrase_length());
            }
            let params = argon2::Params::new(memory_kib, passes, lanes, Some(32));
            let params = params.map_err(|_| Error::PassphraseCost)?;
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
                .hash_password_into(passphrase.expose(), &header.salt, key.bytes_mut())
                .map_err(|_| Error::RingUnreadable { path: ring.to_owned() })?;
        }
        (OpenedBy::KeyFile, Opener::KeyFile(path)) => {
            let text = ring_file::read(path).map_err(io_error("read", path))?;
            let secret =
                key_from_hex(&text).ok_or_else(|| Error::KeyFileUnreadable { path: path.clone() })?;
            derive(&secret, &framed(&[DOMAIN, b"key file", &header.salt]), key.bytes_mut());
        }
        // Telling which opener would fit helps no honest operator more than the message of `RingRefused`.
        (OpenedBy::Passphrase { .. }, Opener::KeyFile(_)) | (OpenedBy::KeyFile, Opener::Passphrase(_)) => {
            return Err(Error::RingRefused { path: ring.to_owned() });
        }
    }
    Ok(key)
}

fn create_key_file(path: &Path, fill: Fill<'_>) -> Result<(), Error> {
    if path.try_exists().map_err(io_error("look for", path))? {
        return Ok(());
    }
    let key = random::key(fill)?;
    let mut text = Zeroizing::new(Vec::with_capacity(65));
    for byte in key.expose() {
        for digit in [byte >> 4, byte & 15] {
            text.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
    text.push(b'\n');
    ring_file::create(path, &text).map_err(io_error("write", path))
}

fn key_from_hex(text: &[u8]) -> Option<Key> {
    let text = text.trim_ascii();
    (text.len() == 64).then_some(())?;
    let mut key = Key::zero();
    for (byte, digits) in key.bytes_mut().iter_mut().zip(text.chunks_exact(2)) {
        for digit in digits {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(key)
}

fn decode_versions(body: &[u8]) -> Option<BTreeMap<u32, Key>> {
    let mut body = Bytes(body);
    let count = u32::from_le_bytes(body.array()?);
    let mut versions = BTreeMap::new();
    for _ in 0..count {
        let version = u32::from_le_bytes(body.array()?);
        let (key, rest) = body.0.split_at_checked(32)?;
        body.0 = rest;
        versions.insert(version, Key::from_slice(key)?);
    }
    (body.0.is_empty() && versions.len() == count as usize && count > 0).then_some(versions)
}

fn passphrase_length() -> Error {
    Error::PassphraseLength { min: PASSPHRASE_BYTES_MIN, max: PASSPHRASE_BYTES_MAX }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { doing, path, source }
}
