//! `count`, `is_follower`, `page`: readers on two threads, in process.
//!
//! By number is what the code inside asks, which has looked the account up before; by id is what somebody asks who holds
//! the platform's own ids, and what peers are compared with.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use followers::AccountNo;
use state::AccountKey;
use workloads::{Graph, Random, Times, external};

use super::Plan;
use super::row::Row;
use super::store::{Bed, key};

const THREADS: u64 = 2;
/// Reads between two looks at the clock.
const READS: u64 = 256;
const PAGES: usize = 2_000;
const PAGE: usize = 100;

/// `count`.
pub(crate) fn counts(bed: &Bed, graph: &Graph, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let read = bed.read()?;
    let ids: Vec<u64> = graph.followed().into_iter().map(|account| u64::from(external(account))).collect();
    let numbers: Vec<AccountNo> =
        ids.iter().filter_map(|id| Some(read.account(AccountKey::Number(*id))?.no())).collect();
    ensure!(numbers.len() == ids.len(), "an account that is followed is not known");
    let followers = read.followers();
    let by_number = rate(plan, |random| {
        let at = random.below(numbers.len() as u32) as usize;
        numbers.get(at).is_some_and(|number| followers.count(*number) > 0)
    })?;
    let by_id = rate(plan, |random| {
        let at = random.below(ids.len() as u32) as usize;
        ids.get(at)
            .and_then(|id| read.account(AccountKey::Number(*id)))
            .is_some_and(|account| account.count() > 0)
    })?;
    Ok(vec![Row::more(by_number, "reads/s by number"), Row::more(by_id, "reads/s by id")])
}

/// `is_follower`: of the largest account.
pub(crate) fn is_follower(bed: &Bed, graph: &Graph, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let read = bed.read()?;
    let accounts = graph.sizes().accounts;
    let largest = read.account(key(0)).context("the largest account is gone")?;
    let followers = read.followers();
    // Accounts were registered in order, so a number is the place in that order.
    let by_number = rate(plan, |random| {
        black_box(followers.contains(largest.no(), AccountNo(random.below(accounts))));
        true
    })?;
    let by_id = rate(plan, |random| {
        black_box(largest.followed_by(key(random.below(accounts))));
        true
    })?;
    Ok(vec![Row::more(by_number, "reads/s by number"), Row::more(by_id, "reads/s by id")])
}

/// Median over slices of the reads a second that all threads reach together.
fn rate(plan: &Plan, read: impl Fn(&mut Random) -> bool + Sync) -> anyhow::Result<f64> {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut rates = Times::new();
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (read, stop, done) = (&read, &stop, &done);
                scope.spawn(move || {
                    let mut random = Random::new(99 + thread);
                    let mut failed = 0u64;
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..READS {
                            failed += u64::from(!black_box(read(&mut random)));
                        }
                        done.fetch_add(READS, Ordering::Relaxed);
                    }
                    failed
                })
            })
            .collect();
        for _ in 0..plan.slices {
            let (started, before) = (Instant::now(), done.load(Ordering::Relaxed));
            std::thread::sleep(plan.slice);
            let reads = done.load(Ordering::Relaxed) - before;
            // Kept as the time of a million reads, whose median is that of the rates.
            rates.push(started.elapsed().mul_f64(1e6 / (reads.max(1) as f64)));
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum::<u64>()
    });
    ensure!(failed == 0, "{failed} reads gave a wrong answer");
    Ok(1e6 / rates.median())
}

/// `page`: the 100 newest followers of the largest account, by their ids.
pub(crate) fn pages(bed: &Bed) -> anyhow::Result<Vec<Row>> {
    let read = bed.read()?;
    let account = read.account(key(0)).context("the largest account is gone")?;
    let (mut times, mut with_ids) = (Times::new(), Times::new());
    let started = Instant::now();
    while times.len() < PAGES && started.elapsed() < Duration::from_secs(10) {
        let page = times.time(|| read.followers().newest(account.no(), None, PAGE));
        ensure!(page.items.len() == PAGE, "a page has {} followers", page.items.len());
        let page = with_ids.time(|| account.newest(None, PAGE));
        ensure!(page.items.len() == PAGE, "a page has {} followers", page.items.len());
    }
    Ok(vec![
        Row::less(times.median() * 1e6, "us, 100 newest by number"),
        Row::less(with_ids.median() * 1e6, "us, 100 newest by id"),
    ])
}
