//! The bytes we promise to read forever, as described in `docs/formats/`.
//!
//! The files in `golden/` were written once. If one of these tests fails, the format changed: that takes a new
//! version number and a reader for the old one, never a new golden file under the old name.

use std::{fs, path::PathBuf};

use storage::{
    Blobs, CommandLog, Snapshots,
    disk::{DataDir, Options},
};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn options() -> Options {
    Options { segment_bytes: 4096, prepare_ahead: false, salt: Some(0x5a17), ..Options::default() }
}

fn records() -> Vec<Vec<u8>> {
    vec![b"first".to_vec(), Vec::new(), vec![0xab; 24], (0..=255).collect()]
}

/// Zeros at the end are the room that was made ahead; the golden files leave them out.
fn written(file: PathBuf) -> Vec<u8> {
    let mut bytes = fs::read(file).expect("a file");
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

/// Compares with the golden file. `GOLDEN_WRITE=1` makes one that is missing, never changes one that is there.
fn check(name: &str, bytes: &[u8]) {
    let path = golden(name);
    if !path.exists() && std::env::var_os("GOLDEN_WRITE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("written");
    }
    let expected = fs::read(&path).expect("a golden file");
    assert!(expected == bytes, "`{name}` is not what this program writes");
}

#[test]
fn todays_bytes_are_the_golden_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = DataDir::open(folder.path(), options()).expect("opens");
    let mut log = dir.log().expect("opens");
    let records = records();
    log.append(&[&records[0]]).expect("appends");
    log.append(&[&records[1], &records[2], &records[3]]).expect("appends");
    check("log-v1.bin", &written(folder.path().join("log/00000000000000000001.log")));
    dir.snapshots().expect("opens").save(4, b"a state").expect("saves");
    check("snapshot-v1.bin", &written(folder.path().join("snapshots/00000000000000000004.snapshot")));
    let blobs = dir.blobs().expect("opens");
    blobs.put("tenant/holder", b"sealed").expect("puts");
    blobs.put("tenant/other", &[0xcd; 900]).expect("puts");
    check("blobs-512-v1.bin", &written(folder.path().join("blobs/512.cells")));
    check("blobs-1024-v1.bin", &written(folder.path().join("blobs/1024.cells")));
}

#[test]
fn golden_bytes_still_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |from: &str, to: &str, room: usize| {
        let mut bytes = fs::read(golden(from)).expect("a golden file");
        bytes.resize(room.max(bytes.len()), 0);
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::write(to, bytes).expect("written");
    };
    put("log-v1.bin", "log/00000000000000000001.log", 4096);
    put("snapshot-v1.bin", "snapshots/00000000000000000004.snapshot", 0);
    put("blobs-512-v1.bin", "blobs/512.cells", 4096 + 1024 * 1024);
    put("blobs-1024-v1.bin", "blobs/1024.cells", 4096 + 1024 * 1024);
    let dir = DataDir::open(folder.path(), options()).expect("opens");
    let read: Vec<_> =
        dir.log().expect("opens").read_from(1).expect("reads").map(|r| r.expect("verifies").1).collect();
    assert_eq!(read, records());
    assert_eq!(dir.snapshots().expect("opens").load_latest().expect("loads"), Some((4, b"a state".to_vec())));
    let blobs = dir.blobs().expect("opens");
    assert_eq!(blobs.get("tenant/holder").expect("reads"), Some(b"sealed".to_vec()));
    assert_eq!(blobs.get("tenant/other").expect("reads"), Some(vec![0xcd; 900]));
}
