//! Suspended or deleted accounts leave every follower set they are in, many at once.
//!
//! What is their own stays: followers, cases, facts. A purged account that is let back in follows anew; follows of
//! before the purge that arrive late do not bring it back. Whoever leaves for good does so by `leave`.

use std::collections::BTreeSet;

use followers::AccountNo;

use crate::history::Cause;
use crate::ids::{AccountId, Actor, PlatformId};
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// The platform.
    pub platform: PlatformId,
    /// Who leaves; `purge_accounts_max` at most.
    pub accounts: Vec<AccountId>,
    /// Who asked.
    pub by: Actor,
}

impl Purge {
    pub(crate) fn apply(
        &self,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        let max = ctx.limits.purge_accounts_max;
        if self.accounts.len() > max as usize {
            return Err(Refusal::TooManyItems { max });
        }
        let mut leaving = BTreeSet::new();
        let mut items = Vec::with_capacity(self.accounts.len());
        for account in &self.accounts {
            let Some(no) = platform.shared.directory.find(account.key()) else {
                items.push(ItemOutcome::UnknownAccount);
                continue;
            };
            if platform.left.contains(&no) {
                items.push(ItemOutcome::AccountHasLeft);
                continue;
            }
            let follows = platform.shared.followers.following_count(AccountNo(no)) > 0;
            let is_new = leaving.insert(AccountNo(no));
            items.push(if is_new && follows { ItemOutcome::Accepted } else { ItemOutcome::Duplicate });
        }
        let leaving: Vec<AccountNo> = leaving.into_iter().collect();
        let mut touched = Vec::new();
        let edges = platform.engine.purge(&leaving, &mut touched);
        platform.counts_changed(&touched, Cause::Purge, ctx);
        // `purge_accounts_max` fits 32 bits, and so does a number of sets.
        Ok((Done::Purged { accounts: leaving.len() as u32, edges, sets: touched.len() as u32 }, items))
    }
}
