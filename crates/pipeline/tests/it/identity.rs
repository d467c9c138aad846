//! Identities are sealed before they are logged, and a refused link costs nobody what was sealed.

use std::sync::Arc;

use pipeline::{Identity, Parts, Pipeline, seal};
use policy::{Field, HolderKind};
use state::{HolderId, Refusal};
use storage::{Snapshots as _, memory};
use vault::{HolderRef, Opener, Secret, Vault};

use crate::house::{House, account, demo, done, leave, register};

/// What a viewer who may see it sees.
fn shown(pipeline: &Pipeline, vault: &Vault<memory::Blobs>, of: &str) -> String {
    let revealed =
        vault.reveal_as_logged("demo", HolderRef("h-1"), "legal_name", &commitment(pipeline, of)).unwrap();
    revealed.unwrap().expose_text().unwrap().to_owned()
}

fn vault(folder: &std::path::Path) -> Vault<memory::Blobs> {
    let opener = Opener::KeyFile(folder.join("vault.key"));
    Vault::create(memory::Store::new().blobs(), &opener, &folder.join("keyring")).unwrap()
}

fn identity(of: &str, holder: &str, name: &str) -> Identity {
    Identity {
        platform: demo(),
        account: account(of),
        holder: HolderId::new(holder).unwrap(),
        kind: HolderKind::Person,
        verified: true,
        fields: vec![(Field::LegalName, Secret::from(name))],
    }
}

fn commitment(pipeline: &Pipeline, of: &str) -> [u8; 32] {
    let handle = pipeline.handle();
    let platform = handle.reader().platform(&demo()).unwrap();
    platform.account(account(of).key()).unwrap().record().identity.as_ref().unwrap().commitment
}

#[test]
fn what_is_logged_is_what_is_sealed_and_nothing_of_it_is_in_the_log() {
    use storage::CommandLog as _;
    let (house, folder) = (House::new(), tempfile::tempdir().unwrap());
    let vault = vault(folder.path());
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    let command = seal(&pipeline.handle(), &vault, identity("ann", "h-1", "Fictional Holder")).unwrap();
    done(&pipeline, command);
    let sealed = vault.sealed("demo", HolderRef("h-1")).unwrap().unwrap();
    assert_eq!(commitment(&pipeline, "ann"), sealed.commitment);
    pipeline.close();
    for record in house.store.log().unwrap().read_from(1).unwrap() {
        let (position, bytes) = record.unwrap();
        assert!(!bytes.windows(9).any(|piece| piece == b"Fictional"), "position {position}");
    }
}

#[test]
fn a_link_that_is_bound_to_be_refused_destroys_nothing() {
    let (house, folder) = (House::new(), tempfile::tempdir().unwrap());
    let vault = vault(folder.path());
    let (pipeline, _) = house.open();
    let handle = pipeline.handle();
    done(&pipeline, register());
    for (of, holder) in [("ann", "h-1"), ("bob", "h-2"), ("carol", "h-3")] {
        done(&pipeline, seal(&handle, &vault, identity(of, holder, of)).unwrap());
    }
    done(&pipeline, leave("carol"));

    // Bob's holder is sent for Ann's account, and for one that has left.
    let command = seal(&handle, &vault, identity("ann", "h-2", "other")).unwrap();
    let refused = handle.submit_and_wait(command).unwrap().result;
    assert_eq!(refused, Err(Refusal::LinkedToAnotherHolder));
    let command = seal(&handle, &vault, identity("carol", "h-2", "other")).unwrap();
    assert_eq!(handle.submit_and_wait(command).unwrap().result, Err(Refusal::AlreadyLeft));

    let holder = HolderRef("h-2");
    let name =
        vault.reveal_as_logged("demo", holder, "legal_name", &commitment(&pipeline, "bob")).unwrap().unwrap();
    assert_eq!(name.expose_text(), Some("bob"));
}

#[test]
fn two_accounts_of_a_holder_open_with_what_was_sealed_last_until_the_last_one_leaves() {
    let (house, folder) = (House::new(), tempfile::tempdir().unwrap());
    let vault = Arc::new(vault(folder.path()));
    let open = || {
        let parts = Parts { keys: Arc::<Vault<_>>::clone(&vault), ..house.parts(house.store.log().unwrap()) };
        Pipeline::open(house.limits.clone(), parts).unwrap().0
    };
    let holder = HolderRef("h-1");
    let pipeline = open();
    done(&pipeline, register());
    for (of, name) in [("ann", "First Name"), ("bob", "Second Name"), ("ann", "Third Name")] {
        done(&pipeline, seal(&pipeline.handle(), &vault, identity(of, "h-1", name)).unwrap());
    }
    assert_eq!(shown(&pipeline, &vault, "ann"), "Third Name");
    assert_eq!(shown(&pipeline, &vault, "bob"), "Third Name");

    done(&pipeline, leave("ann"));
    assert_eq!(shown(&pipeline, &vault, "bob"), "Third Name");
    // As after a kill: the log is replayed, and replaying the leave destroys nothing either.
    pipeline.close();
    for position in house.store.snapshots().list().unwrap() {
        house.store.snapshots().save(position, b"broken").unwrap();
    }
    let pipeline = open();
    assert_eq!(shown(&pipeline, &vault, "bob"), "Third Name");
    // From a snapshot too.
    pipeline.close();
    let pipeline = open();
    assert_eq!(shown(&pipeline, &vault, "bob"), "Third Name");

    let logged = commitment(&pipeline, "bob");
    done(&pipeline, leave("bob"));
    assert!(vault.reveal_as_logged("demo", holder, "legal_name", &logged).unwrap().is_none());
    assert!(vault.sealed("demo", holder).unwrap().is_none(), "the keys are gone");
}
