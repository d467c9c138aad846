//! Ways to keep the command log, measured on the log's own job, against the bare limit of the disk in the same run.
//!
//! Absolute figures say more about the machine than about the log: the ratios to `bare` of the same round count.
//! `cargo run --release -- [directory] [rounds] [milliseconds a turn] [workload]`. The directory must be on the
//! disk to be measured, not in memory. A rented disk may slow down once a quota is used up: run the workloads one by
//! one then, with pauses.

mod subjects;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use subjects::{READ_BYTES, Subject, open, read_back};

const EVENT_BYTES: usize = 16;
const COMMITTERS: usize = 64;
/// After files were prepared: a rented disk has to earn back what that used up.
const PAUSE: Duration = Duration::from_secs(8);

fn main() {
    let mut args = env::args().skip(1);
    let directory = PathBuf::from(args.next().unwrap_or_else(|| "/var/tmp/bench-log".into()));
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(25);
    let slice = Duration::from_millis(args.next().and_then(|n| n.parse().ok()).unwrap_or(60));
    let only = args.next().unwrap_or_default();
    for (workload, events) in [("append 1", 1), ("append 100", 100), ("append 10,000", 10_000)] {
        if !workload.ends_with(&only) {
            continue;
        }
        let mut logs = opened(&directory);
        table(workload, rounds, |turn| appends(&mut *logs[turn], events, slice));
    }
    if "64 committers".ends_with(&only) {
        let mut logs = opened(&directory);
        table("64 committers", rounds, |turn| committers(&mut *logs[turn], slice * 2));
    }
    if "read back".ends_with(&only) {
        for name in subjects::ALL {
            write_for_reading(name, &directory.join(name));
        }
        thread::sleep(PAUSE);
        table("read back", rounds, |turn| read(subjects::ALL[turn], &directory.join(subjects::ALL[turn])));
    }
    let _ = fs::remove_dir_all(&directory);
}

/// All subjects side by side on fresh directories.
fn opened(directory: &Path) -> Vec<Box<dyn Subject>> {
    let _ = fs::remove_dir_all(directory);
    let subjects = subjects::ALL.iter().map(|name| open(name, &directory.join(name))).collect();
    thread::sleep(PAUSE);
    subjects
}

/// Measures all subjects in short turns, so that whatever else the machine does falls on all of them, and prints
/// rates and ratios. The order changes every round, so that no subject always follows the same one.
fn table(workload: &str, rounds: usize, mut measure: impl FnMut(usize) -> f64) {
    let count = subjects::ALL.len();
    let mut rates = vec![Vec::new(); count];
    for round in 0..rounds {
        for turn in 0..count {
            let turn = (turn + round) % count;
            rates[turn].push(measure(turn));
        }
    }
    println!("\n{workload:<16}{:>14}{:>10}{:>16}", "events/s", "of bare", "middle half");
    for (name, rates_of) in subjects::ALL.iter().zip(&rates) {
        // Ratio within a round, then the median of the rounds: drift of the machine cancels out.
        let mut ratios: Vec<f64> = rates_of.iter().zip(&rates[0]).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
        println!("{name:<16}{:>14.0}{:>10.2}{low:>10.2} - {high:.2}", median(rates_of), median(&ratios));
    }
}

/// One writer, one record of `events` events a commit, each durable before the next. Events a second.
fn appends(log: &mut dyn Subject, events: usize, span: Duration) -> f64 {
    let record = noise(events * EVENT_BYTES);
    log.append(&[&record]);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < span {
        log.append(&[&record]);
        count += events;
    }
    count as f64 / start.elapsed().as_secs_f64()
}

/// 64 threads that each wait for their own record of one event, one writer that commits whatever has queued up.
fn committers(log: &mut dyn Subject, span: Duration) -> f64 {
    type Job = (Vec<u8>, SyncSender<()>);
    let (submit, queue) = sync_channel::<Job>(COMMITTERS * 2);
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(first) = queue.recv() {
                let group: Vec<Job> = std::iter::once(first).chain(queue.try_iter()).collect();
                let records: Vec<&[u8]> = group.iter().map(|(record, _)| record.as_slice()).collect();
                log.append(&records);
                for (_, done) in group {
                    let _ = done.send(());
                }
            }
        });
        let start = Instant::now();
        let clients: Vec<_> = (0..COMMITTERS)
            .map(|_| {
                let submit = submit.clone();
                scope.spawn(move || {
                    let (done, wait) = sync_channel(1);
                    let mut count = 0u64;
                    while start.elapsed() < span {
                        submit.send((noise(EVENT_BYTES), done.clone())).expect("the writer lives");
                        wait.recv().expect("the writer answers");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        drop(submit);
        let count: u64 = clients.into_iter().map(|client| client.join().expect("client")).sum();
        count as f64 / start.elapsed().as_secs_f64()
    })
}

/// 600 records of 10,000 events: 96 MB.
fn write_for_reading(name: &str, dir: &Path) {
    let _ = fs::remove_dir_all(dir);
    let record = noise(10_000 * EVENT_BYTES);
    let mut log = open(name, dir);
    for _ in 0..20 {
        log.append(&[record.as_slice(); 30]);
    }
}

/// Opens what was written and reads it in order, checked. Events a second; opening is included, because engines do
/// their work at one time or the other.
fn read(name: &str, dir: &Path) -> f64 {
    let start = Instant::now();
    assert_eq!(read_back(name, dir), READ_BYTES, "`{name}` lost bytes");
    (600 * 10_000) as f64 / start.elapsed().as_secs_f64()
}

/// Bytes that no engine can compress away, the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut x = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x as u8
        })
        .collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
