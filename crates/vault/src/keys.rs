//! What wraps data keys: the seam where a key service or hardware module takes the key ring's place.
//!
//! A provider sees data keys and opaque contexts, never a name. It must refuse a wrapped key whose context is
//! not the one it was wrapped with: that is what stops one holder's key from serving another holder's row.

use std::fmt;

use crate::error::Error;
use crate::secret::{Key, SEALED};

/// Wraps and unwraps data keys under a key it never gives away.
pub trait KeyProvider: Send + Sync {
    /// Names the ring or remote key; stored with each record so that a wrong ring is told from a changed record.
    fn id(&self) -> [u8; 16];

    /// The version that `wrap` uses now; versions only grow.
    fn version(&self) -> u32;

    /// Wraps a data key, bound to `context`.
    ///
    /// # Errors
    /// `Provider` or `Randomness` when the key could not be wrapped.
    fn wrap(&self, key: &Key, context: &[u8]) -> Result<Wrapped, Error>;

    /// Gives the data key back.
    ///
    /// # Errors
    /// `Refused` for another context or changed bytes, `KeyVersionGone` for a version that was destroyed,
    /// `Provider` when the service did not answer.
    fn unwrap_key(&self, wrapped: &Wrapped, context: &[u8]) -> Result<Key, Error>;

    /// The same data key under the newest version. A service that can do this without showing us the key should
    /// override it.
    ///
    /// # Errors
    /// Those of `unwrap_key` and `wrap`.
    fn rewrap(&self, wrapped: &Wrapped, context: &[u8]) -> Result<Wrapped, Error> {
        self.wrap(&self.unwrap_key(wrapped, context)?, context)
    }
}

/// A data key that only its provider can open.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The provider's key version that wrapped it.
    pub version: u32,
    /// What the provider made; at most `limits::WRAPPED_BYTES_MAX` bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}
