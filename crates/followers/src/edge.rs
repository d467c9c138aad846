//! One follow or unfollow as it comes in, and what became of it.
//!
//! Events of one edge are settled by version, not by arrival: the highest `(version, op)` wins, and an unfollow
//! beats a follow of the same millisecond. So events may come twice and in any order inside the horizon.

use crate::AccountNo;

/// What an event says about an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// The follower starts to follow.
    Follow,
    /// The follower stops following.
    Unfollow,
    /// An import says that the edge existed at that time, however long ago. Inside the horizon it is the same
    /// as [`Op::Follow`]; older, it yields to every live event and every filter that is still remembered.
    Backfill,
}

/// One event of one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Who is followed.
    pub followee: AccountNo,
    /// Who follows.
    pub follower: AccountNo,
    /// What happened.
    pub op: Op,
    /// When it happened, in milliseconds since 1970-01-01 UTC; also decides which event wins. The day of the
    /// follow is derived from it.
    pub version: i64,
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeOutcome {
    /// The set has one follower more.
    Inserted,
    /// The set has one follower fewer.
    Removed,
    /// Accepted, but membership is as it was: the same event again, a follow of someone who already follows, an
    /// unfollow of someone who does not.
    Duplicate,
    /// Lost to something newer: a later event of the edge, a filter, or the removal of either account.
    Stale,
    /// Older than the horizon, so its order among other events can no longer be known.
    TooOld,
    /// Further ahead of the log clock than allowed.
    InTheFuture,
    /// An account cannot follow itself.
    SelfFollow,
    /// A filter took this follower and bars it from following again for a while.
    RefollowBarred,
}

/// An account whose set changed, with its count before and after. Equal counts are possible: one in, one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountChange {
    /// The followed account.
    pub account: AccountNo,
    /// Followers before the command.
    pub before: u32,
    /// Followers after it.
    pub after: u32,
}
