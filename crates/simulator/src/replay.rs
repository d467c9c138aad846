//! Replay is exact: the same log gives the same bytes, and a shuffled log the same state hash.
//!
//! Shuffled means: within each window between two ticks, every event is delivered one to three times in random order, up
//! to 71 hours late. Everything is encoded and decoded on the way, as it would be by a log.

use std::fmt;

use anyhow::{Context, Result, ensure};
use state::{
    AccountKey, Command, EdgeBatchBuilder, Entry, ItemOutcome, Limits, Machine, Millis, Op, PlatformId,
    record,
};

use crate::history::{History, Size, Step, make, name};
use crate::model::{Event, Model};
use crate::random::Random;

/// Events in one entry.
const BATCH: usize = 10_000;

/// What a run found.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    events: usize,
    delivered: usize,
    entries: usize,
    edges: usize,
    snapshots: usize,
    snapshot_bytes: usize,
    cases: usize,
    shown: usize,
    hash: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} events in {} entries, {} edges stand",
            self.seed, self.events, self.entries, self.edges
        )?;
        writeln!(f, "replayed twice: {} bytes of state, identical", self.snapshot_bytes)?;
        writeln!(f, "resumed from {} snapshots: identical", self.snapshots)?;
        writeln!(f, "{} deliveries, shuffled and repeated within 71 h: same state hash", self.delivered)?;
        writeln!(
            f,
            "every set equals the independent model's; {} cases, {} of them shown",
            self.cases, self.shown
        )?;
        write!(f, "state hash {}", self.hash)
    }
}

/// An entry as a log would keep it.
struct Record {
    at: i64,
    bytes: Vec<u8>,
}

/// In which order the events of a window arrive.
enum Delivery {
    AsTheyHappened,
    ShuffledAndRepeated(Random),
}

/// Runs the scenario.
///
/// # Errors
/// At the first difference, and when the run opened no case or showed nothing, since it then proves nothing.
pub fn run(seed: u64, size: Size) -> Result<Report> {
    let history = make(seed, size)?;
    let straight = log(&history, Delivery::AsTheyHappened)?;
    let shuffled = log(&history, Delivery::ShuffledAndRepeated(Random::new(seed ^ 0x5eed)))?;

    let machine = replay(Machine::new(Limits::default()), &straight, 0)?;
    machine.check().context("the straight run broke a promise")?;
    let bytes = saved(&machine);
    ensure!(bytes == saved(&replay(Machine::new(Limits::default()), &straight, 0)?), "two replays differ");

    let snapshots = 5;
    for cut in (1..=snapshots).map(|n| straight.len() * n / (snapshots + 1)) {
        let first = replay(Machine::new(Limits::default()), &straight[..cut], 0)?;
        let resumed = Machine::load(&saved(&first), Limits::default()).context("a snapshot does not load")?;
        let resumed = replay(resumed, &straight, cut)?;
        ensure!(bytes == saved(&resumed), "resumed from a snapshot after entry {cut}, the state differs");
    }

    let other = replay(Machine::new(Limits::default()), &shuffled, 0)?;
    other.check().context("the shuffled run broke a promise")?;
    ensure!(machine.state_hash() == other.state_hash(), "shuffled and repeated, the state hash differs");

    let model = modelled(&history);
    compare(&machine, &model, &history.platform, size.accounts)?;
    compare(&other, &model, &history.platform, size.accounts)?;
    let (cases, shown) = cases(&machine, &history.platform)?;
    ensure!(
        cases > 0 && shown > 0,
        "the run opened {cases} cases and showed {shown}: it shows nothing about cases"
    );

    let events = |step: &Step| if let Step::Events(events) = step { events.len() } else { 0 };
    Ok(Report {
        seed,
        events: history.steps.iter().map(events).sum(),
        delivered: shuffled.iter().map(deliveries).sum(),
        entries: straight.len(),
        edges: model.edges(),
        snapshots,
        snapshot_bytes: bytes.len(),
        cases,
        shown,
        hash: machine.state_hash().iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn deliveries(record: &Record) -> usize {
    match record::decode(&record.bytes) {
        Ok(Command::Edges(batch)) => batch.len() as usize,
        _ => 0,
    }
}

/// Writes the history as a log.
fn log(history: &History, mut delivery: Delivery) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for (nth, step) in history.steps.iter().enumerate() {
        match step {
            Step::Events(events) => {
                // A window with few events ends before its 72 hours: what is late must not overtake what comes next.
                let next = history.steps.iter().skip(nth + 1).find_map(Step::at).unwrap_or(i64::MAX);
                let mut deliveries = events.clone();
                let late = match &mut delivery {
                    Delivery::AsTheyHappened => None,
                    Delivery::ShuffledAndRepeated(random) => {
                        for event in events {
                            deliveries.extend((0..random.below(3)).map(|_| *event));
                        }
                        random.shuffle(&mut deliveries);
                        events.first().map(|first| next.min(first.at - 1 + history.window_ms))
                    }
                };
                for batch in deliveries.chunks(BATCH) {
                    let at = late.or(batch.last().map(|event| event.at)).context("a batch without events")?;
                    records.push(Record { at, bytes: record::encode(&edges(&history.platform, batch)?) });
                }
            }
            Step::Entry(at, command) => records.push(Record { at: *at, bytes: record::encode(command) }),
            Step::Filtered(..) | Step::Left(..) => {}
        }
    }
    Ok(records)
}

fn edges(platform: &PlatformId, events: &[Event]) -> Result<Command> {
    let mut batch = EdgeBatchBuilder::new(platform.clone());
    for event in events {
        let op = if event.follows { Op::Follow } else { Op::Unfollow };
        batch.push(op, &name(event.account), &name(event.follower), event.at, None)?;
    }
    Ok(Command::Edges(batch.build()))
}

/// Applies the records after the first `skip` to the machine.
fn replay(mut machine: Machine, records: &[Record], skip: usize) -> Result<Machine> {
    for (number, Record { at, bytes }) in records.iter().enumerate().skip(skip) {
        let entry = Entry { position: number as u64 + 1, at: Millis(*at), command: record::decode(bytes)? };
        let outcome = machine.apply(&entry);
        let lost =
            outcome.items.iter().find(|item| matches!(item, ItemOutcome::TooOld | ItemOutcome::InTheFuture));
        ensure!(lost.is_none(), "entry {}: an event within the horizon was refused", entry.position);
    }
    machine.take_effects();
    Ok(machine)
}

fn saved(machine: &Machine) -> Vec<u8> {
    let mut bytes = Vec::new();
    machine.save(&mut bytes);
    bytes
}

fn modelled(history: &History) -> Model {
    let mut model = Model::default();
    for step in &history.steps {
        match step {
            Step::Events(events) => events.iter().for_each(|event| model.take(*event)),
            Step::Entry(..) => {}
            Step::Filtered(account, meant) => model.filter(*account, |follower| meant.contains(&follower)),
            Step::Left(account) => model.leave(*account),
        }
    }
    model
}

/// Every count and every follower, account by account.
fn compare(machine: &Machine, model: &Model, platform: &PlatformId, accounts: u32) -> Result<()> {
    let reader = machine.reader();
    let platform = reader.platform(platform).context("the platform is gone")?;
    for account in 0..accounts {
        let name = name(account);
        let count = platform.account(AccountKey::parse(&name)?).map_or(0, |read| read.count());
        ensure!(
            count as usize == model.count(account),
            "`{name}`: {count} followers, {} in the model",
            model.count(account)
        );
        for follower in model.followers(account) {
            let follower = self::name(follower);
            let read = platform
                .account(AccountKey::parse(&name)?)
                .context("an account with followers is unknown")?;
            ensure!(
                read.followed_by(AccountKey::parse(&follower)?).is_some(),
                "`{follower}` is missing at `{name}`"
            );
        }
    }
    Ok(())
}

fn cases(machine: &Machine, platform: &PlatformId) -> Result<(usize, usize)> {
    let platform = machine.reader().platform(platform).context("the platform is gone")?;
    let page = platform.cases(&state::CaseFilter::default(), 0, usize::MAX);
    let shown = page.items.iter().filter(|(_, case)| case.is_showing()).count();
    Ok((page.items.len(), shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_with_few_events_are_shuffled_within_their_time() {
        let size = Size { events: 20_000, accounts: 2_000, windows: 12 };
        for seed in 1..7 {
            run(seed, size).unwrap();
        }
    }
}
