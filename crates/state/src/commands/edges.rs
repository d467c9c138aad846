//! Follows and unfollows, thousands at a time.
//!
//! An event never moves a case: it changes sets and counts, and an account whose count passes a threshold of an
//! active pack is looked at by the next tick. So the order of events between two ticks does not matter.

use std::sync::atomic::Ordering;

use followers::{AccountNo, CountChange, Day, Edge, EdgeOutcome, Op};

use crate::directory::UNKNOWN;
use crate::edge_batch::{EdgeBatch, EdgeEvent};
use crate::event_ids::SeenId;
use crate::history::Cause;
use crate::ids::AccountKey;
use crate::outcome::{Done, ItemOutcome};
use crate::platform::{Context, Platform, Tallies};

/// Applies a batch: the same result as one event after another.
pub(crate) fn apply(
    batch: &EdgeBatch,
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> (Done, Vec<ItemOutcome>) {
    let mut scratch = std::mem::take(&mut platform.scratch);
    scratch.edges.clear();
    scratch.places.clear();
    scratch.outcomes.clear();
    scratch.touched.clear();
    let mut items = Vec::with_capacity(batch.len() as usize);
    let before = platform.shared.directory.len();
    let mut block = Vec::with_capacity(BLOCK);
    let mut keys = Vec::with_capacity(2 * BLOCK);
    let mut events = batch.events();
    loop {
        block.clear();
        block.extend(events.by_ref().take(BLOCK));
        if block.is_empty() {
            break;
        }
        keys.clear();
        keys.extend(block.iter().flat_map(|event| [event.followee, event.follower]));
        platform.shared.directory.find_all(&keys, &mut scratch.found);
        for (event, known) in block.iter().zip(scratch.found.chunks_exact(2)) {
            items.push(match admit(event, known, platform, ctx) {
                Ok(edge) => {
                    scratch.edges.push(edge);
                    scratch.places.push(items.len() as u32);
                    ItemOutcome::Accepted
                }
                Err(outcome) => outcome,
            });
        }
    }
    let after = platform.shared.directory.len();
    platform.engine.grow(after);
    if platform.levels.everyone {
        platform.moved.extend(before..after);
    }
    platform.engine.apply(&scratch.edges, &mut scratch.outcomes, &mut scratch.touched);
    assert!(scratch.outcomes.len() == scratch.edges.len(), "the engine answered another number of events");
    for (place, outcome) in scratch.places.iter().zip(&scratch.outcomes) {
        if let Some(item) = items.get_mut(*place as usize) {
            *item = answer(*outcome);
        }
    }
    keep_history(&scratch.edges, &scratch.outcomes, &scratch.touched, platform, ctx);
    platform.scratch = scratch;
    count(&items, &platform.shared.tallies);
    (Done::of_items(&items), items)
}

/// Events whose accounts are looked up together.
const BLOCK: usize = 256;

/// The event over account numbers, or why it is not even tried. `known` are the two numbers, as far as there were any
/// before the block.
#[inline]
fn admit(
    event: &EdgeEvent<'_>,
    known: &[u32],
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> Result<Edge, ItemOutcome> {
    if event.followee == event.follower {
        return Err(ItemOutcome::AccountCannotFollowItself);
    }
    if event.at > ctx.at.0.saturating_add(ctx.limits.future_ms) {
        return Err(ItemOutcome::InTheFuture);
    }
    if event.op != Op::Backfill && event.at < ctx.at.0.saturating_sub(ctx.limits.horizon_ms) {
        return Err(ItemOutcome::TooOld);
    }
    if let Some(id) = event.id {
        match platform.event_ids.see(id, body(event), ctx.at.0, ctx.limits.horizon_ms) {
            SeenId::New => {}
            SeenId::Same => return Err(ItemOutcome::Duplicate),
            SeenId::Other => return Err(ItemOutcome::EventIdReused),
        }
    }
    let resolved = resolve(event, known, platform, ctx);
    if resolved.is_err()
        && let Some(id) = event.id
    {
        platform.event_ids.forget(id);
    }
    resolved
}

fn resolve(
    event: &EdgeEvent<'_>,
    known: &[u32],
    platform: &Platform,
    ctx: &Context<'_>,
) -> Result<Edge, ItemOutcome> {
    let number = |key, known: Option<&u32>| match known {
        Some(no) if *no != UNKNOWN => Ok(*no),
        _ => {
            platform.shared.directory.intern(key, ctx.limits.accounts_max).ok_or(ItemOutcome::TooManyAccounts)
        }
    };
    let followee = number(event.followee, known.first())?;
    let follower = number(event.follower, known.last())?;
    if !platform.left.is_empty() && (platform.left.contains(&followee) || platform.left.contains(&follower)) {
        return Err(ItemOutcome::AccountHasLeft);
    }
    Ok(Edge { followee: AccountNo(followee), follower: AccountNo(follower), op: event.op, version: event.at })
}

/// What must be the same when an event id comes again.
fn body(event: &EdgeEvent<'_>) -> u64 {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(event.op as u8);
    bytes.extend_from_slice(&event.at.to_le_bytes());
    for key in [event.followee, event.follower] {
        match key {
            AccountKey::Number(number) => {
                bytes.push(0);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            AccountKey::Text(text) => {
                bytes.push(1);
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(0);
            }
        }
    }
    crate::hash::hash128(&bytes) as u64
}

fn answer(outcome: EdgeOutcome) -> ItemOutcome {
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
fn keep_history(
    edges: &[Edge],
    outcomes: &[EdgeOutcome],
    touched: &[CountChange],
    platform: &mut Platform,
    ctx: &Context<'_>,
) {
    let mut kept: Vec<Sums> = Vec::new();
    for change in touched {
        if platform.levels.crossed(change.before, change.after) {
            platform.moved.insert(change.account.0);
        }
        if platform.history_slot(change, ctx.limits).is_some() {
            kept.push(Sums { account: change.account, came: 0, backfilled: 0, went: 0 });
        }
    }
    if kept.is_empty() {
        return;
    }
    // `touched` is sorted by account, so `kept` is.
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
    let day = Day::of(ctx.at.0).0;
    let rows_max = ctx.limits.history_rows_max;
    for sums in kept {
        if let Some(slot) = platform.shared.slot(sums.account.0) {
            slot.history.add(day, Cause::Organic, sums.came, sums.went, rows_max);
            slot.history.add(day, Cause::Backfill, sums.backfilled, 0, rows_max);
        }
    }
}

struct Sums {
    account: AccountNo,
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
