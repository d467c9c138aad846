//! `stream_10k`, `stream_100`: live events in commits of a size, in process.
//!
//! One client that waits for each commit before it makes the next, as peers are measured; and one that has four on their
//! way. Each commit is a command of its own, durable before it is answered. Half of the events go to the largest account.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::ensure;
use pipeline::Clock;
use state::{AccountKey, Command, EdgeBatchBuilder, Op};
use workloads::{Edge, Graph};

use super::Plan;
use super::row::Row;
use super::store::{Bed, key, settle};

const IN_FLIGHT: usize = 4;
/// Events of a slice, by the size of a commit: about half a second on a machine that reaches the targets.
const EVENTS_A_SLICE: [(u32, u64); 2] = [(10_000, 1_000_000), (100, 200_000)];

/// Events that no one has sent yet.
pub(crate) struct Source<'a> {
    graph: &'a Graph,
    next: u64,
}

impl<'a> Source<'a> {
    /// From the first one on.
    pub(crate) fn new(graph: &'a Graph) -> Self {
        Self { graph, next: 0 }
    }

    /// New events that are left.
    fn left(&self) -> u64 {
        self.graph.stream_len().saturating_sub(self.next)
    }

    /// The place of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The next events. Drawing them takes longer than applying them, so it is done before the clock runs.
    fn take(&mut self, events: u64) -> Vec<Follow> {
        let first = self.next;
        self.next += events;
        let keys = |edge: Edge| (key(edge.followee), key(edge.follower));
        (first..self.next).map(|nth| keys(self.graph.stream(nth))).collect()
    }
}

/// A followed account and its new follower.
type Follow = (AccountKey<'static>, AccountKey<'static>);

/// These events as one command, followed now.
fn command(bed: &Bed, events: &[Follow]) -> anyhow::Result<Command> {
    let now = Clock::System.now_ms();
    let mut batch = EdgeBatchBuilder::with_capacity(bed.platform.clone(), events.len());
    for (followee, follower) in events {
        batch.push_keys(Op::Follow, *followee, *follower, now, None)?;
    }
    Ok(Command::Edges(batch.build()))
}

/// Rates of slices with this many commits on their way.
pub(crate) fn rates(
    bed: &Bed,
    events: &mut Source<'_>,
    size: u32,
    in_flight: usize,
    plan: &Plan,
) -> anyhow::Result<Vec<f64>> {
    let handle = bed.handle();
    let mut waiting = VecDeque::new();
    let before = bed.read()?.counts();
    let sent_before = events.next();
    let slice = EVENTS_A_SLICE.into_iter().find(|(of, _)| *of == size).map_or(0, |(_, events)| events);
    // A third of what is left, so that the next work has new events too.
    let slice = (slice / u64::from(plan.by)).min(events.left() / 3 / plan.slices as u64);
    let commits = (slice / u64::from(size)).max(1);
    let mut rates = Vec::with_capacity(plan.slices);
    for _ in 0..plan.slices {
        let slice = events.take(commits * u64::from(size));
        let started = Instant::now();
        for events in slice.chunks(size as usize) {
            waiting.push_back(handle.submit_patiently(command(bed, events)?)?);
            settle(&mut waiting, in_flight - 1)?;
        }
        rates.push((commits * u64::from(size)) as f64 / started.elapsed().as_secs_f64());
    }
    settle(&mut waiting, 0)?;
    let after = bed.read()?.counts();
    let sent = events.next() - sent_before;
    let duplicates = after.events_duplicate - before.events_duplicate;
    ensure!(
        after.events_accepted - before.events_accepted + duplicates == sent,
        "of {sent} events {} were accepted",
        after.events_accepted - before.events_accepted
    );
    Ok(rates)
}

/// The median of the rates.
pub(crate) fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

/// Both works, by the size of a commit.
pub(crate) fn commits(
    bed: &Bed,
    events: &mut Source<'_>,
    size: u32,
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let mut one = rates(bed, events, size, 1, plan)?;
    let mut four = rates(bed, events, size, IN_FLIGHT, plan)?;
    Ok(vec![
        Row::more(median(&mut one), "events/s"),
        Row::more(median(&mut four), "events/s, four commits on their way"),
    ])
}
