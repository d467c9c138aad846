//! A key that signs public statements, such as the count of an account. It opens nothing that is sealed.
//!
//! Its file holds 64 hexadecimal digits, as a key file does, and is never replaced: what it signed stays verifiable by
//! its public half alone.

use std::io;
use std::path::Path;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::{random, ring_file};

/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Signs with Ed25519 (RFC 8032).
pub struct Signer(SigningKey);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(<sealed>)")
    }
}

impl Signer {
    /// The key of the file, which is made if it is not there.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        match ring_file::read(path) {
            Ok(text) => Self::of(&text).ok_or_else(|| Error::KeyFileUnreadable { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(Error::Io { doing: "read", path: path.to_owned(), source }),
        }
    }

    fn create(path: &Path) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0u8; 32]);
        random::system(&mut seed[..])?;
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in seed.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        text.push('\n');
        ring_file::create(path, text.as_bytes()).map_err(|source| Error::Io {
            doing: "write",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    fn of(text: &[u8]) -> Option<Self> {
        let digits = text.trim_ascii_end();
        let mut seed = Zeroizing::new([0u8; 32]);
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in seed.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
            *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
        }
        Some(Self(SigningKey::from_bytes(&seed)))
    }

    /// The half that everybody may know.
    pub fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

/// Whether the holder of that key signed that message. Weak keys and malleable signatures are refused.
pub fn signature_is_valid(
    public_key: &[u8; PUBLIC_KEY_BYTES],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> bool {
    VerifyingKey::from_bytes(public_key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test vector of RFC 8032, section 7.1.
    #[test]
    fn it_signs_as_the_standard_says() {
        let signer =
            Signer::of(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n").unwrap();
        let public = [0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7];
        assert!(signer.public_key().starts_with(&public));
        let signature = signer.sign(b"");
        assert!(signature.starts_with(&[0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72]));
        assert!(signature_is_valid(&signer.public_key(), b"", &signature));
        assert!(!signature_is_valid(&signer.public_key(), b"a", &signature));
        let mut other = signature;
        other[3] ^= 1;
        assert!(!signature_is_valid(&signer.public_key(), b"", &other));
        assert!(!signature_is_valid(&[0; 32], b"", &signature));
    }

    #[test]
    fn a_key_is_made_once_and_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate.key");
        let made = Signer::open_or_create(&path).unwrap();
        let opened = Signer::open_or_create(&path).unwrap();
        assert_eq!(made.public_key(), opened.public_key());
        assert_eq!(format!("{made:?}"), "Signer(<sealed>)");
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(Signer::open_or_create(&path), Err(Error::KeyFileUnreadable { .. })));
    }
}
