//! How fast the engine is, printed, never asserted. Rates are per second of processor time.
//!
//! Followees are drawn so that the chance of an account falls as one over its rank, followers evenly; 5 % of the
//! events come twice and 5 % are unfollows. `cargo bench -p followers -- 20` makes it 20 million events (10 by default).
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints it")]
#![expect(clippy::disallowed_types, reason = "a bench measures time")]

use std::hint::black_box;
use std::time::Instant;

use followers::{
    AccountNo, Attribute, Criteria, Edge, Engine, Filter, Limits, Op, Order, Reader, UndoOutcome,
};

const ACCOUNTS: u32 = 1 << 22;
/// Accounts that are followed: 76 followers each in the mean, as a power of two.
const FOLLOWED_BITS: u32 = 17;
const BATCH: usize = 10_000;
const MILLION: u32 = 1_000_000;
const NOW: i64 = 20_000 * 86_400_000;

fn main() {
    let millions = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10u32);
    let mut random = Random(7);
    let edges: Vec<Edge> = edges(millions * MILLION, &mut random);
    for (name, op) in [("live events", None), ("old imports", Some(Op::Backfill))] {
        let edges: Vec<Edge> = match op {
            None => edges.clone(),
            Some(op) => edges.iter().map(|edge| Edge { op, version: edge.version / 2, ..*edge }).collect(),
        };
        let mut engine = Engine::new(Limits::default());
        engine.grow(ACCOUNTS);
        engine.set_clock(NOW);
        stream(name, &mut engine, &edges);
        if op.is_none() {
            reads(&engine.reader(), &mut random);
            let mut bytes = Vec::new();
            let took = busy(|| engine.save(&mut bytes));
            let count =
                (0..ACCOUNTS).map(|who| u64::from(engine.reader().count(AccountNo(who)))).sum::<u64>();
            println!(
                "save          {took:>8} us, {:.2} bytes an edge and its version",
                ratio(bytes.len(), count)
            );
            let took = busy(|| drop(black_box(Engine::load(&bytes, Limits::default()))));
            println!("load          {took:>8} us");
        }
    }
    filter_a_million(&mut random);
}

fn stream(name: &str, engine: &mut Engine, edges: &[Edge]) {
    let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
    let mut slowest = 0;
    let took = busy(|| {
        for batch in edges.chunks(BATCH) {
            outcomes.clear();
            touched.clear();
            slowest = slowest.max(time(|| engine.apply(batch, &mut outcomes, &mut touched)));
        }
    });
    let reader = engine.reader();
    let count = (0..ACCOUNTS).map(|who| u64::from(reader.count(AccountNo(who)))).sum::<u64>();
    let largest = (0..ACCOUNTS).map(|who| reader.count(AccountNo(who))).max().unwrap_or(0);
    let (sets, horizon) = engine.heap_bytes();
    println!("{name:<13} {:>8} events/s, slowest batch {slowest} us", edges.len() as u128 * 1_000_000 / took);
    println!(
        "              {count} edges, largest set {largest}, {:.1} bytes an edge, {:.1} for its version",
        ratio(sets, count),
        ratio(horizon, count)
    );
}

fn reads(reader: &Reader, random: &mut Random) {
    let who: Vec<(AccountNo, AccountNo)> =
        (0..4 * MILLION).map(|_| (random.followee(), AccountNo(random.below(ACCOUNTS)))).collect();
    let counts = busy(|| {
        black_box(who.iter().map(|(who, _)| u64::from(reader.count(*who))).sum::<u64>());
    });
    println!("count         {:>8} reads/s", who.len() as u128 * 1_000_000 / counts);
    let found = busy(|| {
        black_box(who.iter().filter(|(who, follower)| reader.contains(*who, *follower).is_some()).count());
    });
    println!("contains      {:>8} reads/s", who.len() as u128 * 1_000_000 / found);
}

fn filter_a_million(random: &mut Random) {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(NOW);
    let attributes = [Attribute::Inactive, Attribute::NoPicture, Attribute::SuspectedBot];
    for who in 0..ACCOUNTS {
        for attribute in attributes {
            if random.below(2) == 0 {
                engine.set_attribute(AccountNo(who), attribute, true);
            }
        }
    }
    let target = AccountNo(0);
    let edges: Vec<Edge> = (0..MILLION)
        .map(|nth| edge(target, AccountNo(1 + nth * 4 + random.below(4)), Op::Backfill, NOW / 2))
        .collect();
    engine.apply(&edges, &mut Vec::new(), &mut Vec::new());
    let filter = Filter {
        criteria: Criteria::Any(attributes.map(Criteria::Has).to_vec()),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
    };
    for position in 0..3 {
        let reader = engine.reader();
        let previewed = time(|| drop(black_box(reader.preview(target, &filter))));
        let filtered = time(|| {
            black_box(engine.filter(target, &filter, NOW, position));
        });
        let left = reader.count(target);
        let paged = time(|| drop(black_box(reader.newest(target, None, 100))));
        let undone = time(|| {
            let outcome = engine.undo(target, followers::FilterId(position), NOW);
            assert!(matches!(outcome, UndoOutcome::Restored { .. }));
        });
        println!(
            "filter of 1 M to {left}: preview {previewed} us, filter {filtered} us, undo {undone} us; \
             newest 100 of what is left {paged} us"
        );
    }
}

fn edges(count: u32, random: &mut Random) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::with_capacity(count as usize);
    for nth in 0..count {
        let repeated = random.below(20) == 0;
        if repeated && let Some(earlier) = edges.len().checked_sub(1 + random.below(BATCH as u32) as usize) {
            edges.push(edges[earlier]);
            continue;
        }
        let op = if random.below(20) == 0 { Op::Unfollow } else { Op::Follow };
        let version = NOW - 3_600_000 + i64::from(nth / 1000);
        edges.push(edge(random.followee(), AccountNo(random.below(ACCOUNTS)), op, version));
    }
    edges
}

fn edge(followee: AccountNo, follower: AccountNo, op: Op, version: i64) -> Edge {
    Edge { followee, follower, op, version }
}

/// Microseconds on the clock.
fn time(work: impl FnOnce()) -> u128 {
    let start = Instant::now();
    work();
    start.elapsed().as_micros().max(1)
}

/// Microseconds this thread was running, which other work on the machine disturbs less; on the clock where the
/// system does not say. Some milliseconds coarse.
fn busy(work: impl FnOnce()) -> u128 {
    let ran_ns = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse::<u128>().ok()
    };
    let before = ran_ns();
    let clock = time(work);
    match (before, ran_ns()) {
        (Some(before), Some(after)) => ((after - before) / 1000).max(1),
        _ => clock,
    }
}

fn ratio(bytes: usize, edges: u64) -> f64 {
    bytes as f64 / edges as f64
}

/// The same sequence every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next() as u32) * u64::from(bound)) >> 32) as u32
    }

    /// Evenly one of the powers of two, evenly one of the ranks below it: chances fall as one over the rank.
    fn followee(&mut self) -> AccountNo {
        let power = self.below(FOLLOWED_BITS);
        AccountNo((1 << power) + self.below(1 << power))
    }
}
