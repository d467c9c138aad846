//! What every engine promises, as tests that any engine runs.
//!
//! Each function gets a way to open the same store again and again (what it opened before is dropped first) and
//! panics with the broken promise. The store must be empty at first.

use crate::{Blobs, CommandLog, Error, Snapshots, blob_bytes_max, key_bytes_max, record_bytes_max};

/// Opens the log under test.
pub type OpenLog<'a> = dyn FnMut() -> Result<Box<dyn CommandLog>, Error> + 'a;
/// Opens the snapshots under test.
pub type OpenSnapshots<'a> = dyn FnMut() -> Result<Box<dyn Snapshots>, Error> + 'a;
/// Opens the blobs under test.
pub type OpenBlobs<'a> = dyn FnMut() -> Result<Box<dyn Blobs>, Error> + 'a;

/// The promises of [`CommandLog`].
pub fn command_log(open: &mut OpenLog<'_>) {
    let mut log = opened(open());
    assert_eq!((log.first(), log.last()), (1, 0), "an empty log starts at 1 and ends at 0");
    assert_eq!(read(&*log, 0), vec![], "an empty log has no records");
    assert_eq!(done(log.append(&[])), 0, "an append without records changes nothing");
    assert!(matches!(open(), Err(Error::InUse { .. })), "a second writer is kept out");

    let mut model: Vec<Vec<u8>> = vec![b"one".to_vec(), Vec::new(), vec![0; 3000], vec![255; 9]];
    assert_eq!(done(log.append(&borrowed(&model))), 4, "an append answers the last position");
    let large = vec![7; record_bytes_max()];
    assert_eq!(done(log.append(&[&large])), 5, "the largest record is taken");
    model.push(large);
    for reopen in [false, true] {
        if reopen {
            drop(log);
            log = opened(open());
        }
        assert_eq!((log.first(), log.last()), (1, 5), "positions have no gaps and survive a reopen");
        for from in 0..=6 {
            assert!(read(&*log, from) == tail(&model, from), "records from {from} are those appended");
        }
        assert!(matches!(log.read_from(7), Err(Error::BeyondTheEnd { position: 7, last: 5 })));
    }

    let too_large = vec![0; record_bytes_max() + 1];
    let refused = log.append(&[b"small", &too_large]);
    assert!(matches!(refused, Err(Error::RecordTooLarge { .. })), "a record over the limit is refused");
    assert_eq!(log.last(), 5, "a refused append leaves nothing");
    assert_eq!(done(log.append(&[b"six"])), 6, "a refusal does not stop the log");
    model.push(b"six".to_vec());

    let reading = log.read_from(5);
    assert_eq!(done(log.append(&[b"seven"])), 7);
    model.push(b"seven".to_vec());
    assert_eq!(done(reading).count(), 2, "a reader sees the log as it was when it started");

    many_small(&mut *log, &mut model);
    trimming(log, open, &model);
}

fn many_small(log: &mut dyn CommandLog, model: &mut Vec<Vec<u8>>) {
    for round in 0..40_u32 {
        let group: Vec<Vec<u8>> =
            (0..round % 7 + 1).map(|n| vec![n as u8; ((round * 37 + n * 11) % 900) as usize]).collect();
        model.extend(group.iter().cloned());
        assert_eq!(done(log.append(&borrowed(&group))), model.len() as u64);
    }
    assert!(read(log, 1) == tail(model, 1), "many groups read back in order");
}

fn trimming(mut log: Box<dyn CommandLog>, open: &mut OpenLog<'_>, model: &[Vec<u8>]) {
    let last = log.last();
    assert!(matches!(log.trim_before(last + 2), Err(Error::BeyondTheEnd { .. })));
    for before in [0, 1, 6, last / 2, last + 1] {
        done(log.trim_before(before));
        assert!(log.first() <= before.max(1), "no record from {before} on is trimmed");
        assert_eq!(log.last(), last, "trimming does not move the end");
        let from = log.first().max(before);
        assert!(read(&*log, from) == tail(model, from), "what is kept still reads");
        if log.first() > 1 {
            assert!(matches!(log.read_from(log.first() - 1), Err(Error::Trimmed { .. })));
        }
    }
    drop(log);
    let mut log = opened(open());
    assert_eq!(log.last(), last, "a trimmed log goes on where it was");
    assert_eq!(done(log.append(&[b"after"])), last + 1);
    assert_eq!(read(&*log, last + 1), vec![(last + 1, b"after".to_vec())]);
}

/// The promises of [`Snapshots`].
pub fn snapshots(open: &mut OpenSnapshots<'_>) {
    let snapshots = opened(open());
    assert_eq!(done(snapshots.load_latest()), None, "there is none at first");
    assert_eq!(done(snapshots.list()), Vec::<u64>::new());
    for (position, bytes) in [(5, b"five".to_vec()), (100, vec![1; 100_000]), (20, Vec::new()), (0, vec![9])]
    {
        done(snapshots.save(position, &bytes));
        assert_eq!(done(snapshots.load(position)), Some(bytes), "a saved snapshot loads");
    }
    let mut pieces = done(snapshots.begin(7));
    done(pieces.write(b"never"));
    drop(pieces);
    assert_eq!(done(snapshots.load(7)), None, "one that is not finished never was");
    let mut pieces = done(snapshots.begin(5));
    for piece in [&b"fi"[..], b"", b"ve"] {
        done(pieces.write(piece));
        assert_eq!(done(snapshots.prune(9)), 0, "pruning leaves what is being written alone");
    }
    done(pieces.finish());
    assert_eq!(done(snapshots.load(5)), Some(b"five".to_vec()), "pieces make a whole");
    drop(snapshots);

    let snapshots = opened(open());
    assert_eq!(done(snapshots.list()), vec![0, 5, 20, 100], "positions are listed oldest first");
    assert_eq!(done(snapshots.load_latest()), Some((100, vec![1; 100_000])), "the newest position wins");
    assert_eq!(done(snapshots.load(6)), None);
    done(snapshots.save(100, b"again"));
    assert_eq!(done(snapshots.load_latest()), Some((100, b"again".to_vec())), "saving again replaces");
    assert_eq!(done(snapshots.prune(2)), 2);
    assert_eq!(done(snapshots.list()), vec![20, 100], "pruning keeps the newest");
    assert_eq!(done(snapshots.prune(0)), 1, "the last snapshot is never pruned");
    assert_eq!(done(snapshots.load_latest()), Some((100, b"again".to_vec())));
}

/// The promises of [`Blobs`].
pub fn blobs(open: &mut OpenBlobs<'_>) {
    let blobs = opened(open());
    assert_eq!(done(blobs.get("a")), None, "there is none at first");
    assert!(!done(blobs.delete("a")), "deleting nothing says so");
    let long = "k".repeat(key_bytes_max());
    let large = vec![3; blob_bytes_max()];
    let mut model = std::collections::BTreeMap::new();
    for (key, bytes) in [
        ("a", b"first".to_vec()),
        ("a/b", vec![1; 470]),
        ("a/c", vec![2; 5000]),
        ("b", Vec::new()),
        ("張/三", vec![0; 600]),
        (long.as_str(), large),
    ] {
        done(blobs.put(key, &bytes));
        assert!(done(blobs.get(key)).as_ref() == Some(&bytes), "a blob reads back");
        model.insert(key.to_owned(), bytes);
    }
    for value in [b"second".to_vec(), vec![4; 3000], b"third".to_vec()] {
        done(blobs.put("a", &value));
        model.insert("a".to_owned(), value);
    }
    done(blobs.put_many(&[("m/1", b"x"), ("m/2", &[5; 2000]), ("m/1", b"y"), ("a/b", b"new")]));
    model.extend(
        [("m/1", b"y".to_vec()), ("m/2", vec![5; 2000]), ("a/b", b"new".to_vec())]
            .map(|(k, v)| (k.into(), v)),
    );
    assert!(done(blobs.delete("a/c")), "deleting says that there was one");
    model.remove("a/c");
    assert_eq!(done(blobs.get("a/c")), None);

    for key in ["", "a\nb", "\0", &"k".repeat(key_bytes_max() + 1)] {
        assert!(matches!(blobs.put(key, b"x"), Err(Error::BadKey { .. })));
        assert!(matches!(blobs.get(key), Err(Error::BadKey { .. })));
        assert!(matches!(blobs.delete(key), Err(Error::BadKey { .. })));
    }
    let too_large = vec![0; blob_bytes_max() + 1];
    assert!(matches!(blobs.put("a", &too_large), Err(Error::BlobTooLarge { .. })));
    same_blobs(&*blobs, &model);
    drop(blobs);

    let blobs = opened(open());
    same_blobs(&*blobs, &model);
    assert_eq!(done(blobs.list("a")), vec!["a", "a/b"], "a prefix is a prefix of bytes");
    assert_eq!(done(blobs.list("a/")), vec!["a/b"]);
    assert_eq!(done(blobs.list("zz")), Vec::<String>::new());
    for key in model.keys() {
        assert!(done(blobs.delete(key)));
    }
    assert_eq!(done(blobs.list("")), Vec::<String>::new());
    drop(blobs);
    assert_eq!(done(opened(open()).list("")), Vec::<String>::new(), "deletions survive a reopen");
}

fn same_blobs(blobs: &dyn Blobs, model: &std::collections::BTreeMap<String, Vec<u8>>) {
    assert_eq!(done(blobs.list("")), model.keys().cloned().collect::<Vec<_>>(), "all keys, in order");
    for (key, bytes) in model {
        assert!(done(blobs.get(key)).as_ref() == Some(bytes), "every blob reads back");
    }
}

#[expect(clippy::expect_used, reason = "a store that cannot be opened breaks the first promise")]
fn opened<T>(result: Result<T, Error>) -> T {
    result.expect("the store opens")
}

#[expect(clippy::expect_used, reason = "a call that must work and fails is a broken promise")]
fn done<T>(result: Result<T, Error>) -> T {
    result.expect("the engine does what it was asked")
}

fn borrowed(records: &[Vec<u8>]) -> Vec<&[u8]> {
    records.iter().map(Vec::as_slice).collect()
}

fn read(log: &dyn CommandLog, from: u64) -> Vec<(u64, Vec<u8>)> {
    done(log.read_from(from)).map(done).collect()
}

fn tail(model: &[Vec<u8>], from: u64) -> Vec<(u64, Vec<u8>)> {
    (1..).zip(model.iter().cloned()).filter(|(position, _)| *position >= from).collect()
}
