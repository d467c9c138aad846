//! An operator settles events that came too late: brings them in after all, or lets them go.
//!
//! What is brought in yields to whatever is known better. A follow counts like an import of a past follow: any live event
//! of its edge and any filter that is remembered beats it. An unfollow takes the follower out only if the follow is not
//! of a later day and no live event of the edge is remembered. Of several letters about one edge the newest decides.

use std::collections::BTreeMap;

use followers::{AccountNo, Day, Edge, Op};

use super::edges;
use crate::dead_letters::DeadLetter;
use crate::ids::{AccountId, Actor, PlatformId};
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleDeadLetters {
    /// The platform.
    pub platform: PlatformId,
    /// The first letter, by number.
    pub from: u64,
    /// The last letter, by number.
    pub to: u64,
    /// Whether the events are brought in; otherwise they are let go.
    pub replay: bool,
    /// Who decided.
    pub by: Actor,
}

impl SettleDeadLetters {
    pub(crate) fn apply(
        &self,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        let max = ctx.limits.items_max;
        if platform.shared.letters.count(self.from, self.to) > max as usize {
            return Err(Refusal::TooManyItems { max });
        }
        let letters = platform.shared.letters.take(self.from, self.to);
        // At most `items_max`, as was just seen.
        let taken = letters.len() as u32;
        if !self.replay {
            return Ok((Done::DeadLettersSettled { replayed: 0, let_go: taken }, Vec::new()));
        }
        let items = replay(&letters, platform, ctx);
        Ok((Done::DeadLettersSettled { replayed: taken, let_go: 0 }, items))
    }
}

fn replay(letters: &[DeadLetter], platform: &mut Platform, ctx: &Context<'_>) -> Vec<ItemOutcome> {
    let mut newest: BTreeMap<(&AccountId, &AccountId), (usize, &DeadLetter)> = BTreeMap::new();
    for (place, letter) in letters.iter().enumerate() {
        let rank = |letter: &DeadLetter| (letter.at, letter.op == Op::Unfollow);
        let best = newest.entry((&letter.followee, &letter.follower)).or_insert((place, letter));
        if rank(letter) > rank(best.1) {
            *best = (place, letter);
        }
    }
    let mut items = vec![ItemOutcome::Stale; letters.len()];
    let mut decided: Vec<(usize, &DeadLetter)> = newest.into_values().collect();
    // In the order they were heard, which is the order in which new accounts get their numbers.
    decided.sort_unstable_by_key(|(place, _)| *place);
    let mut edges = Vec::new();
    let mut places = Vec::new();
    for (place, letter) in decided {
        match edge(letter, platform, ctx) {
            Ok(edge) => {
                edges.push(edge);
                places.push(place);
            }
            Err(outcome) => set(&mut items, place, outcome),
        }
    }
    let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
    platform.engine.apply(&edges, &mut outcomes, &mut touched);
    for (place, outcome) in places.into_iter().zip(&outcomes) {
        set(&mut items, place, edges::answer(*outcome));
    }
    edges::keep_history(&edges, &outcomes, &touched, platform, ctx);
    items
}

fn set(items: &mut [ItemOutcome], place: usize, outcome: ItemOutcome) {
    if let Some(item) = items.get_mut(place) {
        *item = outcome;
    }
}

/// The event as the engine is asked to take it, or what became of it without asking.
fn edge(letter: &DeadLetter, platform: &mut Platform, ctx: &Context<'_>) -> Result<Edge, ItemOutcome> {
    let number = |account: &AccountId, platform: &mut Platform| {
        if letter.op == Op::Unfollow {
            // Somebody never seen follows nobody.
            return platform.shared.directory.find(account.key()).ok_or(ItemOutcome::Duplicate);
        }
        platform.intern(account.key(), ctx.limits).ok_or(ItemOutcome::TooManyAccounts)
    };
    let followee = number(&letter.followee, platform)?;
    let follower = number(&letter.follower, platform)?;
    if platform.left.contains(&followee) || platform.left.contains(&follower) {
        return Err(ItemOutcome::AccountHasLeft);
    }
    let (followee, follower) = (AccountNo(followee), AccountNo(follower));
    if letter.op != Op::Unfollow {
        return Ok(Edge { followee, follower, op: Op::Backfill, version: letter.at.0 });
    }
    match platform.shared.followers.contains(followee, follower) {
        None => Err(ItemOutcome::Duplicate),
        Some(since) if since > Day::of(letter.at.0) => Err(ItemOutcome::Stale),
        // The oldest version that finds a place: every live event of the edge beats it.
        Some(_) => {
            let version = ctx.at.0.saturating_sub(ctx.limits.horizon_ms);
            Ok(Edge { followee, follower, op: Op::Unfollow, version })
        }
    }
}
