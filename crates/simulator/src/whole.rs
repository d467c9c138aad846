//! Whole-engine runs: every kind of command in any order, storage that fails, processes that die, and after each step the
//! engine must be what the model says.
//!
//! A command that was acknowledged is there after every crash. One that was under way may be there or not; where the log
//! starts again tells which, and then it must be there wholly or not at all.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use pipeline::Limits;
use state::commands::RegisterPlatform;
use state::{AccountId, AccountKey, Command, Done, Outcome, PlatformId, PlatformRead};

use crate::history::name;
use crate::house::{House, kind};
use crate::oracle::{Bulk, Event, Look, Oracle};
use crate::random::Random;
use crate::steps::{self, Act, START_MS, Size, Step};

/// The kinds of faults, as [`Report::struck`] counts them.
pub const FAULTS: [&str; 10] = [
    "disk fails before, killed",
    "disk fails before, power cut",
    "disk fails after, killed",
    "disk fails after, power cut",
    "before_append",
    "after_append",
    "before_reply",
    "before_snapshot",
    "after_snapshot",
    "after_trim",
];

/// What the runs of some seeds did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    seeds: u64,
    steps: u64,
    events: u64,
    filters: u64,
    undos: u64,
    pub(crate) restarts: u64,
    from_snapshot: u64,
    /// Commands under way at a fault that were there after the restart, and that were not.
    there: u64,
    absent: u64,
    /// Faults that struck, by kind.
    pub struck: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} seeds, {} steps: {} events, {} filters, {} undone; every outcome and every set is the model's",
            self.seeds, self.steps, self.events, self.filters, self.undos
        )?;
        writeln!(
            f,
            "{} restarts, {} from a snapshot; of the commands under way {} were wholly there, {} wholly absent",
            self.restarts, self.from_snapshot, self.there, self.absent
        )?;
        write!(f, "faults that struck:")?;
        self.struck.iter().try_for_each(|(kind, times)| write!(f, " {kind} {times};"))
    }
}

impl Report {
    /// Adds another one.
    pub fn add(&mut self, other: &Report) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.events += other.events;
        self.filters += other.filters;
        self.undos += other.undos;
        self.restarts += other.restarts;
        self.from_snapshot += other.from_snapshot;
        self.there += other.there;
        self.absent += other.absent;
        for (kind, times) in &other.struck {
            *self.struck.entry(kind).or_default() += times;
        }
    }
}

/// Runs one seed. A failing one is made small for at most `patience` before it is told.
///
/// # Errors
/// The first difference to the model, with the seed and the fewest steps found that lead to one.
pub fn run(seed: u64, patience: Duration) -> Result<Report> {
    let (size, steps) = steps::make(seed);
    let first = match attempt(seed, size, &steps) {
        Ok(report) => return Ok(report),
        Err(why) => why,
    };
    let (steps, last) = smaller(seed, size, steps, patience);
    let mut list = String::new();
    for step in &steps {
        list.push_str(&format!("  at {} {:?}\n", step.now - START_MS, step.act));
    }
    let why = last.unwrap_or(first);
    bail!("seed {seed}: {why:#}\n{} steps lead to it, of {size:?}:\n{list}", steps.len())
}

/// Leaves out steps, and events of steps, as long as the run still fails.
fn smaller(
    seed: u64,
    size: Size,
    mut steps: Vec<Step>,
    patience: Duration,
) -> (Vec<Step>, Option<anyhow::Error>) {
    let started = Instant::now();
    let mut last = None;
    let mut part = steps.len().div_ceil(2);
    while part > 0 && started.elapsed() < patience {
        let mut from = 0;
        while from < steps.len() && started.elapsed() < patience {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + part).min(steps.len()));
            match attempt(seed, size, &fewer) {
                Err(why) => (steps, last) = (fewer, Some(why)),
                Ok(_) => from += part,
            }
        }
        part /= 2;
    }
    for at in 0..steps.len() {
        let mut part = events_of(&steps[at]).len().div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < events_of(&steps[at]).len() && started.elapsed() < patience {
                let mut fewer = steps.clone();
                if let Act::Events(events) = &mut fewer[at].act {
                    events.drain(from..(from + part).min(events.len()));
                }
                match attempt(seed, size, &fewer) {
                    Err(why) => (steps, last) = (fewer, Some(why)),
                    Ok(_) => from += part,
                }
            }
            part /= 2;
        }
    }
    (steps, last)
}

fn events_of(step: &Step) -> &[Event] {
    if let Act::Events(events) = &step.act { events } else { &[] }
}

fn attempt(seed: u64, size: Size, steps: &[Step]) -> Result<Report> {
    let mut random = Random::new(seed ^ 0x0011_ac75);
    let limits = Limits {
        snapshot_entries: 3 + random.below(20),
        snapshot_at_close: random.chance(500),
        ..Limits::default()
    };
    let segment_bytes = 4_096 << random.below(5);
    let mut run = Run::new(limits, segment_bytes, size.accounts)?;
    for (number, step) in steps.iter().enumerate() {
        let done = run.act(step).and_then(|()| run.compare(Look::Sets));
        done.with_context(|| format!("step {number} of {}", steps.len()))?;
    }
    run.restart()?;
    run.compare(Look::Pages)?;
    Ok(run.report)
}

/// The engine and the model side by side.
pub(crate) struct Run {
    house: House,
    pub(crate) oracle: Oracle,
    ids: Vec<AccountId>,
    platform: PlatformId,
    /// The last log position that is known to be durable.
    position: u64,
    /// The fault that is planned.
    fault_kind: Option<&'static str>,
    pub(crate) report: Report,
}

/// What became of a command.
enum Fate {
    Answered(Box<Outcome>),
    /// A fault struck before the answer; the command is in the log all the same.
    There,
    /// A fault struck and the command is not in the log.
    Absent,
}

impl Run {
    /// An empty platform.
    pub(crate) fn new(limits: Limits, segment_bytes: u64, accounts: u32) -> Result<Self> {
        let platform = PlatformId::new("simulated").context("the platform's own id")?;
        let mut run = Self {
            house: House::new(limits, segment_bytes, START_MS),
            oracle: Oracle::new(accounts),
            ids: (0..accounts).map(|who| AccountId::parse(&name(who))).collect::<Result<_, _>>()?,
            platform: platform.clone(),
            position: 0,
            fault_kind: None,
            report: Report { seeds: 1, ..Report::default() },
        };
        run.start().context("the first start")?;
        let title = "Simulated".parse()?;
        run.submit(Command::RegisterPlatform(RegisterPlatform { platform, title }))?;
        Ok(run)
    }

    /// Does a step on both and compares what it came to.
    pub(crate) fn act(&mut self, step: &Step) -> Result<()> {
        self.report.steps += 1;
        self.house.clock.move_to_ms(step.now);
        match &step.act {
            Act::Events(events) => self.events(events)?,
            Act::Facts(facts) => {
                let fate = self.submit(steps::facts(&self.platform, &self.ids, facts))?;
                if self.is_there(&fate) {
                    let said = facts.iter().map(|(who, at, attributes, class)| {
                        self.oracle.facts(*who, *at, *attributes, *class)
                    });
                    let expected: Vec<_> = said.collect();
                    if let Fate::Answered(outcome) = fate {
                        ensure!(outcome.items == expected, "facts: {:?} and not {expected:?}", outcome.items);
                    }
                }
            }
            Act::Filter(who, bulk) => self.filter(*who, bulk)?,
            Act::Undo(who, which) => self.undo(*who, *which)?,
            Act::Leave(who) => self.leave(*who)?,
            Act::Tick => {
                let fate = self.submit(Command::Tick)?;
                self.is_there(&fate);
            }
            Act::Snapshot => {
                let saved = self.house.handle()?.snapshot_and_wait();
                if saved.is_err() {
                    ensure!(self.house.has_failed(), "a snapshot fails by itself: {saved:?}");
                    self.restart()?;
                }
            }
            Act::Reopen => self.restart()?,
            Act::Fault(fault) => {
                self.house.plan(*fault);
                self.fault_kind = Some(kind(*fault));
            }
        }
        Ok(())
    }

    /// Looks at some of the accounts that the step was about.
    pub(crate) fn sample(&self, step: &Step) -> Result<()> {
        let platform = self.read()?;
        match &step.act {
            Act::Events(events) => {
                let some = events.iter().step_by(events.len().div_ceil(64).max(1));
                some.into_iter().try_for_each(|event| {
                    self.oracle.compare_edge(&platform, &self.ids, event.followee, event.follower)
                })
            }
            Act::Filter(who, _) | Act::Undo(who, _) | Act::Leave(who) => {
                self.oracle.compare_edge(&platform, &self.ids, *who, 0)
            }
            _ => Ok(()),
        }
    }

    /// Gives back room in the model and on the disk.
    pub(crate) fn tidy(&mut self) {
        self.oracle.sweep();
        self.house.scrub();
    }

    /// The clock of the model follows a command that is in the log.
    fn is_there(&mut self, fate: &Fate) -> bool {
        let there = !matches!(fate, Fate::Absent);
        if there {
            self.oracle.moment(self.house.clock.now_ms());
        }
        there
    }

    /// Submits and finds out what became of it.
    fn submit(&mut self, command: Command) -> Result<Fate> {
        let answer = self.house.handle()?.submit_and_wait(command);
        match answer {
            Ok(outcome) if !self.house.is_dead() => {
                ensure!(
                    outcome.position == self.position + 1,
                    "position {} after {}",
                    outcome.position,
                    self.position
                );
                self.position += 1;
                Ok(Fate::Answered(Box::new(outcome)))
            }
            answer => {
                ensure!(self.house.has_failed(), "a command fails by itself: {answer:?}");
                let before = self.position;
                self.reopen(before + 1)?;
                if self.position > before {
                    self.report.there += 1;
                    Ok(Fate::There)
                } else {
                    self.report.absent += 1;
                    Ok(Fate::Absent)
                }
            }
        }
    }

    /// Stops, in order unless something has failed, and starts again.
    pub(crate) fn restart(&mut self) -> Result<()> {
        if !self.house.has_failed() {
            self.house.close();
        }
        // A fault may also have struck while it closed.
        let position = self.position;
        self.reopen(position)
    }

    /// Dies if a fault has struck, and starts again. The log must end at the last position known, or at `at_most`.
    fn reopen(&mut self, at_most: u64) -> Result<()> {
        if self.house.has_failed() {
            if let Some(kind) = self.fault_kind.take() {
                *self.report.struck.entry(kind).or_default() += 1;
            }
            self.house.die();
        }
        let known = self.position;
        let opened = self.start()?;
        ensure!(
            opened >= known && opened <= at_most,
            "the log ends at {opened} after a restart, and {known} was acknowledged"
        );
        self.position = opened;
        Ok(())
    }

    fn start(&mut self) -> Result<u64> {
        let opened = self.house.open()?;
        self.report.restarts += 1;
        self.report.from_snapshot += u64::from(opened.snapshot.is_some());
        ensure!(opened.passed_over.is_empty(), "snapshots passed over: {:?}", opened.passed_over);
        Ok(opened.position)
    }

    fn read(&self) -> Result<PlatformRead> {
        self.house.handle()?.reader().platform(&self.platform).context("the platform is gone")
    }

    pub(crate) fn compare(&self, look: Look) -> Result<()> {
        self.oracle.compare(&self.read()?, &self.ids, look)
    }

    fn events(&mut self, events: &[Event]) -> Result<()> {
        let fate = self.submit(steps::events(&self.platform, &self.ids, events)?)?;
        if !self.is_there(&fate) {
            return Ok(());
        }
        self.report.events += events.len() as u64;
        let mut expected = Vec::with_capacity(events.len());
        self.oracle.events(events, &mut expected);
        let Fate::Answered(outcome) = fate else { return Ok(()) };
        ensure!(outcome.items.len() == expected.len(), "{} answers", outcome.items.len());
        for ((event, expected), is) in events.iter().zip(&expected).zip(&outcome.items) {
            ensure!(is == expected, "{event:?} came to {is:?} and not {expected:?}");
        }
        Ok(())
    }

    fn filter(&mut self, who: u32, bulk: &Bulk) -> Result<()> {
        let fate = self.submit(steps::filter(&self.platform, &self.ids, who, bulk))?;
        if !self.is_there(&fate) {
            return Ok(());
        }
        let refusal = match self.oracle.is_present(who) {
            Ok(()) if self.oracle.filters_are_full(who) => Err("too_many_filters"),
            present => present,
        };
        if let Err(refusal) = refusal {
            return expect_refusal(&fate, refusal);
        }
        let (mut taken, most) = self.oracle.meant(who, bulk);
        if bulk.is_up_to_chance() {
            taken = self.gone(who, taken)?;
            ensure!(taken.len() == most, "{} were taken at random and not {most}", taken.len());
        } else {
            taken.truncate(most);
        }
        self.oracle.filter(who, bulk, self.position, &taken);
        self.report.filters += 1;
        let (removed, left) = (taken.len() as u32, self.oracle.count(who));
        let Fate::Answered(outcome) = fate else { return Ok(()) };
        let is = matches!(&outcome.result, Ok(Done::Filtered { removed: r, left: l, .. }) if (*r, *l) == (removed, left));
        ensure!(is, "a filter came to {:?} and not {removed} removed, {left} left", outcome.result);
        Ok(())
    }

    /// Those of the followers who follow no more.
    fn gone(&self, who: u32, followers: Vec<u32>) -> Result<Vec<u32>> {
        let platform = self.read()?;
        let key = |who: u32| -> AccountKey<'_> { self.ids[who as usize].key() };
        let account = platform.account(key(who)).context("a filtered account is unknown")?;
        Ok(followers.into_iter().filter(|follower| account.followed_by(key(*follower)).is_none()).collect())
    }

    fn undo(&mut self, who: u32, which: usize) -> Result<()> {
        // Whether it can still be undone when the command gets there is for the command's own moment to say.
        let kept = self.oracle.undoable(who);
        let filter = kept.get(which).copied().unwrap_or(u64::MAX);
        let fate = self.submit(steps::undo(&self.platform, &self.ids, who, filter))?;
        if !self.is_there(&fate) {
            return Ok(());
        }
        if let Err(refusal) = self.oracle.is_present(who) {
            return expect_refusal(&fate, refusal);
        }
        if !self.oracle.undoable(who).contains(&filter) {
            return expect_refusal(&fate, "filter_not_kept");
        }
        let restored = self.oracle.undo(who, filter);
        self.report.undos += 1;
        let count = self.oracle.count(who);
        let Fate::Answered(outcome) = fate else { return Ok(()) };
        let is = matches!(&outcome.result, Ok(Done::Restored { restored: r, count: c, .. }) if (*r, *c) == (restored, count));
        ensure!(is, "an undo came to {:?} and not {restored} restored, {count} now", outcome.result);
        Ok(())
    }

    fn leave(&mut self, who: u32) -> Result<()> {
        let fate = self.submit(steps::leave(&self.platform, &self.ids, who))?;
        if !self.is_there(&fate) {
            return Ok(());
        }
        match self.oracle.is_present(who) {
            Err(refusal) => expect_refusal(&fate, refusal),
            Ok(()) => {
                self.oracle.leave(who);
                let Fate::Answered(outcome) = fate else { return Ok(()) };
                ensure!(outcome.result.is_ok(), "leaving came to {:?}", outcome.result);
                Ok(())
            }
        }
    }
}

fn expect_refusal(fate: &Fate, refusal: &str) -> Result<()> {
    let Fate::Answered(outcome) = fate else { return Ok(()) };
    let is = outcome.result.as_ref().err().map(state::Refusal::as_str);
    ensure!(is == Some(refusal), "{:?} and not refused as `{refusal}`", outcome.result);
    Ok(())
}
