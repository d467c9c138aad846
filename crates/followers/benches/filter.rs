//! What a filter, its preview and its undo cost, and what reads of other accounts feel of it.
//!
//! `cargo bench -p followers --bench filter [millions ...]`; 1, 7 and 10 without an argument. One account's followers,
//! every second account or so, on three attributes and a date; about one in eight stays.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench reads the clock and shows fractions"
)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use followers::{
    AccountNo, Attribute, Criteria, Day, Edge, Engine, Filter, FilterId, FilterOutcome, Limits, Op, Order,
    Reader, UndoOutcome,
};
use workloads::Random;

const MILLION: u32 = 1_000_000;
const DAY_MS: i64 = 86_400_000;
const TODAY: i64 = 20_000;
const RUNS: usize = 21;
/// Accounts that are read meanwhile, and how many follow each.
const OTHERS: u32 = 1000;
const OTHERS_FOLLOWED_BY: u32 = 1000;

fn main() {
    let mut millions: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if millions.is_empty() {
        millions = vec![1, 7, 10];
    }
    for millions in millions {
        measure(millions * MILLION);
    }
}

fn measure(followers: u32) {
    let mut random = Random::new(7);
    let mut engine = engine(followers, &mut random);
    let reader = engine.reader();
    let target = AccountNo(0);
    let everyone = reader.count(target);
    println!("{everyone} followers");
    let filters = [
        ("7 in 8, three attributes and a date", filter(Order::Oldest, None)),
        ("the same, newest first, a target", filter(Order::Newest, Some(everyone / 2))),
        ("the same, oldest first, a target", filter(Order::Oldest, Some(everyone / 2))),
        ("the same, random, a target", filter(Order::Random { seed: 7 }, Some(everyone / 2))),
        ("random, no target", filter(Order::Random { seed: 7 }, None)),
        (
            "one in a hundred, by day",
            Filter {
                criteria: Criteria::FollowedBefore(Day(TODAY as u16 - 1980)),
                ..filter(Order::Oldest, None)
            },
        ),
    ];
    let mut position = 0;
    for (name, filter) in &filters {
        let (mut filtered, mut undone, mut previewed) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = 0;
        for _ in 0..RUNS {
            position += 1;
            let mut preview = None;
            previewed.push(time(|| preview = Some(black_box(reader.preview(target, filter)))));
            let mut outcome = None;
            filtered.push(time(|| outcome = Some(engine.filter(target, filter, TODAY * DAY_MS, position))));
            let Some(FilterOutcome::Filtered { left: now, .. }) = outcome else { return };
            assert_eq!(preview.map(|preview| preview.left), Some(now));
            left = now;
            undone.push(time(|| {
                let outcome = engine.undo(target, FilterId(position), TODAY * DAY_MS);
                assert!(matches!(outcome, UndoOutcome::Restored { count, .. } if count == everyone));
            }));
        }
        println!("  {name}, to {left}:");
        println!("    filter {}, preview {}, undo {}", Show(filtered), Show(previewed), Show(undone));
    }
    reads_meanwhile(&mut engine, &filters[0].1, position);
}

/// How long single reads of other accounts take while nothing happens, and while filters run and are undone.
fn reads_meanwhile(engine: &mut Engine, filter: &Filter, mut position: u64) {
    let reader = engine.reader();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let quiet = scope.spawn(|| probe(&reader, &stop));
        std::thread::sleep(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
        let quiet = quiet.join().unwrap_or_default();
        stop.store(false, Ordering::Relaxed);
        let busy = scope.spawn(|| probe(&reader, &stop));
        for _ in 0..RUNS {
            position += 1;
            engine.filter(AccountNo(0), filter, TODAY * DAY_MS, position);
            engine.undo(AccountNo(0), FilterId(position), TODAY * DAY_MS);
        }
        stop.store(true, Ordering::Relaxed);
        let busy = busy.join().unwrap_or_default();
        for (name, times) in [("quiet", quiet), ("during filters and undos", busy)] {
            let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
            println!(
                "  {} reads {name}: p50 {} ns, p99 {} ns, p99.99 {} ns, worst {} ns",
                times.len(),
                at(0.5),
                at(0.99),
                at(0.9999),
                at(1.0)
            );
        }
    });
}

/// Nanoseconds of each read, sorted.
fn probe(reader: &Reader, stop: &AtomicBool) -> Vec<u64> {
    let mut random = Random::new(3);
    let mut times = Vec::with_capacity(1 << 22);
    while !stop.load(Ordering::Relaxed) && times.len() < times.capacity() {
        let (who, follower) =
            (AccountNo(1 + random.below(OTHERS)), AccountNo(random.below(reader.accounts())));
        let start = Instant::now();
        black_box((reader.count(who), reader.contains(who, follower), reader.following_count(follower)));
        times.push(start.elapsed().as_nanos() as u64);
    }
    times.sort_unstable();
    times
}

fn filter(order: Order, leave_at: Option<u32>) -> Filter {
    let attributes = [Attribute::Inactive, Attribute::NoPicture, Attribute::SuspectedBot];
    Filter {
        criteria: Criteria::All(vec![
            Criteria::Any(attributes.map(Criteria::Has).to_vec()),
            Criteria::FollowedBefore(Day(TODAY as u16 - 20)),
        ]),
        keep: Vec::new(),
        order,
        leave_at,
        keep_followed: false,
        bar_days: 0,
    }
}

/// An account with that many followers, who follow since some day of the last 2,000.
fn engine(followers: u32, random: &mut Random) -> Engine {
    let accounts = followers.saturating_mul(2);
    let mut engine = Engine::new(Limits { horizon_ms: DAY_MS, ..Limits::default() });
    engine.grow(accounts.max(OTHERS + 1));
    engine.set_clock(TODAY * DAY_MS);
    for who in (0..accounts).map(AccountNo) {
        let bits = random.bits();
        for (at, attribute) in
            [Attribute::Inactive, Attribute::NoPicture, Attribute::SuspectedBot].iter().enumerate()
        {
            if bits >> at & 1 == 1 {
                engine.set_attribute(who, *attribute, true);
            }
        }
    }
    let mut edges = Vec::new();
    let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
    let mut apply = |edges: &mut Vec<Edge>, engine: &mut Engine| {
        engine.apply(edges, &mut outcomes, &mut touched);
        outcomes.clear();
        touched.clear();
        edges.clear();
    };
    let mut edge = |followee, follower| {
        let day = TODAY - 2 - i64::from(random.below(1998));
        let op = Op::Backfill;
        Edge { followee: AccountNo(followee), follower: AccountNo(follower), op, version: day * DAY_MS }
    };
    for nth in 0..followers {
        edges.push(edge(0, 1 + nth * 2 - u32::from(nth > 0 && nth % 3 == 0)));
        if edges.len() == MILLION as usize {
            apply(&mut edges, &mut engine);
        }
    }
    for other in 1..=OTHERS {
        for nth in 0..OTHERS_FOLLOWED_BY {
            edges.push(edge(other, OTHERS + 1 + (nth * 997 + other) % (accounts - OTHERS - 1)));
        }
    }
    apply(&mut edges, &mut engine);
    engine
}

/// On the clock, and running: other work on the machine disturbs the second much less.
fn time(work: impl FnOnce()) -> (Duration, Duration) {
    let ran = || {
        let ran = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(ran.tv_sec.unsigned_abs(), ran.tv_nsec.unsigned_abs() as u32)
    };
    let (start, before) = (Instant::now(), ran());
    work();
    (start.elapsed(), ran() - before)
}

/// The median and the 99th of a hundred on the clock, the median of what the thread ran.
struct Show(Vec<(Duration, Duration)>);

impl std::fmt::Display for Show {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |mut times: Vec<Duration>, part: usize| {
            times.sort_unstable();
            times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3
        };
        let clock = || self.0.iter().map(|time| time.0).collect();
        let ran = self.0.iter().map(|time| time.1).collect();
        write!(out, "p50 {:.2} p99 {:.2} cpu {:.2} ms", at(clock(), 50), at(clock(), 99), at(ran, 50))
    }
}
