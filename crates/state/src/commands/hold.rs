//! A safety stop (stalking, minor, court order): nothing is shown from this entry on, whatever any rule says.
//!
//! Periods go on but nothing comes of them: while an account is held, a case may only end.

use crate::account::HoldPlaced;
use crate::effect::EffectKind;
use crate::ids::{AccountId, Actor, Code, PlatformId};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The platform.
    pub platform: PlatformId,
    /// The account; an unknown one is made, since a hold may come first.
    pub account: AccountId,
    /// Why, as a code. Each reason holds once.
    pub reason: Code,
    /// On what basis, as a code: an article, a clause of the platform's terms. Records from before it was asked for have none.
    pub legal_basis: Option<Code>,
    /// Who decided.
    pub by: Actor,
}

impl Hold {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present_or_new(&self.account, ctx.limits)?;
        let record = platform.shared.record(no);
        if record.holds.iter().any(|hold| hold.reason == self.reason) {
            return Err(Refusal::AlreadyHeld(self.reason.clone()));
        }
        if record.holds.len() >= ctx.limits.holds_max as usize {
            return Err(Refusal::TooManyHolds);
        }
        let effects = platform.change(no, |record| {
            record.holds.push(HoldPlaced {
                reason: self.reason.clone(),
                legal_basis: self.legal_basis.clone(),
                by: self.by.clone(),
                at: ctx.at,
            });
            record.holds.sort_by(|a, b| a.reason.cmp(&b.reason));
            let mut effects = Vec::new();
            if record.holds.len() == 1 {
                effects.push(EffectKind::Held { reason: self.reason.clone() });
            }
            for case in &mut record.cases {
                lifecycle::tell(case, true, false, &mut effects);
            }
            effects
        });
        for effect in effects {
            platform.effect(no, effect, ctx);
        }
        Ok(Done::Applied)
    }
}
