//! Rows and lines a second on one core, from memory.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may stop")]

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::Instant;

use connectors::files::{Follows, Options};
use connectors::ingest::Events;
use state::PlatformId;

const ROWS: u64 = 3_000_000;

fn main() {
    let platform = PlatformId::new("bench").unwrap();
    let mut seed = 1_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 40
    };
    let (mut csv, mut timed, mut quoted, mut objects, mut events) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for _ in 0..ROWS {
        let (follower, account) = (random(), random());
        writeln!(csv, "{follower},{account}").unwrap();
        writeln!(timed, "u{follower},{account},1752792945").unwrap();
        writeln!(quoted, "\"{follower}\",\"{account}\"").unwrap();
        writeln!(objects, r#"{{"follower":{follower},"account":{account}}}"#).unwrap();
        writeln!(
            events,
            r#"{{"type":"follow","follower":"{follower}","account":"{account}","at":"2026-11-23T08:00:00.123Z","id":"{follower:08x}"}}"#
        )
        .unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(csv.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);

    let files = [
        ("csv, two numbers", "follower,account", csv.into_bytes()),
        ("csv, a text, a number, a time", "follower,account,at", timed.into_bytes()),
        ("csv, quoted", "follower,account", quoted.into_bytes()),
        ("csv, gzip", "follower,account", gzip),
        ("csv, zstd", "follower,account", zstd),
        ("objects", "follower,account", objects.into_bytes()),
    ];
    for (what, columns, bytes) in files {
        let options = Options::new(columns.parse().unwrap(), 0);
        let start = Instant::now();
        let mut follows = Follows::from_reader(Cursor::new(bytes), platform.clone(), options).unwrap();
        let mut count = 0;
        while let Some(batch) = follows.next_batch().unwrap() {
            count += u64::from(batch.edges.len()) + batch.refused.total();
        }
        say(what, count, start);
    }
    let start = Instant::now();
    let mut lines = Events::new(events.as_bytes());
    let mut count = 0;
    while let Some(batch) = lines.next_batch(&platform, 10_000) {
        assert_eq!(batch.refused.total(), 0);
        count += u64::from(batch.edges.len());
    }
    say("ingest, texts, RFC 3339, event id", count, start);
}

fn say(what: &str, count: u64, start: Instant) {
    assert!(count >= ROWS - ROWS / 1000, "{what} {count}");
    println!("{what:40} {:10.2} M/s", count as f64 / start.elapsed().as_secs_f64() / 1e6);
}
