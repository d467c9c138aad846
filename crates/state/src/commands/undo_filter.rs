//! A filter is undone: those it took are back, but for who followed or unfollowed since.

use followers::{AccountNo, CountChange, FilterId, UndoOutcome};

use crate::effect::EffectKind;
use crate::history::Cause;
use crate::ids::{AccountId, Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoFilter {
    /// The platform.
    pub platform: PlatformId,
    /// Whose followers.
    pub account: AccountId,
    /// The filter: the position of its command.
    pub filter: u64,
    /// Who asked.
    pub by: Actor,
}

impl UndoFilter {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let before = platform.shared.count(no);
        match platform.engine.undo(AccountNo(no), FilterId(self.filter), ctx.at.0) {
            UndoOutcome::Restored { restored, count } => {
                assert!(before.checked_add(restored) == Some(count), "an undo lost count");
                let change = CountChange { account: AccountNo(no), before, after: count };
                platform.counts_changed(&[change], Cause::Undo, ctx);
                platform.effect(no, EffectKind::Restored { filter: self.filter, restored, count }, ctx);
                Ok(Done::Restored { restored, count })
            }
            UndoOutcome::NotKept => Err(Refusal::FilterNotKept),
        }
    }
}
