//! Blobs on disk: deletion leaves no trace in any file, damage is told apart from absence.

use std::{fs, path::Path, sync::Arc};

use storage::{
    Blobs, Error,
    disk::{DataDir, Options},
    faults::PowerDisk,
};

use crate::conform::small;

fn blobs(dir: &Path) -> storage::disk::Blobs {
    DataDir::open(dir, Options::default()).expect("opens").blobs().expect("opens")
}

/// How often `what` stands in any file below `dir`.
fn traces(dir: &Path, what: &[u8]) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            count += traces(&path, what);
        } else {
            let bytes = fs::read(&path).expect("a file");
            count += bytes.windows(what.len()).filter(|window| *window == what).count();
        }
    }
    count
}

#[test]
fn a_deleted_or_replaced_blob_is_in_no_file_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in [20, 600, 5_000, 70_000] {
        let blobs = blobs(folder.path());
        let secret = format!("secret of {size} bytes").repeat(size / 20 + 1).into_bytes();
        let needle = &secret[..16];
        blobs.put("holder/of-it", &secret).expect("stored");
        assert!(traces(folder.path(), needle) > 0, "the search finds what is there");
        assert!(traces(folder.path(), b"holder/of-it") > 0);
        blobs.put("holder/of-it", b"another value").expect("replaced");
        assert_eq!(traces(folder.path(), needle), 0, "replacing {size} bytes left traces");
        blobs.put("holder/of-it", &secret).expect("stored");
        assert!(blobs.delete("holder/of-it").expect("deleted"));
        assert_eq!(traces(folder.path(), needle), 0, "deleting {size} bytes left traces");
        assert_eq!(traces(folder.path(), b"another value"), 0);
        assert_eq!(traces(folder.path(), b"holder/of-it"), 0, "the key is as telling as the value");
    }
}

#[test]
fn a_million_small_blobs_would_fit() {
    // 20,000 stand in for a million: room on disk is one cell each, and a reopen finds all.
    let folder = tempfile::tempdir().expect("a folder");
    let (stored, count) = (blobs(folder.path()), 20_000);
    let keys: Vec<String> = (0..count).map(|n| format!("weibo/holder-{n:08}/key")).collect();
    for chunk in keys.chunks(5_000) {
        let items: Vec<(&str, &[u8])> = chunk.iter().map(|key| (key.as_str(), [9; 200].as_slice())).collect();
        stored.put_many(&items).expect("stored");
    }
    drop(stored);
    let stored = blobs(folder.path());
    assert_eq!(stored.len(), count);
    assert_eq!(stored.verify().expect("verifies"), count as u64);
    let bytes = fs::metadata(folder.path().join("blobs/512.cells")).expect("the file").len();
    assert!(bytes < (count as u64 + 4096) * 512, "{bytes}");
    assert_eq!(stored.list("weibo/holder-00000012/").expect("lists").len(), 1);
}

#[test]
fn freed_cells_are_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = blobs(folder.path());
    for n in 0..3_000 {
        stored.put("one", format!("value {n}").as_bytes()).expect("stored");
    }
    let bytes = fs::metadata(folder.path().join("blobs/512.cells")).expect("the file").len();
    assert_eq!(bytes, 4096 + 1024 * 1024, "the file grew once");
}

#[test]
fn damage_is_not_absence() {
    let disk = PowerDisk::new();
    let open = |options: Options| DataDir::open_on(Arc::new(disk.clone()), "/data", options)?.blobs();
    let path = Path::new("/data/blobs/512.cells");
    open(small()).expect("opens").put("key", &[7; 100]).expect("stored");
    let state = 4096;
    // In the value: the key is known, so only this blob fails; it can be replaced or deleted.
    assert!(disk.flip(path, (state + 60) * 8));
    let stored = open(small()).expect("opens");
    let error = stored.get("key").expect_err("damaged");
    assert_eq!(
        error.to_string(),
        "`/data/blobs/512.cells` is damaged at byte 4096 (a blob does not verify); restore it from a backup"
    );
    assert!(stored.verify().is_err());
    stored.put("other", b"fine").expect("stored");
    assert!(stored.delete("key").expect("deleted"));
    stored.put("key", &[7; 100]).expect("stored again");
    assert_eq!(stored.get("key").expect("reads"), Some(vec![7; 100]));
    drop(stored);
    // In the header or the key: nobody knows whose it is, so nothing is answered before a person has looked.
    for byte in (0..43).filter(|byte| !(36..40).contains(byte)) {
        assert!(disk.flip(path, (state + byte) * 8 + 1));
        let error = open(small()).err().unwrap_or_else(|| panic!("byte {byte} went unnoticed"));
        assert!(matches!(error, Error::Damaged { offset: 4096, .. }), "{error}");
        let passed = open(Options { pass_over_damaged_blobs: true, ..small() }).expect("opens");
        assert_eq!(passed.get("other").expect("reads"), Some(b"fine".to_vec()));
        drop(passed);
        assert!(disk.flip(path, (state + byte) * 8 + 1));
    }
    assert_eq!(open(small()).expect("opens").len(), 2);
}

#[test]
fn a_full_disk_refuses_a_blob_and_keeps_the_others() {
    let disk = PowerDisk::new();
    let stored =
        DataDir::open_on(Arc::new(disk.clone()), "/data", small()).expect("opens").blobs().expect("opens");
    stored.put("small", b"x").expect("stored");
    let used: usize = disk.files().iter().map(|(_, bytes)| bytes.len()).sum();
    disk.limit(Some(used + 1000));
    let error = stored.put("large", &[1; 3000]).expect_err("no room");
    assert!(error.to_string().contains("no space left; free space on that disk"), "{error}");
    assert_eq!(stored.get("small").expect("reads"), Some(b"x".to_vec()), "reads go on");
    stored.put("small", b"y").expect("cells that are there are still used");
    disk.limit(None);
    stored.put("large", &[1; 3000]).expect("room again");
}

#[test]
fn readers_see_whole_values_while_they_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = blobs(folder.path());
    stored.put("k", &[0; 800]).expect("stored");
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..3_000 {
                let value = stored.get("k").expect("reads").expect("is there");
                assert!(value.iter().all(|byte| *byte == value[0]), "half of one value, half of another");
            }
        });
        for n in 0..100_u8 {
            stored.put("k", &vec![n; 400 + usize::from(n) * 8]).expect("stored");
        }
        reading.join().expect("the reader is content");
    });
}
