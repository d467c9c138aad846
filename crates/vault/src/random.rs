//! Randomness from the system, or a fixed stream where a test pins bytes.

use crate::error::Error;
use crate::secret::Key;

/// Fills the given bytes. A value and not a call, so that golden bytes can be made twice.
pub(crate) type Fill<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), Error>;

/// The system's randomness.
pub(crate) fn system(out: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(out).map_err(Error::Randomness)
}

/// N random bytes that are not secret: nonces, salts, ids.
pub(crate) fn bytes<const N: usize>(fill: Fill<'_>) -> Result<[u8; N], Error> {
    let mut out = [0; N];
    fill(&mut out)?;
    Ok(out)
}

/// A new key.
pub(crate) fn key(fill: Fill<'_>) -> Result<Key, Error> {
    let mut key = Key::zero();
    fill(key.bytes_mut())?;
    Ok(key)
}

#[cfg(test)]
pub(crate) mod fixed {
    use super::Error;

    /// 0, 1, 2, ... from `start`, wrapping: for golden bytes only.
    pub(crate) fn counting(start: u8) -> impl FnMut(&mut [u8]) -> Result<(), Error> {
        let mut next = start;
        move |out| {
            for byte in out {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok(())
        }
    }
}
