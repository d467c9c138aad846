//! Identities sealed per holder; the only holder of keys.
//!
//! Each seal draws a new random data key, so forgetting a holder is destroying one wrapped key, and no later
//! leak of the key ring brings the holder back. What may surprise: sealing replaces the whole record. A field
//! left out of the second seal is gone, and the commitment that the log knows changes with every seal.
//!
//! | file | is |
//! |---|---|
//! | `vault.rs` | seal, reveal, forget, rewrap |
//! | `envelope.rs` | the cryptography of one record: field keys, ciphertexts, commitment |
//! | `record.rs` | the bytes of one record; described in `docs/formats/vault.md` |
//! | `keys.rs` | what wraps data keys: the seam for key services |
//! | `ring.rs`, `ring_file.rs` | the key ring on this machine and its file |
//! | `cache.rs` | records opened lately, bounded |
//! | `signer.rs` | the key that signs public statements; opens nothing |
//! | `secret.rs` | values and keys: wiped when dropped, printed as `<sealed>` |

mod cache;
mod envelope;
mod error;
mod framing;
#[cfg(test)]
mod golden;
mod keys;
mod random;
mod record;
mod ring;
mod ring_file;
mod secret;
mod signer;
mod vault;

pub use error::Error;
pub use keys::{KeyProvider, Wrapped};
pub use ring::{KeyRing, Opener, PassphraseCost};
pub use secret::{Key, Secret};
pub use signer::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Signer, signature_is_valid};
pub use vault::{HolderRef, Rewrapped, Sealed, Vault};

/// Named bounds of everything the vault keeps.
pub mod limits {
    /// Longest tenant id in bytes.
    pub const TENANT_BYTES_MAX: usize = 128;
    /// Longest holder id in bytes.
    pub const HOLDER_BYTES_MAX: usize = 128;
    /// Longest field id in bytes.
    pub const FIELD_ID_BYTES_MAX: usize = 64;
    /// Most fields in one record.
    pub const FIELDS_MAX: usize = 32;
    /// Longest value of one field in bytes.
    pub const VALUE_BYTES_MAX: usize = 4096;
    /// Longest wrapped data key in bytes; key services answer with a few hundred.
    pub const WRAPPED_BYTES_MAX: usize = 1024;
    /// Plaintexts are padded to a multiple of this, so that a ciphertext's length says little about a name.
    pub const PADDING_BLOCK_BYTES: usize = 32;
    /// Memory that opened records may take unless told otherwise.
    pub const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// Shortest passphrase in bytes that a new key ring accepts.
    pub const PASSPHRASE_BYTES_MIN: usize = 12;
    /// Longest passphrase in bytes.
    pub const PASSPHRASE_BYTES_MAX: usize = 1024;
    /// Most key versions in one ring.
    pub const KEY_VERSIONS_MAX: usize = 1000;
}
