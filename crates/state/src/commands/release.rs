//! A safety stop ends. With the last one gone the account is looked at by the next tick.

use super::tick::situation;
use crate::case::Case;
use crate::effect::EffectKind;
use crate::ids::{AccountId, Actor, Code, PlatformId};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The reason that no longer holds.
    pub reason: Code,
    /// On what basis, as a code: an article, a clause of the platform's terms. Records from before it was asked for have none.
    pub legal_basis: Option<Code>,
    /// Who decided.
    pub by: Actor,
}

impl Release {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let record = platform.shared.record(no);
        if !record.holds.iter().any(|hold| hold.reason == self.reason) {
            return Err(Refusal::NotHeld(self.reason.clone()));
        }
        platform.change(no, |record| record.holds.retain(|hold| hold.reason != self.reason));
        if record.holds.len() > 1 {
            return Ok(Done::Applied);
        }
        platform.effect(no, EffectKind::Released { reason: self.reason.clone() }, ctx);
        tell_again(no, platform, ctx);
        platform.mark_moved(no);
        Ok(Done::Applied)
    }
}

/// With the last hold gone, what was shown before is shown again at once, if its rule still applies.
fn tell_again(no: u32, platform: &mut Platform, ctx: &mut Context<'_>) {
    let record = platform.shared.record(no);
    let facts = platform.facts(no, &record, ctx.at);
    let packs = platform.shared.packs.load_full();
    let applies = |case: &Case| {
        packs
            .iter()
            .find_map(|pack| situation(pack, &case.rule, &facts, &record, ctx.at, ctx.position))
            .is_some_and(|s| (s.holds || s.may_linger) && s.terms == case.terms)
    };
    let mut effects = Vec::new();
    let mut cases = record.cases.clone();
    for case in &mut cases {
        let applies = applies(case);
        lifecycle::tell(case, false, applies, &mut effects);
    }
    platform.change(no, |record| record.cases = cases);
    for effect in effects {
        platform.effect(no, effect, ctx);
    }
}
