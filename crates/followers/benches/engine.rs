//! How fast and how small the engine is, printed, never asserted. Rates are per second of processor time.
//!
//! `cargo bench -p followers -- WORK...` with any of `stream`, `load`, `reads`, `filter`, `memory`, `filter-100m` (all but
//! the last two when none is named, which take 2 and 4 GB). The account of the reference case has 7,000,000 followers of 10,000,000 accounts; beside
//! it 100,000 accounts share 3,000,000 followers so that the chance of an account falls as one over its rank.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints it")]
#![expect(clippy::disallowed_types, reason = "a bench measures time")]

use std::hint::black_box;
use std::time::Instant;

use followers::{
    AccountNo, Attribute, Criteria, Day, Edge, EdgeOutcome, Engine, Filter, FilterId, Limits, Op, Order,
    Reader,
};
use workloads::{Random, degrees, resident_bytes};

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MILLION: u32 = 1_000_000;
const ACCOUNTS: u32 = 10 * MILLION;
/// The account of the reference case.
const LARGE: AccountNo = AccountNo(0);
/// Followed accounts of the tail, as a power of two; they are numbered from there.
const TAIL_BITS: u32 = 17;
const NOW: i64 = 20_000 * 86_400_000;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let large = |work: &str| work == "memory" || work == "filter-100m";
    let wants = |work: &str| named.iter().any(|name| name == work) || named.is_empty() && !large(work);
    if wants("load") {
        load();
    }
    if wants("stream") || wants("reads") {
        let mut random = Random::new(7);
        let mut engine = reference(&mut random);
        let reader = engine.reader();
        if wants("reads") {
            reads(&reader, &mut random);
        }
        if wants("stream") {
            for batch in [10_000, 100, 10_000] {
                stream(&mut engine, batch, &mut random);
            }
        }
        engine.check().unwrap_or_else(|broken| println!("BROKEN: {broken}"));
    }
    if wants("filter") {
        filters(2 * ACCOUNTS, 7 * MILLION);
    }
    if wants("filter-100m") {
        filters(101 * MILLION, 100 * MILLION);
    }
    if wants("memory") {
        memory();
    }
}

/// The reference case: an edge is drawn twice now and then and counts once.
fn reference(random: &mut Random) -> Engine {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(NOW);
    for batch in reference_edges(random).chunks(100_000) {
        engine.apply(batch, &mut Vec::new(), &mut Vec::new());
    }
    engine
}

fn reference_edges(random: &mut Random) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(11 * MILLION as usize);
    for who in 1..ACCOUNTS {
        if random.below(10) < 7 {
            edges.push(edge(LARGE, AccountNo(who), Op::Backfill, old(who)));
        }
    }
    for _ in 0..3 * MILLION {
        let who = random.below(ACCOUNTS);
        edges.push(edge(tail(random), AccountNo(who), Op::Backfill, old(who)));
    }
    for at in (1..edges.len()).rev() {
        edges.swap(at, random.below(at as u32 + 1) as usize);
    }
    edges
}

/// Some day of the ten years before the horizon.
fn old(who: u32) -> i64 {
    NOW - i64::from(10 + who.wrapping_mul(2_654_435_761) % 3_650) * 86_400_000
}

/// Fresh follows, half of them of the large account.
fn stream(engine: &mut Engine, batch: usize, random: &mut Random) {
    let events = 100 * batch.max(10_000);
    let edges: Vec<Edge> = (0..events)
        .map(|nth| {
            let followee = if random.below(2) == 0 { LARGE } else { tail(random) };
            edge(followee, AccountNo(random.below(ACCOUNTS)), Op::Follow, NOW - 3_600_000 + nth as i64)
        })
        .collect();
    let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
    let mut slowest = 0;
    let mut inserted = 0;
    let took = busy(|| {
        for batch in edges.chunks(batch) {
            outcomes.clear();
            touched.clear();
            slowest = slowest.max(time(|| engine.apply(batch, &mut outcomes, &mut touched)));
            inserted += outcomes.iter().filter(|outcome| **outcome == EdgeOutcome::Inserted).count();
        }
    });
    println!(
        "stream, {batch} a batch: {} events/s, {inserted} of {events} new, slowest batch {slowest} us",
        rate(events as u64, took)
    );
}

fn load() {
    let edges = reference_edges(&mut Random::new(7));
    for batch in [100_000, edges.len()] {
        let mut engine = Engine::new(Limits::default());
        engine.grow(ACCOUNTS);
        engine.set_clock(NOW);
        let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
        let took = busy(|| {
            for batch in edges.chunks(batch) {
                outcomes.clear();
                touched.clear();
                engine.apply(batch, &mut outcomes, &mut touched);
            }
        });
        println!("load, {batch} a batch: {} edges/s", rate(edges.len() as u64, took));
        memory_of(&engine);
    }
}

/// Looks at each of these edges.
type Look<'a> = &'a (dyn Fn(&[(AccountNo, AccountNo)]) -> u64 + Sync);

fn reads(reader: &Reader, random: &mut Random) {
    let who: Vec<(AccountNo, AccountNo)> = (0..4 * MILLION)
        .map(|_| {
            let followee = if random.below(2) == 0 { LARGE } else { tail(random) };
            (followee, AccountNo(random.below(ACCOUNTS)))
        })
        .collect();
    let both = |look: Look<'_>| {
        std::thread::scope(|threads| {
            let halves: Vec<_> = who
                .chunks(who.len() / 2)
                .map(|half| {
                    threads.spawn(move || {
                        busy(|| {
                            black_box(look(half));
                        })
                    })
                })
                .collect();
            halves.into_iter().map(|half| half.join().unwrap_or(1)).max().unwrap_or(1)
        })
    };
    let took = both(&|half| half.iter().map(|(who, _)| u64::from(reader.count(*who))).sum());
    println!("count: {} reads/s on two threads", rate(who.len() as u64, took));
    let took = both(&|half| {
        half.iter().filter(|(who, follower)| reader.contains(*who, *follower).is_some()).count() as u64
    });
    println!("contains: {} reads/s on two threads", rate(who.len() as u64, took));
    let took = both(&|half| {
        half.iter().filter(|(_, follower)| reader.contains(LARGE, *follower).is_some()).count() as u64
    });
    println!("contains, of one large account: {} reads/s on two threads", rate(who.len() as u64, took));
    for round in 1..=3 {
        let took = time(|| drop(black_box(reader.newest(LARGE, None, 100))));
        println!("newest 100, time {round}: {took} us");
    }
}

/// Filters, each undone before the next, and previews: three attributes and a date, which seven of eight followers meet.
fn filters(accounts: u32, followers: u32) {
    const ROUNDS: u32 = 20;
    const CUT: i64 = 20_000 - 10 - 180;
    let mut random = Random::new(7);
    let mut engine = Engine::new(Limits::default());
    engine.grow(accounts);
    engine.set_clock(NOW);
    let any = [Attribute::Inactive, Attribute::NoPicture, Attribute::SuspectedBot];
    let mut edges = Vec::with_capacity(followers as usize + followers as usize / 100);
    for who in 1..accounts {
        let flags = random.below(8);
        for (bit, attribute) in (0..).zip(any) {
            engine.set_attribute(AccountNo(who), attribute, flags >> bit & 1 == 1);
        }
        if random.below(accounts) < followers {
            edges.push(edge(LARGE, AccountNo(who), Op::Backfill, old(who)));
        }
    }
    for at in (1..edges.len()).rev() {
        edges.swap(at, random.below(at as u32 + 1) as usize);
    }
    for batch in edges.chunks(followers as usize / 70) {
        engine.apply(batch, &mut Vec::new(), &mut Vec::new());
    }
    drop(edges);
    let filter = Filter {
        criteria: Criteria::All(vec![
            Criteria::Any(any.map(Criteria::Has).to_vec()),
            Criteria::FollowedBefore(Day(CUT as u16)),
        ]),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
        keep_followed: false,
        bar_days: 0,
    };
    let reader = engine.reader();
    let preview = busy(|| {
        for _ in 0..ROUNDS {
            black_box(reader.preview(LARGE, &filter));
        }
    });
    let (mut filtering, mut undoing) = (0, 0);
    let mut came = None;
    for round in 0..=ROUNDS {
        let id = u64::from(round) + 1;
        filtering += busy(|| came = Some(engine.filter(LARGE, &filter, NOW, id))) * u128::from(round.min(1));
        undoing += busy(|| _ = black_box(engine.undo(LARGE, FilterId(id), NOW))) * u128::from(round.min(1));
    }
    let mean = |us: u128| us as f64 / 1e3 / f64::from(ROUNDS);
    println!(
        "filter: {:.2} ms, undo {:.2} ms, preview {:.2} ms; {came:?}",
        mean(filtering),
        mean(undoing),
        mean(preview)
    );
    engine.check().unwrap_or_else(|broken| println!("BROKEN: {broken}"));
}

/// Accounts by the degree law, with 7,000,000 followers at most.
fn memory() {
    const NUMBERS: u32 = 20 * MILLION;
    const EDGES: u64 = 200 * MILLION as u64;
    let mut random = Random::new(11);
    let before = resident_bytes().0;
    let mut engine = Engine::new(Limits::default());
    engine.grow(NUMBERS);
    engine.set_clock(NOW);
    for who in (0..NUMBERS).step_by(1000) {
        black_box(engine.reader().count(AccountNo(who)));
    }
    let slots = resident_bytes().0;
    let mut edges = 0;
    let mut batch = Vec::new();
    // A few more than are wanted: followers beyond the last account are left out.
    let law = degrees(EDGES + EDGES / 50, 7 * MILLION);
    for (followee, degree) in (0..).zip(&law) {
        let gap = u64::from(NUMBERS) * 2 / u64::from(*degree);
        let mut follower = 0;
        for _ in 0..*degree {
            follower += 1 + random.below(gap.max(2) as u32 - 1);
            if follower >= NUMBERS {
                break;
            }
            if follower != followee {
                let version = old(follower ^ followee);
                batch.push(edge(AccountNo(followee), AccountNo(follower), Op::Backfill, version));
            }
        }
        if batch.len() >= MILLION as usize / 4 || followee as usize + 1 == law.len() {
            edges += batch.len() as u64;
            engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
            batch.clear();
        }
    }
    let followed = law.len();
    drop(law);
    drop(batch);
    // What was freed is given back with the next large piece of memory.
    std::thread::sleep(std::time::Duration::from_secs(2));
    drop(black_box(vec![1u8; 64 << 20]));
    let after = resident_bytes().0;
    let (sets, horizon) = engine.heap_bytes();
    println!(
        "memory: {edges} edges of {followed} accounts; slots of {NUMBERS} accounts {} bytes each; \
         sets {:.3} bytes an edge resident, {:.3} counted, horizon {horizon}",
        (slots - before) / u64::from(NUMBERS),
        (after - slots) as f64 / edges as f64,
        sets as f64 / edges as f64,
    );
}

fn memory_of(engine: &Engine) {
    let reader = engine.reader();
    let count = (0..ACCOUNTS).map(|who| u64::from(reader.count(AccountNo(who)))).sum::<u64>();
    let (sets, horizon) = engine.heap_bytes();
    println!("  {count} edges, {:.2} bytes an edge; horizon {horizon} bytes", sets as f64 / count as f64);
}

fn edge(followee: AccountNo, follower: AccountNo, op: Op, version: i64) -> Edge {
    Edge { followee, follower, op, version }
}

/// Evenly one of the powers of two, evenly one of the ranks below it: chances fall as one over the rank.
fn tail(random: &mut Random) -> AccountNo {
    let power = random.below(TAIL_BITS);
    AccountNo((1 << TAIL_BITS) + (1 << power) + random.below(1 << power))
}

fn rate(many: u64, us: u128) -> u128 {
    u128::from(many) * 1_000_000 / us
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
