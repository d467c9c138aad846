//! A vault over memory, opened by a key file, and blobs that fail on demand.

use std::sync::atomic::{AtomicU8, Ordering};

use storage::{Blobs, Error as StorageError, memory};
use tempfile::TempDir;
use vault::{HolderRef, KeyRing, Opener, Secret, Vault};

pub(crate) const P: &str = "weibo";
pub(crate) const ADA: HolderRef<'_> = HolderRef("holder-ada");
pub(crate) const BOB: HolderRef<'_> = HolderRef("holder-bob");

/// One folder with a ring, and blobs that outlive the vaults opened over them.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) blobs: memory::Blobs,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self { folder: TempDir::new().unwrap(), blobs: memory::Store::new().blobs() };
        KeyRing::create(&house.ring(), &house.opener()).unwrap();
        house
    }

    pub(crate) fn ring(&self) -> std::path::PathBuf {
        self.folder.path().join("ring")
    }

    pub(crate) fn opener(&self) -> Opener {
        Opener::KeyFile(self.folder.path().join("key"))
    }

    /// A vault as after a restart: its cache is empty.
    pub(crate) fn vault(&self) -> Vault<&memory::Blobs> {
        Vault::open(&self.blobs, &self.opener(), &self.ring()).unwrap()
    }

    /// The key of the only record.
    pub(crate) fn only_key(&self) -> String {
        let keys = self.blobs.list("").unwrap();
        assert_eq!(keys.len(), 1);
        keys.into_iter().next().unwrap()
    }
}

pub(crate) fn name(value: &str) -> [(&'static str, Secret); 1] {
    [("legal_name", Secret::from(value))]
}

pub(crate) fn shown<B: Blobs>(vault: &Vault<B>, holder: HolderRef<'_>, field: &str) -> Option<String> {
    vault.reveal(P, holder, field).unwrap().map(|value| value.expose_text().unwrap().to_owned())
}

/// Blobs whose next write or delete fails, before or after it took effect.
pub(crate) struct Failing<'a> {
    pub(crate) inner: &'a memory::Blobs,
    /// 0 = works, 1 = fails before, 2 = fails after.
    pub(crate) fails: AtomicU8,
}

impl<'a> Failing<'a> {
    pub(crate) fn new(inner: &'a memory::Blobs) -> Self {
        Self { inner, fails: AtomicU8::new(0) }
    }

    fn around<R>(&self, act: impl FnOnce() -> Result<R, StorageError>) -> Result<R, StorageError> {
        let no_space = || StorageError::NoSpaceLeft { act: "write", file: "blobs".into() };
        match self.fails.swap(0, Ordering::SeqCst) {
            0 => act(),
            1 => Err(no_space()),
            _ => act().and_then(|_| Err(no_space())),
        }
    }
}

impl Blobs for Failing<'_> {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.around(|| self.inner.put(key, bytes))
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.get(key)
    }

    fn delete(&self, key: &str) -> Result<bool, StorageError> {
        self.around(|| self.inner.delete(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list(prefix)
    }
}
