//! An operator gives a holder longer to answer a notice. A period never gets shorter.

use policy::Millis;

use super::appeal::put;
use crate::case::Status;
use crate::ids::{AccountId, Actor, Code, PlatformId, RuleRef};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendNotice {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The rule.
    pub rule: RuleRef,
    /// The round of the case.
    pub round: u32,
    /// When the period is over from now on.
    pub until: Millis,
    /// Why, as a code.
    pub reason: Code,
    /// On what basis, as a code.
    pub legal_basis: Code,
    /// Who decided.
    pub by: Actor,
}

impl ExtendNotice {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let packs = platform.shared.packs.load_full();
        super::answer::personal(&packs, &self.rule)?;
        let record = platform.shared.record(no);
        let none = || Refusal::NoPeriodRuns(self.rule.clone());
        let running = record.case(&self.rule).filter(|case| case.status == Status::Noticed);
        let mut case = running.ok_or_else(none)?.clone();
        if case.round != self.round {
            return Err(Refusal::AnswerToAnotherRound { open: case.round });
        }
        let after = case.due_at.ok_or_else(none)?;
        let until = Millis(ctx.at.0.saturating_add(ctx.limits.extension_ms));
        if self.until <= after || self.until > until {
            return Err(Refusal::ExtensionOutOfRange { after, until });
        }
        let mut effects = Vec::new();
        lifecycle::extend(&mut case, self.until, ctx.at, ctx.position, &mut effects);
        put(case, no, effects, platform, ctx);
        Ok(Done::Applied)
    }
}
