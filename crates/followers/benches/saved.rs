//! How small saved follower sets are and how fast they are written and read, printed, never asserted.
//!
//! `cargo bench -p followers --bench saved -- 20`: so many million follows by the degree law over a tenth as many
//! accounts. Rates are per second of processor time, over all threads.
#![expect(clippy::print_stdout, reason = "a bench measures and prints")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench reads the clock and shows fractions"
)]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use followers::{AccountNo, Edge, Engine, Limits, Op};
use workloads::LawEdges;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: i64 = 86_400_000;
const BATCH: usize = 1_000_000;

fn main() {
    let millions = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(20u32);
    let law = LawEdges::new(u64::from(millions) * 1_000_000, millions * 100_000);
    let mut engine = Engine::new(Limits::default());
    engine.grow(law.accounts());
    engine.set_clock(20_700 * DAY);
    let (mut batch, mut outcomes, mut touched) = (Vec::with_capacity(BATCH), Vec::new(), Vec::new());
    let mut follows = 0u64;
    let mut apply = |batch: &mut Vec<Edge>| {
        outcomes.clear();
        touched.clear();
        engine.apply(batch, &mut outcomes, &mut touched);
        follows += batch.len() as u64;
        batch.clear();
    };
    law.each(|edge, day| {
        let (followee, follower) = (AccountNo(edge.followee), AccountNo(edge.follower));
        batch.push(Edge { followee, follower, op: Op::Backfill, version: i64::from(day) * DAY });
        if batch.len() == BATCH {
            apply(&mut batch);
        }
        Ok(())
    })
    .unwrap();
    apply(&mut batch);
    let rate = |seconds: f64| follows as f64 / seconds / 1e6;
    println!("{follows} follows, {} accounts, {} followed", law.accounts(), law.followed());

    let started = Instant::now();
    let pinned = engine.pin();
    println!("pin    {:.2?}", started.elapsed());
    let mut bytes = Vec::new();
    let (took, ()) = busy(|| {
        let done = pinned.save(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        assert!(done.is_ok());
    });
    println!(
        "save   {:.0} M follows/s, {:.2} bytes a follow",
        rate(took),
        bytes.len() as f64 / follows as f64
    );
    drop(engine);
    let bytes = Arc::new(bytes);
    for threads in [1, 2] {
        for _ in 0..3 {
            let started = Instant::now();
            let (took, engine) = busy(|| load(&bytes, threads));
            let clock = started.elapsed();
            println!(
                "load   {:.0} M follows/s of processor time, {clock:.2?} on the clock with {threads} threads",
                rate(took)
            );
            drop(black_box(engine));
        }
    }
}

/// Loads and unpacks by so many threads.
fn load(bytes: &Arc<Vec<u8>>, threads: usize) -> Engine {
    let (engine, _) = Engine::load_packed(bytes, 0, Limits::default(), threads).unwrap();
    let reader = engine.reader();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while reader.unpack().unwrap() {});
        }
    });
    engine
}

/// Seconds that all threads of this process ran.
fn busy<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let ran = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = ran();
    let result = work();
    (ran() - before, result)
}
