//! Time passes.
//!
//! The only place where a count becomes a crossing and a period becomes due. Work is bounded by what moved, not by the
//! number of accounts; only a pack that changed or a phase that began looks at everyone above the lowest threshold,
//! over as many ticks as it takes.

use std::sync::Arc;

use policy::{Facts, Millis, NoticeKind, Reason};

use super::decide_proposal;
use crate::account::AccountRecord;
use crate::case::Status;
use crate::effect::{EffectKind, MoveReason};
use crate::ids::RuleRef;
use crate::lifecycle::{self, Situation};
use crate::packs::{Levels, PackInForce};
use crate::platform::{Context, Platform};
use crate::some_followers::Counting;

/// What a tick did on one platform.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ticked {
    pub(crate) evaluated: u32,
    pub(crate) moves: u32,
}

/// Lets time pass on one platform.
pub(crate) fn apply(platform: &mut Platform, ctx: &mut Context<'_>) -> Ticked {
    // In the midst of it a tick follows a tick, and what takes longer waits.
    let goes_on = platform.look_from.is_some_and(|from| from > 0);
    if !goes_on {
        platform.engine.settle_idle();
    }
    decide_proposal::carry_out_due(platform, ctx);
    if platform.levels.next_start.is_some_and(|start| start <= ctx.at) {
        platform.rules_changed(ctx.at);
    }
    while let Some(&(due, no)) = platform.timers.first() {
        if due > ctx.at {
            break;
        }
        platform.timers.pop_first();
        platform.moved.insert(no);
    }
    while let Some(no) = platform.ledger_timers.pop_due(ctx.at) {
        platform.moved.insert(no);
    }
    // Those from here on were not looked at since the rules changed.
    let quietly_from = platform.look_from;
    look_on(platform, ctx);
    let moved = std::mem::take(&mut platform.moved);
    let mut ticked = Ticked::default();
    let mut counting = Counting::default();
    for no in moved {
        if platform.left.contains(&no) {
            continue;
        }
        let quietly = quietly_from.is_some_and(|from| from <= no);
        let crossed = reached(no, quietly, platform, ctx);
        if !counting.bring_up_to_date(no, crossed, platform, ctx) {
            // Nothing is decided on a count that is not there: the account's turn is at the next tick.
            platform.moved.insert(no);
            continue;
        }
        ticked.evaluated += 1;
        ticked.moves += evaluate(no, platform, ctx);
    }
    if !goes_on {
        counting.go_round(platform, ctx);
    }
    ticked
}

/// Some more of everyone that a changed rule may concern: above the lowest threshold, or with a record. The rest are accounts
/// of which nothing is known, and for those a rule holds for all or for none.
fn look_on(platform: &mut Platform, ctx: &Context<'_>) {
    let Some(from) = platform.look_from else { return };
    let shared = Arc::clone(&platform.shared);
    let accounts = shared.directory.len();
    let end = accounts.min(from.saturating_add(ctx.limits.passed_a_tick.max(1)));
    let floor = platform.levels.floor().unwrap_or(u64::MAX);
    let concerned = |no: &u32| {
        platform.levels.everyone || u64::from(shared.count(*no)) >= floor || shared.slot_of.get(*no) != 0
    };
    let some = ctx.limits.looked_at_a_tick.max(1) as usize;
    let mut found: Vec<u32> = (from..end).filter(concerned).take(some).collect();
    // Full: on with the account after the last one. Else everything up to the end was passed.
    let next = if found.len() == some { found.last().map_or(end, |last| last + 1) } else { end };
    // Who had reached one of the former thresholds, and reaches none now.
    found.extend(platform.reached.range(from..next).map(|(no, _)| *no));
    platform.moved.extend(found);
    platform.look_from = (next < accounts).then_some(next);
}

/// Tells the outside which threshold the count passed since the last tick. After a change of rules nobody passed
/// anything: the thresholds moved, not the count. True if it passed one.
fn reached(no: u32, quietly: bool, platform: &mut Platform, ctx: &mut Context<'_>) -> bool {
    let count = u64::from(platform.shared.count(no));
    let now = platform.levels.level(count);
    let before =
        if now == 0 { platform.reached.remove(&no) } else { platform.reached.insert(no, now) }.unwrap_or(0);
    if quietly || now == before {
        return now != before;
    }
    let up = now > before;
    let threshold = if up { now } else { platform.levels.above(count).unwrap_or(before) };
    platform.effect(no, EffectKind::Crossed { threshold, up, count }, ctx);
    true
}

/// Brings every case of an account up to date; returns the number of moves.
fn evaluate(no: u32, platform: &mut Platform, ctx: &mut Context<'_>) -> u32 {
    let packs = platform.shared.packs.load_full();
    let record = platform.shared.record(no);
    if packs.is_empty() && record.cases.is_empty() {
        platform.ledger_timers.set(no, None);
        return 0;
    }
    let facts = platform.facts(no, &record, ctx.at);
    let mut cases = record.cases.clone();
    let mut effects = Vec::new();
    let mut moves = 0;
    for case in &mut cases {
        if case.status.is_open() && !packs.iter().any(|pack| has_personal(pack, &case.rule)) {
            let (to, reason) = (Status::Withdrawn, MoveReason::RuleGone);
            lifecycle::end_for(case, to, reason, ctx.at, ctx.position, &mut effects);
            // Should the rule come back, its holder is told again: nobody answers a rule that is gone.
            lifecycle::forget_answers(case);
            moves += 1;
        }
    }
    for pack in packs.iter() {
        for (rule, name, _) in pack.each() {
            if rule.notice != NoticeKind::Personal {
                continue;
            }
            let place = cases.iter().position(|case| case.rule == *name);
            let Some(situation) = situation(pack, name, &facts, &record, ctx.at, ctx.position) else {
                continue;
            };
            if place.is_none() && !situation.holds {
                continue;
            }
            let mut case = place.and_then(|place| cases.get(place).cloned());
            moves += lifecycle::advance(&mut case, &situation, &mut effects);
            let Some(mut case) = case else { continue };
            // The same terms in a newer version of the pack: the case goes on under that version.
            if case.status.is_open() && case.terms == situation.terms {
                case.pack_version = situation.pack_version;
                case.pack_hash = situation.pack_hash;
            }
            if let Some(timer) = lifecycle::timer(&case, rule)
                && timer > ctx.at
            {
                platform.timers.insert((timer, no));
            }
            match place.and_then(|place| cases.get_mut(place)) {
                Some(old) => *old = case,
                None => cases.push(case),
            }
        }
    }
    if cases != record.cases {
        cases.sort_by(|a, b| a.rule.cmp(&b.rule));
        platform.change(no, |record| record.cases = cases);
    }
    for effect in effects {
        platform.effect(no, effect, ctx);
    }
    platform.ledger_timers.set(no, next_change(&packs, &facts, ctx.at));
    moves
}

/// When the account must be looked at again although nothing happens to it. A rule that is announced has no case to move.
fn next_change(packs: &[Arc<PackInForce>], facts: &Facts, now: Millis) -> Option<Millis> {
    let rules = packs.iter().flat_map(|pack| pack.pack.rules());
    let personal = rules.filter(|rule| rule.notice == NoticeKind::Personal);
    personal.filter_map(|rule| rule.changes_at(facts, now)).min()
}

fn has_personal(pack: &PackInForce, name: &RuleRef) -> bool {
    pack.each().any(|(rule, own, _)| own == name && rule.notice == NoticeKind::Personal)
}

/// Everything a move of an account's case under a rule depends on; `None` if the pack has no such rule.
pub(crate) fn situation<'a>(
    pack: &'a PackInForce,
    name: &RuleRef,
    facts: &Facts,
    record: &AccountRecord,
    now: Millis,
    position: u64,
) -> Option<Situation<'a>> {
    let (rule, name, terms) = pack.each().find(|(_, own, _)| *own == name)?;
    let holds = rule.holds(facts, now);
    // Asked only where it matters: the explanation is built for people and costs accordingly.
    let may_linger = !holds
        && rule.below != policy::Below::HideNow
        && record.case(name).is_some_and(|case| matches!(case.status, Status::Shown | Status::Below))
        && matches!(rule.explain(facts, now).why_not, Some(Reason::BelowThreshold | Reason::OutOfScope));
    Some(Situation {
        rule,
        name,
        pack_version: pack.pack.pack().version,
        pack_hash: pack.hash,
        terms: *terms,
        holds,
        may_linger,
        held: record.held(),
        has_identity: !lifecycle::fields_of(rule, facts.holder_kind, record.have()).is_empty(),
        now,
        position,
    })
}

impl Platform {
    /// Thresholds as of now, for a platform that was just loaded.
    pub(crate) fn load_levels(&mut self, now: Millis) {
        self.levels = Levels::of(&self.shared.packs.load(), now);
    }
}
