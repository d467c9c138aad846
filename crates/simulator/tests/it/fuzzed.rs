//! The bodies of the fuzz targets, on their corpus, on what comes of it by chance changes, and on bytes by chance.

use std::path::Path;

use simulator::{Random, fuzzed};

/// Inputs of a test run for each target.
const INPUTS: u64 = 300;

fn check(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(corpus.len() >= 3, "the corpus of `{target}` has {} files", corpus.len());
    corpus.iter().for_each(|bytes| body(bytes));
    let mut random = Random::new(3);
    for _ in 0..INPUTS {
        let mut bytes = corpus[random.below(corpus.len() as u64) as usize].clone();
        for _ in 0..=random.below(6) {
            change(&mut bytes, &mut random);
        }
        body(&bytes);
        let length = random.below(400);
        body(&(0..length).map(|_| random.next() as u8).collect::<Vec<u8>>());
    }
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    match random.below(4) {
        0 => bytes.insert(at, random.next() as u8),
        1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        2 if at < bytes.len() => {
            bytes.remove(at);
        }
        _ => {
            let part = bytes[at.saturating_sub(9)..at].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

#[test]
fn a_record_is_refused_or_written_as_it_was_read() {
    check("record", fuzzed::record);
}

#[test]
fn a_filter_takes_whom_it_means_and_undo_leaves_no_trace() {
    check("filter", fuzzed::filter);
}

#[test]
fn lines_are_the_same_however_many_are_read_at_a_time() {
    check("import", fuzzed::import);
}
