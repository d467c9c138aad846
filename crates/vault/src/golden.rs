//! The bytes on disk, pinned: `golden/` holds a key file, a ring and a record that every later version must open.
//!
//! `NAMEPLATE_GOLDEN=write cargo test -p vault golden` writes them anew. `golden/open_with_libsodium.py` opens them
//! with another implementation, by hand.

use std::path::{Path, PathBuf};

use storage::Blobs;

use crate::random::fixed::counting;
use crate::{Error, HolderRef, Key, KeyProvider, KeyRing, Opener, PassphraseCost, Secret, Vault, Wrapped};

/// The ring with nonces that can be foreseen.
struct FixedNonces(KeyRing);

impl KeyProvider for FixedNonces {
    fn id(&self) -> [u8; 16] {
        self.0.id()
    }

    fn version(&self) -> u32 {
        self.0.version()
    }

    fn wrap(&self, key: &Key, context: &[u8]) -> Result<Wrapped, Error> {
        self.0.wrap_from(key, context, &mut counting(200))
    }

    fn unwrap_key(&self, wrapped: &Wrapped, context: &[u8]) -> Result<Key, Error> {
        self.0.unwrap_key(wrapped, context)
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn check(name: &str, bytes: &[u8]) {
    if std::env::var_os("NAMEPLATE_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(golden(name), bytes).unwrap();
    }
    assert_eq!(
        std::fs::read(golden(name)).unwrap(),
        bytes,
        "the bytes of `{name}` changed: that needs a new format"
    );
}

#[test]
fn golden_bytes_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let ring_path = folder.path().join("ring");
    let key_file = folder.path().join("key");
    let opener = Opener::KeyFile(key_file.clone());
    let cost = PassphraseCost::STANDARD;
    let ring = KeyRing::create_from(&ring_path, &opener, cost, &mut counting(0)).unwrap();
    check("key-file.txt", &std::fs::read(&key_file).unwrap());
    check("ring-by-key-file.bin", &std::fs::read(&ring_path).unwrap());

    let opener = Opener::Passphrase(Secret::from("correct horse battery"));
    let cost = PassphraseCost { memory_kib: 64, passes: 2, lanes: 2 };
    let by_passphrase = folder.path().join("ring-2");
    KeyRing::create_from(&by_passphrase, &opener, cost, &mut counting(50)).unwrap();
    check("ring-by-passphrase.bin", &std::fs::read(&by_passphrase).unwrap());

    let blobs = storage::memory::Store::new().blobs();
    let vault = Vault::with_keys(&blobs, Box::new(FixedNonces(ring)));
    let fields = [("occupation", Secret::from("mathematician")), ("legal_name", Secret::from("张伟 Ada"))];
    let sealed = vault.seal_from("weibo", HolderRef("holder-7"), &fields, &mut counting(100)).unwrap();
    assert_eq!(sealed.generation, 1);
    let keys = blobs.list("").unwrap();
    assert_eq!(keys, ["identity/802862b7ae3e0b74d4d0f888d8edea36ea6edf667ff7f17c64c929421d820d27"]);
    check("record.bin", &blobs.get(&keys[0]).unwrap().unwrap());
}

#[test]
fn golden_bytes_still_open() {
    let opener = Opener::Passphrase(Secret::from("correct horse battery"));
    KeyRing::open(&golden("ring-by-passphrase.bin"), &opener).unwrap();

    let blobs = storage::memory::Store::new().blobs();
    blobs
        .put(
            "identity/802862b7ae3e0b74d4d0f888d8edea36ea6edf667ff7f17c64c929421d820d27",
            &std::fs::read(golden("record.bin")).unwrap(),
        )
        .unwrap();
    let opener = Opener::KeyFile(golden("key-file.txt"));
    let vault = Vault::open(&blobs, &opener, &golden("ring-by-key-file.bin")).unwrap();
    let holder = HolderRef("holder-7");
    assert_eq!(vault.fields("weibo", holder).unwrap(), ["legal_name", "occupation"]);
    assert_eq!(vault.reveal("weibo", holder, "legal_name").unwrap().unwrap().expose_text(), Some("张伟 Ada"));
    assert_eq!(vault.reveal("weibo", holder, "occupation").unwrap().unwrap().expose(), b"mathematician");
}
