//! How fast events go all the way: submitted, logged and synced on this disk, applied, answered.
//!
//! One account with most of the followers and a Zipf tail are loaded, then fresh follows arrive, half for the large account,
//! half for the tail, in commits of 10,000, 100 and 1. `cargo bench -p pipeline --bench stream -- 10 4` loads 10 M and
//! streams 4 M. Prints; asserts nothing about time. `NAMEPLATE_BENCH_DIR` names the folder whose disk is meant.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench measures the clock and prints")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use pipeline::{Clock, Forget, Handle, Limits, Parts, Pipeline, Ticket};
use state::commands::RegisterPlatform;
use state::{AccountKey, Command, EdgeBatchBuilder, Op, PlatformId};
use storage::disk::{DataDir, Options};
use workloads::Random;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IDS: u64 = 600_000_000;
const LARGE: u64 = 1;
const TAIL_FIRST: u64 = 1_001;
const TAIL: usize = 100_000;

/// Keys that nobody has: nobody leaves in this bench.
struct NoKeys;

impl Forget for NoKeys {
    fn forget(&self, _: &PlatformId, _: &state::HolderId) -> Result<(), vault::Error> {
        Ok(())
    }
}

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<usize>().ok());
    let load_millions = numbers.next().unwrap_or(10);
    let stream_millions = numbers.next().unwrap_or(4);
    let folder = match std::env::var_os("NAMEPLATE_BENCH_DIR") {
        Some(on) => tempfile::tempdir_in(on).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let path = folder.path().join("data");
    let (pipeline, opened) = open(&path);
    assert_eq!(opened, 0, "the folder is new");
    let handle = pipeline.handle();
    let platform = PlatformId::new("bench").unwrap();
    let register = RegisterPlatform { platform: platform.clone(), title: "A bench".parse().unwrap() };
    handle.submit_and_wait(Command::RegisterPlatform(register)).unwrap().result.unwrap();

    let mut source = Source::new();
    let now = Clock::System.now_ms();
    let edges = load_millions * 1_000_000;
    let mut loaded: Vec<(u64, u64)> = (0..edges).map(|nth| source.loaded(nth)).collect();
    for at in (1..loaded.len()).rev() {
        loaded.swap(at, source.random.wide_below(at as u64 + 1) as usize);
    }
    // Everybody who will follow is known before: first sight is measured by the load.
    let old = |nth: usize| now - 86_400_000 * (200 + (nth as i64 >> 14) % 4_000);
    run("load, 1,000,000 a commit", &handle, &platform, edges, 1_000_000, 3, |nth| {
        let (followee, follower) = loaded[nth];
        (Op::Backfill, followee, follower, old(nth))
    });
    let events = stream_millions * 1_000_000;
    let fresh: Vec<(u64, u64)> = (0..events).map(|_| source.fresh()).collect();
    let half = events / 2;
    run("10,000 a commit, new accounts", &handle, &platform, half, 10_000, 4, |nth| {
        (Op::Follow, fresh[nth].0, fresh[nth].1, now)
    });
    let known: Vec<(u64, u64)> = (0..half)
        .map(|_| {
            let follower = loaded[source.random.wide_below(loaded.len() as u64) as usize].1;
            (source.followee(), follower)
        })
        .collect();
    run("10,000 a commit, known accounts", &handle, &platform, half, 10_000, 4, |nth| {
        (Op::Follow, known[nth].0, known[nth].1, now)
    });
    let some = &fresh[half..];
    let quarter = some.len() / 4;
    for (name, at, in_flight) in
        [("100 a commit, one at a time", 0, 1), ("100 a commit, 16 on their way", quarter, 16)]
    {
        run(name, &handle, &platform, quarter, 100, in_flight, |nth| {
            (Op::Follow, some[at + nth].0, some[at + nth].1, now)
        });
    }
    let few = quarter.min(200_000);
    run("1 a commit, 64 on their way", &handle, &platform, few, 1, 64, |nth| {
        (Op::Follow, some[2 * quarter + nth].0, some[2 * quarter + nth].1, now)
    });
    let position = handle.applied();
    drop(handle);
    drop(pipeline);
    let started = Instant::now();
    let busy = threads();
    let (pipeline, replayed) = open(&path);
    let all = edges + 2 * half + 2 * quarter + few;
    report("replay", all, started, &busy);
    assert_eq!(replayed, position, "everything was in the log");
    drop(pipeline);
}

fn open(path: &std::path::Path) -> (Pipeline, u64) {
    let dir = DataDir::open(path, Options::default()).unwrap();
    let parts = Parts {
        log: Box::new(dir.log().unwrap()),
        snapshots: Arc::new(dir.snapshots().unwrap()),
        keys: Arc::new(NoKeys),
        clock: Clock::System,
        state_limits: state::Limits::default(),
    };
    let limits = Limits {
        snapshot_at_close: false,
        snapshot_entries: u64::MAX,
        snapshot_bytes: u64::MAX,
        ..Limits::default()
    };
    let (pipeline, opened) = Pipeline::open(limits, parts).unwrap();
    (pipeline, opened.replayed)
}

/// Submits `events` in commits of `size`, `in_flight` at once.
fn run(
    name: &str,
    handle: &Handle,
    platform: &PlatformId,
    events: usize,
    size: usize,
    in_flight: usize,
    event: impl Fn(usize) -> (Op, u64, u64, i64),
) {
    let started = Instant::now();
    let busy = threads();
    let mut waiting: VecDeque<Ticket> = VecDeque::new();
    let mut accepted = 0;
    let mut land = |ticket: Ticket| {
        let outcome = ticket.wait().unwrap();
        accepted += outcome.items.iter().filter(|item| item.is_accepted()).count();
    };
    let mut from = 0;
    while from < events {
        let until = (from + size).min(events);
        let mut batch = EdgeBatchBuilder::with_capacity(platform.clone(), size);
        for nth in from..until {
            let (op, followee, follower, at) = event(nth);
            batch
                .push_keys(op, AccountKey::Number(followee), AccountKey::Number(follower), at, None)
                .unwrap();
        }
        waiting.push_back(handle.submit_patiently(Command::Edges(batch.build())).unwrap());
        if waiting.len() >= in_flight {
            waiting.pop_front().map(&mut land);
        }
        from = until;
    }
    waiting.into_iter().for_each(&mut land);
    report(name, events, started, &busy);
    assert!(accepted > events / 100 * 99, "the bench's own events are accepted");
}

fn report(name: &str, events: usize, started: Instant, before: &BTreeMap<String, u64>) {
    let took = started.elapsed();
    let rate = events as u128 * 1_000_000 / took.as_micros().max(1);
    let busy: Vec<String> = threads()
        .into_iter()
        .filter_map(|(thread, ns)| {
            let ns = ns.saturating_sub(before.get(&thread).copied().unwrap_or(0));
            (ns * 20 > events as u64).then(|| format!("{thread} {:.0}", ns as f64 / events as f64))
        })
        .collect();
    println!("{name:<36} {rate:>9} events/s; ns of processor an event: {}", busy.join(", "));
}

/// Nanoseconds each thread of this process has run, by name.
fn threads() -> BTreeMap<String, u64> {
    let mut busy = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let ns = read("schedstat").split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0u64);
        *busy.entry(read("comm").trim().to_owned()).or_default() += ns;
    }
    busy
}

/// Follows of the shape that was measured with other engines: 7 of 10 on one account, the others by Zipf's law.
struct Source {
    random: Random,
    zipf: Vec<f64>,
    seen: Vec<u64>,
}

impl Source {
    fn new() -> Self {
        let mut sum = 0.0;
        let zipf = (1..=TAIL)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { random: Random::new(42), zipf, seen: vec![0; (IDS as usize).div_ceil(64)] }
    }

    /// An id that was not given out before.
    fn stranger(&mut self) -> u64 {
        loop {
            let id = self.random.wide_below(IDS);
            let (word, bit) = ((id / 64) as usize, 1 << (id % 64));
            if self.seen[word] & bit == 0 {
                self.seen[word] |= bit;
                return id + 1_000_000;
            }
        }
    }

    fn by_zipf(&mut self) -> u64 {
        let all = self.zipf.last().copied().unwrap_or(1.0);
        let at = self.random.wide_below(1 << 53) as f64 / (1u64 << 53) as f64 * all;
        TAIL_FIRST + self.zipf.partition_point(|sum| *sum < at) as u64
    }

    fn loaded(&mut self, nth: usize) -> (u64, u64) {
        if nth % 10 < 7 {
            (LARGE, self.stranger())
        } else {
            (self.by_zipf(), self.random.wide_below(IDS) + 1_000_000)
        }
    }

    fn followee(&mut self) -> u64 {
        if self.random.wide_below(2) == 0 { LARGE } else { self.by_zipf() }
    }

    fn fresh(&mut self) -> (u64, u64) {
        (self.followee(), self.stranger())
    }
}
