//! Follows and unfollows, thousands at a time.
//!
//! An event never moves a case: it changes sets and counts, and an account whose count passes a threshold of an
//! active pack is looked at by the next tick. So the order of events between two ticks does not matter.

use std::sync::atomic::Ordering;

use followers::{AccountNo, CountChange, Day, Edge, EdgeOutcome, Op};

use crate::dead_letters::DeadLetter;
use crate::directory::UNKNOWN;
use crate::edge_batch::EdgeBatch;
use crate::event_ids::SeenId;
use crate::history::Cause;
use crate::ids::AccountKey;
use crate::outcome::{Done, ItemOutcome};
use crate::platform::{Context, Platform, Scratch, Tallies};
use crate::prepared::{EventId, Prepared, Unseen};

/// How many events or accounts ahead memory is asked for.
const AHEAD: usize = 16;

/// Applies a batch: the same result as one event after another.
pub(crate) fn apply(
    batch: &EdgeBatch,
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> (Done, Vec<ItemOutcome>) {
    let prepared_now;
    let prepared = match batch.prepared(&platform.shared) {
        Some(prepared) => prepared,
        None => {
            prepared_now = Prepared::new(batch, &platform.shared.directory);
            &prepared_now
        }
    };
    let mut scratch = std::mem::take(&mut platform.scratch);
    scratch.edges.clear();
    scratch.refused.clear();
    scratch.outcomes.clear();
    scratch.touched.clear();
    let before = platform.shared.directory.len();
    admit(batch, prepared, &mut scratch, platform, ctx);
    keep_late(batch, &scratch.refused, platform, ctx);
    let after = platform.shared.directory.len();
    platform.engine.grow(after);
    if platform.levels.everyone {
        platform.moved.extend(before..after);
    }
    platform.engine.apply(&scratch.edges, &mut scratch.outcomes, &mut scratch.touched);
    assert!(scratch.outcomes.len() == scratch.edges.len(), "the engine answered another number of events");
    let items = items(&scratch);
    keep_history(&scratch.edges, &scratch.outcomes, &scratch.touched, platform, ctx);
    platform.scratch = scratch;
    count(&items, &platform.shared.tallies);
    (Done::of_items(&items), items)
}

/// Keeps a copy of the events that came too late.
fn keep_late(batch: &EdgeBatch, refused: &[(u32, ItemOutcome)], platform: &Platform, ctx: &Context<'_>) {
    let mut late =
        refused.iter().filter(|(_, why)| *why == ItemOutcome::TooOld).map(|(place, _)| *place).peekable();
    if late.peek().is_none() {
        return;
    }
    let mut letters = Vec::new();
    for (place, event) in (0..).zip(batch.events()) {
        if late.next_if_eq(&place).is_some() {
            letters.push(DeadLetter::new(&event, ctx.position, ctx.at));
        }
    }
    platform.shared.letters.append(&mut letters, ctx.limits.dead_letters_max);
}

/// Lists the events for the engine, by account number, and those that are not even tried.
fn admit(
    batch: &EdgeBatch,
    prepared: &Prepared,
    to: &mut Scratch,
    platform: &mut Platform,
    ctx: &Context<'_>,
) {
    let keys_of = |unseen: &Unseen| {
        let event = batch.event_at(unseen.at)?;
        Some([event.followee, event.follower])
    };
    let mut unseen = prepared.unseen.iter().peekable();
    let mut coming = prepared.unseen.chunks(AHEAD);
    let mut asked_for = 0;
    let mut ids = prepared.ids.iter().peekable();
    for (place, edge) in (0..).zip(&prepared.edges) {
        let keys = unseen.next_if(|unseen| unseen.place == place).and_then(|unseen| {
            if asked_for == 0 {
                let next = coming.next().unwrap_or_default();
                platform.shared.directory.soon(next.iter().filter_map(keys_of).flatten());
                asked_for = next.len();
            }
            asked_for -= 1;
            keys_of(unseen)
        });
        let id = ids.next_if(|id| id.place == place);
        match admit_one(*edge, keys, id, platform, ctx) {
            Ok(edge) => to.edges.push(edge),
            Err(outcome) => to.refused.push((place, outcome)),
        }
    }
}

/// The event over account numbers, or why it is not even tried. `keys` are there if a number is missing.
#[inline]
fn admit_one(
    mut edge: Edge,
    keys: Option<[AccountKey<'_>; 2]>,
    id: Option<&EventId>,
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> Result<Edge, ItemOutcome> {
    let same = match keys {
        Some([followee, follower]) => followee == follower,
        None => edge.followee == edge.follower,
    };
    if same {
        return Err(ItemOutcome::AccountCannotFollowItself);
    }
    if edge.version > ctx.at.0.saturating_add(ctx.limits.future_ms) {
        return Err(ItemOutcome::InTheFuture);
    }
    if edge.op != Op::Backfill && edge.version < ctx.at.0.saturating_sub(ctx.limits.horizon_ms) {
        return Err(ItemOutcome::TooOld);
    }
    if let Some(id) = id {
        match platform.event_ids.see(id.id, id.body, ctx.at.0, ctx.limits.horizon_ms) {
            SeenId::New => {}
            SeenId::Same => return Err(ItemOutcome::Duplicate),
            SeenId::Other => return Err(ItemOutcome::EventIdReused),
        }
    }
    let resolved = resolve(&mut edge, keys, platform, ctx);
    if resolved.is_err()
        && let Some(id) = id
    {
        platform.event_ids.forget(id.id);
    }
    resolved.map(|()| edge)
}

#[inline]
fn resolve(
    edge: &mut Edge,
    keys: Option<[AccountKey<'_>; 2]>,
    platform: &Platform,
    ctx: &Context<'_>,
) -> Result<(), ItemOutcome> {
    if let Some([followee, follower]) = keys {
        for (no, key) in [(&mut edge.followee, followee), (&mut edge.follower, follower)] {
            if no.0 == UNKNOWN {
                let directory = &platform.shared.directory;
                let given = directory.intern(key, ctx.limits.accounts_max);
                *no = AccountNo(given.ok_or(ItemOutcome::TooManyAccounts)?);
            }
        }
    }
    let left = &platform.left;
    if !left.is_empty() && (left.contains(&edge.followee.0) || left.contains(&edge.follower.0)) {
        return Err(ItemOutcome::AccountHasLeft);
    }
    Ok(())
}

/// The answers in the order of the batch.
fn items(scratch: &Scratch) -> Vec<ItemOutcome> {
    let mut items = Vec::with_capacity(scratch.outcomes.len() + scratch.refused.len());
    let mut tried = scratch.outcomes.iter().map(|outcome| answer(*outcome));
    for (place, refused) in &scratch.refused {
        let before = (*place as usize).saturating_sub(items.len());
        items.extend(tried.by_ref().take(before));
        items.push(*refused);
    }
    items.extend(tried);
    items
}

pub(super) fn answer(outcome: EdgeOutcome) -> ItemOutcome {
    match outcome {
        EdgeOutcome::Inserted | EdgeOutcome::Removed => ItemOutcome::Accepted,
        EdgeOutcome::Duplicate => ItemOutcome::Duplicate,
        EdgeOutcome::Stale => ItemOutcome::Stale,
        EdgeOutcome::TooOld => ItemOutcome::TooOld,
        EdgeOutcome::InTheFuture => ItemOutcome::InTheFuture,
        EdgeOutcome::SelfFollow => ItemOutcome::AccountCannotFollowItself,
        EdgeOutcome::RefollowBarred => ItemOutcome::RefollowBarred,
    }
}

/// Marks who crossed a threshold, and adds to the histories of accounts that have one: who came and who went, not
/// just the difference.
pub(super) fn keep_history(
    edges: &[Edge],
    outcomes: &[EdgeOutcome],
    touched: &[CountChange],
    platform: &mut Platform,
    ctx: &Context<'_>,
) {
    let mut kept: Vec<Sums> = Vec::new();
    for (at, change) in touched.iter().enumerate() {
        if let Some(later) = touched.get(at + AHEAD) {
            platform.shared.slot_of.soon(later.account.0);
        }
        if platform.levels.crossed(change.before, change.after) {
            platform.moved.insert(change.account.0);
        }
        if platform.history_slot(change, ctx.limits).is_some() {
            let more = change.after.saturating_sub(change.before);
            kept.push(Sums { account: change.account, more, came: 0, backfilled: 0, went: 0 });
        }
    }
    if kept.is_empty() {
        return;
    }
    // Mostly nobody goes and all come for one reason: then who came is the difference.
    if edges.iter().all(|edge| edge.op == Op::Follow) {
        kept.iter_mut().for_each(|sums| sums.came = sums.more);
    } else if edges.iter().all(|edge| edge.op == Op::Backfill) {
        kept.iter_mut().for_each(|sums| sums.backfilled = sums.more);
    } else {
        sum_up(edges, outcomes, &mut kept);
    }
    let day = Day::of(ctx.at.0).0;
    let rows_max = ctx.limits.history_rows_max;
    for sums in kept {
        if let Some(slot) = platform.shared.slot(sums.account.0) {
            slot.history.add(day, Cause::Organic, sums.came, sums.went, rows_max);
            slot.history.add(day, Cause::Backfill, sums.backfilled, 0, rows_max);
        }
    }
}

/// Counts who came and went, event by event. `kept` is sorted by account.
fn sum_up(edges: &[Edge], outcomes: &[EdgeOutcome], kept: &mut [Sums]) {
    for (edge, outcome) in edges.iter().zip(outcomes) {
        if !matches!(outcome, EdgeOutcome::Inserted | EdgeOutcome::Removed) {
            continue;
        }
        let Ok(at) = kept.binary_search_by_key(&edge.followee, |sums| sums.account) else { continue };
        let Some(sums) = kept.get_mut(at) else { continue };
        match (outcome, edge.op) {
            (EdgeOutcome::Removed, _) => sums.went += 1,
            (_, Op::Backfill) => sums.backfilled += 1,
            (_, Op::Follow | Op::Unfollow) => sums.came += 1,
        }
    }
}

struct Sums {
    account: AccountNo,
    /// How much the count rose.
    more: u32,
    came: u32,
    backfilled: u32,
    went: u32,
}

fn count(items: &[ItemOutcome], tallies: &Tallies) {
    let mut sums = [0u64; 5];
    for item in items {
        let at = match item {
            ItemOutcome::Accepted => 0,
            ItemOutcome::Duplicate => 1,
            ItemOutcome::Stale => 2,
            ItemOutcome::TooOld => 3,
            _ => 4,
        };
        if let Some(sum) = sums.get_mut(at) {
            *sum += 1;
        }
    }
    let cells = [&tallies.accepted, &tallies.duplicate, &tallies.stale, &tallies.too_old, &tallies.refused];
    for (cell, sum) in cells.into_iter().zip(sums) {
        cell.fetch_add(sum, Ordering::Relaxed);
    }
}
