//! Compressed bytes, honest and hostile.

use std::io::{Read, repeat};

use connectors::compression::{DecodeError, Encoding, decoded};
use connectors::files::{Error, Follows};
use proptest::prelude::*;

use crate::support::{file, gzip, options, platform, read, told, zstd};

const ALL: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

fn packed(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => bytes.to_vec(),
        Encoding::Gzip => gzip(bytes),
        Encoding::Zstd => zstd(bytes),
    }
}

#[test]
fn a_body_opens_up_to_the_limit_and_not_one_byte_further() {
    for encoding in ALL {
        for len in [0, 1, 1000, 300_000] {
            let bytes: Vec<u8> = (0..len).map(|at: u32| (u64::from(at).pow(2) % 251) as u8).collect();
            let packed = packed(encoding, &bytes);
            assert_eq!(decoded(encoding, &packed, bytes.len()).unwrap(), bytes, "{encoding:?} {len}");
            if let Some(less) = bytes.len().checked_sub(1) {
                let refused = decoded(encoding, &packed, less);
                assert_eq!(refused, Err(DecodeError::TooLarge { bytes_max: less }), "{encoding:?} {len}");
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 64 * 1024 * 1024];
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let bomb = packed(encoding, &zeros);
        assert!(bomb.len() < zeros.len() / 500, "{encoding:?} {}", bomb.len());
        assert_eq!(decoded(encoding, &bomb, 1000), Err(DecodeError::TooLarge { bytes_max: 1000 }));
    }
}

#[test]
fn a_window_over_the_limit_is_refused_before_memory_is_asked_for() {
    // Frames that claim windows of 8 MiB, 9 MiB, almost 4 TiB, and a single segment of 2^63 bytes.
    for (window, refused) in [(13 << 3, false), (13 << 3 | 1, true), (0xff, true)] {
        let empty_block = [1, 0, 0];
        let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, window][..], &empty_block].concat();
        assert_eq!(decoded(Encoding::Zstd, &frame, 100).is_err(), refused, "{window:x}");
    }
    let single = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0];
    assert_eq!(decoded(Encoding::Zstd, &single, 100), Err(DecodeError::Damaged));
}

#[test]
fn cut_and_changed_bodies_are_refused() {
    let bytes: Vec<u8> = (0..5000_u32).map(|at| (u64::from(at).pow(2) % 251) as u8).collect();
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let good = packed(encoding, &bytes);
        for len in 1..good.len() {
            assert_eq!(
                decoded(encoding, &good[..len], 10_000),
                Err(DecodeError::Damaged),
                "{encoding:?} {len}"
            );
        }
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 0x10;
            // Some bits of a header carry nothing; whatever opens must still be what was packed.
            if let Ok(opened) = decoded(encoding, &changed, 10_000) {
                assert_eq!(opened, bytes, "{encoding:?} {at}");
            }
        }
    }
}

#[test]
fn members_and_frames_one_after_the_other_are_one_text() {
    for pack in [gzip, zstd] {
        let text = [pack(b"1,2\n3,"), pack(b""), pack(b"4\n")].concat();
        assert_eq!(file(&text, options("follower,account")), ["1 backfill 1 2 @5", "2 backfill 3 4 @5"]);
    }
    // A skippable frame before, between and after.
    let skip = [0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
    let text = [&skip[..], &zstd(b"1,2\n"), &skip, &zstd(b"3,4\n"), &skip].concat();
    assert_eq!(file(&text, options("follower,account")).len(), 2);
    assert_eq!(decoded(Encoding::Zstd, &text, 8).unwrap(), &b"1,2\n3,4\n"[..]);
    let cut = [&zstd(b"1,2\n")[..], &skip[..9]].concat();
    assert_eq!(decoded(Encoding::Zstd, &cut, 8), Err(DecodeError::Damaged));
}

#[test]
fn rows_before_the_damage_are_given_out_and_then_it_is_told() {
    let text: String = (0..20_000).map(|row| format!("{row},77777\n")).collect();
    let mut packed = gzip(text.as_bytes());
    packed.truncate(packed.len() / 2);
    let mut follows = read(&packed, options("follower,account")).unwrap();
    let mut rows = 0;
    let error = loop {
        match follows.next_batch() {
            Ok(Some(batch)) => rows += told(&batch).len(),
            Ok(None) => unreachable!("the damage was not told"),
            Err(error) => break error,
        }
    };
    assert!(rows > 1000, "{rows}");
    assert!(matches!(error, Error::Read { line, .. } if line as usize == rows), "{error} {rows}");
    assert_eq!(follows.progress().rows as usize, rows);
}

#[test]
fn a_file_without_line_ends_costs_no_memory() {
    // 1 GiB would be slow here; what is tested is that the reader's buffer is all there is.
    let endless = repeat(b'x').take(200 * 1024 * 1024);
    let mut follows = Follows::from_reader(endless, platform(), options("follower,account")).unwrap();
    assert_eq!(told(&follows.next_batch().unwrap().unwrap()), ["1 line_is_too_long"]);
    assert!(follows.next_batch().unwrap().is_none());
}

#[test]
fn encodings_are_told_by_header_and_by_bytes() {
    for (header, encoding) in [
        ("gzip", Some(Encoding::Gzip)),
        ("GZIP", Some(Encoding::Gzip)),
        (" zstd ", Some(Encoding::Zstd)),
        ("identity", Some(Encoding::Identity)),
        ("", Some(Encoding::Identity)),
        ("br", None),
        ("gzip, gzip", None),
    ] {
        assert_eq!(Encoding::from_header(header), encoding, "{header}");
    }
    for encoding in ALL {
        assert_eq!(Encoding::from_first_bytes(&packed(encoding, b"1,2\n")), encoding);
    }
    assert_eq!(Encoding::from_first_bytes(b""), Encoding::Identity);
}

proptest! {
    #[test]
    fn any_bytes_open_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), magic: bool) {
        for (encoding, start) in [(Encoding::Gzip, &[0x1f, 0x8b, 8][..]), (Encoding::Zstd, &[0x28, 0xb5, 0x2f, 0xfd])] {
            let start = if magic { start } else { &[] };
            if let Ok(opened) = decoded(encoding, &[start, &bytes].concat(), 1000) {
                prop_assert!(opened.len() <= 1000);
            }
        }
    }
}
