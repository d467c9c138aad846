//! `activate`: a pack is put in force on 10 million accounts, a tenth of which it concerns, while events come in.
//!
//! One caller commits a hundred follows after another and waits for each; what counts is by how much its waits grow while
//! everyone concerned gets a case and a notice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use pipeline::Clock;
use state::commands::{DecideProposal, ProposeChange};
use state::{Actor, Change, Code, Command, Done, EdgeBatchBuilder, Op};
use workloads::{Random, external};

use super::Plan;
use super::row::Row;
use super::store::{Bed, Feed, key, pack};

const ACCOUNTS: u32 = 10_000_000;
const FOLLOWS: u32 = 100;
/// Commits that are measured before anything is activated.
const BEFORE: usize = 4_000;
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the work.
pub(crate) fn meanwhile(folder: &Path, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let accounts = ACCOUNTS / plan.by;
    let concerned = accounts / 10;
    let bed = Bed::make(folder)?;
    let handle = bed.handle();
    let mut feed = Feed::new(&bed, "filling a store", u64::from(accounts + concerned));
    for account in 0..accounts {
        feed.push(Op::Backfill, external(account), external(accounts), 0)?;
    }
    for account in 0..concerned {
        feed.push(Op::Backfill, external(account), external(accounts + 1), 0)?;
    }
    feed.finish()?;
    bed.settle()?;
    plan.quiet();

    let mut stream = Stream { bed: &bed, random: Random::new(7), accounts: concerned, next: accounts + 2 };
    let mut before = Vec::with_capacity(BEFORE);
    while before.len() < BEFORE {
        before.push(stream.commit()?);
    }
    let pack = pack(Some(2));
    let change = Change::Activate { bundle: pack.encode(), choices: BTreeMap::new() };
    let (platform, by) = (bed.platform.clone(), |name: &str| Code::new(name).map(Actor::Operator));
    let started = Instant::now();
    let propose = ProposeChange { platform: platform.clone(), change, starts: None, by: by("first")? };
    let ticket = handle.submit(Command::ProposeChange(propose))?;
    let mut during = vec![stream.commit()?];
    let Ok(Done::Proposed { number, accounts: counted }) = ticket.wait()?.result else {
        anyhow::bail!("the pack cannot be proposed");
    };
    ensure!(counted == u64::from(concerned), "{counted} accounts are concerned and not {concerned}");
    for name in ["second", "third"] {
        let confirm =
            DecideProposal { platform: platform.clone(), number, confirms: Some(counted), by: by(name)? };
        let ticket = handle.submit(Command::DecideProposal(confirm))?;
        during.push(stream.commit()?);
        let confirmed = ticket.wait()?;
        ensure!(confirmed.result.is_ok(), "the proposal is not confirmed: {confirmed:?}");
    }
    while bed.read()?.counts().moved > 0 {
        ensure!(started.elapsed() < PATIENCE, "{} accounts still wait", bed.read()?.counts().moved);
        during.push(stream.commit()?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let (calm, busy) = (p99(&mut before), p99(&mut during));
    let longest = during.last().copied().unwrap_or_default();
    let last = bed.read()?.account(key(concerned - 1)).map(|account| account.record().cases.len());
    ensure!(last == Some(1), "the last account concerned has {last:?} cases");
    bed.store.pipeline.close();
    std::fs::remove_dir_all(folder)?;
    Ok(vec![
        Row::less(busy.as_secs_f64() / calm.as_secs_f64(), "times the p99 of a commit"),
        Row::less(calm.as_secs_f64() * 1e3, "ms p99 before"),
        Row::less(busy.as_secs_f64() * 1e3, "ms p99 meanwhile"),
        Row::less(longest.as_secs_f64() * 1e3, "ms at most"),
        Row::less(seconds * f64::from(plan.by), "s until all were looked at"),
    ])
}

/// Sorts, and gives what one of a hundred takes longer than.
fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).or(times.last()).copied().unwrap_or_default()
}

/// Live follows of accounts that cross no line by them.
struct Stream<'a> {
    bed: &'a Bed,
    random: Random,
    accounts: u32,
    next: u32,
}

impl Stream<'_> {
    fn commit(&mut self) -> anyhow::Result<Duration> {
        let at = Clock::System.now_ms();
        let mut batch = EdgeBatchBuilder::with_capacity(self.bed.platform.clone(), FOLLOWS as usize);
        for _ in 0..FOLLOWS {
            let account = self.random.below(self.accounts);
            batch.push_keys(Op::Follow, key(account), key(self.next), at, None)?;
            self.next = self.next.wrapping_add(1).max(self.accounts);
        }
        let started = Instant::now();
        let outcome = self.bed.handle().submit(Command::Edges(batch.build()))?.wait()?;
        let took = started.elapsed();
        ensure!(outcome.result.is_ok(), "a commit is refused: {outcome:?}");
        Ok(took)
    }
}
