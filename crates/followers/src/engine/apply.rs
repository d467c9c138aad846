//! A batch of events becomes new versions of the sets it touches.
//!
//! Events are sorted by edge first, so each edge is looked up once and each set is rewritten once; what an event did is
//! seen while its leaf is rewritten. That gives the same result as one by one because edges do not influence each other:
//! the clock, attributes and filters, which do, only change between batches.

use std::cmp::Ordering;
use std::ops::Range;

use super::Engine;
use super::sort::{Event, Kind, by_edge};
use crate::attributes::Attributes;
use crate::horizon::{Stamp, edge_key, edge_of};
use crate::kept::{Kept, taker};
use crate::set::{Asks, Change, Claim, Scratch, Way};
use crate::shared::Soon;
use crate::{AccountNo, CountChange, Day, Edge, EdgeOutcome, Op};

/// Room that is used again from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Sorted by edge, then by place in the batch.
    events: Vec<Event>,
    dealt: Vec<Event>,
    groups: Vec<Group>,
    /// What the horizon remembers of the edge of each event; empty when it remembers nothing at all.
    stamps: Vec<Option<Stamp>>,
    claims: Vec<Claim>,
    /// The place in the batch of the event behind each claim; [`SETTLED`] when its outcome is known.
    places: Vec<u32>,
    /// What changes in the filters of the account at hand: (filter, change).
    taken: Vec<(usize, Change)>,
    pub(super) scratch: Scratch,
}

/// Events of one account.
#[derive(Debug, Clone, Copy)]
struct Group {
    followee: u32,
    from: u32,
    until: u32,
    /// Whether its events are few and its followers in a tree: known once the set is there.
    has_way: bool,
}

fn group(events: &[Event], groups: &mut Vec<Group>) {
    groups.clear();
    let mut from = 0;
    for events in events.chunk_by(|a, b| edge_of(a.key).0 == edge_of(b.key).0) {
        let until = from + events.len() as u32;
        let followee = events.first().map_or(0, |event| edge_of(event.key).0);
        groups.push(Group { followee, from, until, has_way: false });
        from = until;
    }
}

/// How many events ahead memory is asked for.
const AHEAD: usize = 16;

/// How many accounts lie between one step towards a set and the next.
const GROUPS_AHEAD: usize = 4;

/// The steps to a set, each of which reads what the one before asked for.
const STEPS: [Soon; 4] = [Soon::Slot, Soon::Set, Soon::Followers, Soon::Changes];

/// The steps from there to followers in its tree; the first is [`FollowerSet::tree_soon`].
const WAY: [Way; 3] = [Way::Node, Way::Parts, Way::Leaf];

/// All of them.
const STEPS_ALL: usize = STEPS.len() + 1 + WAY.len();

/// Of an account with more events the way to each follower is found for all of them together.
const FEW: u32 = 8;

/// The group that is at that step in that turn.
fn group_of(groups: &mut [Group], turn: usize, step: usize) -> Option<&mut Group> {
    groups.get_mut(turn.checked_sub(step * GROUPS_AHEAD)?)
}

/// Room for so many events is kept for the next batch.
const EVENTS_KEPT_MAX: usize = 1 << 17;

/// In place of a place.
const SETTLED: u32 = u32::MAX;

/// Where an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    /// In the set, since that day.
    Here(u16),
    /// Taken by the filter at that place of the account's list; followed since that day.
    Taken(usize, u16),
}

/// What decides about the edges of one account.
struct Rules<'a> {
    kept: &'a [Kept],
    attributes: &'a Attributes,
    /// The oldest version inside the horizon.
    floor: i64,
}

impl Engine {
    /// Applies events with the result they would have one by one, in the order given.
    ///
    /// Appends one outcome per event to `outcomes`, in the order of `batch`, and one entry per account whose set
    /// changed to `touched`, by ascending account number.
    ///
    /// # Panics
    /// When an account number does not exist: the owner of the names gives out numbers only after
    /// [`Engine::grow`]. Also when the batch has 2^32 events or more.
    pub fn apply(&mut self, batch: &[Edge], outcomes: &mut Vec<EdgeOutcome>, touched: &mut Vec<CountChange>) {
        self.recorder.begin(&self.shared.lists);
        let mut room = std::mem::take(&mut self.room);
        let first = outcomes.len();
        outcomes.resize(first + batch.len(), EdgeOutcome::Inserted);
        let outcomes = &mut outcomes[first..];
        self.admit(batch, outcomes, &mut room.events);
        by_edge(&mut room.events, &mut room.dealt);
        group(&room.events, &mut room.groups);
        self.look_up(batch, &mut room);
        let mut groups = std::mem::take(&mut room.groups);
        for turn in 0..groups.len() + STEPS_ALL * GROUPS_AHEAD {
            self.prepare(&mut groups, turn, &room.events);
            if let Some(group) = group_of(&mut groups, turn, STEPS_ALL) {
                let events = group.from as usize..group.until as usize;
                self.apply_to(group.followee, events, batch, outcomes, touched, &mut room);
            }
        }
        room.groups = groups;
        if room.events.capacity() <= EVENTS_KEPT_MAX {
            self.room = room;
        }
        self.recorder.end(&self.shared.lists);
    }

    /// Fetches what the horizon remembers of each edge, and has it remember the only event of an edge if that is newer.
    ///
    /// All lookups come before any use: they miss the cache, and only misses that are asked for beforehand overlap. No
    /// use changes what another one looks up: edges do not influence each other.
    fn look_up(&mut self, batch: &[Edge], room: &mut Room) {
        let Room { events, groups, stamps, .. } = room;
        stamps.clear();
        if self.horizon.is_empty() && events.iter().all(|event| event.kind == Kind::Old) {
            return;
        }
        for group in &*groups {
            let plain = self.is_plain(group.followee);
            for at in group.from as usize..group.until as usize {
                let event = events[at];
                if let Some(later) = events.get(at + AHEAD) {
                    self.horizon.soon(later.key);
                }
                stamps.push(if plain && is_alone(events, at) && event.kind != Kind::Old {
                    self.horizon.raise(event.key, claimed(event, batch))
                } else {
                    self.horizon.get(event.key)
                });
            }
        }
    }

    /// Whether events of the account win or lose by the horizon alone: there are neither filters nor removals.
    fn is_plain(&self, followee: u32) -> bool {
        self.removed.is_empty() && self.kept.of(followee).is_empty()
    }

    /// Asks for what the accounts of the next turns will need.
    fn prepare(&self, groups: &mut [Group], turn: usize, events: &[Event]) {
        for (at, step) in STEPS.into_iter().enumerate() {
            if let Some(group) = group_of(groups, turn, at) {
                self.sets.soon(group.followee, step);
            }
        }
        if let Some(group) = group_of(groups, turn, STEPS.len()) {
            group.has_way = group.until - group.from <= FEW && self.sets.get(group.followee).tree_soon();
        }
        for (at, step) in (STEPS.len() + 1..).zip(WAY) {
            if let Some(group) = group_of(groups, turn, at)
                && group.has_way
            {
                let events = &events[group.from as usize..group.until as usize];
                let set = self.sets.get(group.followee);
                events.iter().for_each(|event| set.way_soon(step, edge_of(event.key).1));
            }
        }
        if let Some(group) = group_of(groups, turn, STEPS_ALL - 1) {
            let events = &events[group.from as usize..group.until as usize];
            for event in events.iter().take(AHEAD) {
                self.shared.following_soon(edge_of(event.key).1);
            }
        }
    }

    /// Answers the events that need no look at any set, and lists the others.
    fn admit(&self, batch: &[Edge], outcomes: &mut [EdgeOutcome], events: &mut Vec<Event>) {
        assert!(u32::try_from(batch.len()).is_ok(), "a batch has less than 2^32 events");
        let accounts = self.shared.accounts();
        let floor = self.horizon.floor();
        let ceiling = self.clock.saturating_add(self.limits.future_ms);
        events.clear();
        events.reserve(batch.len());
        for (place, (edge, outcome)) in (0..).zip(batch.iter().zip(outcomes)) {
            let (followee, follower) = (edge.followee.0, edge.follower.0);
            assert!(followee.max(follower) < accounts, "an event names account numbers that exist");
            let is_recent = edge.version >= floor;
            if followee == follower {
                *outcome = EdgeOutcome::SelfFollow;
            } else if edge.version > ceiling {
                *outcome = EdgeOutcome::InTheFuture;
            } else if !is_recent && edge.op != Op::Backfill {
                *outcome = EdgeOutcome::TooOld;
            } else {
                let kind = match edge.op {
                    Op::Unfollow => Kind::Unfollow,
                    Op::Backfill if !is_recent => Kind::Old,
                    Op::Follow | Op::Backfill => Kind::Follow,
                };
                let key = edge_key(followee, follower);
                events.push(Event { key, place, day: Day::of(edge.version).0, kind });
            }
        }
    }

    /// Applies the sorted events of one account.
    fn apply_to(
        &mut self,
        followee: u32,
        events: Range<usize>,
        batch: &[Edge],
        outcomes: &mut [EdgeOutcome],
        touched: &mut Vec<CountChange>,
        room: &mut Room,
    ) {
        room.claims.clear();
        room.places.clear();
        room.taken.clear();
        let plain = self.is_plain(followee);
        if plain
            && room.stamps.is_empty()
            && self.import(followee, &room.events[events.clone()], outcomes, touched)
        {
            return;
        }
        let mut next = events.start;
        while next < events.end {
            let event = room.events[next];
            let same = room.events[next..events.end].iter().take_while(|of| of.key == event.key).count();
            let stamp = room.stamps.get(next).copied().flatten();
            if plain && same == 1 {
                self.claim(event, stamp, batch, outcomes, room);
            } else {
                self.settle(next..next + same, stamp, batch, outcomes, room);
            }
            next += same;
        }
        if !room.claims.is_empty() {
            let (before, after) = self.sets.change(followee, &mut room.claims, &mut room.scratch);
            if self.count_following(followee, room, outcomes) {
                touched.push(CountChange { account: AccountNo(followee), before, after });
            }
        }
        if !room.taken.is_empty() {
            self.kept.change_taken(followee, &mut room.taken, &mut room.scratch);
        }
    }

    /// Makes the first set of an account from imports alone, without asking of each edge what is known: nothing is.
    /// Says whether it was so.
    fn import(
        &mut self,
        followee: u32,
        events: &[Event],
        outcomes: &mut [EdgeOutcome],
        touched: &mut Vec<CountChange>,
    ) -> bool {
        let is_first = self.sets.get(followee).is_empty();
        if !is_first || events.iter().any(|event| event.kind != Kind::Old) {
            return false;
        }
        let builder = &mut self.room_for_sets;
        for (at, same) in events.chunk_by(|a, b| a.key == b.key).enumerate() {
            if let Some(later) = events.get(at + AHEAD) {
                self.shared.following_soon(edge_of(later.key).1);
            }
            let Some((first, repeated)) = same.split_first() else { continue };
            let follower = edge_of(first.key).1;
            builder.push(follower, repeated.iter().fold(first.day, |day, event| day.max(event.day)));
            self.shared.follows(follower, 1);
            self.recorder.inserted(&self.shared.lists, followee, follower);
            for event in repeated {
                outcomes[event.place as usize] = EdgeOutcome::Duplicate;
            }
        }
        let set = builder.finish();
        touched.push(CountChange { account: AccountNo(followee), before: 0, after: set.len() });
        self.sets.publish(followee, set);
        true
    }

    /// Lists what the only event of an edge asks for, if it wins.
    #[inline]
    fn claim(
        &self,
        event: Event,
        stamp: Option<Stamp>,
        batch: &[Edge],
        outcomes: &mut [EdgeOutcome],
        room: &mut Room,
    ) {
        let place = event.place as usize;
        let asks = match event.kind {
            // Whatever is remembered is newer.
            Kind::Old if stamp.is_some() => {
                outcomes[place] = EdgeOutcome::Stale;
                return;
            }
            Kind::Old => Asks::NotBefore(event.day),
            // The horizon remembers it already, if it wins.
            Kind::Follow | Kind::Unfollow => {
                if let Some(stamp) = stamp
                    && let Some(lost) = lost(claimed(event, batch), stamp)
                {
                    outcomes[place] = lost;
                    return;
                }
                if event.kind == Kind::Unfollow { Asks::Gone } else { Asks::Since(event.day) }
            }
        };
        room.claims.push(Claim { id: edge_of(event.key).1, asks, was: None });
        room.places.push(event.place);
    }

    /// Goes through the events of one edge one by one, and lists what they ask for together.
    fn settle(
        &mut self,
        events: Range<usize>,
        stamp: Option<Stamp>,
        batch: &[Edge],
        outcomes: &mut [EdgeOutcome],
        room: &mut Room,
    ) {
        let Some(key) = room.events.get(events.start).map(|event| event.key) else { return };
        let (followee, follower) = edge_of(key);
        let rules = Rules {
            kept: self.kept.of(followee),
            attributes: &self.shared.attributes,
            floor: self.horizon.floor(),
        };
        let mut edge = Settling {
            follower,
            since: self.sets.get(followee).contains(AccountNo(follower)).map(|day| day.0),
            stamp,
            removed: self.removed.since(followee).max(self.removed.since_as_follower(follower)),
            places: None,
        };
        for event in &room.events[events] {
            let at = event.place as usize;
            outcomes[at] = edge.settle(batch[at].op, batch[at].version, &rules);
        }
        if edge.stamp != stamp
            && let Some(stamp) = edge.stamp
        {
            self.horizon.put(key, stamp);
        }
        let Some((before, after)) = edge.places.filter(|(before, after)| before != after) else { return };
        note_taken(follower, before, after, &mut room.taken);
        let is = after.here();
        if before.here() != is {
            room.claims.push(Claim { id: follower, asks: is.map_or(Asks::Gone, Asks::Since), was: None });
            room.places.push(SETTLED);
        }
    }

    /// Adds to the following counts of those who came and went, and answers what their events did. Says whether anybody
    /// came or went.
    fn count_following(&mut self, followee: u32, room: &Room, outcomes: &mut [EdgeOutcome]) -> bool {
        let mut anybody = false;
        for (at, (claim, place)) in room.claims.iter().zip(&room.places).enumerate() {
            if let Some(later) = room.claims.get(at + AHEAD) {
                self.shared.following_soon(later.id);
            }
            let outcome = match (claim.was.is_some(), claim.asks == Asks::Gone) {
                (false, false) => {
                    self.shared.follows(claim.id, 1);
                    self.recorder.inserted(&self.shared.lists, followee, claim.id);
                    anybody = true;
                    // As answered beforehand.
                    continue;
                }
                (true, true) => {
                    self.shared.follows(claim.id, -1);
                    anybody = true;
                    EdgeOutcome::Removed
                }
                (true, false) | (false, true) => EdgeOutcome::Duplicate,
            };
            if let Some(place) = outcomes.get_mut(*place as usize) {
                *place = outcome;
            }
        }
        anybody
    }
}

/// Whether the event at that place is the only one of its edge.
#[inline]
fn is_alone(events: &[Event], at: usize) -> bool {
    let key = events[at].key;
    let before = at.checked_sub(1).and_then(|before| events.get(before));
    [before, events.get(at + 1)].into_iter().flatten().all(|other| other.key != key)
}

/// What the horizon would remember of a recent event.
#[inline]
fn claimed(event: Event, batch: &[Edge]) -> Stamp {
    let version = batch[event.place as usize].version;
    if event.kind == Kind::Unfollow { Stamp::unfollow(version) } else { Stamp::follow(version) }
}

/// What becomes of an event that is not newer than what is remembered of its edge.
fn lost(claim: Stamp, stamp: Stamp) -> Option<EdgeOutcome> {
    match claim.cmp(&stamp) {
        Ordering::Less => Some(EdgeOutcome::Stale),
        Ordering::Equal => Some(EdgeOutcome::Duplicate),
        Ordering::Greater => None,
    }
}

/// What an edge's move means for the filters it was or is taken by.
fn note_taken(follower: u32, before: Place, after: Place, taken: &mut Vec<(usize, Change)>) {
    let left = if let Place::Taken(filter, _) = before { Some(filter) } else { None };
    if let Place::Taken(filter, day) = after {
        taken.push((filter, Change { id: follower, day: Some(day) }));
        if left == Some(filter) {
            return;
        }
    }
    if let Some(filter) = left {
        taken.push((filter, Change { id: follower, day: None }));
    }
}

/// One edge while its events of a batch are gone through.
struct Settling {
    follower: u32,
    /// The day it was in the set since, before the batch.
    since: Option<u16>,
    stamp: Option<Stamp>,
    /// Events of before that time no longer count: one of the two accounts was removed.
    removed: Option<i64>,
    /// Where the edge was and is; unknown until an event gets that far, which most duplicates do not.
    places: Option<(Place, Place)>,
}

impl Settling {
    fn settle(&mut self, op: Op, version: i64, rules: &Rules<'_>) -> EdgeOutcome {
        if self.removed.is_some_and(|removed| version < removed) {
            return EdgeOutcome::Stale;
        }
        if op != Op::Unfollow && rules.kept.iter().any(|kept| kept.bars(self.follower, version)) {
            return EdgeOutcome::RefollowBarred;
        }
        let claim = match op {
            Op::Follow | Op::Backfill => Stamp::follow(version),
            Op::Unfollow => Stamp::unfollow(version),
        };
        if let Some(stamp) = self.stamp
            && let Some(lost) = lost(claim, stamp)
        {
            return lost;
        }
        let (_, now) = self.places.get_or_insert_with(|| {
            let place = rules.place(self.follower, self.since);
            (place, place)
        });
        let before = *now;
        let is_recent = version >= rules.floor;
        *now = match op {
            Op::Unfollow => Place::Nowhere,
            Op::Backfill if !is_recent => rules.backfill(before, self.follower, version),
            Op::Follow | Op::Backfill => rules.follow(before, self.follower, version),
        };
        if is_recent {
            self.stamp = Some(claim);
        }
        outcome(op, before, *now)
    }
}

fn outcome(op: Op, before: Place, after: Place) -> EdgeOutcome {
    match (op, before.here().is_some(), after.here().is_some()) {
        (_, false, true) => EdgeOutcome::Inserted,
        (_, true, false) => EdgeOutcome::Removed,
        (_, true, true) | (Op::Unfollow, false, false) => EdgeOutcome::Duplicate,
        // A filter has it.
        (Op::Follow | Op::Backfill, false, false) => EdgeOutcome::Stale,
    }
}

impl Place {
    fn here(self) -> Option<u16> {
        match self {
            Place::Here(day) => Some(day),
            Place::Nowhere | Place::Taken(..) => None,
        }
    }
}

impl Rules<'_> {
    fn place(&self, follower: u32, since: Option<u16>) -> Place {
        if let Some(day) = since {
            return Place::Here(day);
        }
        let follower = AccountNo(follower);
        let holder =
            self.kept.iter().enumerate().find_map(|(filter, kept)| {
                kept.taken.contains(follower).map(|day| Place::Taken(filter, day.0))
            });
        holder.unwrap_or(Place::Nowhere)
    }

    /// Where an edge goes whose newest event is a follow at `version`.
    fn follow(&self, place: Place, follower: u32, version: i64) -> Place {
        let day = Day::of(version).0;
        match place {
            Place::Here(_) => Place::Here(day),
            // It was taken knowing less, but nothing newer than the filter has happened.
            Place::Taken(filter, _) if self.ran_after(filter, version) => Place::Taken(filter, day),
            Place::Taken(..) | Place::Nowhere => {
                match taker(self.kept, follower, day, version, self.attributes) {
                    Some(filter) => Place::Taken(filter, day),
                    None => Place::Here(day),
                }
            }
        }
    }

    /// The same for an import from behind the horizon: of two such the later day stands, whichever comes first.
    fn backfill(&self, place: Place, follower: u32, version: i64) -> Place {
        let day = Day::of(version).0;
        match place {
            Place::Here(since) => Place::Here(since.max(day)),
            Place::Taken(filter, since) if self.ran_after(filter, version) => {
                Place::Taken(filter, since.max(day))
            }
            Place::Taken(..) | Place::Nowhere => self.follow(place, follower, version),
        }
    }

    fn ran_after(&self, filter: usize, version: i64) -> bool {
        self.kept.get(filter).is_some_and(|kept| version < kept.at)
    }
}
