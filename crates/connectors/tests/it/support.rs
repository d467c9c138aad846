//! Reads a file or body and writes down what came of each line.

use std::io::{Cursor, Write};

use connectors::files::{Error, Follows, Options};
use connectors::ingest::Events;
use connectors::{Batch, Refusals};
use state::{Op, PlatformId};

pub(crate) fn platform() -> PlatformId {
    PlatformId::new("demo").unwrap()
}

/// `1 backfill 7 8 @5` for an event (line, op, follower, account, time), `2 code` for a refusal; by line.
pub(crate) fn told(batch: &Batch) -> Vec<String> {
    let mut out: Vec<(u64, String)> = Vec::new();
    for (event, line) in batch.edges.events().zip(&batch.lines) {
        let op = match event.op {
            Op::Follow => "follow",
            Op::Unfollow => "unfollow",
            Op::Backfill => "backfill",
        };
        let id = event.id.map_or(String::new(), |id| format!(" #{}", String::from_utf8_lossy(id)));
        out.push((*line, format!("{line} {op} {} {} @{}{id}", event.follower, event.followee, event.at)));
    }
    assert_eq!(batch.edges.len() as usize, batch.lines.len());
    for refused in batch.refused.first() {
        out.push((refused.line, format!("{} {}", refused.line, refused.why.as_str())));
    }
    out.sort_by_key(|(line, _)| *line);
    out.into_iter().map(|(_, text)| text).collect()
}

pub(crate) fn options(columns: &str) -> Options {
    Options::new(columns.parse().unwrap(), 5)
}

pub(crate) fn read(bytes: &[u8], options: Options) -> Result<Follows, Error> {
    Follows::from_reader(Cursor::new(bytes.to_vec()), platform(), options)
}

/// Everything that came of a file.
pub(crate) fn file(bytes: &[u8], options: Options) -> Vec<String> {
    let mut follows = read(bytes, options).unwrap();
    let mut out = Vec::new();
    while let Some(batch) = follows.next_batch().unwrap() {
        out.extend(told(&batch));
    }
    out
}

/// Everything that came of a body.
pub(crate) fn body(bytes: &[u8]) -> Vec<String> {
    let mut events = Events::new(bytes);
    let mut out = Vec::new();
    while let Some(batch) = events.next_batch(&platform(), 3) {
        out.extend(told(&batch));
    }
    out
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn refusals_keep_the_first_and_count_all() {
    let bad = "x\n".repeat(Refusals::KEPT_MAX * 2 + 1);
    let batch = Events::new(bad.as_bytes()).next_batch(&platform(), 10).unwrap();
    assert_eq!(batch.refused.total(), 2001);
    assert_eq!(batch.refused.first().len(), 1000);
    assert!(!batch.refused.is_complete());
    let mut sum = Refusals::default();
    assert!(sum.is_complete());
    sum.append(&batch.refused);
    sum.append(&batch.refused);
    assert_eq!((sum.total(), sum.first().len()), (4002, 1000));
}
