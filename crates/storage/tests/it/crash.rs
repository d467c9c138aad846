//! Power cuts, kills, full disks and failed syncs: what was acknowledged is there, what follows is a leading part.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use storage::{
    Blobs, CommandLog, Error, Snapshots,
    disk::{DataDir, Log, Options},
    faults::{Plan, PowerDisk, When},
};

use crate::conform::small;

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Power,
    Kill,
}

fn dir(disk: &PowerDisk) -> Result<DataDir, Error> {
    DataDir::open_on(Arc::new(disk.clone()), "/data", small())
}

fn open(disk: &PowerDisk) -> Log {
    dir(disk).and_then(|dir| dir.log()).expect("an interrupted log always opens")
}

/// Records differ, so that a record in the wrong place is seen; some hold long runs of zeros.
fn record(number: u64) -> Vec<u8> {
    let length = (number * 7919 % 2400) as usize;
    let fill = if number.is_multiple_of(5) { 0 } else { number as u8 };
    let mut bytes = vec![fill; length];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes
}

/// Appends groups until one fails; returns the acknowledged end and how far the failed group would have gone.
fn fill(log: &mut Log, groups: u64) -> (u64, u64) {
    for round in 0..groups {
        let from = log.last() + 1;
        let group: Vec<Vec<u8>> = (from..from + 1 + round % 4).map(record).collect();
        let borrowed: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
        if log.append(&borrowed).is_err() {
            assert!(matches!(log.append(&[b"x"]), Err(Error::MustReopen { .. })));
            assert!(matches!(log.append(&[]), Err(Error::MustReopen { .. })));
            assert!(matches!(log.read_from(1), Err(Error::MustReopen { .. })));
            assert!(matches!(log.trim_before(1), Err(Error::MustReopen { .. })));
            assert_eq!(log.last(), from - 1, "only what was acknowledged counts");
            return (from - 1, from + round % 4);
        }
    }
    (log.last(), log.last())
}

fn check(log: &Log, acknowledged: u64, attempted: u64, what: &str) {
    let last = log.last();
    assert!(last >= acknowledged, "{what}: acknowledged {acknowledged}, found {last}");
    assert!(last <= attempted, "{what}: attempted {attempted}, found {last}");
    let records: Vec<_> = log.read_from(1).expect("reads").collect::<Result<_, _>>().expect("verifies");
    assert!(records == (1..=last).map(|n| (n, record(n))).collect::<Vec<_>>(), "{what}: other records");
    assert!(!log.recovered().damaged_tail);
}

#[test]
fn every_operation_of_the_log_may_fail_and_then_the_power() {
    // Counts the operations of a whole run first, so that none is left out.
    let count = Plan::never();
    let disk = PowerDisk::new();
    disk.fail(count.clone(), ErrorKind::Other);
    fill(&mut open(&disk), 12);
    let (mut torn, mut extended) = (0, 0);
    for at in 0..count.acts() {
        for when in [When::Before, When::After] {
            for (seed, end) in [(1, End::Power), (2, End::Power), (3, End::Power), (0, End::Kill)] {
                let what = format!("operation {at} {when:?} {end:?} {seed}");
                let disk = PowerDisk::new();
                let plan = Plan::fail(at, when);
                disk.fail(plan.clone(), ErrorKind::Other);
                let (acknowledged, attempted) = match dir(&disk).and_then(|dir| dir.log()) {
                    Ok(mut log) => fill(&mut log, 12),
                    Err(_) => (0, 0),
                };
                assert!(plan.struck(), "{what}: the fault never struck");
                match end {
                    End::Power => disk.cut_power(seed + at * 7),
                    End::Kill => disk.kill_process(),
                }
                let mut log = open(&disk);
                check(&log, acknowledged, attempted, &what);
                torn += u64::from(log.recovered().dropped_bytes > 0);
                extended += u64::from(log.last() > acknowledged);
                // What is answered from after the reopen must survive the next cut.
                let kept = log.last();
                let (acknowledged, attempted) = fill(&mut log, 3);
                assert_eq!(acknowledged, attempted);
                disk.cut_power(seed);
                drop(log);
                check(&open(&disk), acknowledged, attempted, &what);
                assert!(kept <= acknowledged);
            }
        }
    }
    assert!(torn > 20, "too few runs left a torn tail to mean anything: {torn}");
    assert!(extended > 20, "too few runs kept an unacknowledged record: {extended}");
}

/// A trim that was told of a failure after a file had gone could never be done again: the file was missing.
#[test]
fn a_trim_that_failed_is_done_again_whatever_it_had_done() {
    let filled = || {
        let disk = PowerDisk::new();
        let mut log = open(&disk);
        fill(&mut log, 12);
        (disk, log)
    };
    let (disk, mut log) = filled();
    let count = Plan::never();
    disk.fail(count.clone(), ErrorKind::Other);
    log.trim_before(log.last()).unwrap();
    let trimmed_to = log.first();
    assert!(trimmed_to > 1 && count.acts() > 2, "nothing was trimmed");
    for at in 0..count.acts() {
        for when in [When::Before, When::After] {
            let (disk, mut log) = filled();
            let plan = Plan::fail(at, when);
            disk.fail(plan.clone(), ErrorKind::Other);
            assert!(log.trim_before(log.last()).is_err(), "operation {at} {when:?}");
            assert!(plan.struck());
            disk.fail(Plan::never(), ErrorKind::Other);
            log.trim_before(log.last()).unwrap_or_else(|error| panic!("operation {at} {when:?}: {error}"));
            assert_eq!(log.first(), trimmed_to, "operation {at} {when:?}");
        }
    }
}

#[test]
fn what_a_reopen_answers_from_survives_the_next_power_cut() {
    // The sync of the last group failed, memory shows it, the medium lacks it: a reopen must not believe memory.
    let disk = PowerDisk::new();
    let mut log = open(&disk);
    fill(&mut log, 3);
    let before = log.last();
    let plan = Plan::fail(1, When::Before);
    disk.fail(plan.clone(), ErrorKind::Other);
    assert!(log.append(&[&record(before + 1)]).is_err());
    assert!(plan.struck());
    disk.kill_process();
    drop(log);
    let log = open(&disk);
    let seen = log.last();
    disk.cut_power(0);
    drop(log);
    assert_eq!(open(&disk).last(), seen);
}

#[test]
fn a_full_disk_says_so_and_a_reopen_with_room_goes_on() {
    let disk = PowerDisk::new();
    let mut log = open(&disk);
    let (first, _) = fill(&mut log, 3);
    let used: usize = disk.files().iter().map(|(_, bytes)| bytes.len()).sum();
    disk.limit(Some(used + 100));
    let error = loop {
        match log.append(&[&record(log.last() + 1)]) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let last = log.last();
    assert!(last > first, "the segment in use still took records");
    assert_eq!(
        error.to_string(),
        "cannot make `/data/log/spare.tmp`: no space left; free space on that disk, then reopen"
    );
    let refused = log.append(&[b"x"]).expect_err("refused");
    assert!(refused.to_string().ends_with("so its end is not known; reopen it to find out"), "{refused}");
    drop(log);
    disk.limit(None);
    let mut log = open(&disk);
    check(&log, last, last, "after a full disk");
    fill(&mut log, 5);
}

#[test]
fn the_real_disk_survives_a_torn_tail() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { segment_bytes: 64 * 1024, ..Options::default() };
    let log = || DataDir::open(folder.path(), options.clone()).expect("opens").log().expect("opens");
    fill(&mut log(), 6);
    let last = log().last();
    let segment = folder.path().join("log").join(format!("{:020}.log", 1));
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("records") / 512 * 512;
    bytes[end..].fill(0);
    std::fs::write(&segment, &bytes).expect("written");
    let torn = log();
    assert!(torn.last() < last);
    assert!(torn.recovered().dropped_bytes > 0);
    drop(torn);
    assert_eq!(log().recovered().dropped_bytes, 0, "what was cut off is gone");
}

#[test]
fn a_snapshot_is_there_whole_or_not_at_all() {
    let count = Plan::never();
    let run = |disk: &PowerDisk| -> Vec<Result<(), Error>> {
        let Ok(snapshots) = dir(disk).and_then(|dir| dir.snapshots()) else { return Vec::new() };
        let saves = (1..=4).map(|n: u64| snapshots.save(n, &vec![n as u8; 3000]));
        saves.collect()
    };
    let disk = PowerDisk::new();
    disk.fail(count.clone(), ErrorKind::Other);
    run(&disk);
    for at in 0..count.acts() {
        for when in [When::Before, When::After] {
            for seed in 0..4 {
                let disk = PowerDisk::new();
                let plan = Plan::fail(at, when);
                disk.fail(plan.clone(), ErrorKind::Other);
                let saved = run(&disk);
                assert!(plan.struck());
                disk.cut_power(seed);
                let snapshots = dir(&disk).and_then(|dir| dir.snapshots()).expect("opens");
                let newest = saved.iter().rposition(Result::is_ok).map_or(0, |index| index as u64 + 1);
                let found = snapshots.load_latest().expect("loads");
                let position = found.as_ref().map_or(0, |(position, _)| *position);
                assert!(position >= newest, "operation {at} {when:?}: saved {newest}, found {position}");
                assert!(found.is_none_or(|(position, bytes)| bytes == vec![position as u8; 3000]));
                snapshots.prune(1).expect("prunes");
                assert!(!disk.files().iter().any(|(path, _)| path.to_string_lossy().ends_with(".tmp")));
            }
        }
    }
}

/// A key, and its new value or `None` for a deletion.
type BlobStep = (&'static str, Option<Vec<u8>>);

/// Steps on the blobs; values are told apart by their fill, sizes cover one sector, many, and several classes.
fn blob_steps() -> Vec<BlobStep> {
    vec![
        ("a", Some(vec![1; 100])),
        ("b", Some(vec![2; 3000])),
        ("a", Some(vec![3; 900])),
        ("c", Some(vec![4; 5000])),
        ("b", Some(vec![5; 10])),
        ("c", None),
        ("b", Some(vec![6; 3500])),
        ("a", None),
        ("b", None),
        ("d", Some(vec![7; 471])),
    ]
}

#[test]
fn every_operation_of_the_blobs_may_fail_and_then_the_power() {
    let run = |disk: &PowerDisk| -> (BTreeMap<&str, Vec<u8>>, Option<BlobStep>) {
        let mut model = BTreeMap::new();
        let Ok(blobs) = dir(disk).and_then(|dir| dir.blobs()) else { return (model, None) };
        for (key, value) in blob_steps() {
            let done = match &value {
                Some(value) => blobs.put(key, value),
                None => blobs.delete(key).map(|there| assert!(there)),
            };
            if done.is_err() {
                return (model, Some((key, value)));
            }
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(key),
            };
        }
        (model, None)
    };
    let count = Plan::never();
    let disk = PowerDisk::new();
    disk.fail(count.clone(), ErrorKind::Other);
    run(&disk);
    for at in 0..count.acts() {
        for when in [When::Before, When::After] {
            for (seed, end) in [(1, End::Power), (2, End::Power), (3, End::Power), (0, End::Kill)] {
                let what = format!("operation {at} {when:?} {end:?} {seed}");
                let disk = PowerDisk::new();
                let plan = Plan::fail(at, when);
                disk.fail(plan.clone(), ErrorKind::Other);
                let (model, open_end) = run(&disk);
                assert!(plan.struck(), "{what}: the fault never struck");
                match end {
                    End::Power => disk.cut_power(seed + at * 7),
                    End::Kill => disk.kill_process(),
                }
                let blobs = dir(&disk).and_then(|dir| dir.blobs()).unwrap_or_else(|e| panic!("{what}: {e}"));
                let doubtful = open_end.as_ref().map(|(key, _)| *key);
                for key in ["a", "b", "c", "d"] {
                    let found = blobs.get(key).unwrap_or_else(|e| panic!("{what}: {e}"));
                    let former = model.get(key).cloned();
                    if doubtful == Some(key) {
                        let after = open_end.as_ref().and_then(|(_, value)| value.clone());
                        assert!(found == former || found == after, "{what}: `{key}` is neither old nor new");
                    } else {
                        assert!(found == former, "{what}: `{key}` changed");
                    }
                }
                // Whatever is no value now is nowhere on the medium either: neither former nor half-written ones.
                let kept: Vec<u8> = ["a", "b", "c", "d"]
                    .iter()
                    .filter_map(|key| blobs.get(key).expect("reads")?.first().copied())
                    .collect();
                disk.cut_power(seed);
                for file in disk.medium() {
                    // A value is a run of at least ten equal bytes, so it fills some aligned word.
                    let words = file
                        .chunks_exact(4)
                        .filter(|word| (1..=7).contains(&word[0]) && word[1..] == word[..3]);
                    for word in words {
                        assert!(kept.contains(&word[0]), "{what}: traces of value {}", word[0]);
                    }
                }
            }
        }
    }
}
