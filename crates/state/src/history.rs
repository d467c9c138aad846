//! How a follower count came to be: per day and cause, how many came and went.
//!
//! Strangers can push a count up and platforms can purge it down, so the cause is kept. The history tells what was
//! heard when; it is no part of the state hash, since events may arrive in another order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::record::bytes::{Bytes, put_list, put_varint};

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

/// The history of one account, read while the writer adds to it.
///
/// Follows and imports come by the thousand, so today's row of each is one packed number; everything else, and days
/// that are over, are in a list that is swapped as a whole.
#[derive(Debug)]
pub(crate) struct History {
    /// Day in 16 bits, came in 24, went in 24; one for [`Cause::Organic`], one for [`Cause::Backfill`].
    open: [AtomicU64; 2],
    closed: ArcSwap<Vec<HistoryRow>>,
}

const CAME_BITS: u32 = 24;
const ROW_MAX: u64 = (1 << CAME_BITS) - 1;

impl Default for History {
    fn default() -> Self {
        Self { open: [AtomicU64::new(0), AtomicU64::new(0)], closed: ArcSwap::from_pointee(Vec::new()) }
    }
}

impl History {
    /// Adds to the row of the day. Single writer.
    pub(crate) fn add(&self, day: u16, cause: Cause, came: u32, went: u32, rows_max: u32) {
        if came == 0 && went == 0 {
            return;
        }
        let cell = match cause {
            Cause::Organic => 0,
            Cause::Backfill => 1,
            Cause::Filter | Cause::Undo | Cause::Purge => {
                let row = HistoryRow { day: followers::Day(day), cause, came, went };
                return self.close(row, rows_max);
            }
        };
        let Some(open) = self.open.get(cell) else { return };
        let packed = open.load(Ordering::Relaxed);
        let row = unpack(packed, cause);
        let (came_sum, went_sum) =
            (u64::from(row.came) + u64::from(came), u64::from(row.went) + u64::from(went));
        if row.day.0 == day && came_sum <= ROW_MAX && went_sum <= ROW_MAX {
            open.store(pack(day, came_sum, went_sum), Ordering::Release);
            return;
        }
        if packed & 0xffff_ffff_ffff != 0 {
            self.close(row, rows_max);
        }
        let (came64, went64) = (u64::from(came), u64::from(went));
        if came64 <= ROW_MAX && went64 <= ROW_MAX {
            open.store(pack(day, came64, went64), Ordering::Release);
        } else {
            open.store(pack(day, 0, 0), Ordering::Release);
            self.close(HistoryRow { day: followers::Day(day), cause, came, went }, rows_max);
        }
    }

    fn close(&self, row: HistoryRow, rows_max: u32) {
        let mut rows = self.closed.load().as_ref().clone();
        // Sorted: a day of follows may be closed after a filter of a later day.
        match rows.binary_search_by_key(&(row.day, row.cause), |old| (old.day, old.cause)) {
            Ok(at) => {
                if let Some(old) = rows.get_mut(at) {
                    old.came = old.came.saturating_add(row.came);
                    old.went = old.went.saturating_add(row.went);
                }
            }
            Err(at) => rows.insert(at, row),
        }
        let surplus = rows.len().saturating_sub(rows_max as usize);
        rows.drain(..surplus);
        self.closed.store(Arc::new(rows));
    }

    /// The rows by day and cause, oldest first.
    pub(crate) fn rows(&self) -> Vec<HistoryRow> {
        let mut rows = self.closed.load().as_ref().clone();
        for (cell, cause) in self.open.iter().zip([Cause::Organic, Cause::Backfill]) {
            let open = unpack(cell.load(Ordering::Acquire), cause);
            if open.came == 0 && open.went == 0 {
                continue;
            }
            match rows.iter_mut().find(|row| row.day == open.day && row.cause == open.cause) {
                Some(row) => {
                    row.came = row.came.saturating_add(open.came);
                    row.went = row.went.saturating_add(open.went);
                }
                None => rows.push(open),
            }
        }
        rows.sort_by_key(|row| (row.day, row.cause));
        rows
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for cell in &self.open {
            out.extend_from_slice(&cell.load(Ordering::Relaxed).to_le_bytes());
        }
        put_list(out, &self.closed.load(), |out, row| {
            out.extend_from_slice(&row.day.0.to_le_bytes());
            out.push(row.cause as u8);
            put_varint(out, u64::from(row.came));
            put_varint(out, u64::from(row.went));
        });
    }

    pub(crate) fn load(bytes: &mut Bytes<'_>) -> Option<Self> {
        let open = [AtomicU64::new(bytes.u64()?), AtomicU64::new(bytes.u64()?)];
        let closed = bytes.list(|bytes| {
            Some(HistoryRow {
                day: followers::Day(bytes.array().map(u16::from_le_bytes)?),
                cause: Cause::from_number(bytes.u8()?)?,
                came: bytes.varint_u32()?,
                went: bytes.varint_u32()?,
            })
        })?;
        Some(Self { open, closed: ArcSwap::from_pointee(closed) })
    }
}

fn pack(day: u16, came: u64, went: u64) -> u64 {
    (u64::from(day) << 48) | (came << CAME_BITS) | went
}

fn unpack(packed: u64, cause: Cause) -> HistoryRow {
    HistoryRow {
        day: followers::Day((packed >> 48) as u16),
        cause,
        came: ((packed >> CAME_BITS) & ROW_MAX) as u32,
        went: (packed & ROW_MAX) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: u16, cause: Cause, came: u32, went: u32) -> HistoryRow {
        HistoryRow { day: followers::Day(day), cause, came, went }
    }

    #[test]
    fn a_day_has_one_row_a_cause() {
        let history = History::default();
        history.add(5, Cause::Organic, 2, 0, 100);
        history.add(5, Cause::Filter, 0, 7, 100);
        history.add(5, Cause::Organic, 1, 1, 100);
        history.add(6, Cause::Organic, 0, 4, 100);
        history.add(6, Cause::Backfill, 9, 0, 100);
        assert_eq!(
            history.rows(),
            [
                row(5, Cause::Organic, 3, 1),
                row(5, Cause::Filter, 0, 7),
                row(6, Cause::Organic, 0, 4),
                row(6, Cause::Backfill, 9, 0),
            ]
        );
    }

    /// Follows of a day are closed by the first follow of a later one, which may come after a filter of that later day. The
    /// filters of the later day were two rows then.
    #[test]
    fn a_day_that_is_closed_late_does_not_split_the_next() {
        let history = History::default();
        history.add(5, Cause::Organic, 1, 0, 100);
        history.add(6, Cause::Filter, 0, 1, 100);
        history.add(6, Cause::Organic, 1, 0, 100);
        history.add(6, Cause::Filter, 0, 1, 100);
        assert_eq!(
            history.rows(),
            [row(5, Cause::Organic, 1, 0), row(6, Cause::Organic, 1, 0), row(6, Cause::Filter, 0, 2)]
        );
    }

    #[test]
    fn more_than_a_packed_row_holds_is_still_counted() {
        let history = History::default();
        history.add(5, Cause::Backfill, (1 << 24) - 1, 0, 100);
        history.add(5, Cause::Backfill, 10, 0, 100);
        history.add(5, Cause::Backfill, u32::MAX / 2, 3, 100);
        assert_eq!(history.rows(), [row(5, Cause::Backfill, (1 << 24) + 9 + u32::MAX / 2, 3)]);
    }

    #[test]
    fn the_oldest_days_go_first() {
        let history = History::default();
        for day in 0..10 {
            history.add(day, Cause::Filter, 0, 1, 4);
        }
        let days: Vec<u16> = history.rows().iter().map(|row| row.day.0).collect();
        assert_eq!(days, [6, 7, 8, 9]);
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let history = History::default();
        history.add(5, Cause::Organic, 2, 1, 100);
        history.add(6, Cause::Purge, 0, 1, 100);
        history.add(7, Cause::Organic, 3, 1, 100);
        let mut saved = Vec::new();
        history.save(&mut saved);
        let loaded = History::load(&mut Bytes::new(&saved)).unwrap();
        assert_eq!(loaded.rows(), history.rows());
    }
}
