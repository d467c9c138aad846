//! Snapshots and restarts of a large state on disk, printed, never asserted.
//!
//! `cargo bench -p pipeline --bench restart -- 20` fills a store with 20 million follows by the degree law, over a tenth
//! as many accounts; 200 takes some minutes and 3 GB of disk. Opening happens in a process of its own, as a restart does.
#![expect(clippy::print_stdout, reason = "a bench measures time and prints it")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pipeline::{Clock, Forget, Handle, Limits, Parts, Pipeline, Ticket};
use state::commands::RegisterPlatform;
use state::{AccountKey, Command, EdgeBatchBuilder, HolderId, Op, PlatformId};
use storage::disk::{DataDir, Options};
use workloads::{Random, degrees};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: u32 = 10_000;
const DAY: i64 = 86_400_000;
/// Follows are spread over so many days.
const DAYS: u32 = 5_475;

/// Stands in for the vault.
struct Keep;

impl Forget for Keep {
    fn forget(&self, _: &PlatformId, _: &HolderId) -> Result<(), vault::Error> {
        Ok(())
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("open") => return open_and_read(Path::new(&args[1])),
        Some("tail") => return tail(Path::new(&args[1]), args[2].parse().unwrap()),
        _ => {}
    }
    let millions = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(20u32);
    let folder = tempfile::tempdir().unwrap();
    let follows = fill(folder.path(), millions * 1_000_000);
    let snapshots = std::fs::read_dir(folder.path().join("snapshots")).unwrap();
    let bytes: u64 = snapshots.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    println!("snapshot      {bytes} bytes, {:.2} a follow", bytes as f64 / follows as f64);
    let path = folder.path().to_str().unwrap();
    for _ in 0..3 {
        child(&["open", path]);
    }
    child(&["tail", path, &format!("{}", millions * 50_000)]);
    child(&["open", path]);
}

fn child(args: &[&str]) {
    let done = std::process::Command::new(std::env::current_exe().unwrap()).args(args).status().unwrap();
    assert!(done.success());
}

fn open(folder: &Path) -> (Pipeline, pipeline::Opened) {
    let options = Options { verify_all: false, ..Options::default() };
    let dir = DataDir::open(folder, options).unwrap();
    let parts = Parts {
        log: Box::new(dir.log().unwrap()),
        snapshots: Arc::new(dir.snapshots().unwrap()),
        keys: Arc::new(Keep),
        clock: Clock::System,
        state_limits: state::Limits::default(),
    };
    let limits = Limits {
        snapshot_at_close: false,
        snapshot_entries: u64::MAX,
        snapshot_bytes: u64::MAX,
        ..Limits::default()
    };
    Pipeline::open(limits, parts).unwrap()
}

fn platform() -> PlatformId {
    PlatformId::new("bench").unwrap()
}

/// Ids as a platform gives them out: numbers with gaps.
fn key(account: u32) -> AccountKey<'static> {
    AccountKey::Number(1_000_000_000 + u64::from(account) * 7)
}

/// Commands on their way, a few at a time.
fn send(handle: &Handle, waiting: &mut VecDeque<Ticket>, command: Command) {
    waiting.push_back(handle.submit_patiently(command).unwrap());
    if waiting.len() > 8 {
        drop(waiting.pop_front().unwrap().wait().unwrap());
    }
}

/// Fills a store, saves a snapshot while commands go on, and gives the follows.
fn fill(folder: &Path, edges: u32) -> u64 {
    let (pipeline, _) = open(folder);
    let handle = pipeline.handle();
    let register = RegisterPlatform { platform: platform(), title: "A bench".parse().unwrap() };
    handle.submit_and_wait(Command::RegisterPlatform(register)).unwrap();
    let accounts = edges / 10;
    let started = Instant::now();
    let mut random = Random::new(7);
    let mut batch = EdgeBatchBuilder::new(platform());
    let mut waiting = VecDeque::new();
    let newest = Clock::System.now_ms() - 30 * DAY;
    for (rank, degree) in (0..).zip(degrees(u64::from(edges), accounts / 2)) {
        for _ in 0..degree {
            let follower = random.below(accounts);
            let at = newest - i64::from(random.below(DAYS)) * DAY;
            if follower != rank {
                batch.push_keys(Op::Backfill, key(rank), key(follower), at, None).unwrap();
            }
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, EdgeBatchBuilder::new(platform()));
                send(&handle, &mut waiting, Command::Edges(full.build()));
            }
        }
    }
    waiting.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    let counts = handle.reader().platform(&platform()).unwrap().counts();
    let follows = counts.events_accepted;
    println!(
        "fill          {} accounts, {follows} follows, {:.2} M/s",
        counts.accounts,
        follows as f64 / started.elapsed().as_secs_f64() / 1e6
    );
    let quiet = worst(&handle, accounts, |_| std::thread::sleep(Duration::from_secs(2)));
    let busy = worst(&handle, accounts, |handle| {
        let started = Instant::now();
        handle.snapshot_and_wait().unwrap();
        println!("save          {:.2} s beside commands", started.elapsed().as_secs_f64());
    });
    println!("one command   worst {quiet:?} quiet, {busy:?} while a snapshot is saved");
    pipeline.close();
    follows
}

/// The longest that a single follow took to be answered while something went on.
fn worst(handle: &Handle, accounts: u32, what: impl FnOnce(&Handle)) -> Duration {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut random = Random::new(99);
            let mut worst = Duration::ZERO;
            while !over.load(Ordering::Acquire) {
                let started = Instant::now();
                handle.submit_and_wait(live(&mut random, accounts, 1)).unwrap();
                worst = worst.max(started.elapsed());
            }
            worst
        });
        what(handle);
        over.store(true, Ordering::Release);
        beside.join().unwrap()
    })
}

/// Follows of now, half of them of the larger half of accounts, half of those of the larger quarter, and so on.
fn live(random: &mut Random, accounts: u32, count: u32) -> Command {
    let mut batch = EdgeBatchBuilder::new(platform());
    let now = Clock::System.now_ms();
    while batch.len() < count {
        let bits = 1 + random.below(accounts.ilog2());
        let (followee, follower) = (random.below(1 << bits) % accounts, random.below(accounts));
        if followee != follower {
            batch.push_keys(Op::Follow, key(followee), key(follower), now, None).unwrap();
        }
    }
    Command::Edges(batch.build())
}

/// A restart, in a process of its own.
fn open_and_read(folder: &Path) {
    let started = Instant::now();
    let (pipeline, opened) = open(folder);
    let handle = pipeline.handle();
    let count = handle.reader().platform(&platform()).unwrap().account(key(0)).unwrap().count();
    let took = started.elapsed();
    println!(
        "open          {took:.2?} to the first read ({count} followers), {:.2} s of processor time, {} entries replayed",
        processor_seconds(),
        opened.replayed
    );
    pipeline.close();
}

/// What all threads of this process used: other work on the machine disturbs it less than the clock.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Live events behind the snapshot.
fn tail(folder: &Path, events: u32) {
    let (pipeline, _) = open(folder);
    let handle = pipeline.handle();
    let accounts = handle.reader().platform(&platform()).unwrap().counts().accounts as u32;
    let mut random = Random::new(5);
    let mut waiting = VecDeque::new();
    for _ in 0..events.div_ceil(BATCH) {
        send(&handle, &mut waiting, live(&mut random, accounts, BATCH));
    }
    waiting.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    println!("tail          {} live events behind the snapshot", events.next_multiple_of(BATCH));
    pipeline.close();
}
