//! A second person answers an appeal: the case goes on where it was stayed, or is over.
//!
//! Not who put the rule in force, and not who answered before: an appeal to the same person is none.

use super::appeal::put;
use super::tick::situation;
use crate::case::{AppealAnswer, Ruling};
use crate::ids::{AccountId, Actor, Code, PlatformId, RuleRef};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideAppeal {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The rule.
    pub rule: RuleRef,
    /// The round of the case.
    pub round: u32,
    /// The answer.
    pub ruling: Ruling,
    /// Why, as a code.
    pub reason: Code,
    /// On what basis, as a code: an article, a clause of the platform's terms.
    pub legal_basis: Code,
    /// Who answers.
    pub by: Actor,
}

impl DecideAppeal {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let packs = platform.shared.packs.load_full();
        let (pack, _) = super::answer::personal(&packs, &self.rule)?;
        let record = platform.shared.record(no);
        let none = || Refusal::NoOpenAppeal(self.rule.clone());
        let mut case = record.case(&self.rule).filter(|case| case.is_stayed()).ok_or_else(none)?.clone();
        if case.round != self.round {
            return Err(Refusal::AnswerToAnotherRound { open: case.round });
        }
        let answered_before = case.appeals.iter().filter_map(|appeal| appeal.answer.as_ref());
        if self.by == pack.by || answered_before.into_iter().any(|answer| answer.by == self.by) {
            return Err(Refusal::SameReviewer);
        }
        let answer = AppealAnswer {
            ruling: self.ruling,
            reason: self.reason.clone(),
            legal_basis: self.legal_basis.clone(),
            by: self.by.clone(),
            at: ctx.at,
        };
        let facts = platform.facts(no, &record, ctx.at);
        let mut effects = Vec::new();
        match (self.ruling, situation(pack, &self.rule, &facts, &record, ctx.at, ctx.position)) {
            (Ruling::Upheld, Some(situation)) => {
                lifecycle::uphold(&mut case, answer, &situation, &mut effects);
            }
            // The pack was just found to have the rule, so there is a situation.
            (Ruling::Overturned, _) | (Ruling::Upheld, None) => {
                lifecycle::overturn(&mut case, answer, ctx.at, ctx.position, &mut effects);
            }
        }
        put(case, no, effects, platform, ctx);
        Ok(Done::Applied)
    }
}
