//! Eight hours of traffic in compressed time: 100,000 events a second of the log's clock, one filter of each kind a
//! minute, on a real disk. Memory must stay flat and nothing may drift.
//!
//! The population is steady: edges are written one after the other, in an order that looks random and comes round again,
//! and mostly turned over; every filter is undone ten minutes later. So whatever grows is a leak. The model is one number an
//! edge, small enough not to be seen beside the engine.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use followers::{AccountNo, Day, Op, Order};
use pipeline::{Clock, Limits, ManualClock, Parts, Pipeline, Ticket};
use state::commands::RegisterPlatform;
use state::{AccountId, Command, Done, EdgeBatchBuilder, PlatformId, PlatformRead};
use storage::disk::{DataDir, Options};

use crate::house::NoKeys;
use crate::oracle::{Bulk, Wish, day_of};
use crate::population::Population;
use crate::random::Random;
use crate::steps::{self, ASKED, START_MS};

/// A command is a tenth of a second of the log's clock.
const BATCH_MS: i64 = 100;
/// Edges that are laid down at the beginning with one command.
const FILL: u64 = 10_000;
const BATCHES_A_MINUTE: u64 = 600;
/// Commands under way at once, as from a busy front end.
const UNDER_WAY: usize = 8;
/// Filters are undone after so many minutes.
const UNDO_AFTER: usize = 10;
/// Minutes between two looks at every edge.
const LOOK_EVERY: u64 = 30;
/// By how much the later half of the run may need more memory than the earlier one, in percent.
pub const TOLERANCE_PERCENT: u64 = 5;

/// How long a run is, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the random numbers start.
    pub seed: u64,
    /// Minutes of the log's clock, at least 20.
    pub minutes: u64,
    /// Events of one command, of which there are ten a second.
    pub batch: u64,
    /// Accounts; the edges they can have are a few dozen times as many.
    pub accounts: u32,
}

impl Settings {
    /// 480 minutes at 100,000 events a second.
    pub fn full(seed: u64) -> Self {
        Self { seed, minutes: 480, batch: 10_000, accounts: 120_000 }
    }
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    minutes: u64,
    events: u64,
    filters: u64,
    looks: u64,
    standing: u64,
    /// Median of the resident set in the earlier and the later half, and the most of all, in MiB.
    resident: (u64, u64, u64),
    disk_most: u64,
    seconds: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (earlier, later, most) = self.resident;
        writeln!(
            f,
            "{} minutes: {} events in {} s, {} filters of {} kinds, undone after {UNDO_AFTER} minutes",
            self.minutes,
            self.events,
            self.seconds,
            self.filters,
            KINDS.len()
        )?;
        writeln!(f, "drift 0: all {} edges counted again {} times", self.standing, self.looks)?;
        write!(
            f,
            "resident set: median {earlier} MiB in the earlier half, {later} MiB in the later one (at most {TOLERANCE_PERCENT} % \
             more), {most} MiB at most; disk at most {} MiB",
            self.disk_most
        )
    }
}

/// A kind of filter: its name, and the filter for a day, some accounts and a target.
type Kind = (&'static str, fn(u16, &[u32], u32) -> Bulk);

/// One of each kind a minute.
const KINDS: [Kind; 11] = [
    ("attribute", |_, _, _| every(Wish::Has(ASKED[0]))),
    ("not an attribute", |_, _, _| every(Wish::Not(Box::new(Wish::Has(ASKED[1]))))),
    ("all of", |day, _, _| {
        every(Wish::All(vec![Wish::Has(ASKED[0]), Wish::Has(ASKED[3]), Wish::After(day - 2)]))
    }),
    ("any of", |day, _, _| every(Wish::Any(vec![Wish::Has(ASKED[2]), Wish::Before(day)]))),
    ("followed before", |day, _, _| every(Wish::Before(day))),
    ("followed after", |day, _, _| every(Wish::After(day - 1))),
    ("hand-picked", |_, some, _| every(Wish::OneOf(some.to_vec()))),
    ("all but a keep list", |_, some, _| Bulk { keep: some.to_vec(), ..every(Wish::All(Vec::new())) }),
    ("newest to a target", |_, _, target| to_target(Order::Newest, target)),
    ("oldest to a target", |_, _, target| to_target(Order::Oldest, target)),
    ("random to a target", |_, some, target| to_target(Order::Random { seed: u64::from(some[0]) }, target)),
];

fn every(wish: Wish) -> Bulk {
    Bulk { wish, keep: Vec::new(), order: Order::Newest, leave_at: None }
}

fn to_target(order: Order, target: u32) -> Bulk {
    Bulk { wish: Wish::All(Vec::new()), keep: Vec::new(), order, leave_at: Some(target) }
}

/// Runs so many minutes of the log's clock on a data folder, which must be empty, and tells `progress` of each.
///
/// # Errors
/// Drift, or a difference to the model. Whether memory stayed flat is for [`Report::is_flat`] to say.
pub fn run(settings: Settings, folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<Report> {
    let minutes = settings.minutes;
    ensure!(minutes >= 20, "a run of {minutes} minutes has no two halves to compare: 20 at least");
    let started = Instant::now();
    let mut soak = Soak::new(settings, folder)?;
    soak.fill()?;
    let (mut resident, mut disk_most, mut looks) = (Vec::new(), 0, 0);
    for minute in 0..minutes {
        soak.minute(minute)?;
        soak.counts_agree().with_context(|| format!("in minute {minute}"))?;
        if (minute + 1) % LOOK_EVERY == 0 || minute + 1 == minutes {
            soak.all_agree().with_context(|| format!("after minute {minute}"))?;
            looks += 1;
        }
        resident.push(resident_mib()?);
        disk_most = disk_most.max(size_mib(folder)?);
        if (minute + 1) % 10 == 0 {
            progress(&format!(
                "minute {} of {minutes}: {} events, {} s, {} MiB resident, {} MiB on disk",
                minute + 1,
                soak.events,
                started.elapsed().as_secs(),
                resident.last().unwrap_or(&0),
                size_mib(folder)?
            ));
        }
    }
    let most = resident.iter().copied().max().unwrap_or(0);
    // While the memory of recent events fills, it grows, as it must.
    let settled = resident.split_off(resident.len() / 5);
    let (earlier, later) = settled.split_at(settled.len() / 2);
    let (earlier, later) = (median(earlier), median(later));
    Ok(Report {
        minutes,
        events: soak.events,
        filters: soak.filters,
        looks,
        standing: soak.standing(),
        resident: (earlier, later, most),
        disk_most,
        seconds: started.elapsed().as_secs(),
    })
}

impl Report {
    /// Did the later half of the run need about as much memory as the earlier one?
    pub fn is_flat(&self) -> bool {
        let (earlier, later, _) = self.resident;
        later * 100 <= earlier * (100 + TOLERANCE_PERCENT)
    }
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// What Linux says of this process.
fn resident_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no resident set is told")?;
    Ok(line.split_whitespace().nth(1).context("a size is missing")?.parse::<u64>()? / 1024)
}

fn size_mib(folder: &Path) -> Result<u64> {
    fn bytes(folder: &Path) -> std::io::Result<u64> {
        let mut sum = 0;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // A file may be trimmed away meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            sum += if about.is_dir() { bytes(&entry.path())? } else { about.len() };
        }
        Ok(sum)
    }
    Ok(bytes(folder)? >> 20)
}

/// One edge of the model: the day of the follow and, in the upper half, the filter that has it.
type Slot = u32;

struct Soak {
    pipeline: Pipeline,
    clock: ManualClock,
    platform: PlatformId,
    ids: Vec<AccountId>,
    population: Population,
    random: Random,
    batch: u64,
    slots: Vec<Slot>,
    attributes: Vec<u16>,
    now: i64,
    /// Where the walk over the edges is, and its stride.
    edge: u64,
    stride: u64,
    under_way: VecDeque<Ticket>,
    recent: Vec<(Op, u32, u32, i64)>,
    /// Filters to be undone: minute by minute, (account, position, mark).
    to_undo: VecDeque<Vec<(u32, u64, u32)>>,
    events: u64,
    changed: u64,
    filters: u64,
}

impl Soak {
    fn new(settings: Settings, folder: &Path) -> Result<Self> {
        let population = Population::new(20, settings.accounts / 120, settings.accounts);
        // Four in the afternoon: midnight falls into the second half.
        let now = START_MS + 16 * 3_600_000;
        let clock = ManualClock::at(now);
        let data = DataDir::open(folder, Options::default())?;
        let parts = Parts {
            log: Box::new(data.log()?),
            snapshots: Arc::new(data.snapshots()?),
            keys: Arc::new(NoKeys),
            clock: Clock::Manual(clock.clone()),
            state_limits: state::Limits::default(),
        };
        let limits = Limits {
            tick_every: None,
            snapshot_entries: 5 * BATCHES_A_MINUTE,
            snapshot_at_close: false,
            forget_retry: Duration::from_millis(100),
            ..Limits::default()
        };
        let (pipeline, _) = Pipeline::open(limits, parts)?;
        let platform = PlatformId::new("soak")?;
        let title = "Soak".parse()?;
        let register = RegisterPlatform { platform: platform.clone(), title };
        pipeline.handle().submit_and_wait(Command::RegisterPlatform(register))?;
        let edges = population.edges();
        // No divisor in common with the number of edges: the walk meets each before it meets one again.
        let stride = (edges * 5 / 8..edges).find(|stride| gcd(*stride, edges) == 1).unwrap_or(1);
        Ok(Self {
            pipeline,
            clock,
            platform,
            ids: (0..u64::from(population.accounts())).map(AccountId::Number).collect(),
            slots: vec![0; edges as usize],
            attributes: vec![0; population.accounts() as usize],
            population,
            random: Random::new(settings.seed),
            batch: settings.batch,
            now,
            edge: 0,
            stride,
            under_way: VecDeque::new(),
            recent: Vec::new(),
            to_undo: VecDeque::new(),
            events: 0,
            changed: 0,
            filters: 0,
        })
    }

    /// All accounts in order, so that their numbers are the model's, then half of the edges, from days long ago.
    fn fill(&mut self) -> Result<()> {
        let all: Vec<u32> = (0..self.population.accounts()).collect();
        for some in all.chunks(20_000) {
            self.say(some)?;
        }
        let mut batch = EdgeBatchBuilder::new(self.platform.clone());
        for edge in (0..self.population.edges()).step_by(2) {
            let at = self.now - 86_400_000 * (4 + self.random.below(1_000) as i64);
            let (account, place) = self.population.of_edge(edge);
            let follower = self.population.follower(account, place);
            if follower == account {
                continue;
            }
            let key = |who: u32| self.ids[who as usize].key();
            batch.push_keys(Op::Backfill, key(account), key(follower), at, None)?;
            self.slots[edge as usize] = u32::from(day_of(at));
            self.changed += 1;
            if u64::from(batch.len()) == FILL {
                let full = std::mem::replace(&mut batch, EdgeBatchBuilder::new(self.platform.clone()));
                self.submit(Command::Edges(full.build()))?;
            }
        }
        self.submit(Command::Edges(batch.build()))?;
        self.drain()
    }

    /// Says which attributes some accounts have.
    fn say(&mut self, accounts: &[u32]) -> Result<()> {
        let mask = ASKED.iter().fold(0, |bits, one| bits | crate::oracle::bit(*one));
        let mut facts = Vec::with_capacity(accounts.len());
        for who in accounts {
            let attributes = self.random.next() as u16 & mask;
            self.attributes[*who as usize] = attributes;
            facts.push((*who, self.now, attributes, false));
        }
        self.submit(steps::facts(&self.platform, &self.ids, &facts))
    }

    fn submit(&mut self, command: Command) -> Result<()> {
        while self.under_way.len() >= UNDER_WAY {
            self.take_one()?;
        }
        self.under_way.push_back(self.pipeline.handle().submit_patiently(command)?);
        Ok(())
    }

    fn take_one(&mut self) -> Result<()> {
        let Some(ticket) = self.under_way.pop_front() else { return Ok(()) };
        match ticket.wait()?.result {
            Ok(Done::Items { refused: 0, .. }) => Ok(()),
            other => bail!("a command came to {other:?}"),
        }
    }

    fn drain(&mut self) -> Result<()> {
        while !self.under_way.is_empty() {
            self.take_one()?;
        }
        Ok(())
    }

    fn minute(&mut self, minute: u64) -> Result<()> {
        for batch in 0..BATCHES_A_MINUTE {
            self.now += BATCH_MS;
            self.clock.move_to_ms(self.now);
            self.batch()?;
            // Spread over the minute.
            let every = BATCHES_A_MINUTE / KINDS.len() as u64;
            let kind = batch / every;
            if batch % every == every - 1 && kind < KINDS.len() as u64 {
                self.filter(minute, kind as usize)?;
            }
        }
        let some: Vec<u32> =
            (0..2_000).map(|_| self.random.below(u64::from(self.population.accounts())) as u32).collect();
        let mut some = some;
        some.sort_unstable();
        some.dedup();
        // The moment of the facts must be newer than the last one said.
        self.now += 1;
        self.clock.move_to_ms(self.now);
        self.say(&some)?;
        if self.to_undo.len() > UNDO_AFTER {
            let old = self.to_undo.pop_front().unwrap_or_default();
            for (who, position, mark) in old {
                self.undo(who, position, mark)?;
            }
        }
        self.drain()
    }

    fn batch(&mut self) -> Result<()> {
        let mut batch = EdgeBatchBuilder::with_capacity(self.platform.clone(), self.batch as usize);
        let today = u32::from(day_of(self.now));
        let sent = self.recent.len();
        for _ in 0..self.batch {
            let dice = self.random.next();
            let (op, account, follower, at) = if sent == self.batch as usize && dice % 100 < 5 {
                self.recent[(dice >> 32) as usize % sent]
            } else {
                let (edge, account, follower) = self.next_edge();
                let slot = &mut self.slots[edge as usize];
                let follows = *slot > 0 && *slot >> 16 == 0;
                // Nine in ten turn the edge over.
                let op = if follows == ((dice >> 8) % 10 < 9) { Op::Unfollow } else { Op::Follow };
                self.changed += u64::from(follows != (op == Op::Follow));
                *slot = if op == Op::Follow { today } else { 0 };
                let event = (op, account, follower, self.now);
                if sent < self.batch as usize && self.recent.len() < self.batch as usize {
                    self.recent.push(event);
                } else {
                    let place = (dice >> 16) as usize % self.recent.len();
                    self.recent[place] = event;
                }
                event
            };
            let key = |who: u32| self.ids[who as usize].key();
            batch.push_keys(op, key(account), key(follower), at, None)?;
        }
        self.events += self.batch;
        self.submit(Command::Edges(batch.build()))
    }

    fn next_edge(&mut self) -> (u64, u32, u32) {
        loop {
            self.edge = (self.edge + self.stride) % self.population.edges();
            let (account, place) = self.population.of_edge(self.edge);
            let follower = self.population.follower(account, place);
            if follower != account {
                return (self.edge, account, follower);
            }
        }
    }

    fn filter(&mut self, minute: u64, kind: usize) -> Result<()> {
        self.drain()?;
        let number = minute * KINDS.len() as u64 + kind as u64;
        let who = (number % 20) as u32;
        let mark = (number % 60_000) as u32 + 1;
        let some: Vec<u32> = (0..50)
            .map(|nth| ((number * 97 + nth * 2_003) % u64::from(self.population.accounts())) as u32)
            .collect();
        let (name, make) = KINDS[kind];
        let bulk = make(day_of(self.now), &some, self.population.accounts() / 6);
        let (first, places) = self.population.edges_of(who);
        let mut meant: Vec<(u32, u32)> = Vec::new();
        let mut count = 0_u32;
        for place in 0..places {
            let slot = self.slots[(first + u64::from(place)) as usize];
            if slot > 0 && slot >> 16 == 0 {
                count += 1;
                if bulk.means(place, slot as u16, self.attributes[place as usize]) {
                    meant.push((slot, place));
                }
            }
        }
        let most =
            meant.len().min(bulk.leave_at.map_or(usize::MAX, |left| count.saturating_sub(left) as usize));
        let outcome =
            self.pipeline.handle().submit_and_wait(steps::filter(&self.platform, &self.ids, who, &bulk))?;
        meant.sort_unstable();
        if bulk.order == Order::Newest {
            meant.reverse();
        }
        if bulk.is_up_to_chance() {
            let set = self.read()?.followers().set(AccountNo(who));
            meant.retain(|(_, place)| set.contains(AccountNo(*place)).is_none());
        } else {
            meant.truncate(most);
        }
        ensure!(meant.len() == most, "`{name}` took {} and not {most}", meant.len());
        let is = matches!(&outcome.result, Ok(Done::Filtered { removed, left, .. })
            if *removed as usize == most && *left == count - *removed);
        ensure!(is, "`{name}` came to {:?} and not {most} of {count}", outcome.result);
        for (_, place) in meant {
            self.slots[(first + u64::from(place)) as usize] |= mark << 16;
        }
        self.filters += 1;
        if self.to_undo.len() as u64 <= minute.min(UNDO_AFTER as u64) && kind == 0 {
            self.to_undo.push_back(Vec::new());
        }
        if let Some(last) = self.to_undo.back_mut() {
            last.push((who, outcome.position, mark));
        }
        Ok(())
    }

    fn undo(&mut self, who: u32, position: u64, mark: u32) -> Result<()> {
        self.drain()?;
        let (first, places) = self.population.edges_of(who);
        let mut back = 0;
        for slot in &mut self.slots[first as usize..(first + u64::from(places)) as usize] {
            if *slot >> 16 == mark {
                *slot &= 0xffff;
                back += 1;
            }
        }
        let outcome =
            self.pipeline.handle().submit_and_wait(steps::undo(&self.platform, &self.ids, who, position))?;
        let is = matches!(&outcome.result, Ok(Done::Restored { restored, .. }) if *restored == back);
        ensure!(is, "an undo came to {:?} and not {back} restored", outcome.result);
        Ok(())
    }

    fn read(&self) -> Result<PlatformRead> {
        self.pipeline.handle().reader().platform(&self.platform).context("the platform is gone")
    }

    fn standing(&self) -> u64 {
        self.slots.iter().map(|slot| u64::from(*slot > 0 && slot >> 16 == 0)).sum()
    }

    /// Counts of the large accounts, and how many events changed anything.
    fn counts_agree(&self) -> Result<()> {
        let read = self.read()?;
        for who in 0..20 {
            let (first, places) = self.population.edges_of(who);
            let slots = &self.slots[first as usize..(first + u64::from(places)) as usize];
            let expected = slots.iter().filter(|slot| **slot > 0 && *slot >> 16 == 0).count();
            let count = read.followers().count(AccountNo(who));
            ensure!(count as usize == expected, "account {who}: {count} followers, {expected} in the model");
        }
        let accepted = read.counts().events_accepted;
        ensure!(
            accepted == self.changed,
            "{accepted} events changed something, {} in the model",
            self.changed
        );
        Ok(())
    }

    /// Every edge with its day, every count by counting again, every following count.
    fn all_agree(&self) -> Result<()> {
        let read = self.read()?;
        let followers = read.followers();
        let mut following = vec![0_u32; self.population.accounts() as usize];
        for who in 0..self.population.accounts() {
            let set = followers.set(AccountNo(who));
            let (first, places) = self.population.edges_of(who);
            let mut expected = 0;
            for place in 0..places {
                let slot = self.slots[(first + u64::from(place)) as usize];
                let follower = self.population.follower(who, place);
                let day = (slot > 0 && slot >> 16 == 0).then_some(Day(slot as u16));
                let is = set.contains(AccountNo(follower));
                ensure!(is == day, "{follower} follows {who} since {is:?}, {day:?} in the model");
                if day.is_some() {
                    expected += 1;
                    following[follower as usize] += 1;
                }
            }
            let (recount, count) = (set.iter().count(), followers.count(AccountNo(who)));
            ensure!(
                recount == expected && count as usize == recount,
                "account {who}: count {count}, counted again {recount}, {expected} in the model"
            );
        }
        for (who, expected) in (0..).zip(following) {
            let is = followers.following_count(AccountNo(who));
            ensure!(is == expected, "account {who} follows {is}, {expected} in the model");
        }
        Ok(())
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
