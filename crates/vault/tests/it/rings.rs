//! Key rings: opened by what made them and nothing else, never replaced, rotated without losing a record.

use std::fs;

use vault::{Error, KeyRing, Opener, PassphraseCost, Rewrapped, Secret, Vault};

use crate::support::{ADA, BOB, House, P, name, shown};

const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };

fn passphrase(text: &str) -> Opener {
    Opener::Passphrase(Secret::from(text))
}

#[test]
fn a_ring_opens_with_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    assert!(matches!(KeyRing::open(&path, &passphrase("correct horse")), Err(Error::RingMissing { .. })));
    KeyRing::create_with_cost(&path, &passphrase("correct horse"), CHEAP).unwrap();
    KeyRing::open(&path, &passphrase("correct horse")).unwrap();
    for wrong in ["correct horsf", "correct hors", "correct horse ", "", &"x".repeat(1024)] {
        assert!(
            matches!(KeyRing::open(&path, &passphrase(wrong)), Err(Error::RingRefused { .. })),
            "{wrong}"
        );
    }
    assert!(matches!(
        KeyRing::open(&path, &passphrase(&"x".repeat(1025))),
        Err(Error::PassphraseLength { .. })
    ));
}

#[test]
fn the_standard_cost_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    KeyRing::create(&path, &passphrase("correct horse")).unwrap();
    KeyRing::open(&path, &passphrase("correct horse")).unwrap();
}

#[test]
fn a_short_passphrase_and_an_unusable_cost_make_no_ring() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let short = KeyRing::create(&path, &passphrase("too short")).unwrap_err();
    assert_eq!(short.to_string(), "a passphrase has 12 to 1024 bytes");
    for (memory_kib, passes, lanes) in
        [(1 << 21, 1, 1), (64, 0, 1), (64, 65, 1), (64, 1, 0), (256, 1, 17), (8, 1, 2)]
    {
        let cost = PassphraseCost { memory_kib, passes, lanes };
        let refused = KeyRing::create_with_cost(&path, &passphrase("correct horse"), cost);
        assert!(matches!(refused, Err(Error::PassphraseCost)), "{cost:?}");
    }
    assert!(!path.exists());
}

#[test]
fn a_ring_is_never_replaced() {
    let house = House::new();
    let before = fs::read(house.ring()).unwrap();
    assert!(matches!(KeyRing::create(&house.ring(), &house.opener()), Err(Error::RingExists { .. })));
    assert_eq!(fs::read(house.ring()).unwrap(), before);
}

#[test]
fn a_ring_opens_with_its_key_file_only() {
    let house = House::new();
    KeyRing::open(&house.ring(), &house.opener()).unwrap();
    assert!(matches!(
        KeyRing::open(&house.ring(), &passphrase("correct horse")),
        Err(Error::RingRefused { .. })
    ));

    let other = house.folder.path().join("other");
    fs::write(&other, "0".repeat(64)).unwrap();
    assert!(matches!(
        KeyRing::open(&house.ring(), &Opener::KeyFile(other.clone())),
        Err(Error::RingRefused { .. })
    ));
    for text in ["", "abc", &"g".repeat(64), &"a".repeat(65), &"é".repeat(32)] {
        fs::write(&other, text).unwrap();
        let refused = KeyRing::open(&house.ring(), &Opener::KeyFile(other.clone()));
        assert!(matches!(refused, Err(Error::KeyFileUnreadable { .. })), "{text}");
    }
    fs::remove_file(&other).unwrap();
    assert!(matches!(KeyRing::open(&house.ring(), &Opener::KeyFile(other)), Err(Error::Io { .. })));
}

#[test]
fn an_existing_key_file_is_used_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let text = format!("  {}\r\n", "0123456789ABCDEF".repeat(4));
    fs::write(&key, &text).unwrap();
    KeyRing::create(&folder.path().join("ring"), &Opener::KeyFile(key.clone())).unwrap();
    assert_eq!(fs::read_to_string(&key).unwrap(), text);
    KeyRing::open(&folder.path().join("ring"), &Opener::KeyFile(key)).unwrap();
}

#[test]
#[cfg(unix)]
fn only_the_owner_may_read_what_was_made() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    for name in ["ring", "key"] {
        let mode = fs::metadata(house.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(house.folder.path()).unwrap().count(), 2, "nothing is left beside them");
}

#[test]
fn no_flipped_bit_of_a_ring_opens() {
    let house = House::new();
    let bytes = fs::read(house.ring()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(house.ring(), &flipped).unwrap();
        let refused = KeyRing::open(&house.ring(), &house.opener());
        assert!(
            matches!(refused, Err(Error::RingRefused { .. } | Error::RingUnreadable { .. })),
            "bit {bit}"
        );
    }
    for len in 0..bytes.len() {
        fs::write(house.ring(), &bytes[..len]).unwrap();
        assert!(KeyRing::open(&house.ring(), &house.opener()).is_err(), "cut at {len}");
    }
}

#[test]
fn rotation_moves_every_record_and_then_the_old_key_can_go() {
    let house = House::new();
    let sealed = house.vault().seal(P, ADA, &name("Ada")).unwrap();
    let before = fs::read(house.ring()).unwrap();

    let mut ring = KeyRing::open(&house.ring(), &house.opener()).unwrap();
    assert_eq!(ring.add_version().unwrap(), 2);
    assert_ne!(fs::read(house.ring()).unwrap(), before);
    let vault = house.vault();
    vault.seal(P, BOB, &name("Bob")).unwrap();
    let mut seen = 0;
    let done = vault.rewrap(&mut |_| seen += 1).unwrap();
    assert_eq!((done, seen), (Rewrapped { rewrapped: 1, current: 1, refused: 0 }, 2));
    assert_eq!(vault.rewrap(&mut |_| ()).unwrap(), Rewrapped { rewrapped: 0, current: 2, refused: 0 });

    let mut ring = KeyRing::open(&house.ring(), &house.opener()).unwrap();
    assert_eq!(ring.drop_versions_below(9).unwrap(), 1, "never the newest");
    assert_eq!(ring.drop_versions_below(9).unwrap(), 0);
    let vault = house.vault();
    assert_eq!(vault.sealed(P, ADA).unwrap(), Some(sealed), "rewrapping changes no commitment");
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
    assert_eq!(shown(&vault, BOB, "legal_name").as_deref(), Some("Bob"));
}

#[test]
fn a_record_under_a_dropped_version_is_gone_and_counted() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada")).unwrap();
    let mut ring = KeyRing::open(&house.ring(), &house.opener()).unwrap();
    ring.add_version().unwrap();
    ring.drop_versions_below(2).unwrap();
    let vault = Vault::with_keys(&house.blobs, Box::new(ring));
    assert!(matches!(vault.reveal(P, ADA, "legal_name"), Err(Error::KeyVersionGone { version: 1 })));
    assert_eq!(vault.rewrap(&mut |_| ()).unwrap(), Rewrapped { rewrapped: 0, current: 0, refused: 1 });
}
