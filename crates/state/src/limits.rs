//! Every bound of the state, by name.
//!
//! They decide outcomes, so they are part of what a log means: they are saved with a snapshot, and loading one under
//! other values is refused.

const HOUR_MS: i64 = 3_600_000;

/// The largest amount and the largest total of a day, either way: ten million million of a currency with cents. So many of
/// them in one day that they do not add up in 64 bits are not met.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000_000;

/// The bounds a machine works within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Platforms on one server.
    pub platforms_max: u32,
    /// Accounts on one platform.
    pub accounts_max: u32,
    /// Keys of one platform, revoked ones included.
    pub keys_max: u32,
    /// Packs active at once on one platform.
    pub packs_max: u32,
    /// Changes that wait for two people at once on one platform.
    pub proposals_max: u32,
    /// Endpoints that effects of one platform are sent to.
    pub webhooks_max: u32,
    /// Failed deliveries that one endpoint has tried again at once; then it is sent nothing new.
    pub retries_max: u32,
    /// Items in one command (facts, metrics, sightings).
    pub items_max: u32,
    /// Metrics of one account.
    pub metrics_max: u32,
    /// Ledgers of one account: metrics with dated amounts, those in several currencies once for each.
    pub ledgers_max: u32,
    /// Topics of one account.
    pub topics_max: u32,
    /// Holds on one account at once.
    pub holds_max: u32,
    /// Appeals in one round of a case.
    pub appeals_max: u32,
    /// How far ahead of now a notice period may be extended, in milliseconds.
    pub extension_ms: i64,
    /// Days of count history kept for one account.
    pub history_rows_max: u32,
    /// From this count on an account has a count history; smaller ones have one once they have facts.
    pub history_from: u32,
    /// Accounts that one command may purge.
    pub purge_accounts_max: u32,
    /// Events that came too late and are kept aside, on one platform; beyond that the oldest go.
    pub dead_letters_max: u32,
    /// Followers that one tick looks through on one platform to count some of them, 10 million in some milliseconds; one
    /// account is counted whatever its size.
    pub counted_a_tick: u32,
    /// Accounts whose turn after a change of rules comes at one tick, on one platform.
    pub looked_at_a_tick: u32,
    /// Accounts that such a tick passes over at most to find them, most of which no rule concerns.
    pub passed_a_tick: u32,
    /// How far behind the log clock a live event may be, in milliseconds; event ids are remembered as long.
    pub horizon_ms: i64,
    /// How far ahead of the log clock an event may be, in milliseconds.
    pub future_ms: i64,
    /// How long a filter can be undone, in milliseconds.
    pub undo_ms: i64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            platforms_max: 1_000,
            accounts_max: u32::MAX - 1,
            keys_max: 1_000,
            packs_max: 32,
            proposals_max: 16,
            webhooks_max: 16,
            retries_max: 1_000,
            items_max: 100_000,
            metrics_max: 32,
            ledgers_max: 32,
            topics_max: 64,
            holds_max: 16,
            appeals_max: 3,
            extension_ms: 365 * 24 * HOUR_MS,
            history_rows_max: 800,
            history_from: 1_000,
            purge_accounts_max: 1_000_000,
            dead_letters_max: 100_000,
            counted_a_tick: 10_000_000,
            looked_at_a_tick: 40,
            passed_a_tick: 15_000,
            horizon_ms: 72 * HOUR_MS,
            future_ms: 5 * 60_000,
            undo_ms: 30 * 24 * HOUR_MS,
        }
    }
}

impl Limits {
    /// The same bounds, as the follower engine takes them.
    pub(crate) fn followers(&self) -> followers::Limits {
        followers::Limits {
            accounts_max: self.accounts_max,
            horizon_ms: self.horizon_ms,
            future_ms: self.future_ms,
            undo_ms: self.undo_ms,
            ..followers::Limits::default()
        }
    }
}
