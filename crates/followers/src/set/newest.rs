//! Followers by day of follow, latest first.
//!
//! Sets are sorted by number. The first reader who asks for the newest of a large set counts the days once and
//! keeps the newest few beside the set; versions made after it carry them on. Pages beyond those count again.

use std::sync::{Arc, OnceLock};

use super::{Body, Claim, FollowerSet, LEAF_MAX, Leaf};
use crate::{AccountNo, Cursor, Day, Page};

/// Followers kept as the newest at most.
const KEPT_MAX: usize = 1024;

/// With fewer left they are counted anew.
const KEPT_MIN: usize = 256;

/// So few are sorted without counting their days first.
const FEW: usize = 4096;

/// Newer is greater: the day, then the number.
type Rank = u64;

fn rank(day: u16, id: u32) -> Rank {
    u64::from(day) << 32 | u64::from(id)
}

fn of_rank(rank: Rank) -> (AccountNo, Day) {
    (AccountNo(rank as u32), Day((rank >> 32) as u16))
}

/// The newest followers of a large set, made when a reader first asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    /// Descending.
    ranks: OnceLock<Arc<[Rank]>>,
}

impl Recent {
    /// The same for the set with the claims met.
    pub(super) fn after(&self, claims: &[Claim]) -> Recent {
        let Some(ranks) = self.ranks.get() else { return Recent::default() };
        let Some(floor) = ranks.last().copied() else { return Recent::default() };
        let touched = |rank: Rank| claims.binary_search_by_key(&(rank as u32), |claim| claim.id).is_ok();
        let mut after: Vec<Rank> = ranks.iter().copied().filter(|rank| !touched(*rank)).collect();
        let come = claims.iter().filter_map(|claim| claim.is().map(|day| rank(day, claim.id)));
        after.extend(come.filter(|rank| *rank >= floor));
        if after.len() < KEPT_MIN {
            return Recent::default();
        }
        after.sort_unstable_by(|a, b| b.cmp(a));
        after.truncate(KEPT_MAX);
        Recent { ranks: OnceLock::from(Arc::from(after)) }
    }

    /// Whether these are the newest of the set.
    pub(super) fn is_sound(&self, set: &FollowerSet) -> bool {
        self.ranks.get().is_none_or(|ranks| **ranks == set.ranks_below(Rank::MAX, ranks.len()))
    }
}

impl FollowerSet {
    /// A page of at most `limit` followers (at least one), newest first, starting right after `after`.
    pub fn newest(&self, after: Option<Cursor>, limit: usize) -> Page {
        let limit = limit.max(1);
        let below = after.map_or(Rank::MAX, |cursor| rank(cursor.day.0, cursor.account.0));
        let recent = match &self.body {
            Body::Empty | Body::Small(_) => None,
            Body::Large(root) => Some(&root.recent),
            Body::Pending(pending) => Some(&pending.recent),
        };
        if let Some(recent) = recent {
            let kept = recent.ranks.get_or_init(|| self.ranks_below(Rank::MAX, KEPT_MAX).into());
            let from = kept.partition_point(|rank| *rank >= below);
            // One more than the page says whether it is the last.
            if kept.len() - from > limit {
                return page(&kept[from..], limit);
            }
        }
        page(&self.ranks_below(below, limit.saturating_add(1)), limit)
    }

    /// The newest of those ranked below, at most `many`, descending.
    fn ranks_below(&self, below: Rank, many: usize) -> Vec<Rank> {
        let day = self.day_of_nth(below, many);
        let mut ranks = Vec::new();
        for leaf in self.leaves().filter(|leaf| leaf.latest_day() >= day) {
            let mut ids = [0; LEAF_MAX];
            let mut read: &[u32] = &[];
            for (at, since) in leaf.days().iter().enumerate() {
                if *since < day || u64::from(*since) << 32 > below {
                    continue;
                }
                if read.is_empty() {
                    read = leaf.ids_into(&mut ids);
                }
                let rank = rank(*since, read[at]);
                if rank < below {
                    ranks.push(rank);
                }
            }
            // Many may have come on one day.
            if ranks.len() >= many.saturating_mul(2).saturating_add(4 * LEAF_MAX) {
                ranks.select_nth_unstable_by(many, |a, b| b.cmp(a));
                ranks.truncate(many);
            }
        }
        ranks.sort_unstable_by(|a, b| b.cmp(a));
        ranks.truncate(many);
        ranks
    }

    /// A day such that at least `many` of those ranked below follow since it or later, if there are as many.
    fn day_of_nth(&self, below: Rank, many: usize) -> u16 {
        if self.len() as usize <= many.max(FEW) {
            return 0;
        }
        let latest = (below >> 32).min(u64::from(u16::MAX)) as u16;
        let newest = self.leaves().map(Leaf::latest_day).max().unwrap_or(0).min(latest);
        // The day of `below` itself does not count: some of it rank above.
        let mut left = many;
        let mut counts = vec![0u32; usize::from(newest) + 1];
        for leaf in self.leaves_ahead() {
            for day in leaf.days() {
                if let Some(count) = counts.get_mut(usize::from(*day)) {
                    *count += 1;
                }
            }
        }
        for day in (0..=newest).rev() {
            if day == latest && below != Rank::MAX {
                continue;
            }
            left = left.saturating_sub(counts[usize::from(day)] as usize);
            if left == 0 {
                return day;
            }
        }
        0
    }
}

/// The first `limit` of these ranks; there are more of them if there are more followers.
fn page(ranks: &[Rank], limit: usize) -> Page {
    let complete = ranks.len() <= limit;
    let items: Vec<(AccountNo, Day)> = ranks.iter().take(limit).copied().map(of_rank).collect();
    let next = match items.last() {
        Some((account, day)) if !complete => Some(Cursor { day: *day, account: *account }),
        _ => None,
    };
    Page { items, next, complete }
}
