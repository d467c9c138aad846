//! The cryptography of one record: field keys, ciphertexts and the commitment.
//!
//! XChaCha20-Poly1305 does not commit to its key: one ciphertext can be made to open to two names under two keys.
//! So a commitment is derived from the data key and a digest of everything sealed. It may be public: without the
//! data key it cannot be computed from a guessed name.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::framing::{DOMAIN, framed};
use crate::limits::PADDING_BLOCK_BYTES;
use crate::random::{self, Fill};
use crate::secret::{Key, SEALED, Secret};

/// Suite 1: XChaCha20-Poly1305, HKDF-SHA-256. One byte per record; nothing is negotiated.
pub(crate) const SUITE: u8 = 1;
/// What the plaintexts of the fields mean: 1 = the value itself, padded.
pub(crate) const SCHEMA: u16 = 1;
/// Bytes of a Poly1305 tag.
pub(crate) const TAG_BYTES: usize = 16;

/// Whose record it is and which one: bound into every ciphertext.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) holder: &'a str,
    pub(crate) generation: u32,
}

impl Binding<'_> {
    /// What the provider binds the wrapped data key to.
    pub(crate) fn wrap_context(&self) -> Vec<u8> {
        let generation = self.generation.to_le_bytes();
        framed(&[DOMAIN, b"wrap", self.tenant.as_bytes(), self.holder.as_bytes(), &generation])
    }

    fn field_context(&self, field: &str) -> Vec<u8> {
        let generation = self.generation.to_le_bytes();
        framed(&[
            DOMAIN,
            &[SUITE],
            self.tenant.as_bytes(),
            self.holder.as_bytes(),
            field.as_bytes(),
            &SCHEMA.to_le_bytes(),
            &generation,
        ])
    }
}

/// One field as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedField {
    pub(crate) id: String,
    pub(crate) nonce: [u8; 24],
    /// Ciphertext and tag.
    pub(crate) sealed: Vec<u8>,
}

impl fmt::Debug for SealedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

/// Seals one value under its own key.
pub(crate) fn seal_field(
    data_key: &Key,
    binding: Binding<'_>,
    id: &str,
    value: &Secret,
    fill: Fill<'_>,
) -> Result<SealedField, Error> {
    let nonce = random::bytes::<24>(fill)?;
    let mut bytes = padded(value.expose());
    XChaCha20Poly1305::new(field_key(data_key, id).expose().into())
        .encrypt_in_place(&XNonce::from(nonce), &binding.field_context(id), &mut *bytes)
        .map_err(|_| Error::Refused)?;
    Ok(SealedField { id: id.to_owned(), nonce, sealed: std::mem::take(&mut *bytes) })
}

/// Opens one value; refuses it when a single bit of it or of its context differs.
pub(crate) fn open_field(data_key: &Key, binding: Binding<'_>, field: &SealedField) -> Result<Secret, Error> {
    let mut bytes = Zeroizing::new(field.sealed.clone());
    XChaCha20Poly1305::new(field_key(data_key, &field.id).expose().into())
        .decrypt_in_place(&XNonce::from(field.nonce), &binding.field_context(&field.id), &mut *bytes)
        .map_err(|_| Error::Refused)?;
    let end = bytes.iter().rposition(|&byte| byte != 0).ok_or(Error::Refused)?;
    if bytes.get(end) != Some(&0x80) {
        return Err(Error::Refused);
    }
    // Copied into its own allocation: the padded one is wiped here and the cache counts what it keeps.
    Ok(Secret::from_wiped(Zeroizing::new(bytes.iter().take(end).copied().collect())))
}

/// Commits to the data key and to everything sealed under it; re-wrapping the data key does not change it.
pub(crate) fn commitment(
    data_key: &Key,
    binding: Binding<'_>,
    nonce: &[u8; 32],
    fields: &[SealedField],
) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(binding.field_context(""));
    for field in fields {
        digest.update(framed(&[field.id.as_bytes(), &field.nonce, &field.sealed]));
    }
    let mut out = [0; 32];
    derive(data_key, &framed(&[DOMAIN, b"commit", nonce, &digest.finalize()]), &mut out);
    out
}

/// Compares two commitments in constant time.
pub(crate) fn same_commitment(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

fn field_key(data_key: &Key, field: &str) -> Key {
    let mut key = Key::zero();
    derive(data_key, &framed(&[DOMAIN, b"field", field.as_bytes()]), key.bytes_mut());
    key
}

pub(crate) fn derive(data_key: &Key, info: &[u8], out: &mut [u8; 32]) {
    #[expect(clippy::expect_used, reason = "32 bytes are within what HKDF-SHA-256 can give, 8160")]
    Hkdf::<Sha256>::new(None, data_key.expose()).expand(info, out).expect("HKDF gives up to 8160 bytes");
}

/// The value, 0x80, and zeros up to a multiple of the block: with room for the tag, so that encrypting in place
/// never moves the plaintext and leaves a copy behind.
fn padded(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let len = (value.len() + 1).next_multiple_of(PADDING_BLOCK_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(len + TAG_BYTES));
    bytes.extend_from_slice(value);
    bytes.push(0x80);
    bytes.resize(len, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Binding, SealedField, commitment, open_field, padded, seal_field};
    use crate::random;
    use crate::secret::{Key, Secret};

    const HERE: Binding<'_> = Binding { tenant: "p1", holder: "h1", generation: 1 };

    fn seal(key: &Key, binding: Binding<'_>, id: &str, value: &str) -> SealedField {
        seal_field(key, binding, id, &Secret::from(value), &mut random::system).unwrap()
    }

    #[test]
    fn a_field_opens_only_where_it_was_sealed() {
        let key = Key::new(&[7; 32]);
        let field = seal(&key, HERE, "legal_name", "Ada Lovelace");
        assert_eq!(open_field(&key, HERE, &field).unwrap().expose(), b"Ada Lovelace");

        let elsewhere = [
            Binding { tenant: "p2", ..HERE },
            Binding { holder: "h2", ..HERE },
            Binding { generation: 2, ..HERE },
            // The same bytes, cut between tenant and holder at another place.
            Binding { tenant: "p1h", holder: "1", ..HERE },
        ];
        for binding in elsewhere {
            assert!(open_field(&key, binding, &field).is_err(), "{} {}", binding.tenant, binding.holder);
        }
        assert!(open_field(&Key::new(&[8; 32]), HERE, &field).is_err(), "another data key");
        let renamed = SealedField { id: "occupation".to_owned(), ..field.clone() };
        assert!(open_field(&key, HERE, &renamed).is_err(), "another field");
    }

    #[test]
    fn the_name_of_a_field_is_bound_twice() {
        // Even under one and the same field key the context alone refuses another field's ciphertext.
        let key = Key::new(&[7; 32]);
        assert_ne!(HERE.field_context("a"), HERE.field_context("b"));
        assert_ne!(super::field_key(&key, "a").expose(), super::field_key(&key, "b").expose());
    }

    #[test]
    fn padding_never_moves_the_plaintext_and_hides_short_lengths() {
        for len in 0..100 {
            let bytes = padded(&vec![0; len]);
            assert_eq!(bytes.len() % 32, 0);
            assert!(bytes.len() > len);
            assert!(bytes.capacity() >= bytes.len() + super::TAG_BYTES);
        }
        let key = Key::new(&[7; 32]);
        assert_eq!(
            seal(&key, HERE, "f", "Li").sealed.len(),
            seal(&key, HERE, "f", "Ada Lovelace").sealed.len()
        );
    }

    #[test]
    fn values_that_look_like_padding_come_back() {
        let key = Key::new(&[7; 32]);
        for value in [&b"\x80"[..], b"\x80\0\0", b"\0", b"a\0\0\0\0"] {
            let field =
                seal_field(&key, HERE, "f", &Secret::new(value.to_vec()), &mut random::system).unwrap();
            assert_eq!(open_field(&key, HERE, &field).unwrap().expose(), value);
        }
    }

    proptest! {
        #[test]
        fn a_field_reads_back_and_no_flipped_bit_does(value in "\\PC{0,100}", bit in any::<prop::sample::Index>()) {
            let key = Key::new(&[9; 32]);
            let field = seal(&key, HERE, "legal_name", &value);
            let opened = open_field(&key, HERE, &field).unwrap();
            prop_assert_eq!(opened.expose(), value.as_bytes());
            let mut flipped = field.clone();
            let bit = bit.index(field.sealed.len() * 8);
            flipped.sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open_field(&key, HERE, &flipped).is_err());
        }

        #[test]
        fn the_commitment_names_the_key_and_every_field(drop in 0_usize..3, swap in 0_usize..2) {
            let key = Key::new(&[9; 32]);
            let fields: Vec<_> = ["a", "b", "c"].map(|id| seal(&key, HERE, id, "same")).into();
            let whole = commitment(&key, HERE, &[1; 32], &fields);
            prop_assert_eq!(whole, commitment(&key, HERE, &[1; 32], &fields));
            prop_assert_ne!(whole, commitment(&Key::new(&[8; 32]), HERE, &[1; 32], &fields));
            prop_assert_ne!(whole, commitment(&key, HERE, &[2; 32], &fields));
            prop_assert_ne!(whole, commitment(&key, Binding { holder: "h2", ..HERE }, &[1; 32], &fields));
            let mut fewer = fields.clone();
            fewer.remove(drop);
            prop_assert_ne!(whole, commitment(&key, HERE, &[1; 32], &fewer));
            let mut swapped = fields;
            swapped.swap(swap, swap + 1);
            prop_assert_ne!(whole, commitment(&key, HERE, &[1; 32], &swapped));
        }
    }
}
