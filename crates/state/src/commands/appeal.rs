//! A holder objects to a case. From this entry on nothing of the case is shown and nothing comes of it.
//!
//! Whether the rule may be appealed, and how soon an answer is due, is the pack's; the answer is somebody else's.

use policy::Millis;

use crate::case::{Appealed, Status};
use crate::effect::EffectKind;
use crate::ids::{AccountId, Code, PlatformId, RuleRef};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appeal {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The rule whose case is appealed.
    pub rule: RuleRef,
    /// The round that the holder was told about.
    pub round: u32,
    /// Why, as a code: `wrong_topic`, `wrong_count`, ... What the holder writes to it is not for the log.
    pub ground: Code,
}

impl Appeal {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let packs = platform.shared.packs.load_full();
        let (_, rule) = super::answer::personal(&packs, &self.rule)?;
        let record = platform.shared.record(no);
        let nothing = || Refusal::NothingToAnswer(self.rule.clone());
        let mut case = record.case(&self.rule).ok_or_else(nothing)?.clone();
        if !case.status.is_open() || case.status == Status::Crossed {
            return Err(nothing());
        }
        if case.round != self.round {
            return Err(Refusal::AnswerToAnotherRound { open: case.round });
        }
        let policy::Appeal::Within(within) = rule.appeal else {
            return Err(Refusal::NoWayToAppeal(self.rule.clone()));
        };
        if case.is_stayed() {
            return Err(Refusal::AppealIsOpen);
        }
        if case.appeals.len() >= ctx.limits.appeals_max as usize {
            return Err(Refusal::TooManyAppeals);
        }
        let answer_due_at = ctx.at.plus(within);
        let appeal = Appealed { ground: self.ground.clone(), at: ctx.at, answer_due_at, answer: None };
        let mut effects = Vec::new();
        lifecycle::appeal(&mut case, appeal, ctx.at, ctx.position, &mut effects);
        put(case, no, effects, platform, ctx);
        Ok(Done::Appealed { answer_due_at })
    }
}

/// The changed case takes the place of the old one, and what it leads to is told.
pub(super) fn put(
    case: crate::case::Case,
    no: u32,
    effects: Vec<EffectKind>,
    platform: &mut Platform,
    ctx: &mut Context<'_>,
) {
    let due_at = case.due_at.filter(|due: &Millis| *due > ctx.at);
    platform.change(no, |record| {
        if let Some(old) = record.cases.iter_mut().find(|old| old.rule == case.rule) {
            *old = case;
        }
    });
    for effect in effects {
        platform.effect(no, effect, ctx);
    }
    if let Some(due_at) = due_at {
        platform.timers.insert((due_at, no));
    }
    platform.mark_moved(no);
}
