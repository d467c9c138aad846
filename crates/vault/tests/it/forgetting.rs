//! Forgetting is durable, repeatable, and beats every reader.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::Blobs;
use vault::{Error, Vault};

use crate::support::{ADA, BOB, Failing, House, P, name, shown};

#[test]
fn forgetting_destroys_the_record_and_what_was_cached() {
    let house = House::new();
    let vault = house.vault();
    vault.seal(P, ADA, &name("Ada")).unwrap();
    vault.seal(P, BOB, &name("Bob")).unwrap();
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
    assert!(vault.forget(P, ADA).unwrap());
    assert!(!vault.forget(P, ADA).unwrap());
    for vault in [&vault, &house.vault()] {
        assert_eq!(shown(vault, ADA, "legal_name"), None);
        assert_eq!(vault.sealed(P, ADA).unwrap(), None);
        assert!(vault.fields(P, ADA).unwrap().is_empty());
        assert_eq!(shown(vault, BOB, "legal_name").as_deref(), Some("Bob"));
    }
    assert_eq!(house.blobs.list("").unwrap().len(), 1);
}

#[test]
fn a_forgotten_holder_can_be_sealed_anew() {
    let house = House::new();
    let vault = house.vault();
    let first = vault.seal(P, ADA, &name("Ada")).unwrap();
    vault.forget(P, ADA).unwrap();
    let second = vault.seal(P, ADA, &name("Ada")).unwrap();
    assert_eq!(second.generation, 1);
    assert_ne!(first.commitment, second.commitment);
}

#[test]
fn a_failed_forget_says_so_and_leaves_no_stale_answer() {
    for (fails, after) in [(1, Some("Ada")), (2, None)] {
        let house = House::new();
        let blobs = Failing::new(&house.blobs);
        let vault = Vault::open(&blobs, &house.opener(), &house.ring()).unwrap();
        vault.seal(P, ADA, &name("Ada")).unwrap();
        shown(&vault, ADA, "legal_name").unwrap();
        blobs.fails.store(fails, Ordering::SeqCst);
        assert!(matches!(vault.forget(P, ADA), Err(Error::Storage(_))));
        assert_eq!(blobs.fails.load(Ordering::SeqCst), 0, "the fault fired");
        assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), after);
        vault.forget(P, ADA).unwrap();
        assert_eq!(shown(&vault, ADA, "legal_name"), None);
    }
}

#[test]
fn a_reader_never_sees_a_name_after_its_forgetting_returned() {
    let house = House::new();
    let vault = house.vault();
    for _ in 0..100 {
        vault.seal(P, ADA, &name("Ada")).unwrap();
        let (forgotten, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let gone = forgotten.load(Ordering::SeqCst);
                        let seen = shown(&vault, ADA, "legal_name");
                        assert!(!(gone && seen.is_some()), "revealed after it was forgotten");
                    }
                });
            }
            vault.forget(P, ADA).unwrap();
            forgotten.store(true, Ordering::SeqCst);
            for _ in 0..20 {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::SeqCst);
        });
        assert_eq!(shown(&vault, ADA, "legal_name"), None);
    }
}
