//! What showing a name costs: cached, on one and two threads, and with nothing cached.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may stop")]

use std::hint::black_box;
use std::time::Instant;

use vault::{HolderRef, Opener, Secret, Vault};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let opener = Opener::KeyFile(folder.path().join("key"));
    let blobs = storage::memory::Store::new().blobs();
    let vault = Vault::create(&blobs, &opener, &folder.path().join("ring")).unwrap();
    let holders: Vec<String> = (0..10_000).map(|at| format!("holder-{at}")).collect();
    let fields =
        [("legal_name", Secret::from("Ada Lovelace")), ("occupation", Secret::from("mathematician"))];

    let start = Instant::now();
    for holder in &holders {
        vault.seal("weibo", HolderRef(holder), &fields).unwrap();
    }
    say("seal, memory store", holders.len(), start);
    let start = Instant::now();
    for holder in &holders {
        black_box(vault.reveal("weibo", HolderRef(holder), "legal_name").unwrap());
    }
    say("reveal, nothing cached", holders.len(), start);

    let rounds = 100;
    for threads in [1, 2] {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for at in 0..holders.len() * rounds {
                        let holder = HolderRef(&holders[at * 7919 % holders.len()]);
                        black_box(vault.reveal("weibo", holder, "legal_name").unwrap());
                    }
                });
            }
        });
        say(&format!("reveal, cached, {threads} threads"), holders.len() * rounds * threads, start);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..1_000_000 {
                        black_box(vault.reveal("weibo", HolderRef("holder-1"), "legal_name").unwrap());
                    }
                });
            }
        });
        say(&format!("reveal, one hot holder, {threads} threads"), 1_000_000 * threads, start);
    }
}

fn say(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:40} {:10.0} ns each of all threads together", seconds * 1e9 / count as f64);
}
