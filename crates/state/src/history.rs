//! How a follower count came to be: per day and cause, how many came and went.
//!
//! Strangers can push a count up and platforms can purge it down, so the cause is kept. The history tells what was
//! heard when; it is no part of the state hash, since events may arrive in another order.

/// Why a count changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Single follows and unfollows.
    Organic = 0,
    /// Past follows brought by an import.
    Backfill = 1,
    /// A filter of the holder or the platform.
    Filter = 2,
    /// A filter was undone.
    Undo = 3,
    /// A follower left the platform.
    Purge = 4,
}

impl Cause {
    /// Every cause, in the order of its number.
    pub const ALL: [Cause; 5] = [Cause::Organic, Cause::Backfill, Cause::Filter, Cause::Undo, Cause::Purge];

    /// The machine word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Organic => "organic",
            Cause::Backfill => "backfill",
            Cause::Filter => "filter",
            Cause::Undo => "undo",
            Cause::Purge => "purge",
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Cause> {
        Cause::ALL.get(usize::from(number)).copied()
    }
}

/// What one cause did on one day of the log's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The day it was logged.
    pub day: followers::Day,
    /// Why.
    pub cause: Cause,
    /// Followers that came.
    pub came: u32,
    /// Followers that went.
    pub went: u32,
}
