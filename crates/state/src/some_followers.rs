//! Counting some of the followers of large accounts, a bounded piece a tick.
//!
//! What a follower is may change without any event of the accounts that it follows, so such a count is taken: at a tick, of
//! the whole set, exactly. Which accounts that are is known without counting: those whose followers altogether reach
//! the lowest number asked for.

use std::collections::BTreeMap;

use followers::AccountNo;

use crate::account::Counted;
use crate::ids::Code;
use crate::platform::{Context, Platform};

/// What one tick has counted on one platform.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    looked_through: u64,
}

impl Counting {
    /// Counts an account that is about to be evaluated, if its counts are not there or it crossed a threshold. False if this
    /// tick may count no more.
    pub(crate) fn bring_up_to_date(
        &mut self,
        no: u32,
        crossed: bool,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> bool {
        let counts = platform.levels.counts_some(u64::from(platform.shared.count(no)));
        let record = platform.shared.record(no);
        if !counts {
            forget(no, platform);
            return true;
        }
        let there = record.counts.keys().eq(platform.levels.some.iter().map(|(name, _)| name));
        if there && !crossed {
            return true;
        }
        if self.looked_through >= u64::from(ctx.limits.counted_a_tick) {
            // Not decided on meanwhile, and not shown on what was counted on the other side of a threshold.
            forget(no, platform);
            return false;
        }
        self.count(no, platform, ctx);
        true
    }

    /// Counts the accounts whose turn it is, and has the next tick look at those whose counts changed.
    pub(crate) fn go_round(&mut self, platform: &mut Platform, ctx: &Context<'_>) {
        if platform.levels.some.is_empty() {
            platform.counted_up_to = 0;
            return;
        }
        let first = platform.counted_up_to;
        let turn: Vec<u32> = platform
            .reached
            .range(first..)
            .chain(platform.reached.range(..first))
            .map(|(no, _)| *no)
            .collect();
        for no in turn {
            if self.looked_through >= u64::from(ctx.limits.counted_a_tick) {
                platform.counted_up_to = no;
                return;
            }
            if platform.levels.counts_some(u64::from(platform.shared.count(no)))
                && self.count(no, platform, ctx)
            {
                platform.moved.insert(no);
            }
        }
        platform.counted_up_to = 0;
    }

    /// Counts one account. True if a count is another one than before.
    fn count(&mut self, no: u32, platform: &Platform, ctx: &Context<'_>) -> bool {
        let some = &platform.levels.some;
        let mut taken = BTreeMap::new();
        for (name, kind) in some {
            let (count, all) = kind.count(AccountNo(no), &platform.shared.followers);
            self.looked_through = self.looked_through.saturating_add(u64::from(all).max(1));
            taken.insert(name.clone(), Counted { count, position: ctx.position, at: ctx.at });
        }
        let plain = |counts: &BTreeMap<Code, Counted>| -> Vec<(Code, u32)> {
            counts.iter().map(|(name, counted)| (name.clone(), counted.count)).collect()
        };
        let changed = plain(&platform.shared.record(no).counts) != plain(&taken);
        if changed {
            platform.change(no, |record| {
                record.counts = taken;
                record.refresh_facts();
            });
        }
        changed
    }
}

fn forget(no: u32, platform: &Platform) {
    if !platform.shared.record(no).counts.is_empty() {
        platform.change(no, |record| {
            record.counts.clear();
            record.refresh_facts();
        });
    }
}
