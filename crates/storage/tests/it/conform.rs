//! Every engine runs the conformance suite.

use storage::{
    Error, conformance,
    disk::{DataDir, Options},
    faults::PowerDisk,
    memory,
};

/// Small segments, so that a test crosses many of them.
pub(crate) fn small() -> Options {
    Options {
        segment_bytes: 8192,
        prepare_ahead: false,
        blob_grow_bytes: 8192,
        salt: Some(7),
        ..Options::default()
    }
}

#[test]
fn memory() {
    let store = memory::Store::new();
    conformance::command_log(&mut || Ok(Box::new(store.log()?)));
    conformance::snapshots(&mut || Ok(Box::new(store.snapshots())));
    conformance::blobs(&mut || Ok(Box::new(store.blobs())));
}

#[test]
fn disk() {
    for prepare_ahead in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { prepare_ahead, ..small() };
        let dir = || DataDir::open(folder.path().join("data"), options.clone());
        conformance::command_log(&mut || Ok(Box::new(dir()?.log()?)));
        conformance::snapshots(&mut || Ok(Box::new(dir()?.snapshots()?)));
        conformance::blobs(&mut || Ok(Box::new(dir()?.blobs()?)));
    }
}

#[test]
fn disk_on_the_disk_that_loses_power() {
    let disk = PowerDisk::new();
    let dir = || DataDir::open_on(std::sync::Arc::new(disk.clone()), "/data", small());
    conformance::command_log(&mut || Ok(Box::new(dir()?.log()?)));
    conformance::snapshots(&mut || Ok(Box::new(dir()?.snapshots()?)));
    conformance::blobs(&mut || Ok(Box::new(dir()?.blobs()?)));
}

#[test]
fn one_process_one_handle() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = DataDir::open(folder.path(), small()).expect("opens");
    assert!(matches!(DataDir::open(folder.path(), small()), Err(Error::InUse { .. })));
    let log = dir.log().expect("opens");
    assert!(matches!(dir.log(), Err(Error::InUse { .. })));
    let blobs = dir.blobs().expect("opens");
    assert!(matches!(dir.blobs(), Err(Error::InUse { .. })));
    drop(dir);
    // Whatever was opened from the directory keeps its lock.
    assert!(matches!(DataDir::open(folder.path(), small()), Err(Error::InUse { .. })));
    drop((log, blobs));
    assert!(DataDir::open(folder.path(), small()).is_ok());
}
