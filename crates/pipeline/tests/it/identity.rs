//! Identities are sealed before they are logged, and a refused link costs nobody what was sealed.

use pipeline::{Identity, Pipeline, seal};
use policy::{Field, HolderKind};
use state::{HolderId, Refusal};
use storage::memory;
use vault::{HolderRef, Opener, Secret, Vault};

use crate::house::{House, account, demo, done, leave, register};

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
