//! A batch of events becomes new versions of the sets it touches.
//!
//! Events are sorted by edge first, so each edge is looked up once and each set is rewritten once. That gives the
//! same result as one by one because edges do not influence each other: the clock, attributes and filters, which
//! do, only change between batches.

use std::cmp::Ordering;
use std::ops::Range;

use super::Engine;
use crate::attributes::Attributes;
use crate::horizon::{Stamp, edge_key, edge_of};
use crate::kept::{Kept, taker};
use crate::set::{Change, Scratch};
use crate::{AccountNo, CountChange, Day, Edge, EdgeOutcome, Op};

/// Room that is used again from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// (edge, place in the batch), sorted.
    order: Vec<(u64, u32)>,
    /// What the horizon remembers of each edge of `order`, and since which day it is in its set.
    known: Vec<(Option<Stamp>, Option<u16>)>,
    changes: Vec<Change>,
    /// What changes in the filters of the account at hand: (filter, change).
    taken: Vec<(usize, Change)>,
    pub(super) scratch: Scratch,
}

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
        let mut room = std::mem::take(&mut self.room);
        let first = outcomes.len();
        outcomes.resize(first + batch.len(), EdgeOutcome::Duplicate);
        let outcomes = &mut outcomes[first..];
        self.admit(batch, outcomes, &mut room.order);
        room.order.sort_unstable();
        self.look_up(&room.order, &mut room.known);
        let mut from = 0;
        while let Some((key, _)) = room.order.get(from) {
            let (followee, _) = edge_of(*key);
            let events = &room.order[from..];
            let until = from + events.iter().take_while(|(key, _)| edge_of(*key).0 == followee).count();
            self.apply_to(followee, from..until, batch, outcomes, touched, &mut room);
            from = until;
        }
        self.room = room;
    }

    /// Fetches what is known of each edge.
    ///
    /// All lookups come before any use, step by step: they miss the cache, and only misses that do not wait for
    /// each other overlap. No use changes what another one looks up: edges do not influence each other.
    fn look_up(&self, order: &[(u64, u32)], known: &mut Vec<(Option<Stamp>, Option<u16>)>) {
        let sizes = order.iter().map(|(key, _)| u64::from(self.sets.get(edge_of(*key).0).len()));
        std::hint::black_box(sizes.sum::<u64>());
        known.clear();
        known.extend(order.iter().map(|(key, _)| (self.horizon.get(*key), None)));
        for ((key, _), (_, since)) in order.iter().zip(known) {
            let (followee, follower) = edge_of(*key);
            *since = self.sets.get(followee).contains(AccountNo(follower)).map(|day| day.0);
        }
    }

    /// Answers the events that need no look at any set, and lists the others.
    fn admit(&self, batch: &[Edge], outcomes: &mut [EdgeOutcome], order: &mut Vec<(u64, u32)>) {
        assert!(u32::try_from(batch.len()).is_ok(), "a batch has less than 2^32 events");
        let accounts = self.shared.accounts();
        let floor = self.horizon.floor();
        let ceiling = self.clock.saturating_add(self.limits.future_ms);
        order.clear();
        for (place, (edge, outcome)) in batch.iter().zip(outcomes).enumerate() {
            let (followee, follower) = (edge.followee.0, edge.follower.0);
            assert!(followee.max(follower) < accounts, "an event names account numbers that exist");
            if followee == follower {
                *outcome = EdgeOutcome::SelfFollow;
            } else if edge.version > ceiling {
                *outcome = EdgeOutcome::InTheFuture;
            } else if edge.version < floor && edge.op != Op::Backfill {
                *outcome = EdgeOutcome::TooOld;
            } else {
                order.push((edge_key(followee, follower), place as u32));
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
        let set = self.sets.get(followee);
        let rules = Rules {
            kept: self.kept.of(followee),
            attributes: &self.shared.attributes,
            floor: self.horizon.floor(),
        };
        let removed = self.removed.since(followee);
        let mut membership_changed = false;
        room.changes.clear();
        room.taken.clear();
        let mut next = events.start;
        while next < events.end {
            let (key, _) = room.order[next];
            let of_edge = room.order[next..events.end].iter().take_while(|(of, _)| *of == key);
            let (_, follower) = edge_of(key);
            let (stamp, since) = room.known[next];
            let mut edge = Settling {
                follower,
                since,
                stamp,
                removed: removed.max(self.removed.since(follower)),
                places: None,
            };
            let remembered = edge.stamp;
            for (_, at) in of_edge {
                let at = *at as usize;
                outcomes[at] = edge.settle(batch[at].op, batch[at].version, &rules);
                next += 1;
            }
            if edge.stamp != remembered
                && let Some(stamp) = edge.stamp
            {
                self.horizon.put(key, stamp);
            }
            let Some((before, after)) = edge.places else { continue };
            if before == after {
                continue;
            }
            note_taken(follower, before, after, &mut room.taken);
            let (was, is) = (before.here(), after.here());
            if was != is {
                room.changes.push(Change { id: follower, day: is });
            }
            if was.is_some() != is.is_some() {
                membership_changed = true;
                self.shared.follows(follower, if is.is_some() { 1 } else { -1 });
            }
        }
        if !room.changes.is_empty() {
            let after = set.with(&room.changes, &mut room.scratch);
            if membership_changed {
                let (before, after) = (set.len(), after.len());
                touched.push(CountChange { account: AccountNo(followee), before, after });
            }
            self.sets.publish(followee, after);
        }
        if !room.taken.is_empty() {
            self.kept.change_taken(followee, &mut room.taken, &mut room.scratch);
        }
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
        let claim = match op {
            Op::Follow | Op::Backfill => Stamp::follow(version),
            Op::Unfollow => Stamp::unfollow(version),
        };
        if let Some(stamp) = self.stamp {
            match claim.cmp(&stamp) {
                Ordering::Less => return EdgeOutcome::Stale,
                Ordering::Equal => return EdgeOutcome::Duplicate,
                Ordering::Greater => {}
            }
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
