//! What each step of an event costs: putting it into a batch, preparing the batch, applying it.
//!
//! `cargo bench -p state --bench steps -- [DIVISOR [BATCH]] [load|stream]`: the reference graph divided by so much (4 unless
//! told), loaded in batches of so many (100,000).
//! Times are of this thread's processor time. Prints; asserts nothing about time.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints")]

use state::commands::{AccountFacts, RegisterPlatform, UpsertAccounts};
use state::{
    AccountId, AccountKey, Command, EdgeBatchBuilder, Entry, Limits, Machine, Millis, Op, PlatformId,
};
use workloads::{CUT_DAY, DAY_MS, Edge, Graph, Sizes, busy, external, sort_by_u64};

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: i64 = (CUT_DAY as i64 + 1_500) * DAY_MS;

/// Times of the steps, in nanoseconds.
#[derive(Default)]
struct Steps {
    sort: u64,
    batch: u64,
    prepare: u64,
    apply: u64,
    events: u64,
}

struct Bed {
    machine: Machine,
    position: u64,
    platform: PlatformId,
}

impl Bed {
    fn apply(&mut self, command: Command) {
        self.position += 1;
        let entry = Entry { position: self.position, at: Millis(NOW), command };
        assert!(self.machine.apply(&entry).result.is_ok(), "the bench's commands go through");
    }

    fn send(&mut self, op: Op, events: &[(Edge, i64)], steps: &mut Steps) {
        let mut batch = EdgeBatchBuilder::with_capacity(self.platform.clone(), events.len());
        steps.batch += busy(|| {
            for (edge, at) in events {
                batch.push_keys(op, key(edge.followee), key(edge.follower), *at, None).unwrap();
            }
        });
        let command = Command::Edges(batch.build());
        let reader = self.machine.reader();
        steps.prepare += busy(|| command.prepare(&reader));
        steps.apply += busy(|| self.apply(command));
        steps.events += events.len() as u64;
    }
}

fn key(account: u32) -> AccountKey<'static> {
    AccountKey::Number(u64::from(external(account)))
}

fn main() {
    let by = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(4);
    let wants = |work: &str| {
        !std::env::args().any(|arg| ["load", "stream"].contains(&&*arg))
            || std::env::args().any(|arg| arg == work)
    };
    let graph = Graph::new(Sizes::reference(by));
    let platform = PlatformId::new("bench").unwrap();
    let mut bed = Bed { machine: Machine::new(Limits::default()), position: 0, platform: platform.clone() };
    let register = RegisterPlatform { platform: platform.clone(), title: "A bench".parse().unwrap() };
    bed.apply(Command::RegisterPlatform(register));
    let accounts: Vec<u32> = (0..graph.sizes().accounts).collect();
    let took = busy(|| {
        for accounts in accounts.chunks(50_000) {
            let facts = |account: &u32| {
                AccountFacts::new(AccountId::Number(u64::from(external(*account))), Millis(NOW))
            };
            let items = accounts.iter().map(facts).collect();
            bed.apply(Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items }));
        }
    });
    println!("register: {} ns an account", took / accounts.len() as u64);

    let size = std::env::args().filter_map(|arg| arg.parse().ok()).nth(1).unwrap_or(100_000);
    let mut steps = Steps::default();
    let mut edges: Vec<(Edge, i64)> = graph.edges().iter().map(|edge| (*edge, graph.at_ms(*edge))).collect();
    steps.sort += busy(|| {
        sort_by_u64(&mut edges, |(edge, _)| u64::from(edge.followee) << 32 | u64::from(edge.follower))
    });
    for events in edges.chunks(size) {
        bed.send(Op::Backfill, events, &mut steps);
    }
    if wants("load") {
        steps.print(&format!("load, sorted, {size} a batch"));
    }
    if !wants("stream") {
        return;
    }
    let mut next = 0;
    for (size, batches) in [(10_000, 100), (100, 2_000)] {
        let mut steps = Steps::default();
        for _ in 0..batches {
            let events: Vec<(Edge, i64)> = (next..next + size).map(|nth| (graph.stream(nth), NOW)).collect();
            next += size;
            bed.send(Op::Follow, &events, &mut steps);
        }
        steps.print(&format!("stream, {size} a batch"));
    }
}

impl Steps {
    fn print(&self, what: &str) {
        let each = |took: u64| took / self.events;
        println!(
            "{what}: sort {} ns, batch {} ns, prepare {} ns, apply {} ns an event",
            each(self.sort),
            each(self.batch),
            each(self.prepare),
            each(self.apply)
        );
    }
}
