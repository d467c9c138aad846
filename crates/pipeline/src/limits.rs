//! Every limit of the pipeline, by name.

use std::time::Duration;

/// How much the pipeline holds, batches and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commands waiting in the queue named `commands`. One more is refused as busy.
    pub commands_queued_max: usize,
    /// Encoded bytes waiting in the queue named `commands`. A command above it alone still passes when the queue is empty.
    pub commands_queued_bytes_max: usize,
    /// Single events that are gathered into one command.
    pub gathered_events_max: u32,
    /// Entries written with one sync.
    pub batch_entries_max: usize,
    /// Encoded bytes written with one sync, unless one entry alone is larger.
    pub batch_bytes_max: usize,
    /// Entries between two snapshots.
    pub snapshot_entries: u64,
    /// Encoded bytes of entries between two snapshots.
    pub snapshot_bytes: u64,
    /// Snapshots kept; the log is trimmed behind the oldest of them. At least 1.
    pub snapshots_kept: usize,
    /// Whether closing saves one more snapshot. Without it the next start replays more.
    pub snapshot_at_close: bool,
    /// Effects kept for readers of the feed. Older ones are gone, and a reader is told so.
    pub effects_kept_max: usize,
    /// Effects kept at most for endpoints that did not get them yet. Beyond that the oldest go, and the endpoint is told so.
    pub effects_held_max: usize,
    /// How often a tick is logged while the clock runs by itself. `None`: only when someone submits one.
    pub tick_every: Option<Duration>,
    /// Whether it is listed whom each account follows. Without it nobody can ask, and purges of a few accounts take a pass
    /// over all sets.
    pub following_lists: bool,
    /// Wait before keys whose destruction failed are tried again.
    pub forget_retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            commands_queued_max: 16_384,
            commands_queued_bytes_max: 256 << 20,
            gathered_events_max: 10_000,
            batch_entries_max: 4_096,
            batch_bytes_max: 16 << 20,
            snapshot_entries: 1_000_000,
            snapshot_bytes: 4 << 30,
            snapshots_kept: 2,
            snapshot_at_close: true,
            effects_kept_max: 100_000,
            effects_held_max: 1_000_000,
            tick_every: Some(Duration::from_secs(5)),
            following_lists: true,
            forget_retry: Duration::from_secs(1),
        }
    }
}
