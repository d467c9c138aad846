//! Any bytes as a file: no panic, and every row answered once; and CSV as the csv crate reads it.

use proptest::prelude::*;

use crate::support::{file, gzip, options, read, told, zstd};

fn row() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[0-9]{1,3},[0-9]{1,3}\n".prop_map(String::into_bytes),
        2 => "[a,\"# \t;{}:\n0-9]{0,16}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..16),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"{\"follower\":1,\"account\":2}\n".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_without_panic_and_every_row_is_answered_once(
        rows in prop::collection::vec(row(), 0..12), at: bool, batch_events_max in 1_u32..5, prefix in 0_usize..4
    ) {
        let text = rows.concat();
        let text = match prefix {
            0 => text,
            1 => gzip(&text),
            2 => zstd(&text),
            _ => [&[0x1f, 0x8b][..], &text].concat(),
        };
        let mut options = options(if at { "follower,account,at" } else { "follower,account" });
        options.batch_events_max = batch_events_max;
        let Ok(mut follows) = read(&text, options) else { return Ok(()) };
        let mut answered = 0;
        while let Ok(Some(batch)) = follows.next_batch() {
            prop_assert!(batch.edges.len() <= batch_events_max);
            answered += told(&batch).len() as u64;
            prop_assert_eq!(answered, follows.progress().rows);
        }
        prop_assert_eq!(answered, follows.progress().rows);
    }

    #[test]
    fn quoted_files_are_read_as_the_csv_crate_reads_them(
        values in prop::collection::vec(("[1-9][0-9]{0,4}", "[a-z\", \n#]{0,8}", "[a-c]{1,3}"), 1..20), packed in 0_usize..3
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for (follower, bio, account) in &values {
            writer.write_record([follower, bio, account]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let text = match packed {
            0 => text,
            1 => gzip(&text),
            _ => zstd(&text),
        };
        let told: Vec<String> = file(&text, options("follower,_,account"))
            .iter()
            .map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect();
        let expected: Vec<String> =
            values.iter().map(|(follower, _, account)| format!("backfill {follower} {account} @5")).collect();
        prop_assert_eq!(told, expected);
    }
}
