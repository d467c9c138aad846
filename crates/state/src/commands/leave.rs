//! An account leaves for good: its cases end, its followers are dropped, it leaves every set, its facts are forgotten.
//!
//! The holder's keys are destroyed with the last account the holder stands behind, not before: the outcome says so, and
//! the vault does it. The id stays taken, so that events that arrive late are refused instead of reviving the account.

use followers::AccountNo;

use crate::account::AccountRecord;
use crate::case::Status;
use crate::effect::{EffectKind, MoveReason};
use crate::history::Cause;
use crate::ids::{AccountId, Actor, PlatformId};
use crate::lifecycle;
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// Who asked.
    pub by: Actor,
}

impl Leave {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        // Hidden first: from here on no reader shows anything, while the sets are still being cleared.
        let (effects, identity) = platform.change(no, |record| {
            let identity = record.identity.take();
            let mut effects = Vec::new();
            let mut cases = std::mem::take(&mut record.cases);
            for case in &mut cases {
                let (now, position) = (ctx.at, ctx.position);
                lifecycle::end_for(case, Status::Left, MoveReason::Left, now, position, &mut effects);
                case.status = Status::Left;
                case.consent = None;
                case.refused_at = None;
                case.appeals.clear();
            }
            *record = AccountRecord { left: Some(ctx.at), cases, ..AccountRecord::default() };
            record.refresh_facts();
            (effects, identity)
        });
        let forget =
            identity.map(|identity| identity.holder).filter(|holder| platform.holders.unlink(holder, no));
        let mut touched = Vec::new();
        platform.engine.remove_account(AccountNo(no), &mut touched);
        platform.left.insert(no);
        if platform.attributes.get(no) != 0 {
            platform.attributes.set(no, 0);
        }
        platform.counts_changed(&touched, Cause::Purge, ctx);
        platform.moved.remove(&no);
        platform.reached.remove(&no);
        platform.ledger_timers.set(no, None);
        for effect in effects {
            platform.effect(no, effect, ctx);
        }
        platform.effect(no, EffectKind::Left, ctx);
        Ok(Done::Left { forget })
    }
}
