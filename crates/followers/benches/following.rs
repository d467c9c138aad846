//! What the lists of followed accounts cost, and where a purge should take which way. Printed, never asserted.
//!
//! `cargo bench -p followers --bench following -- 20` makes it 20 million edges (10 by default). Degrees fall as one over
//! the rank on both sides, so that some follow thousands.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints it")]
#![expect(clippy::disallowed_types, reason = "a bench measures time")]

use std::hint::black_box;
use std::time::Instant;

use followers::{AccountNo, Edge, Engine, Limits, Op};
use workloads::Random;

const ACCOUNTS: u32 = 1 << 20;
const BATCH: usize = 10_000;
const NOW: i64 = 20_000 * 86_400_000;

fn main() {
    let millions = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10usize);
    let mut random = Random::new(7);
    let edges: Vec<Edge> = (0..millions * 1_000_000)
        .map(|_| Edge {
            followee: AccountNo(ranked(&mut random)),
            follower: AccountNo(random.below(ACCOUNTS)),
            op: Op::Backfill,
            version: NOW / 2,
        })
        .collect();

    // The same stream without lists, with lists that are written but not tended, and with a tender beside.
    for round in 0..3 {
        for tended in [false, true] {
            let mut engine = engine();
            let reader = engine.reader();
            if tended {
                while reader.tend_following() {}
            }
            let mut recorded = 0;
            let mut sorted = 0;
            for batch in edges.chunks(BATCH * 100) {
                recorded += time(|| {
                    for batch in batch.chunks(BATCH) {
                        engine.apply(batch, &mut Vec::new(), &mut Vec::new());
                    }
                });
                if tended {
                    sorted += time(|| while reader.tend_following() {});
                }
            }
            let inserted = count(&engine);
            println!(
                "round {round} {:<12} {:>6.1} ns an event on the writer, {:>6.1} ns an edge on the tender",
                if tended { "with lists" } else { "without" },
                per(recorded, edges.len()),
                per(sorted, inserted),
            );
            if !tended {
                let took = time(|| while reader.tend_following() {});
                println!("build        {:>8} us, {:.1} ns an edge", took / 1000, per(took, inserted));
            }
            if round == 2 {
                let bytes = reader.following_heap_bytes();
                println!(
                    "memory       {:.2} bytes an edge, {inserted} edges",
                    bytes as f64 / inserted as f64
                );
                pages(&engine, &mut random);
                if tended {
                    purges(engine, &mut random);
                }
            }
        }
    }
}

fn pages(engine: &Engine, random: &mut Random) {
    let reader = engine.reader();
    let who: Vec<AccountNo> = (0..100_000).map(|_| AccountNo(random.below(ACCOUNTS))).collect();
    let mut edges = 0;
    let took = time(|| {
        for who in &who {
            edges += black_box(reader.following(*who, None, 100)).map_or(0, |page| page.items.len());
        }
    });
    println!(
        "page         {:.2} us each, of {:.1} followed accounts in the mean",
        per(took, who.len()) / 1000.0,
        edges as f64 / who.len() as f64
    );
}

/// Each size twice, once found through the lists and once in one pass: an engine that was just loaded has no lists.
fn purges(engine: Engine, random: &mut Random) {
    let mut bytes = Vec::new();
    engine.save(&mut bytes);
    let edges = count(&engine);
    drop(engine);
    for accounts in [1, 10, 100, 1_000, 10_000, 100_000, 500_000] {
        let leaving: Vec<AccountNo> = (0..accounts).map(|_| AccountNo(random.below(ACCOUNTS))).collect();
        for lists in [true, false] {
            let mut engine = match Engine::load(&bytes, Limits::default()) {
                Ok(engine) => engine,
                Err(error) => return println!("{error}"),
            };
            if lists {
                while engine.reader().tend_following() {}
            }
            let mut touched = Vec::new();
            let mut gone = 0;
            let took = time(|| gone = engine.purge(&leaving, &mut touched));
            println!(
                "purge        {accounts:>7} accounts, {gone:>8} of {edges} edges, {:>7} sets: {:>9} us {}",
                touched.len(),
                took / 1000,
                if lists { "with lists" } else { "in one pass" },
            );
        }
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(NOW);
    engine
}

fn count(engine: &Engine) -> usize {
    let reader = engine.reader();
    (0..ACCOUNTS).map(|who| reader.count(AccountNo(who)) as usize).sum()
}

fn time(work: impl FnOnce()) -> u128 {
    let started = Instant::now();
    work();
    started.elapsed().as_nanos()
}

fn per(nanos: u128, things: usize) -> f64 {
    nanos as f64 / things.max(1) as f64
}

/// An account whose chance falls as one over its rank.
fn ranked(random: &mut Random) -> u32 {
    let low = 1u32 << random.below(21);
    (low - 1 + random.below(low)).min(ACCOUNTS - 1)
}
