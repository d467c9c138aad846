//! The followers of one account at one moment.

use crate::{AccountNo, Cursor, Day, Page};

/// The followers of one account at one moment; never changes once seen.
#[derive(Debug, Clone, Default)]
pub struct FollowerSet {
    members: Vec<(AccountNo, Day)>,
}

impl FollowerSet {
    /// How many follow.
    pub fn len(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// Whether nobody follows.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Since which day `follower` follows, or `None` when it does not.
    pub fn contains(&self, follower: AccountNo) -> Option<Day> {
        self.members.iter().find(|(account, _)| *account == follower).map(|(_, day)| *day)
    }

    /// Every follower by ascending account number.
    pub fn iter(&self) -> impl Iterator<Item = (AccountNo, Day)> + '_ {
        self.members.iter().copied()
    }

    /// A page of at most `limit` followers, newest first, starting right after `after`.
    pub fn newest(&self, _after: Option<Cursor>, _limit: usize) -> Page {
        Page::default()
    }
}
