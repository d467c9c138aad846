//! The independent model of a whole platform: one edge after the other, by the rules as they are written down.
//!
//! It is made from the documentation (`docs/invariants.md`, the words of the API, the head of the engine's filter) and shares
//! no code with the engine: no batches, no sets, no leaves, no sweeping, only one entry an edge in a map an account. It
//! decides what every single event has to come to, so that a run can compare outcomes and not only where it ended.
//!
//! One thing it cannot know: whom a filter in random order takes when a target spares some. It is told, and checks that those
//! were meant and that they are as many as must go.

mod bulk;
mod compare;
mod history;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use followers::{Attribute, Op};
use state::{Cause, ItemOutcome};

pub use bulk::{Bulk, Wish};
pub use compare::Look;
pub use history::Row;

/// One follow or unfollow, by the model's own account numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub op: Op,
    /// Who is followed.
    pub followee: u32,
    /// Who follows.
    pub follower: u32,
    /// When, in unix milliseconds.
    pub at: i64,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How late an event may be and still find its place.
pub const HORIZON_MS: i64 = 72 * HOUR_MS;
/// How far ahead of the log's clock an event may be.
pub const FUTURE_MS: i64 = 5 * 60_000;
/// How long a filter can be undone.
pub const UNDO_MS: i64 = 30 * DAY_MS;
/// Filters of one account that are kept at once.
pub const FILTERS_MAX: usize = 64;
/// From this count on an account has a history without facts.
const HISTORY_FROM: u32 = 1_000;

/// The day of a moment.
pub(crate) fn day_of(at: i64) -> u16 {
    (at / DAY_MS) as u16
}

/// Where an edge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Here,
    /// With the filter of that log position, if that is still kept.
    Taken(u64),
}

/// All that is known of one edge.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The newest event: its time doubled, plus one for an unfollow, which beats a follow of the same moment.
    newest: i64,
    /// Since when, where it is anywhere.
    day: u16,
    place: Place,
}

const NEVER: i64 = i64::MIN;

/// A filter that ran and is not forgotten yet.
#[derive(Clone, Debug)]
struct Ran {
    position: u64,
    at: i64,
    bulk: Bulk,
    /// Does it take late follows too?
    armed: bool,
}

#[derive(Debug, Default)]
struct Account {
    edges: HashMap<u32, Known, FixedState>,
    count: u32,
    following: u32,
    filters: Vec<Ran>,
    left: bool,
    /// Its place in the order of first sight, which breaks ties within a day.
    number: Option<u32>,
    /// The attributes with the time they were said.
    attributes: (i64, u16),
    /// When it was last said what kind of account it is; `None` if never.
    class_at: Option<i64>,
    history: Option<history::History>,
}

/// Everything that must be true of one platform.
#[derive(Debug)]
pub struct Oracle {
    clock: i64,
    accounts: Vec<Account>,
    /// Accounts that were named so far.
    seen: u32,
    /// Accounts and their counts before the batch at hand, with what came and went.
    batch: HashMap<u32, Batch, FixedState>,
    /// Where the edges of the batch at hand were before it.
    before: HashMap<(u32, u32), bool, FixedState>,
    /// Outcomes since the beginning: accepted, duplicate, stale, too old, refused for another reason.
    tallies: [u64; 5],
}

#[derive(Debug, Default)]
struct Batch {
    came: u32,
    backfilled: u32,
    went: u32,
    count_before: u32,
}

impl Oracle {
    /// Nobody follows anybody.
    pub fn new(accounts: u32) -> Self {
        Self {
            clock: 0,
            seen: 0,
            accounts: (0..accounts).map(|_| Account::default()).collect(),
            batch: HashMap::default(),
            before: HashMap::default(),
            tallies: [0; 5],
        }
    }

    fn account(&self, who: u32) -> &Account {
        &self.accounts[who as usize]
    }

    fn account_mut(&mut self, who: u32) -> &mut Account {
        &mut self.accounts[who as usize]
    }

    fn see(&mut self, who: u32) {
        let next = self.seen;
        let number = self.account_mut(who).number.get_or_insert(next);
        self.seen += u32::from(*number == next);
    }

    fn is_seen(&self, who: u32) -> bool {
        self.account(who).number.is_some()
    }

    /// How many accounts there can be.
    pub fn accounts(&self) -> u32 {
        self.accounts.len() as u32
    }

    /// How many follow the account.
    pub fn count(&self, who: u32) -> u32 {
        self.account(who).count
    }

    /// Outcomes since the beginning: accepted, duplicate, stale, too old, refused for another reason.
    pub fn tallies(&self) -> [u64; 5] {
        self.tallies
    }

    /// Edges that stand.
    pub fn edges_standing(&self) -> u64 {
        self.accounts.iter().map(|account| u64::from(account.count)).sum()
    }

    /// The log's clock moves; a time before the present one changes nothing.
    pub fn moment(&mut self, now: i64) {
        self.clock = self.clock.max(now);
    }

    /// Forgets what no longer decides anything. Only room is won.
    pub fn sweep(&mut self) {
        let (clock, floor) = (self.clock, self.clock - HORIZON_MS);
        for account in &mut self.accounts {
            account.filters.retain(|ran| clock < ran.at + UNDO_MS);
            let filters = &account.filters;
            account.edges.retain(|_, known| {
                if let Place::Taken(position) = known.place
                    && !filters.iter().any(|ran| ran.position == position)
                {
                    known.place = Place::Nowhere;
                }
                known.place != Place::Nowhere || known.newest >> 1 >= floor
            });
        }
    }

    /// Events of one command, one after the other. Appends what each must come to.
    pub fn events(&mut self, events: &[Event], expected: &mut Vec<ItemOutcome>) {
        for event in events {
            let outcome = self.event(*event);
            let tally = match outcome {
                ItemOutcome::Accepted => 0,
                ItemOutcome::Duplicate => 1,
                ItemOutcome::Stale => 2,
                ItemOutcome::TooOld => 3,
                _ => 4,
            };
            self.tallies[tally] += 1;
            expected.push(outcome);
        }
        self.close_batch();
    }

    fn event(&mut self, Event { op, followee, follower, at }: Event) -> ItemOutcome {
        let old = at < self.clock - HORIZON_MS;
        if followee == follower {
            return ItemOutcome::AccountCannotFollowItself;
        }
        if at > self.clock + FUTURE_MS {
            return ItemOutcome::InTheFuture;
        }
        if old && op != Op::Backfill {
            return ItemOutcome::TooOld;
        }
        self.see(followee);
        self.see(follower);
        if self.account(followee).left || self.account(follower).left {
            return ItemOutcome::AccountHasLeft;
        }
        let mut known = self.known(followee, follower);
        let claim = at << 1 | i64::from(op == Op::Unfollow);
        if known.newest == claim {
            return ItemOutcome::Duplicate;
        }
        if known.newest > claim {
            return ItemOutcome::Stale;
        }
        let before = known.place;
        if !old {
            known.newest = claim;
        }
        if op == Op::Unfollow {
            known.place = Place::Nowhere;
        } else {
            self.settle_follow(followee, follower, at, old, &mut known);
        }
        let (was, is) = (before == Place::Here, known.place == Place::Here);
        self.account_mut(followee).edges.insert(follower, known);
        self.note(op, followee, follower, was, is);
        match (was, is, op) {
            (false, true, _) | (true, false, _) => ItemOutcome::Accepted,
            (true, true, _) | (false, false, Op::Unfollow) => ItemOutcome::Duplicate,
            // A filter has it.
            (false, false, Op::Follow | Op::Backfill) => ItemOutcome::Stale,
        }
    }

    /// Where an edge goes whose newest event is a follow, or an import from behind the horizon (`old`).
    fn settle_follow(&self, followee: u32, follower: u32, at: i64, old: bool, known: &mut Known) {
        let day = day_of(at);
        let account = self.account(followee);
        let later = if old { known.day.max(day) } else { day };
        match known.place {
            Place::Here => known.day = later,
            // Nothing newer than the filter that has it has happened.
            Place::Taken(position)
                if account.filters.iter().any(|ran| ran.position == position && at < ran.at) =>
            {
                known.day = later;
            }
            Place::Taken(_) | Place::Nowhere => {
                known.day = day;
                let taker = account.filters.iter().find(|ran| {
                    at < ran.at && ran.armed && ran.bulk.means(follower, day, self.attributes(follower))
                });
                known.place = taker.map_or(Place::Here, |ran| Place::Taken(ran.position));
            }
        }
    }

    /// What is known of an edge at this moment: what lies behind the horizon and filters of long ago are forgotten.
    fn known(&mut self, followee: u32, follower: u32) -> Known {
        let (clock, floor) = (self.clock, self.clock - HORIZON_MS);
        let account = self.account_mut(followee);
        // They ran in this order.
        while account.filters.first().is_some_and(|ran| clock >= ran.at + UNDO_MS) {
            account.filters.remove(0);
        }
        let nothing = Known { newest: NEVER, day: 0, place: Place::Nowhere };
        let mut known = account.edges.get(&follower).copied().unwrap_or(nothing);
        if known.newest >> 1 < floor {
            known.newest = NEVER;
        }
        if let Place::Taken(position) = known.place
            && !account.filters.iter().any(|ran| ran.position == position)
        {
            known.place = Place::Nowhere;
        }
        known
    }

    /// Keeps counts and remembers what the batch did.
    fn note(&mut self, op: Op, followee: u32, follower: u32, was: bool, is: bool) {
        let count_before = self.account(followee).count;
        if was == is {
            return;
        }
        let sums = self.batch.entry(followee).or_insert(Batch { count_before, ..Batch::default() });
        match (is, op) {
            (false, _) => sums.went += 1,
            (true, Op::Backfill) => sums.backfilled += 1,
            (true, _) => sums.came += 1,
        }
        self.before.entry((followee, follower)).or_insert(was);
        self.step(followee, follower, is);
    }

    fn step(&mut self, followee: u32, follower: u32, is: bool) {
        if is {
            self.account_mut(followee).count += 1;
            self.account_mut(follower).following += 1;
        } else {
            self.account_mut(followee).count -= 1;
            self.account_mut(follower).following -= 1;
        }
    }

    /// The history hears of accounts whose set is another one after the batch.
    fn close_batch(&mut self) {
        let before = std::mem::take(&mut self.before);
        let mut batch = std::mem::take(&mut self.batch);
        for ((followee, follower), was) in before {
            let known = self.account(followee).edges.get(&follower);
            let is = known.is_some_and(|known| known.place == Place::Here);
            if was == is {
                continue;
            }
            let Some(sums) = batch.remove(&followee) else { continue };
            self.history(followee, sums.count_before, Cause::Organic, sums.came, sums.went);
            self.history(followee, sums.count_before, Cause::Backfill, sums.backfilled, 0);
        }
    }

    fn history(&mut self, who: u32, before: u32, cause: Cause, came: u32, went: u32) {
        let day = day_of(self.clock);
        let account = self.account_mut(who);
        if account.history.is_none() && before.max(account.count) >= HISTORY_FROM {
            account.history = Some(history::History::default());
        }
        if let Some(history) = &mut account.history {
            history.add(day, cause, came, went);
        }
    }

    fn attributes(&self, who: u32) -> u16 {
        self.account(who).attributes.1
    }

    /// The platform says what an account is: its attributes and, if `with_class`, its kind, which is always the same.
    pub fn facts(&mut self, who: u32, at: i64, attributes: u16, with_class: bool) -> ItemOutcome {
        let clock = self.clock;
        self.see(who);
        let account = self.account_mut(who);
        if account.left {
            return ItemOutcome::AccountHasLeft;
        }
        if at > clock + FUTURE_MS {
            return ItemOutcome::InTheFuture;
        }
        let said = (at, attributes);
        let mut same = account.attributes == said;
        // What was never said loses to whatever is said.
        let mut taken = account.attributes < said;
        if taken {
            account.attributes = said;
        }
        if with_class {
            account.history.get_or_insert_default();
            same |= account.class_at == Some(at);
            if account.class_at < Some(at) {
                account.class_at = Some(at);
                taken = true;
            }
        }
        match (taken, same) {
            (true, _) => ItemOutcome::Accepted,
            (false, true) => ItemOutcome::Duplicate,
            (false, false) => ItemOutcome::Stale,
        }
    }

    /// Whether a command may name the account: it was seen and has not left.
    pub fn is_present(&self, who: u32) -> Result<(), &'static str> {
        match (self.is_seen(who), self.account(who).left) {
            (false, _) => Err("unknown_account"),
            (true, true) => Err("already_left"),
            (true, false) => Ok(()),
        }
    }

    /// An account leaves for good: nobody follows it and it follows nobody.
    pub fn leave(&mut self, who: u32) {
        let account = self.account_mut(who);
        let followers: Vec<u32> =
            account.edges.iter().filter(|(_, known)| known.place == Place::Here).map(|(id, _)| *id).collect();
        account.edges = HashMap::default();
        account.filters.clear();
        account.attributes = (account.attributes.0, 0);
        account.left = true;
        account.history.get_or_insert_default();
        let before = account.count;
        for follower in &followers {
            self.step(who, *follower, false);
        }
        if before > 0 {
            self.history(who, before, Cause::Purge, 0, before);
        }
        for account in 0..self.accounts() {
            let Some(known) = self.account_mut(account).edges.remove(&who) else { continue };
            if known.place == Place::Here {
                let before = self.count(account);
                self.step(account, who, false);
                self.history(account, before, Cause::Purge, 0, 1);
            }
        }
    }
}

/// The bit of an attribute, as the model keeps it.
pub(crate) fn bit(attribute: Attribute) -> u16 {
    1 << Attribute::ALL.iter().position(|one| *one == attribute).unwrap_or_default()
}
