//! What is sealed comes back, the last seal wins, and bounds are refused before anything is written.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use storage::Blobs;
use vault::{Error, HolderRef, Secret, Vault, limits};

use crate::support::{ADA, BOB, Failing, House, P, name, shown};

#[test]
fn what_is_sealed_is_revealed_also_after_a_restart() {
    let house = House::new();
    let vault = house.vault();
    let fields = [("legal_name", Secret::from("Ada Lovelace")), ("occupation", Secret::from("数学家"))];
    let sealed = vault.seal(P, ADA, &fields).unwrap();
    for vault in [&vault, &house.vault()] {
        assert_eq!(vault.fields(P, ADA).unwrap(), ["legal_name", "occupation"]);
        assert_eq!(shown(vault, ADA, "legal_name").as_deref(), Some("Ada Lovelace"));
        assert_eq!(shown(vault, ADA, "occupation").as_deref(), Some("数学家"));
        assert_eq!(shown(vault, ADA, "address"), None);
        assert_eq!(shown(vault, BOB, "legal_name"), None);
        assert_eq!(vault.sealed(P, ADA).unwrap(), Some(sealed));
        assert_eq!(vault.sealed("douyin", ADA).unwrap(), None);
    }
}

#[test]
fn nothing_stored_contains_the_value() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada Lovelace, canary")).unwrap();
    let bytes = house.blobs.get(&house.only_key()).unwrap().unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"canary" || window == b"Lovela"));
}

#[test]
fn the_last_seal_replaces_the_whole_record() {
    let house = House::new();
    let vault = house.vault();
    let both = [("legal_name", Secret::from("Ada")), ("address", Secret::from("London"))];
    let first = vault.seal(P, ADA, &both).unwrap();
    let second = vault.seal(P, ADA, &name("Ada King")).unwrap();
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_ne!(first.commitment, second.commitment);
    for vault in [&vault, &house.vault()] {
        assert_eq!(shown(vault, ADA, "legal_name").as_deref(), Some("Ada King"));
        assert_eq!(shown(vault, ADA, "address"), None);
    }
}

#[test]
fn the_same_value_sealed_twice_has_another_commitment() {
    // Otherwise the public commitment would tell whether a name was merely confirmed or changed.
    let vault = House::new();
    let vault = vault.vault();
    let first = vault.seal(P, ADA, &name("Ada")).unwrap();
    assert_ne!(first.commitment, vault.seal(P, ADA, &name("Ada")).unwrap().commitment);
    assert_ne!(first.commitment, vault.seal(P, BOB, &name("Ada")).unwrap().commitment);
}

#[test]
fn only_the_record_that_the_log_names_is_revealed_as_logged() {
    let house = House::new();
    let vault = house.vault();
    let first = vault.seal(P, ADA, &name("Ada")).unwrap();
    let older = house.blobs.get(&house.only_key()).unwrap().unwrap();
    let second = vault.seal(P, ADA, &name("Ada King")).unwrap();
    assert!(matches!(
        vault.reveal_as_logged(P, ADA, "legal_name", &first.commitment),
        Err(Error::NotAsLogged)
    ));
    let value = vault.reveal_as_logged(P, ADA, "legal_name", &second.commitment).unwrap().unwrap();
    assert_eq!(value.expose(), b"Ada King");
    assert!(vault.reveal_as_logged(P, ADA, "address", &second.commitment).unwrap().is_none());
    assert!(vault.reveal_as_logged(P, BOB, "legal_name", &second.commitment).unwrap().is_none());

    // Someone with the disk puts the older record back: it opens, but not as what the log names.
    house.blobs.put(&house.only_key(), &older).unwrap();
    let vault = house.vault();
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
    assert!(matches!(
        vault.reveal_as_logged(P, ADA, "legal_name", &second.commitment),
        Err(Error::NotAsLogged)
    ));
}

#[test]
fn bounds_are_refused_before_anything_is_written() {
    let house = House::new();
    let vault = house.vault();
    let long = "x".repeat(5000);
    let many: Vec<String> = (0..=limits::FIELDS_MAX).map(|at| format!("field-{at}")).collect();
    let many: Vec<(&str, Secret)> = many.iter().map(|id| (id.as_str(), Secret::from("v"))).collect();
    let twice =
        [("legal_name", Secret::from("a")), ("b", Secret::from("a")), ("legal_name", Secret::from("b"))];
    let refused = [
        ("a tenant's id has 1 to 128 bytes", vault.seal("", ADA, &name("v"))),
        ("a tenant's id has 1 to 128 bytes", vault.seal(&long, ADA, &name("v"))),
        ("a holder's id has 1 to 128 bytes", vault.seal(P, HolderRef(""), &name("v"))),
        ("a holder's id has 1 to 128 bytes", vault.seal(P, HolderRef(&long), &name("v"))),
        ("a record has 1 to 32 fields", vault.seal(P, ADA, &[])),
        ("a record has 1 to 32 fields", vault.seal(P, ADA, &many)),
        ("a field's id has 1 to 64 bytes", vault.seal(P, ADA, &[("", Secret::from("v"))])),
        ("a field's id has 1 to 64 bytes", vault.seal(P, ADA, &[(&long, Secret::from("v"))])),
        ("a field's value has 1 to 4096 bytes", vault.seal(P, ADA, &name(""))),
        ("a field's value has 1 to 4096 bytes", vault.seal(P, ADA, &name(&long))),
        ("one field is given twice: give each field once", vault.seal(P, ADA, &twice)),
    ];
    for (message, outcome) in refused {
        assert_eq!(outcome.unwrap_err().to_string(), message);
    }
    assert!(house.blobs.list("").unwrap().is_empty());

    let largest: Vec<(&str, Secret)> =
        many.iter().skip(1).map(|(id, _)| (*id, Secret::new(vec![7; limits::VALUE_BYTES_MAX]))).collect();
    vault.seal(P, ADA, &largest).unwrap();
    assert_eq!(house.vault().fields(P, ADA).unwrap().len(), limits::FIELDS_MAX);
}

#[test]
fn a_failed_seal_leaves_the_former_or_the_new_record_and_never_a_stale_answer() {
    for (fails, after) in [(1, "Ada"), (2, "Ada King")] {
        let house = House::new();
        let blobs = Failing::new(&house.blobs);
        let vault = Vault::open(&blobs, &house.opener(), &house.ring()).unwrap();
        vault.seal(P, ADA, &name("Ada")).unwrap();
        assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
        blobs.fails.store(fails, Ordering::SeqCst);
        assert!(matches!(vault.seal(P, ADA, &name("Ada King")), Err(Error::Storage(_))));
        assert_eq!(blobs.fails.load(Ordering::SeqCst), 0, "the fault fired");
        assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some(after));
        assert_eq!(shown(&house.vault(), ADA, "legal_name").as_deref(), Some(after));
    }
}

#[test]
fn a_damaged_record_can_be_sealed_again() {
    let house = House::new();
    house.vault().seal(P, ADA, &name("Ada")).unwrap();
    house.blobs.put(&house.only_key(), b"not a record").unwrap();
    let vault = house.vault();
    assert!(vault.reveal(P, ADA, "legal_name").is_err());
    vault.seal(P, ADA, &name("Ada")).unwrap();
    assert_eq!(shown(&vault, ADA, "legal_name").as_deref(), Some("Ada"));
}

#[test]
fn two_writers_of_one_holder_never_share_a_generation() {
    let house = House::new();
    let vault = house.vault();
    let mut generations: Vec<u32> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..25).map(|_| vault.seal(P, ADA, &name("Ada")).unwrap().generation).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    generations.sort_unstable();
    assert_eq!(generations, (1..=100).collect::<Vec<_>>());
}

#[derive(Debug, Clone)]
enum Act {
    Seal(u8, u8, BTreeMap<String, String>),
    Forget(u8, u8),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let fields = prop::collection::btree_map("[abc]", "\\PC{1,8}", 1..3);
    prop_oneof![
        4 => (0..2_u8, 0..3_u8, fields).prop_map(|(tenant, holder, fields)| Act::Seal(tenant, holder, fields)),
        2 => (0..2_u8, 0..3_u8).prop_map(|(tenant, holder)| Act::Forget(tenant, holder)),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happened in whatever order, the vault answers like a map; with a cache that keeps next to nothing too.
    #[test]
    fn the_vault_answers_like_a_map(acts in prop::collection::vec(act(), 1..20), small in any::<bool>()) {
        let bytes_max = if small { 64 * 400 } else { limits::CACHE_BYTES_MAX };
        let house = House::new();
        let mut vault = house.vault().with_cache_bytes_max(bytes_max);
        let mut model: BTreeMap<(u8, u8), BTreeMap<String, String>> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Seal(tenant, holder, fields) => {
                    let given: Vec<(&str, Secret)> =
                        fields.iter().map(|(id, value)| (id.as_str(), Secret::from(value.as_str()))).collect();
                    vault.seal(&tenant.to_string(), HolderRef(&holder.to_string()), &given).unwrap();
                    model.insert((tenant, holder), fields);
                }
                Act::Forget(tenant, holder) => {
                    let was = vault.forget(&tenant.to_string(), HolderRef(&holder.to_string())).unwrap();
                    prop_assert_eq!(was, model.remove(&(tenant, holder)).is_some());
                }
                Act::Restart => vault = house.vault().with_cache_bytes_max(bytes_max),
            }
            for tenant in 0..2_u8 {
                for holder in 0..3_u8 {
                    let (tenant_id, holder_id) = (tenant.to_string(), holder.to_string());
                    let fields = model.get(&(tenant, holder));
                    for field in ["a", "b", "c"] {
                        let value = vault.reveal(&tenant_id, HolderRef(&holder_id), field).unwrap();
                        let value = value.map(|value| value.expose_text().unwrap().to_owned());
                        prop_assert_eq!(value.as_ref(), fields.and_then(|fields| fields.get(field)));
                    }
                }
            }
        }
        prop_assert_eq!(house.blobs.list("").unwrap().len(), model.len());
    }
}
