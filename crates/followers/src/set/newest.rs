//! Followers by day of follow, latest first.
//!
//! Sets are sorted by number, so a page reads every day once and keeps the best `limit` it met.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::FollowerSet;
use crate::{AccountNo, Cursor, Day, Page};

impl FollowerSet {
    /// A page of at most `limit` followers (at least one), newest first, starting right after `after`.
    pub fn newest(&self, after: Option<Cursor>, limit: usize) -> Page {
        let limit = limit.max(1);
        let before = after.map(|cursor| (cursor.day.0, cursor.account.0));
        // The least of those kept is on top and makes room for a better one.
        let mut kept: BinaryHeap<Reverse<(u16, u32)>> = BinaryHeap::new();
        let mut complete = true;
        for leaf in self.leaves() {
            for (id, day) in leaf.iter() {
                if before.is_some_and(|before| (day, id) >= before) {
                    continue;
                }
                if kept.len() < limit {
                    kept.push(Reverse((day, id)));
                    continue;
                }
                complete = false;
                if kept.peek().is_some_and(|least| least.0 < (day, id)) {
                    kept.pop();
                    kept.push(Reverse((day, id)));
                }
            }
        }
        let items: Vec<(AccountNo, Day)> =
            kept.into_sorted_vec().into_iter().map(|Reverse((day, id))| (AccountNo(id), Day(day))).collect();
        let next = match items.last() {
            Some((account, day)) if !complete => Some(Cursor { day: *day, account: *account }),
            _ => None,
        };
        Page { items, next, complete }
    }
}
