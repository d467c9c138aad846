//! `filter`, `preview`, `filter_reads`: the criterion of three attributes and a date on the largest account.
//!
//! A filter is timed from its submission until its answer: logged, synced, applied and visible. Between two filters the
//! first is undone. Each answer is checked: exactly those who meet the criterion went, and the count says so.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use followers::{AccountNo, Attribute, Day, Order};
use state::commands::{Filter, FilterCriteria, UndoFilter};
use state::{AccountId, Actor, Command, Done};
use workloads::{CUT_DAY, Graph, Random, Times, external};

use super::Plan;
use super::row::Row;
use super::store::{Bed, key};
use crate::cli::submit;

/// Filters that are timed even if they are slow.
const ROUNDS_MIN: usize = 20;
/// Time for all of them.
const ROUNDS_FOR: Duration = Duration::from_secs(20);
const PREVIEWS: usize = 25;

fn largest() -> AccountId {
    AccountId::Number(u64::from(external(0)))
}

/// (Inactive, or without a picture, or suspected), and followed before the day.
fn the_filter(bed: &Bed) -> Filter {
    let any = [Attribute::Inactive, Attribute::NoPicture, Attribute::SuspectedBot];
    Filter {
        platform: bed.platform.clone(),
        account: largest(),
        criteria: FilterCriteria::All(vec![
            FilterCriteria::Any(any.map(FilterCriteria::Has).to_vec()),
            FilterCriteria::FollowedBefore(Day(CUT_DAY)),
        ]),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
        keep_verified: false,
        keep_followed: false,
        bar_days: 0,
        by: Actor::System,
    }
}

/// Runs the filter and gives its position.
fn filter_once(bed: &Bed, graph: &Graph, times: &mut Times) -> anyhow::Result<u64> {
    let sizes = graph.sizes();
    let (handle, command) = (bed.handle(), Command::Filter(the_filter(bed)));
    let account = bed.read()?.account(key(0)).context("the largest account is gone")?;
    let (outcome, count) = times.time(|| {
        let outcome = submit(&handle, command);
        (outcome, account.count())
    });
    let outcome = outcome?;
    let left = sizes.followers - sizes.meeting;
    ensure!(
        outcome.result == Ok(Done::Filtered { removed: sizes.meeting, left }) && count == left,
        "a filter came to {:?}, the count is {count}",
        outcome.result
    );
    Ok(outcome.position)
}

fn undo(bed: &Bed, graph: &Graph, filter: u64) -> anyhow::Result<()> {
    let undo = UndoFilter { platform: bed.platform.clone(), account: largest(), filter, by: Actor::System };
    let outcome = submit(&bed.handle(), Command::UndoFilter(undo))?;
    let count = graph.sizes().followers;
    ensure!(
        outcome.result == Ok(Done::Restored { restored: graph.sizes().meeting, count }),
        "an undo came to {:?}",
        outcome.result
    );
    Ok(())
}

/// Times of many filters, each undone before the next.
pub(crate) fn timed(bed: &Bed, graph: &Graph, rounds: usize) -> anyhow::Result<Times> {
    let mut times = Times::new();
    // The first one brings everything into the caches and does not count.
    undo(bed, graph, filter_once(bed, graph, &mut Times::new())?)?;
    let started = Instant::now();
    while times.len() < rounds && (times.len() < ROUNDS_MIN.min(rounds) || started.elapsed() < ROUNDS_FOR) {
        undo(bed, graph, filter_once(bed, graph, &mut times)?)?;
    }
    Ok(times)
}

/// `filter`.
pub(crate) fn filters(bed: &Bed, graph: &Graph, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut times = timed(bed, graph, plan.rounds)?;
    Ok(vec![Row::less(times.median() * 1e3, "ms p50"), Row::less(times.at(0.99) * 1e3, "ms p99")])
}

/// `preview`: the exact count, a sample, and what every rule would say.
pub(crate) fn previews(bed: &Bed, graph: &Graph, _: &Plan) -> anyhow::Result<Vec<Row>> {
    let account = bed.read()?.account(key(0)).context("the largest account is gone")?;
    let filter = the_filter(bed);
    let mut times = Times::new();
    for _ in 0..PREVIEWS {
        let (preview, distances) = times.time(|| (account.preview(&filter), account.distances()));
        let removed = preview.map(|preview| preview.removed).unwrap_or(0);
        ensure!(removed == graph.sizes().meeting, "a preview says {removed} would go");
        ensure!(!distances.is_empty(), "no distance to a threshold");
    }
    Ok(vec![Row::less(times.median() * 1e3, "ms p50")])
}

/// Idle, reading in quiet, reading while a filter runs, done.
const IDLE: u32 = 0;
const QUIET: u32 = 1;
const FILTERING: u32 = 2;
const DONE: u32 = 3;

/// `filter_reads`: counts of other accounts, one after the other, in quiet and while filters run.
///
/// The worst read is that of each filter, and its median over the filters: one read that the system put aside for another
/// program says nothing about the engine.
pub(crate) fn reads_meanwhile(bed: &Bed, graph: &Graph, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let read = bed.read()?;
    let numbers: Vec<AccountNo> = graph
        .followed()
        .into_iter()
        .filter(|account| *account != 0)
        .filter_map(|account| Some(read.account(key(account))?.no()))
        .collect();
    ensure!(!numbers.is_empty(), "the graph has no other account");
    let phase = AtomicU32::new(IDLE);
    let mut filtered = Times::new();
    let (mut quiet, mut during, mut worst) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let followers = read.followers();
            let mut random = Random::new(7);
            let (mut quiet, mut during, mut worst) = (Times::new(), Times::new(), Times::new());
            let (mut worst_here, mut before) = (Duration::ZERO, IDLE);
            loop {
                let now = phase.load(Ordering::Relaxed);
                if before == FILTERING && now != FILTERING {
                    worst.push(std::mem::take(&mut worst_here));
                }
                before = now;
                if now == DONE {
                    return (quiet, during, worst);
                }
                if now == IDLE {
                    std::thread::yield_now();
                    continue;
                }
                let at = random.below(numbers.len() as u32) as usize;
                let started = Instant::now();
                if let Some(number) = numbers.get(at) {
                    black_box(followers.count(*number));
                }
                let took = started.elapsed();
                if now == QUIET {
                    quiet.push(took);
                } else {
                    during.push(took);
                    worst_here = worst_here.max(took);
                }
            }
        });
        let filtering = (|| -> anyhow::Result<()> {
            let rounds = plan.rounds.min(30);
            for _ in 0..rounds {
                phase.store(QUIET, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(30));
                phase.store(FILTERING, Ordering::Relaxed);
                let filter = filter_once(bed, graph, &mut filtered);
                phase.store(IDLE, Ordering::Relaxed);
                undo(bed, graph, filter?)?;
            }
            Ok(())
        })();
        phase.store(DONE, Ordering::Relaxed);
        let times = reader.join().map_err(|_| anyhow::anyhow!("the reader failed"))?;
        filtering.map(|()| times)
    })?;
    let ratio = during.at(0.99) / quiet.at(0.99);
    Ok(vec![
        Row::less(ratio, "p99 during / p99 in quiet"),
        Row::less(worst.median() * 1e3, "ms worst read of a filter"),
        Row::less(during.at(0.99) * 1e6, "us p99 during"),
    ])
}
