//! The contract of blobs: small values by key, whose deletion destroys the bytes.
//!
//! Replacing destroys the former value as deleting does: a blob never has a history.

use std::sync::Arc;

use crate::Error;

/// Largest blob, in bytes: 1 MiB less the room for its header and key.
pub const fn blob_bytes_max() -> usize {
    1024 * 1024 - 64 - key_bytes_max()
}

/// Longest key, in bytes.
pub const fn key_bytes_max() -> usize {
    512
}

/// Small values by key. Keys are 1 to [`key_bytes_max`] bytes of text without control characters.
pub trait Blobs: Send + Sync {
    /// Stores a value, durable on return. After a failure the key has its old value, the new one, or (where it had
    /// none before) nothing; which of them, a reopen tells.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error>;

    /// Stores several values with as few syncs as the engine can, durable on return. Not atomic: after a failure
    /// each key is as a failed [`put`](Self::put) leaves it. A key given twice keeps the later value.
    fn put_many(&self, items: &[(&str, &[u8])]) -> Result<(), Error> {
        items.iter().try_for_each(|(key, bytes)| self.put(key, bytes))
    }

    /// The value under a key; `None` where there is none, `Damaged` where it does not verify.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Destroys a value, durable on return, and says whether there was one.
    ///
    /// The stored bytes, key included, are overwritten. What a medium may keep beyond the reach of a file system is
    /// written down in `docs/formats/blobs.md`.
    fn delete(&self, key: &str) -> Result<bool, Error>;

    /// All keys that start with `prefix`, in byte order; complete.
    fn list(&self, prefix: &str) -> Result<Vec<String>, Error>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<B: Blobs + ?Sized> Blobs for $pointer {
            fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
                (**self).put(key, bytes)
            }

            fn put_many(&self, items: &[(&str, &[u8])]) -> Result<(), Error> {
                (**self).put_many(items)
            }

            fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
                (**self).get(key)
            }

            fn delete(&self, key: &str) -> Result<bool, Error> {
                (**self).delete(key)
            }

            fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
                (**self).list(prefix)
            }
        }
    )*};
}

forward!(Box<B>, Arc<B>, &B);

/// Refuses what no engine may take.
pub(crate) fn check(key: &str, bytes: usize) -> Result<(), Error> {
    if key.is_empty() || key.len() > key_bytes_max() || key.chars().any(char::is_control) {
        return Err(Error::BadKey { bytes: key.len(), bytes_max: key_bytes_max() });
    }
    if bytes > blob_bytes_max() {
        return Err(Error::BlobTooLarge { bytes, bytes_max: blob_bytes_max() });
    }
    Ok(())
}
