//! Numbers that rules may test: sales, revenue, strikes. Followers are counted, not set.

use policy::Millis;

use super::upsert_accounts::items;
use crate::account::Dated;
use crate::ids::{AccountId, Code, PlatformId};
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetMetrics {
    /// The platform of all items.
    pub platform: PlatformId,
    /// One number of one account each.
    pub items: Vec<MetricItem>,
}

/// One number of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricItem {
    /// The account; an unknown one is made.
    pub account: AccountId,
    /// The metric's name, as in packs.
    pub metric: Code,
    /// Its value, in the unit the pack states.
    pub value: i64,
    /// Since when; the newest wins, of equal times the larger value.
    pub at: Millis,
}

impl SetMetrics {
    pub(crate) fn apply(
        &self,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        items(
            &self.items,
            platform,
            ctx,
            |item| &item.account,
            |item, no, platform, ctx| {
                if item.metric.as_str() == policy::FOLLOWERS {
                    return ItemOutcome::FollowersAreCounted;
                }
                // A metric ahead of the clock would stay the newest until the clock gets there.
                if item.at.0 > ctx.at.0.saturating_add(ctx.limits.future_ms) {
                    return ItemOutcome::InTheFuture;
                }
                let metrics_max = ctx.limits.metrics_max as usize;
                let settled = platform.change(no, |record| {
                    let mut metric = record.metrics.get(&item.metric).cloned();
                    if metric.is_none() && record.metrics.len() >= metrics_max {
                        return None;
                    }
                    let settled = Dated::settle(&mut metric, Dated { at: item.at, value: item.value });
                    if let Some(metric) = metric {
                        record.metrics.insert(item.metric.clone(), metric);
                    }
                    record.refresh_facts();
                    Some(settled)
                });
                platform.mark_moved(no);
                settled.map_or(ItemOutcome::TooManyMetrics, ItemOutcome::from)
            },
        )
    }
}
