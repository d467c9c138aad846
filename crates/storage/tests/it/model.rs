//! Random use with reopens, compared with the plainest possible model.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use storage::{Blobs, CommandLog, disk::DataDir, faults::PowerDisk};

use crate::conform::small;

#[derive(Clone, Debug)]
enum LogStep {
    Append(Vec<u16>),
    Reopen,
    Cut(u64),
    Trim(u8),
}

fn log_step() -> impl Strategy<Value = LogStep> {
    prop_oneof![
        6 => prop::collection::vec(0..3000_u16, 0..6).prop_map(LogStep::Append),
        1 => Just(LogStep::Reopen),
        1 => any::<u64>().prop_map(LogStep::Cut),
        1 => any::<u8>().prop_map(LogStep::Trim),
    ]
}

#[derive(Clone, Debug)]
enum BlobStep {
    Put(u8, u16),
    Many(Vec<(u8, u16)>),
    Delete(u8),
    Reopen,
    Cut(u64),
}

fn blob_step() -> impl Strategy<Value = BlobStep> {
    let one = || (0..12_u8, 0..6000_u16);
    prop_oneof![
        4 => one().prop_map(|(key, size)| BlobStep::Put(key, size)),
        2 => prop::collection::vec(one(), 0..5).prop_map(BlobStep::Many),
        3 => (0..12_u8).prop_map(BlobStep::Delete),
        1 => Just(BlobStep::Reopen),
        1 => any::<u64>().prop_map(BlobStep::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_growing_list(steps in prop::collection::vec(log_step(), 1..40)) {
        let disk = PowerDisk::new();
        let open = || DataDir::open_on(Arc::new(disk.clone()), "/data", small()).expect("opens").log().expect("opens");
        let mut log = open();
        let mut model: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            match step {
                LogStep::Append(sizes) => {
                    let group: Vec<Vec<u8>> =
                        sizes.iter().map(|size| vec![model.len() as u8 + 1; usize::from(*size)]).collect();
                    let borrowed: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
                    model.extend(group.iter().cloned());
                    prop_assert_eq!(log.append(&borrowed).expect("appends"), model.len() as u64);
                }
                LogStep::Reopen => {
                    drop(log);
                    log = open();
                }
                LogStep::Cut(seed) => {
                    disk.cut_power(seed);
                    drop(log);
                    log = open();
                    prop_assert_eq!(log.recovered().dropped_bytes, 0);
                }
                LogStep::Trim(part) => {
                    let before = model.len() as u64 * u64::from(part) / 255;
                    let kept_from = log.first();
                    log.trim_before(before).expect("trims");
                    prop_assert!(log.first() <= before.max(kept_from));
                }
            }
            prop_assert_eq!(log.last(), model.len() as u64);
            let first = log.first();
            let read: Vec<_> = log.read_from(first).expect("reads").collect::<Result<_, _>>().expect("verifies");
            let expected: Vec<_> = (1..).zip(model.iter().cloned()).skip(first as usize - 1).collect();
            prop_assert!(read == expected);
        }
    }

    #[test]
    fn blobs_are_a_map(steps in prop::collection::vec(blob_step(), 1..40)) {
        let disk = PowerDisk::new();
        let open = || {
            DataDir::open_on(Arc::new(disk.clone()), "/data", small()).expect("opens").blobs().expect("opens")
        };
        let mut blobs = open();
        let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut fill = 0_u8;
        for step in steps {
            let mut value = |size: u16| {
                fill = fill.wrapping_add(1);
                vec![fill; usize::from(size)]
            };
            match step {
                BlobStep::Put(key, size) => {
                    let value = value(size);
                    blobs.put(&format!("k{key}"), &value).expect("puts");
                    model.insert(format!("k{key}"), value);
                }
                BlobStep::Many(items) => {
                    let items: Vec<_> = items.iter().map(|(key, size)| (format!("k{key}"), value(*size))).collect();
                    let borrowed: Vec<(&str, &[u8])> =
                        items.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
                    blobs.put_many(&borrowed).expect("puts");
                    model.extend(items);
                }
                BlobStep::Delete(key) => {
                    let there = blobs.delete(&format!("k{key}")).expect("deletes");
                    prop_assert_eq!(there, model.remove(&format!("k{key}")).is_some());
                }
                BlobStep::Reopen => {
                    drop(blobs);
                    blobs = open();
                }
                BlobStep::Cut(seed) => {
                    disk.cut_power(seed);
                    drop(blobs);
                    blobs = open();
                }
            }
            prop_assert_eq!(blobs.list("").expect("lists"), model.keys().cloned().collect::<Vec<_>>());
            for (key, value) in &model {
                prop_assert!(blobs.get(key).expect("reads").as_ref() == Some(value));
            }
        }
    }
}
