//! What happens on a made-up platform, step by step, from a seed: events in every order and number, filters of every
//! kind, facts, departures, restarts, and storage that fails.
//!
//! A step says what it means in numbers of its own, never by what came of an earlier one, so that any part of a list is a
//! list again: that is how a failing run is made small.

use followers::{Attribute, Op, Order};
use pipeline::crash::CrashPoint;
use state::commands::{AccountFacts, Attributes, Filter, FilterCriteria, Leave, UndoFilter, UpsertAccounts};
use state::{AccountId, Command, EdgeBatchBuilder, Millis, PlatformId};
use storage::faults::When;

use crate::oracle::{Bulk, Event, FUTURE_MS, HORIZON_MS, Wish, day_of};
use crate::random::Random;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 1 October 2023, 00:00 UTC.
pub(crate) const START_MS: i64 = 1_696_118_400_000;
/// Attributes that filters ask about here.
pub(crate) const ASKED: [Attribute; 4] =
    [Attribute::Inactive, Attribute::SuspectedBot, Attribute::Verified, Attribute::NewAccount];

/// One step and the moment it is made at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The clock is moved here first, unless it is there or beyond.
    pub(crate) now: i64,
    pub(crate) act: Act,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Events(Vec<Event>),
    /// Account, time, attributes, and whether its class is said too.
    Facts(Vec<(u32, i64, u16, bool)>),
    Filter(u32, Bulk),
    /// The filter of the account at that place of those that can be undone, or one that never ran.
    Undo(u32, usize),
    Leave(u32),
    Tick,
    Snapshot,
    /// An orderly stop and start.
    Reopen,
    /// From here on storage fails, or the process dies, at that place.
    Fault(Fault),
}

/// What goes wrong, and how it is after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Strikes,
    pub(crate) then: Then,
}

/// Where it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strikes {
    /// The act of the disk with that number from now on fails, once before and once after it was done.
    Disk(u64, When),
    /// The process dies at that passage of the crash point.
    Point(CrashPoint, u64),
}

/// What survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The process dies; the system lives, and with it all that was written.
    Killed,
    /// The power goes; of what was not synced, sectors survive by the flip of a coin.
    PowerCut(u64),
}

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) accounts: u32,
    pub(crate) steps: usize,
    pub(crate) batch_max: u64,
}

/// Makes the steps of a seed.
pub(crate) fn make(seed: u64) -> (Size, Vec<Step>) {
    let mut random = Random::new(seed);
    // Small populations make events meet; large ones fill many leaves of a set.
    let size = match random.below(8) {
        0..=3 => Size { accounts: 12, steps: 90, batch_max: 40 },
        4..=6 => Size { accounts: 150, steps: 70, batch_max: 300 },
        _ => Size { accounts: 3_000, steps: 40, batch_max: 6_000 },
    };
    let mut maker = Maker { random, size, now: START_MS, sent: Vec::new() };
    let steps = (0..size.steps).map(|_| maker.step()).collect();
    (size, steps)
}

struct Maker {
    random: Random,
    size: Size,
    now: i64,
    /// Events of the past, to be sent again.
    sent: Vec<Event>,
}

impl Maker {
    fn step(&mut self) -> Step {
        self.now += match self.random.below(20) {
            0..=9 => self.random.below(10 * MINUTE_MS as u64) as i64,
            10..=16 => self.random.below(8 * HOUR_MS as u64) as i64,
            17..=18 => self.random.below(2 * DAY_MS as u64) as i64,
            _ => self.random.below(20 * DAY_MS as u64) as i64,
        };
        let act = match self.random.below(100) {
            0..=44 => self.events(),
            45..=54 => self.facts(),
            55..=66 => Act::Filter(self.famous(), self.bulk()),
            67..=74 => Act::Undo(self.famous(), self.random.skewed_below(4) as usize),
            75..=76 => Act::Leave(self.anyone().max(3)),
            77..=79 => Act::Tick,
            80..=82 => Act::Snapshot,
            83..=86 => Act::Reopen,
            _ => Act::Fault(self.fault()),
        };
        Step { now: self.now, act }
    }

    /// One of the few whom many follow.
    fn famous(&mut self) -> u32 {
        self.random.below(4) as u32
    }

    fn anyone(&mut self) -> u32 {
        self.random.below(u64::from(self.size.accounts)) as u32
    }

    fn events(&mut self) -> Act {
        let count = 1 + self.random.skewed_below(self.size.batch_max);
        let events = (0..count).map(|_| self.event()).collect();
        Act::Events(events)
    }

    fn event(&mut self) -> Event {
        if !self.sent.is_empty() && self.random.chance(250) {
            return self.sent[self.random.below(self.sent.len() as u64) as usize];
        }
        let op = match self.random.below(10) {
            0..=5 => Op::Follow,
            6..=8 => Op::Unfollow,
            _ => Op::Backfill,
        };
        let followee = if self.random.chance(800) { self.famous() } else { self.anyone() };
        let event = Event { op, followee, follower: self.anyone(), at: self.moment(op) };
        if self.sent.len() < 4_096 {
            self.sent.push(event);
        } else {
            let place = self.random.below(4_096) as usize;
            self.sent[place] = event;
        }
        event
    }

    /// When an event happened: mostly within the horizon, often at the same moment as another one, sometimes too late or
    /// in the future, and right at the edges of both.
    fn moment(&mut self, op: Op) -> i64 {
        let now = self.now;
        let at = match self.random.below(40) {
            0..=21 => now - self.random.below(HOUR_MS as u64) as i64,
            22..=33 => now - self.random.below(HORIZON_MS as u64) as i64,
            34 => now - HORIZON_MS + self.random.below(3) as i64 - 1,
            35 => now - HORIZON_MS - self.random.below(3 * DAY_MS as u64) as i64,
            36 => now + FUTURE_MS + self.random.below(3) as i64 - 1,
            37 => now + self.random.below(FUTURE_MS as u64) as i64,
            38 if op == Op::Backfill => now - self.random.below(2_000 * DAY_MS as u64) as i64,
            _ => return (now - self.random.below(2 * DAY_MS as u64) as i64) / (6 * HOUR_MS) * (6 * HOUR_MS),
        };
        if self.random.chance(300) { at / HOUR_MS * HOUR_MS } else { at }
    }

    fn facts(&mut self) -> Act {
        let count = 1 + self.random.below(u64::from(self.size.accounts) / 3 + 1);
        let facts = (0..count)
            .map(|_| {
                let at = self.now - self.random.skewed_below(HOUR_MS as u64) as i64;
                let on = ASKED.iter().filter(|_| self.random.chance(400));
                let attributes = on.fold(0, |bits, one| bits | crate::oracle::bit(*one));
                let who = if self.random.chance(100) { self.famous() } else { self.anyone() };
                (who, at / MINUTE_MS * MINUTE_MS, attributes, self.random.chance(150))
            })
            .collect();
        Act::Facts(facts)
    }

    pub(crate) fn bulk(&mut self) -> Bulk {
        let wish = self.wish(3);
        let keep = self.some();
        let order = match self.random.below(3) {
            0 => Order::Newest,
            1 => Order::Oldest,
            _ => Order::Random { seed: self.random.next() },
        };
        let leave_at = match self.random.below(5) {
            0..=2 => None,
            3 => Some(self.random.below(u64::from(self.size.accounts)) as u32),
            _ => Some(self.random.below(6) as u32),
        };
        Bulk { wish, keep, order, leave_at }
    }

    fn some(&mut self) -> Vec<u32> {
        (0..self.random.skewed_below(12)).map(|_| self.anyone()).collect()
    }

    fn wish(&mut self, depth: u32) -> Wish {
        let parts = |maker: &mut Self| {
            (0..maker.random.below(4)).map(|_| maker.wish(depth - 1)).collect::<Vec<Wish>>()
        };
        let today = day_of(self.now);
        match self.random.below(if depth == 0 { 6 } else { 10 }) {
            0..=2 => Wish::Has(ASKED[self.random.below(4) as usize]),
            3 => Wish::Before(today.saturating_sub(self.random.below(10) as u16)),
            4 => Wish::After(today.saturating_sub(self.random.below(10) as u16)),
            5 => Wish::OneOf(self.some()),
            6 => Wish::All(parts(self)),
            7 => Wish::Any(parts(self)),
            8 => Wish::Not(Box::new(self.wish(depth - 1))),
            _ => Wish::All(Vec::new()),
        }
    }

    fn fault(&mut self) -> Fault {
        let at = if self.random.chance(500) {
            let when = if self.random.chance(500) { When::Before } else { When::After };
            Strikes::Disk(self.random.below(24), when)
        } else {
            Strikes::Point(crash_point(&mut self.random), 1 + self.random.below(3))
        };
        let then = if self.random.chance(500) { Then::Killed } else { Then::PowerCut(self.random.next()) };
        Fault { at, then }
    }
}

/// One of the crash points. Those of the vault need a vault; they have their tests where it is.
pub(crate) fn crash_point(random: &mut Random) -> CrashPoint {
    const POINTS: [CrashPoint; 6] = [
        CrashPoint::BeforeAppend,
        CrashPoint::AfterAppend,
        CrashPoint::BeforeReply,
        CrashPoint::BeforeSnapshot,
        CrashPoint::AfterSnapshot,
        CrashPoint::AfterTrim,
    ];
    POINTS[random.below(POINTS.len() as u64) as usize]
}

/// The command of some events.
///
/// # Errors
/// When the generator made an event that no platform could send.
pub(crate) fn events(platform: &PlatformId, ids: &[AccountId], events: &[Event]) -> anyhow::Result<Command> {
    let mut batch = EdgeBatchBuilder::with_capacity(platform.clone(), events.len());
    for event in events {
        let key = |who: u32| ids[who as usize].key();
        batch.push_keys(event.op, key(event.followee), key(event.follower), event.at, None)?;
    }
    Ok(Command::Edges(batch.build()))
}

/// The command of some facts.
pub(crate) fn facts(platform: &PlatformId, ids: &[AccountId], facts: &[(u32, i64, u16, bool)]) -> Command {
    let items = facts
        .iter()
        .map(|(who, at, attributes, with_class)| {
            let mut facts = AccountFacts::new(ids[*who as usize].clone(), Millis(*at));
            let on = Attribute::ALL.into_iter().filter(|one| attributes & crate::oracle::bit(*one) != 0);
            facts.attributes = Some(Attributes::of(&on.collect::<Vec<_>>()));
            facts.class = with_class.then_some(policy::Class::Creator);
            facts
        })
        .collect();
    Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items })
}

/// The command of a filter.
pub(crate) fn filter(platform: &PlatformId, ids: &[AccountId], who: u32, bulk: &Bulk) -> Command {
    Command::Filter(Filter {
        platform: platform.clone(),
        account: ids[who as usize].clone(),
        criteria: criteria(ids, &bulk.wish),
        keep: bulk.keep.iter().map(|who| ids[*who as usize].clone()).collect(),
        order: bulk.order,
        leave_at: bulk.leave_at,
        keep_verified: false,
        keep_followed: false,
        bar_days: 0,
        by: state::Actor::System,
    })
}

fn criteria(ids: &[AccountId], wish: &Wish) -> FilterCriteria {
    let all = |parts: &[Wish]| parts.iter().map(|part| criteria(ids, part)).collect();
    match wish {
        Wish::All(parts) => FilterCriteria::All(all(parts)),
        Wish::Any(parts) => FilterCriteria::Any(all(parts)),
        Wish::Not(part) => FilterCriteria::Not(Box::new(criteria(ids, part))),
        Wish::Has(attribute) => FilterCriteria::Has(*attribute),
        Wish::Before(day) => FilterCriteria::FollowedBefore(followers::Day(*day)),
        Wish::After(day) => FilterCriteria::FollowedAfter(followers::Day(*day)),
        Wish::OneOf(accounts) => {
            FilterCriteria::OneOf(accounts.iter().map(|who| ids[*who as usize].clone()).collect())
        }
    }
}

/// The command that undoes a filter.
pub(crate) fn undo(platform: &PlatformId, ids: &[AccountId], who: u32, filter: u64) -> Command {
    let account = ids[who as usize].clone();
    Command::UndoFilter(UndoFilter { platform: platform.clone(), account, filter, by: state::Actor::System })
}

/// The command by which an account leaves.
pub(crate) fn leave(platform: &PlatformId, ids: &[AccountId], who: u32) -> Command {
    let account = ids[who as usize].clone();
    Command::Leave(Leave { platform: platform.clone(), account, by: state::Actor::System })
}
