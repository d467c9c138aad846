//! Values and keys that are wiped when dropped and never print themselves.
//!
//! Cloning a `Secret` shares the bytes instead of copying them: a copy is one more place to wipe.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What every type of this crate prints instead of its contents.
pub(crate) const SEALED: &str = "<sealed>";

/// The value of one field, or a passphrase. Prints as `<sealed>`; wiped when the last clone goes.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes the bytes over; nothing is copied.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    pub(crate) fn from_wiped(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// The bytes. The caller must not log, store or print them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8. The caller must not log, store or print it elsewhere than in the view.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in constant time for equal lengths.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

/// A 256-bit key. Prints as `<sealed>`, is wiped when dropped and cannot be cloned.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// Copies the bytes of a key; the caller wipes theirs.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    pub(crate) fn zero() -> Self {
        Self([0; 32])
    }

    /// `None` unless there are exactly 32 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zero();
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The key itself, for a provider that wraps it.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Secret};

    #[test]
    fn nothing_prints_its_contents() {
        let secret = Secret::from("Ada Lovelace");
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "<sealed> <sealed> Some(\n    <sealed>,\n)"
        );
        assert_eq!(format!("{:?}", Key::new(&[7; 32])), "<sealed>");
    }

    #[test]
    fn secrets_compare_by_value() {
        assert!(Secret::from("a").same(&Secret::from("a")));
        assert!(!Secret::from("a").same(&Secret::from("b")));
        assert!(!Secret::from("a").same(&Secret::from("aa")));
    }
}
