//! Damage after the fact: refused with the file and the place, never skipped, never repaired silently.

use std::{path::PathBuf, sync::Arc};

use storage::{
    CommandLog, Error, Snapshots,
    disk::{DataDir, Options},
    faults::PowerDisk,
};

use crate::conform::small;

fn open(disk: &PowerDisk, options: &Options) -> Result<storage::disk::Log, Error> {
    DataDir::open_on(Arc::new(disk.clone()), "/data", options.clone())?.log()
}

fn segment(first: u64) -> PathBuf {
    PathBuf::from(format!("/data/log/{first:020}.log"))
}

/// 40 groups of two records of 600 bytes: several segments. Every record's bytes differ.
fn written() -> PowerDisk {
    let disk = PowerDisk::new();
    let mut log = open(&disk, &small()).expect("opens");
    for round in 1..=40_u8 {
        log.append(&[&[round; 600], &[round + 100; 600]]).expect("appends");
    }
    disk
}

/// Opens and reads everything, and says what was wrong.
fn verdict(disk: &PowerDisk, options: &Options) -> String {
    let log = match open(disk, options) {
        Ok(log) => log,
        Err(error) => return format!("open: {error}"),
    };
    match log.verify() {
        Ok(count) => format!("{count} records"),
        Err(error) => format!("read: {error}"),
    }
}

#[test]
fn a_flipped_bit_anywhere_refuses_to_open_with_its_place() {
    let whole = written();
    assert_eq!(verdict(&whole, &small()), "80 records");
    for (path, bytes) in whole.files() {
        if !path.to_string_lossy().ends_with(".log") {
            continue;
        }
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("records");
        for byte in (0..=end).step_by(41) {
            assert!(whole.flip(&path, byte as u64 * 8 + 3));
            let found = verdict(&whole, &small());
            assert!(
                found.starts_with(&format!("open: `{}` is damaged at byte ", path.display())),
                "byte {byte} of {}: {found}",
                path.display()
            );
            assert!(found.contains("restore"), "{found}");
            assert!(whole.flip(&path, byte as u64 * 8 + 3));
        }
    }
    assert_eq!(verdict(&whole, &small()), "80 records", "refusing changed nothing");
}

#[test]
fn the_message_names_file_byte_position_and_next_step() {
    let disk = written();
    assert!(disk.flip(&segment(1), (64 + 640 + 100) * 8));
    assert_eq!(
        verdict(&disk, &small()),
        "open: `/data/log/00000000000000000001.log` is damaged at byte 704, log position 2 (its record does not \
         verify, and the log goes on behind it); restore the log from a backup"
    );
    let lazy = Options { verify_all: false, ..small() };
    assert!(
        verdict(&disk, &lazy)
            .starts_with("read: `/data/log/00000000000000000001.log` is damaged at byte 704")
    );
}

#[test]
fn the_last_write_is_only_given_up_when_a_person_says_so() {
    let disk = written();
    let (path, bytes) =
        disk.files().into_iter().rfind(|(path, _)| path.extension().is_some()).expect("segments");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("records");
    assert!(disk.flip(&path, (end as u64 - 300) * 8));
    let found = verdict(&disk, &small());
    assert!(found.contains("log position 80, in its last write"), "{found}");
    assert!(found.ends_with("or open it once with `drop_damaged_tail` to lose position 80 and what follows"));
    let log = open(&disk, &Options { drop_damaged_tail: true, ..small() }).expect("opens");
    assert_eq!(log.last(), 79);
    assert!(log.recovered().damaged_tail);
    drop(log);
    assert_eq!(verdict(&disk, &small()), "79 records", "once is enough");
}

#[test]
fn damage_before_the_last_write_is_not_given_up_even_then() {
    let disk = written();
    let (path, bytes) =
        disk.files().into_iter().rfind(|(path, _)| path.extension().is_some()).expect("segments");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("records") as u64;
    let lost = Options { drop_damaged_tail: true, ..small() };
    for back in [2 * 640 + 300, 3 * 640 + 300] {
        assert!(disk.flip(&path, (end - back) * 8));
        let found = verdict(&disk, &lost);
        assert!(found.contains("of a later write is intact behind it"), "{found}");
        assert!(disk.flip(&path, (end - back) * 8));
    }
}

#[test]
fn a_missing_a_foreign_and_a_short_segment_are_refused() {
    let disk = written();
    let mut firsts: Vec<u64> = disk
        .files()
        .iter()
        .filter_map(|(path, _)| path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok())
        .collect();
    firsts.sort_unstable();
    let (second, third) = (segment(firsts[1]), segment(firsts[2]));

    let gap = |disk: &PowerDisk| {
        storage::disk::Medium::remove(disk, &second).expect("removed");
        verdict(disk, &small())
    };
    let found = gap(&written());
    assert!(found.starts_with("open: `/data/log/00000000000000000001.log` is damaged at byte"), "{found}");

    // The same positions, another history: the chain does not fit.
    let foreign = PowerDisk::new();
    let mut log = open(&foreign, &small()).expect("opens");
    for round in 1..=40_u8 {
        log.append(&[&[round; 600], &[round; 600]]).expect("appends");
    }
    drop(log);
    let bytes = foreign.files().into_iter().find(|(path, _)| *path == third).expect("a third segment").1;
    assert!(disk.change(&third, |content| {
        *content = bytes;
        true
    }));
    let found = verdict(&disk, &small());
    assert!(found.contains("it does not belong to the segment before it"), "{found}");

    assert!(disk.change(&third, |content| {
        content.truncate(5000);
        true
    }));
    assert!(verdict(&disk, &small()).contains("it is not as long as its head says"));
}

#[test]
fn a_newer_format_names_the_next_step() {
    let disk = written();
    assert!(disk.change(&segment(1), |bytes| {
        bytes[8] = 9;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        true
    }));
    assert_eq!(
        verdict(&disk, &small()),
        "open: `/data/log/00000000000000000001.log` has format version 9, this program reads up to 1; run the newer \
         program"
    );
}

#[test]
fn a_broken_snapshot_is_passed_over_and_kept() {
    let disk = PowerDisk::new();
    let open = || {
        let dir = DataDir::open_on(Arc::new(disk.clone()), "/data", small()).expect("opens");
        dir.snapshots().expect("opens")
    };
    let path = |position: u64| PathBuf::from(format!("/data/snapshots/{position:020}.snapshot"));
    for position in [10, 20, 30] {
        open().save(position, &vec![position as u8; 1000]).expect("saves");
    }
    let length = disk.files().iter().find(|(file, _)| *file == path(30)).expect("a file").1.len();
    for bit in (0..length as u64 * 8).step_by(97) {
        // The four bytes after the version mean nothing, yet a change of them is a change.
        assert!(disk.flip(&path(30), bit));
        assert_eq!(open().load_latest().expect("loads").map(|(position, _)| position), Some(20), "bit {bit}");
        assert!(disk.flip(&path(30), bit));
    }
    assert!(disk.flip(&path(30), 64 * 8));
    assert_eq!(
        open().load(30).expect_err("damaged").to_string(),
        "`/data/snapshots/00000000000000000030.snapshot` is damaged at byte 0 (its content does not have the checksum \
         in its head); restore it from a backup"
    );
    assert_eq!(open().prune(1).expect("prunes"), 1);
    assert_eq!(open().list().expect("lists"), vec![20, 30], "20 is the newest that verifies, 30 is evidence");
}
