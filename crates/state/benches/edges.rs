//! How fast batches of 10,000 events are applied, beside what the follower engine alone takes for the same edges, and
//! how fast a nameplate is decided. Times are of this thread's processor time.
//!
//! `cargo bench -p state --bench edges`. Prints; asserts nothing about time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures the clock and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use followers::{AccountNo, Edge, Engine};
use policy::{Surface, Viewer};
use state::commands::RegisterPlatform;
use state::{AccountKey, Command, EdgeBatchBuilder, Entry, Limits, Machine, Millis, Op, PlatformId};

const NOW: i64 = 1_700_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() {
    let demo = PlatformId::new("demo").unwrap();
    let mut machine = Machine::new(Limits::default());
    let mut position = 0;
    let mut apply = |machine: &mut Machine, command| {
        position += 1;
        machine.apply(&Entry { position, at: Millis(NOW), command })
    };
    let register = RegisterPlatform { platform: demo.clone(), title: "A bench".parse().unwrap() };
    apply(&mut machine, Command::RegisterPlatform(register));

    let mut engine = Engine::new(followers::Limits::default());
    engine.set_clock(NOW);

    let accounts: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(2_000_000);
    let mut random = Random(7);
    for (name, op, batches) in
        [("backfill", Op::Backfill, 500), ("follow", Op::Follow, 300), ("unfollow", Op::Unfollow, 100)]
    {
        let mut spent = 0;
        let mut engine_spent = 0;
        let mut events = 0u64;
        for _ in 0..batches {
            let mut batch = EdgeBatchBuilder::with_capacity(demo.clone(), 10_000);
            let mut edges = Vec::with_capacity(10_000);
            for _ in 0..10_000 {
                // Most follows go to few accounts, as in real graphs.
                let width = [100, 10_000, accounts][random.below(3) as usize];
                let followee = 1_000_000_000 + random.below(width);
                let follower = 1_000_000_000 + random.below(accounts);
                let at = NOW - random.below(100_000) as i64;
                edges.push(Edge {
                    followee: AccountNo((followee - 1_000_000_000) as u32),
                    follower: AccountNo((follower - 1_000_000_000) as u32),
                    op,
                    version: at,
                });
                let (followee, follower) = (AccountKey::Number(followee), AccountKey::Number(follower));
                batch.push_keys(op, followee, follower, at, None).unwrap();
            }
            let command = Command::Edges(batch.build());
            spent += busy(|| drop(black_box(apply(&mut machine, command))));
            engine_spent += busy(|| {
                engine.grow(accounts as u32);
                let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
                engine.apply(&edges, &mut outcomes, &mut touched);
                black_box((outcomes, touched));
            });
            events += 10_000;
        }
        println!(
            "{name}: {} events/s in batches of 10,000; the engine alone {}",
            events * 1_000_000_000 / spent,
            events * 1_000_000_000 / engine_spent
        );
    }

    let reader = machine.reader().platform(&demo).unwrap();
    let looks = 1_000_000u32;
    let spent = busy(|| {
        for _ in 0..looks {
            let key = AccountKey::Number(1_000_000_000 + random.below(accounts));
            if let Some(account) = reader.account(key) {
                black_box(account.decide(Viewer::Verified, Surface::Profile));
            }
        }
    });
    println!("look-up and decision without a pack: {} ns", spent / u64::from(looks));
}

/// Nanoseconds of processor time of this thread; of the clock where the system does not tell.
fn busy(work: impl FnOnce()) -> u64 {
    let ran = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (before, start) = (ran(), Instant::now());
    work();
    match (before, ran()) {
        (Some(before), Some(after)) => (after - before).max(1),
        _ => start.elapsed().as_nanos() as u64,
    }
}
