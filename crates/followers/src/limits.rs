//! Every bound of the engine, by name.
//!
//! `horizon_ms`, `future_ms` and `undo_ms` decide outcomes, so they are part of what a log means: they are saved
//! with the state, and loading under other values is refused.

const HOUR_MS: i64 = 3_600_000;

/// The bounds an engine works within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Accounts that may exist.
    pub accounts_max: u32,
    /// How far behind the log clock a live event may be and still find its place, in milliseconds.
    pub horizon_ms: i64,
    /// How far ahead of the log clock an event may be, in milliseconds.
    pub future_ms: i64,
    /// How long a filter can be undone, in milliseconds of the log clock; never less than `horizon_ms` counts.
    pub undo_ms: i64,
    /// Filters of one account that may be kept at once.
    pub filters_kept_max: usize,
    /// Days for which a filter may bar whom it took.
    pub bar_days_max: u16,
    /// Accounts one keep list, or all number sets of one criteria tree together, may name.
    pub keep_max: usize,
    /// Nodes one criteria tree may have.
    pub criteria_nodes_max: usize,
    /// How deep a criteria tree may nest.
    pub criteria_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            accounts_max: u32::MAX,
            horizon_ms: 72 * HOUR_MS,
            future_ms: 5 * 60_000,
            undo_ms: 30 * 24 * HOUR_MS,
            filters_kept_max: 64,
            bar_days_max: 365,
            keep_max: 100_000,
            criteria_nodes_max: 64,
            criteria_depth_max: 8,
        }
    }
}
