//! Numbers that rules may test: sales, revenue, strikes. Followers are counted, not set.

use policy::Millis;

use crate::ids::{AccountId, Code, PlatformId};

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
