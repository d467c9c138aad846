//! A page of followers, newest first, and the place where the next one starts.
//!
//! A cursor names a follower, not an offset, so pages stay right while others come and go: nobody who stays is
//! skipped or repeated.

use crate::{AccountNo, Day};

/// The last follower of a page; the next page starts right after it, whether or not it still follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The day of the last follow shown.
    pub day: Day,
    /// The account shown last.
    pub account: AccountNo,
}

/// Followers by day of follow, newest first; within a day by account number, highest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The followers, with the day each began to follow.
    pub items: Vec<(AccountNo, Day)>,
    /// Where the next page starts; `None` when the list is complete.
    pub next: Option<Cursor>,
    /// Whether this page holds all there was after the cursor.
    pub complete: bool,
}
