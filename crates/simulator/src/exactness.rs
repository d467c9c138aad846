//! A long run on a steady population: how many events it takes until the engine and the model differ.
//!
//! Every event's outcome is compared; counts, following counts and members of some of its accounts after each command; and
//! everything there is after every few million events and after restarts. Edges are few enough that each is written many
//! times over, within the reorder horizon and beyond it.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use followers::{Op, Order};
use pipeline::Limits;

use crate::oracle::{Bulk, Event, FUTURE_MS, HORIZON_MS, Look, Wish, day_of};
use crate::population::Population;
use crate::random::Random;
use crate::steps::{ASKED, Act, Fault, START_MS, Step, Strikes, Then, crash_point};
use crate::whole::{self, Run};

/// Events of one command.
const BATCH: u64 = 10_000;
/// Log time between two commands: the horizon holds about three million events.
const BATCH_MS: i64 = 14 * 60_000;
/// Commands of events between two looks at everything.
const LOOK_EVERY: u64 = 500;
/// Events of the past that may come again.
const AGAIN: usize = 1 << 16;

/// How long a run is.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the random numbers start.
    pub seed: u64,
    /// Events to generate, duplicates included.
    pub events: u64,
    /// Accounts; at least 2,000.
    pub accounts: u32,
}

impl Settings {
    /// A run on a population whose largest sets have many leaves.
    pub fn long(seed: u64, events: u64) -> Self {
        Self { seed, events, accounts: 80_000 }
    }
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    events: u64,
    /// Events by outcome: accepted, duplicate, stale, too old, refused otherwise.
    tallies: [u64; 5],
    looks: u64,
    standing: u64,
    did: whole::Report,
    seconds: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [accepted, duplicate, stale, too_old, other] = self.tallies;
        writeln!(
            f,
            "seed {}: {} events in {} s, 0 mismatches; {accepted} changed something, {duplicate} were duplicates, \
             {stale} lost to newer ones, {too_old} came too late, {other} were refused otherwise",
            self.seed, self.events, self.seconds
        )?;
        writeln!(f, "all {} edges compared {} times, each with its day", self.standing, self.looks)?;
        write!(f, "{}", self.did)
    }
}

/// Runs it, telling `progress` the events so far.
///
/// # Errors
/// The first difference, with the seed and the event before which all was well.
pub fn run(settings: Settings, progress: &mut dyn FnMut(u64)) -> Result<Report> {
    let started = Instant::now();
    let mut random = Random::new(settings.seed);
    let population = Population::new(20, settings.accounts / 80, settings.accounts);
    let limits = Limits { snapshot_entries: 300, ..Limits::default() };
    let mut run = Run::new(limits, 4 << 20, population.accounts())?;
    let mut source = Source { population, sent: VecDeque::with_capacity(AGAIN), now: START_MS };
    let (mut events, mut batches, mut looks) = (0, 0, 0);
    while events < settings.events {
        let step = source.next(&mut random, batches);
        if let Act::Events(some) = &step.act {
            events += some.len() as u64;
            batches += 1;
        }
        let is_batch = matches!(step.act, Act::Events(_));
        run.act(&step)
            .and_then(|()| run.sample(&step))
            .with_context(|| format!("seed {}, up to event {events}", settings.seed))?;
        if is_batch && (batches % LOOK_EVERY == 0 || events >= settings.events) {
            run.tidy();
            run.compare(Look::Sets)
                .with_context(|| format!("seed {}, after event {events}", settings.seed))?;
            looks += 1;
            progress(events);
        }
    }
    run.restart()?;
    run.compare(Look::Pages).context("after the last restart")?;
    let restarts = run.report.restarts;
    ensure!(restarts > 1, "the run never restarted");
    Ok(Report {
        seed: settings.seed,
        events,
        tallies: run.oracle.tallies(),
        looks: looks + 1,
        standing: run.oracle.edges_standing(),
        did: run.report.clone(),
        seconds: started.elapsed().as_secs(),
    })
}

struct Source {
    population: Population,
    sent: VecDeque<Event>,
    now: i64,
}

impl Source {
    fn next(&mut self, random: &mut Random, batches: u64) -> Step {
        let act = match random.below(400) {
            0..=15 => Act::Facts(self.facts(random)),
            16..=29 => {
                let who = self.target(random);
                Act::Filter(who, self.bulk(random))
            }
            30..=34 => Act::Undo(self.target(random), random.skewed_below(4) as usize),
            35 => Act::Tick,
            36 if batches.is_multiple_of(3) => Act::Reopen,
            37 => Act::Fault(fault(random)),
            38 if random.chance(100) => Act::Leave(self.population.someone_small(random)),
            _ => {
                self.now += BATCH_MS;
                Act::Events((0..BATCH).map(|_| self.event(random)).collect())
            }
        };
        Step { now: self.now, act }
    }

    /// Whose followers are filtered: mostly large ones, few enough that filters of one account meet.
    fn target(&self, random: &mut Random) -> u32 {
        match random.below(10) {
            0..=5 => random.below(20) as u32,
            6..=8 => 20 + random.below(25) as u32,
            _ => self.population.accounts() - 1 - random.below(100) as u32,
        }
    }

    fn event(&mut self, random: &mut Random) -> Event {
        let dice = random.next();
        if dice % 100 < 15 && self.sent.len() == AGAIN {
            return self.sent[(dice >> 32) as usize % AGAIN];
        }
        let op = match (dice >> 8) % 100 {
            0..=54 => Op::Follow,
            55..=94 => Op::Unfollow,
            _ => Op::Backfill,
        };
        let (followee, follower) = self.population.edge(random);
        let lateness = (dice >> 16) as i64 & 0xffff_ffff;
        let at = match (dice >> 48) % 100 {
            0..=64 => self.now - lateness % BATCH_MS,
            65..=92 => self.now - lateness % HORIZON_MS,
            // On the hour, so that several events of an edge share a moment.
            93..=95 => (self.now - lateness % HORIZON_MS) / 3_600_000 * 3_600_000,
            96 => self.now - HORIZON_MS - 1 + lateness % 3,
            97 => self.now - HORIZON_MS - lateness % (40 * HORIZON_MS),
            98 => self.now + lateness % FUTURE_MS,
            _ => self.now + FUTURE_MS - 1 + lateness % 3,
        };
        let event = Event { op, followee, follower, at };
        if self.sent.len() < AGAIN {
            self.sent.push_back(event);
        } else if dice >> 60 == 0 {
            self.sent[(dice >> 40) as usize % AGAIN] = event;
        }
        event
    }

    fn facts(&self, random: &mut Random) -> Vec<(u32, i64, u16, bool)> {
        (0..2_000)
            .map(|_| {
                let who = random.below(u64::from(self.population.accounts())) as u32;
                let attributes = random.next() as u16 & random.next() as u16;
                let asked = ASKED.iter().fold(0, |bits, one| bits | crate::oracle::bit(*one));
                (who, self.now - random.below(60_000) as i64, attributes & asked, false)
            })
            .collect()
    }

    /// One of each kind, in turn by chance.
    fn bulk(&self, random: &mut Random) -> Bulk {
        let has = |random: &mut Random| Wish::Has(ASKED[random.below(4) as usize]);
        let today = day_of(self.now);
        let a_day = today.saturating_sub(random.below(20) as u16);
        let mut anyone = || random.below(u64::from(self.population.accounts())) as u32;
        let some: Vec<u32> = (0..10).map(|_| anyone()).collect();
        let wish = match random.below(9) {
            0 => has(random),
            1 => Wish::Not(Box::new(has(random))),
            2 => Wish::All(vec![has(random), has(random), Wish::Before(a_day)]),
            3 => Wish::Any(vec![has(random), has(random), Wish::After(a_day)]),
            4 => Wish::Before(a_day),
            5 => Wish::After(a_day),
            6 => Wish::OneOf(some.clone()),
            7 => Wish::Not(Box::new(Wish::Any(vec![has(random), Wish::OneOf(some.clone())]))),
            _ => Wish::All(Vec::new()),
        };
        let order = match random.below(3) {
            0 => Order::Newest,
            1 => Order::Oldest,
            _ => Order::Random { seed: random.next() },
        };
        let leave_at = random.chance(400).then(|| random.below(u64::from(self.population.accounts())) as u32);
        Bulk { wish, keep: if random.chance(300) { some } else { Vec::new() }, order, leave_at }
    }
}

fn fault(random: &mut Random) -> Fault {
    use storage::faults::When;
    let when = if random.chance(500) { When::Before } else { When::After };
    let at = if random.chance(400) {
        Strikes::Disk(random.below(200), when)
    } else {
        Strikes::Point(crash_point(random), 1 + random.below(3))
    };
    let then = if random.chance(500) { Then::Killed } else { Then::PowerCut(random.next()) };
    Fault { at, then }
}
