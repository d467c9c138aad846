//! Changed, moved and foreign bytes are refused, and no error or print tells anything about them.

use storage::Blobs;
use vault::{Error, KeyRing, Opener, Vault};

use crate::support::{ADA, BOB, House, P, name, shown};

#[test]
fn no_flipped_bit_of_a_record_opens() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada Lovelace")).unwrap();
    let vault = house.vault().with_cache_bytes_max(0);
    let key = house.only_key();
    let bytes = house.blobs.get(&key).unwrap().unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        house.blobs.put(&key, &flipped).unwrap();
        let refused = vault.reveal(P, ADA, "legal_name");
        assert!(
            matches!(refused, Err(Error::Refused | Error::OtherKeys | Error::KeyVersionGone { .. })),
            "bit {bit} of {}",
            bytes.len() * 8
        );
    }
    house.blobs.put(&key, &bytes).unwrap();
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada Lovelace"));
}

#[test]
fn no_cut_of_a_record_opens() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada Lovelace")).unwrap();
    let vault = house.vault();
    let key = house.only_key();
    let bytes = house.blobs.get(&key).unwrap().unwrap();
    for len in 0..bytes.len() {
        house.blobs.put(&key, &bytes[..len]).unwrap();
        assert!(matches!(vault.reveal(P, ADA, "legal_name"), Err(Error::Refused)), "cut at {len}");
    }
}

#[test]
fn a_record_moved_to_another_holder_or_platform_is_refused() {
    let house = House::new();
    let vault = house.vault().with_cache_bytes_max(0);
    vault.seal(P, ADA, &name("Ada")).unwrap();
    let of_ada = house.only_key();
    vault.seal(P, BOB, &name("Bob")).unwrap();
    vault.seal("douyin", ADA, &name("Ada elsewhere")).unwrap();
    let record = house.blobs.get(&of_ada).unwrap().unwrap();
    for key in house.blobs.list("").unwrap() {
        house.blobs.put(&key, &record).unwrap();
    }
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
    assert!(matches!(vault.reveal(P, BOB, "legal_name"), Err(Error::Refused)));
    assert!(matches!(vault.reveal("douyin", ADA, "legal_name"), Err(Error::Refused)));
}

#[test]
fn ids_rewritten_in_the_record_do_not_make_it_another_holders() {
    // The attacker also changes the ids that stand in clear; the wrapped key's context still says whose it is.
    let house = House::new();
    let vault = house.vault().with_cache_bytes_max(0);
    vault.seal(P, BOB, &name("Bob")).unwrap();
    let of_bob = house.only_key();
    vault.forget(P, BOB).unwrap();
    vault.seal(P, ADA, &name("Ada")).unwrap();
    let mut record = house.blobs.get(&house.only_key()).unwrap().unwrap();
    let at = record.windows(ADA.0.len()).position(|window| window == ADA.0.as_bytes()).unwrap();
    record[at..at + BOB.0.len()].copy_from_slice(BOB.0.as_bytes());
    house.blobs.put(&of_bob, &record).unwrap();
    assert!(matches!(vault.reveal(P, BOB, "legal_name"), Err(Error::Refused)));
}

#[test]
fn another_ring_is_told_from_a_changed_record() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada")).unwrap();
    let opener = Opener::KeyFile(house.folder.path().join("other-key"));
    let vault = Vault::create(&house.blobs, &opener, &house.folder.path().join("other-ring")).unwrap();
    assert!(matches!(vault.reveal(P, ADA, "legal_name"), Err(Error::OtherKeys)));
}

#[test]
fn nothing_prints_or_reports_what_is_sealed() {
    let house = House::new();
    let vault = house.vault();
    vault.seal(P, ADA, &name("canary name")).unwrap();
    let value = vault.reveal(P, ADA, "legal_name").unwrap();
    let ring = KeyRing::open(&house.ring(), &house.opener()).unwrap();
    assert_eq!(format!("{value:?}"), "Some(<sealed>)");
    assert_eq!(format!("{vault:?} {ring:?} {:?}", house.opener()), "<sealed> <sealed> <sealed>");

    let key = house.only_key();
    let mut bytes = house.blobs.get(&key).unwrap().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    house.blobs.put(&key, &bytes).unwrap();
    vault.purge_cache();
    let error = vault.reveal(P, ADA, "legal_name").unwrap_err();
    let said = format!("{error} {error:?}");
    for hidden in ["canary", P, ADA.0, "legal_name"] {
        assert!(!said.contains(hidden), "{said}");
    }
}
