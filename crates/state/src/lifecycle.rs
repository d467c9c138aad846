//! How a case moves. Pure: a case and a situation give the next case and what to tell.
//!
//! ```text
//! crossed (dwell) -> noticed (due) -> shown -> below (grace) -> withdrawn -> next round
//!                                  -> restricted --------------^
//! ```
//! Only here does a case become shown, and [`show`] asserts each condition of the promise that nothing is shown early.

use std::sync::Arc;

use policy::{ActiveRule, Again, Below, FieldSet, Millis};

use crate::case::{AppealAnswer, Appealed, Case, MOVES_MAX, Move, Status};
use crate::effect::{EffectKind, MoveReason};
use crate::ids::RuleRef;

/// Everything a move depends on.
pub(crate) struct Situation<'a> {
    pub(crate) rule: &'a ActiveRule,
    pub(crate) name: &'a RuleRef,
    pub(crate) pack_version: u32,
    pub(crate) pack_hash: [u8; 32],
    pub(crate) terms: [u8; 32],
    /// The trigger holds now.
    pub(crate) holds: bool,
    /// If it does not: may the rule's grace or stickiness count? Not if an exemption or a withdrawn rule ended it.
    pub(crate) may_linger: bool,
    /// A safety stop is in force.
    pub(crate) held: bool,
    /// At least one field that the rule shows is on record.
    pub(crate) has_identity: bool,
    pub(crate) now: Millis,
    pub(crate) position: u64,
}

/// Moves are few and each looks at the new status, so this bound is never met.
const STEPS_MAX: u32 = 8;

/// Moves a case as far as it goes now; opens one if the trigger holds. Returns the number of moves.
pub(crate) fn advance(case: &mut Option<Case>, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> u32 {
    let mut moves = 0;
    while moves < STEPS_MAX && step(case, s, effects) {
        moves += 1;
    }
    assert!(moves < STEPS_MAX, "a case moved without end");
    if let Some(case) = case {
        tell(case, s.held, s.holds || s.may_linger, effects);
    }
    moves
}

fn step(slot: &mut Option<Case>, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    let Some(case) = slot else {
        if !s.holds || s.held {
            return false;
        }
        *slot = Some(first_round(s));
        return true;
    };
    if case.status.is_open() && case.terms != s.terms {
        end(case, MoveReason::RuleChanged, s, effects);
        // Whatever was agreed to was agreed to under other terms.
        forget_answers(case);
        return true;
    }
    if case.status == Status::Below
        && let Below::Grace(length) = s.rule.below
    {
        // A newer version of the pack may hide sooner than the one under which the grace began, never later.
        case.grace_until = case.grace_until.map(|until| until.min(case.since.plus(length)));
    }
    match case.status {
        Status::Left => false,
        Status::Withdrawn => {
            // Who was right about a trigger is right until it is another one: gone once, or of another rule.
            case.spared &= s.holds && case.terms == s.terms;
            s.holds && !s.held && !case.spared && reopen(case, s)
        }
        Status::Crossed if !s.holds => end(case, MoveReason::TriggerGone, s, effects),
        Status::Crossed => {
            !s.held && s.now >= case.crossed_at.plus_ms(s.rule.dwell_ms) && notice(case, s, effects)
        }
        // An appeal stays everything but an end, and a return to what was shown before, which it hides.
        Status::Noticed | Status::Restricted if s.holds && case.is_stayed() => false,
        Status::Shown if s.holds && case.is_stayed() => false,
        Status::Noticed if !s.holds => end(case, MoveReason::TriggerGone, s, effects),
        Status::Noticed => {
            !s.held && case.due_at.is_some_and(|due| s.now >= due) && period_over(case, s, effects)
        }
        // A no to a rule that no longer applies has no consequences: the case just ends.
        Status::Shown if case.refused_at.is_some() && !s.holds => {
            end(case, MoveReason::TriggerGone, s, effects)
        }
        Status::Shown if case.refused_at.is_some() => !s.held && restrict(case, refusal(case), s, effects),
        Status::Shown if s.holds => false,
        Status::Shown => below(case, s, effects),
        Status::Below if case.refused_at.is_some() => end(case, MoveReason::ConsentWithdrawn, s, effects),
        Status::Below if s.holds => {
            case.grace_until = None;
            go(case, Status::Shown, MoveReason::TriggerBack, s);
            true
        }
        Status::Below => {
            (!s.may_linger || case.grace_until.is_none_or(|until| s.now >= until))
                && end(case, MoveReason::GraceOver, s, effects)
        }
        Status::Restricted if !s.holds => end(case, MoveReason::TriggerGone, s, effects),
        Status::Restricted => !s.held && restricted(case, s, effects),
    }
}

/// A holder answered after the period was over: the one case in which an answer alone shows a name or restricts.
pub(crate) fn answered(case: &mut Case, s: &Situation<'_>, effects: &mut Vec<EffectKind>) {
    if case.status == Status::Restricted && case.terms == s.terms && s.holds && !s.held && !case.is_stayed() {
        restricted(case, s, effects);
    }
    tell(case, s.held, s.holds || s.may_linger, effects);
}

/// Ends an open case for a reason that is not in its rule.
pub(crate) fn end_for(
    case: &mut Case,
    to: Status,
    reason: MoveReason,
    now: Millis,
    position: u64,
    effects: &mut Vec<EffectKind>,
) {
    if !case.status.is_open() {
        return;
    }
    lift(case, effects);
    case.grace_until = None;
    record(case, to, reason, now, position);
    tell(case, false, false, effects);
    if to == Status::Withdrawn {
        effects.push(EffectKind::Withdrawn { rule: case.rule.clone(), round: case.round, reason });
    }
}

/// Tells the outside when a name begins or ceases to be shown.
pub(crate) fn tell(case: &mut Case, held: bool, applies: bool, effects: &mut Vec<EffectKind>) {
    let shown = case.is_showing() && !held;
    if case.told_shown && !shown {
        let reason = if held { MoveReason::Held } else { why_hidden(case) };
        effects.push(EffectKind::Hidden { rule: case.rule.clone(), round: case.round, reason });
        case.told_shown = false;
    } else if !case.told_shown && shown && applies {
        effects.push(EffectKind::Shown { rule: case.rule.clone(), round: case.round });
        case.told_shown = true;
    }
}

fn why_hidden(case: &Case) -> MoveReason {
    if case.is_stayed() {
        MoveReason::Appealed
    } else if case.refused_at.is_some() {
        refusal(case)
    } else {
        case.reason
    }
}

fn refusal(case: &Case) -> MoveReason {
    if case.took_back { MoveReason::ConsentWithdrawn } else { MoveReason::Refused }
}

fn first_round(s: &Situation<'_>) -> Case {
    let mut case = Case {
        rule: s.name.clone(),
        pack_version: s.pack_version,
        pack_hash: s.pack_hash,
        round: 1,
        status: Status::Crossed,
        reason: MoveReason::TriggerHolds,
        since: s.now,
        crossed_at: s.now,
        noticed_at: None,
        due_at: None,
        consent: None,
        refused_at: None,
        took_back: false,
        consequences: Arc::default(),
        grace_until: None,
        appeals: Vec::new(),
        spared: false,
        moves: Vec::new(),
        moves_dropped: 0,
        terms: s.terms,
        told_shown: false,
    };
    case.moves.push(Move {
        position: s.position,
        at: s.now,
        from: None,
        to: Status::Crossed,
        reason: MoveReason::TriggerHolds,
    });
    case
}

fn reopen(case: &mut Case, s: &Situation<'_>) -> bool {
    // An earlier answer counts again only to the same terms, and only if the rule says so.
    if s.rule.again == Again::NewNotice || case.terms != s.terms {
        forget_answers(case);
    }
    case.round += 1;
    case.appeals.clear();
    case.crossed_at = s.now;
    case.terms = s.terms;
    case.pack_version = s.pack_version;
    case.pack_hash = s.pack_hash;
    go(case, Status::Crossed, MoveReason::TriggerHolds, s);
    true
}

/// Notice and answers count no more; the moves stay.
pub(crate) fn forget_answers(case: &mut Case) {
    case.noticed_at = None;
    case.due_at = None;
    case.consent = None;
    case.refused_at = None;
    case.took_back = false;
}

fn notice(case: &mut Case, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    if case.noticed_at.is_some() && s.rule.again == Again::Resume {
        go(case, Status::Noticed, MoveReason::Resumed, s);
        return true;
    }
    // The rule asks for another notice since the round began.
    forget_answers(case);
    let due_at = s.now.plus_ms(s.rule.notice_period_ms.max(0));
    case.noticed_at = Some(s.now);
    case.due_at = Some(due_at);
    go(case, Status::Noticed, MoveReason::DwellOver, s);
    effects.push(EffectKind::NoticeDue { rule: case.rule.clone(), round: case.round, due_at });
    true
}

fn period_over(case: &mut Case, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    if case.refused_at.is_some() {
        return restrict(case, refusal(case), s, effects);
    }
    if s.rule.consent_required && case.consent.is_none() {
        return restrict(case, MoveReason::Silent, s, effects);
    }
    if !s.has_identity {
        return restrict(case, MoveReason::NoIdentity, s, effects);
    }
    let reason = if s.rule.consent_required { MoveReason::Consented } else { MoveReason::PeriodOver };
    show(case, reason, s);
    true
}

fn below(case: &mut Case, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    match s.rule.below {
        Below::Sticky if s.may_linger => false,
        Below::Grace(length) if s.may_linger => {
            case.grace_until = Some(s.now.plus(length));
            go(case, Status::Below, MoveReason::TriggerGone, s);
            true
        }
        Below::HideNow | Below::Grace(_) | Below::Sticky => end(case, MoveReason::TriggerGone, s, effects),
    }
}

fn restricted(case: &mut Case, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    if case.refused_at.is_some() {
        if matches!(case.reason, MoveReason::Silent | MoveReason::NoIdentity) {
            lift(case, effects);
            return restrict(case, refusal(case), s, effects);
        }
        return false;
    }
    let agreed = !s.rule.consent_required || case.consent.is_some();
    if !agreed || !s.has_identity || case.due_at.is_none_or(|due| s.now < due) {
        return false;
    }
    lift(case, effects);
    let reason = if s.rule.consent_required { MoveReason::ConsentedLate } else { MoveReason::IdentityLinked };
    show(case, reason, s);
    true
}

/// The only way into [`Status::Shown`] for the first time in a round.
fn show(case: &mut Case, reason: MoveReason, s: &Situation<'_>) {
    assert!(!s.held, "promise 6: a held account would be shown");
    assert!(s.holds, "promise 6: shown although the trigger does not hold");
    assert!(case.noticed_at.is_some_and(|noticed| noticed <= s.now), "promise 6: shown without a notice");
    assert!(case.due_at.is_some_and(|due| due <= s.now), "promise 6: shown before the period is over");
    assert!(case.refused_at.is_none(), "promise 6: shown although the holder refused");
    assert!(!case.is_stayed(), "promise 6: shown while an appeal is open");
    assert!(!s.rule.consent_required || case.consent.is_some(), "promise 6: shown without consent");
    assert!(case.terms == s.terms, "promise 6: shown under terms the holder was not told");
    assert!(case.status != Status::Left, "promise 6: shown although the account left");
    go(case, Status::Shown, reason, s);
}

fn restrict(case: &mut Case, reason: MoveReason, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    assert!(case.due_at.is_some_and(|due| due <= s.now), "consequences before the period is over");
    assert!(!case.is_stayed(), "consequences while an appeal is open");
    case.consequences = consequences(reason, s.rule).into();
    go(case, Status::Restricted, reason, s);
    effects.push(EffectKind::Restricted {
        rule: case.rule.clone(),
        round: case.round,
        reason,
        consequences: Arc::clone(&case.consequences),
    });
    true
}

fn consequences(reason: MoveReason, rule: &ActiveRule) -> &[String] {
    match reason {
        MoveReason::Refused | MoveReason::ConsentWithdrawn => &rule.consequences_refused,
        _ => &rule.consequences_silent,
    }
}

fn lift(case: &mut Case, effects: &mut Vec<EffectKind>) {
    // An appeal has lifted them already.
    if case.status == Status::Restricted && !case.is_stayed() {
        let consequences = std::mem::take(&mut case.consequences);
        effects.push(EffectKind::Lifted { rule: case.rule.clone(), round: case.round, consequences });
    }
}

/// A holder's appeal stays the case: what is shown is hidden at once, consequences are lifted.
pub(crate) fn appeal(
    case: &mut Case,
    appeal: Appealed,
    now: Millis,
    position: u64,
    effects: &mut Vec<EffectKind>,
) {
    assert!(!case.is_stayed(), "a case has one open appeal at a time");
    let (ground, answer_due_at) = (appeal.ground.clone(), appeal.answer_due_at);
    lift(case, effects);
    case.appeals.push(appeal);
    note(case, MoveReason::Appealed, now, position);
    effects.push(EffectKind::Appealed { rule: case.rule.clone(), round: case.round, ground, answer_due_at });
    tell(case, false, false, effects);
}

/// The rule applies after all: the case goes on where the appeal stayed it, with as much of its period left as then.
pub(crate) fn uphold(
    case: &mut Case,
    answer: AppealAnswer,
    s: &Situation<'_>,
    effects: &mut Vec<EffectKind>,
) {
    let stayed_at = answered_appeal(case, answer, effects);
    note(case, MoveReason::Upheld, s.now, s.position);
    if case.status == Status::Noticed
        && let Some(due_at) = case.due_at
    {
        // Time that ran before the appeal counts; time that it took to answer does not.
        let due_at = due_at.plus_ms(s.now.0.saturating_sub(stayed_at.0));
        case.due_at = Some(due_at);
        effects.push(EffectKind::NoticeExtended { rule: case.rule.clone(), round: case.round, due_at });
    }
    // What was restricted is again, under the rule of today and not without it.
    if case.status == Status::Restricted && s.holds && !s.held && case.terms == s.terms {
        let reason = case.reason;
        case.consequences = consequences(reason, s.rule).into();
        effects.push(EffectKind::Restricted {
            rule: case.rule.clone(),
            round: case.round,
            reason,
            consequences: Arc::clone(&case.consequences),
        });
    }
    tell(case, s.held, s.holds || s.may_linger, effects);
}

/// The rule does not apply: the case is over, and the same trigger opens no other.
pub(crate) fn overturn(
    case: &mut Case,
    answer: AppealAnswer,
    now: Millis,
    position: u64,
    effects: &mut Vec<EffectKind>,
) {
    answered_appeal(case, answer, effects);
    end_for(case, Status::Withdrawn, MoveReason::Overturned, now, position, effects);
    forget_answers(case);
    case.spared = true;
}

fn answered_appeal(case: &mut Case, answer: AppealAnswer, effects: &mut Vec<EffectKind>) -> Millis {
    assert!(case.is_stayed(), "an answer needs an open appeal");
    let (ruling, reason) = (answer.ruling, answer.reason.clone());
    effects.push(EffectKind::AppealDecided { rule: case.rule.clone(), round: case.round, ruling, reason });
    let mut at = answer.at;
    if let Some(appeal) = case.appeals.last_mut() {
        at = appeal.at;
        appeal.answer = Some(answer);
    }
    at
}

/// The holder has longer.
pub(crate) fn extend(
    case: &mut Case,
    until: Millis,
    now: Millis,
    position: u64,
    effects: &mut Vec<EffectKind>,
) {
    assert!(case.due_at.is_some_and(|due_at| due_at < until), "a notice period only gets longer");
    case.due_at = Some(until);
    note(case, MoveReason::Extended, now, position);
    effects.push(EffectKind::NoticeExtended { rule: case.rule.clone(), round: case.round, due_at: until });
}

fn end(case: &mut Case, reason: MoveReason, s: &Situation<'_>, effects: &mut Vec<EffectKind>) -> bool {
    end_for(case, Status::Withdrawn, reason, s.now, s.position, effects);
    true
}

/// A move that leaves the case where it stands, and since when.
fn note(case: &mut Case, reason: MoveReason, at: Millis, position: u64) {
    let (since, standing) = (case.since, case.reason);
    record(case, case.status, reason, at, position);
    (case.since, case.reason) = (since, standing);
}

fn go(case: &mut Case, to: Status, reason: MoveReason, s: &Situation<'_>) {
    record(case, to, reason, s.now, s.position);
}

fn record(case: &mut Case, to: Status, reason: MoveReason, at: Millis, position: u64) {
    let from = Some(case.status);
    case.status = to;
    case.reason = reason;
    case.since = at;
    if case.moves.len() >= MOVES_MAX {
        case.moves.remove(0);
        case.moves_dropped += 1;
    }
    case.moves.push(Move { position, at, from, to, reason });
}

/// The next moment at which time alone may move the case.
pub(crate) fn timer(case: &Case, rule: &ActiveRule) -> Option<Millis> {
    match case.status {
        Status::Crossed => Some(case.crossed_at.plus_ms(rule.dwell_ms)),
        Status::Noticed => case.due_at,
        Status::Below => case.grace_until,
        Status::Shown | Status::Restricted | Status::Withdrawn | Status::Left => None,
    }
}

/// The fields that the rule would show of this holder.
pub(crate) fn fields_of(rule: &ActiveRule, kind: Option<policy::HolderKind>, have: FieldSet) -> FieldSet {
    rule.shows
        .iter()
        .filter(|show| show.holder.is_none_or(|only| kind == Some(only)))
        .map(|show| show.field)
        .filter(|field| have.contains(*field))
        .collect()
}

/// Adding milliseconds that are already a number.
pub(crate) trait PlusMs {
    /// Later by `ms`; stays at the end of time instead of wrapping.
    fn plus_ms(self, ms: i64) -> Millis;
}

impl PlusMs for Millis {
    fn plus_ms(self, ms: i64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }
}
