//! How many followers accounts have: the degree law of a large platform, scaled down to a number of edges.
//!
//! Two Pareto laws that meet at 500,000 followers: N(>= x) falls as x^-0.715 below and as x^-1.7 above. At full size it
//! gives 476 million followed accounts, 40,000 of them with 500,000 followers or more, and 96.6 billion edges.

const SLOPE_BELOW: f64 = 0.715;
const SLOPE_ABOVE: f64 = 1.7;
const MEET: f64 = 500_000.0;
/// Share of the followed accounts that have [`MEET`] followers or more.
const SHARE_ABOVE: f64 = 40_000.0 / 4.76e8;
/// Mean followers at full size, to start looking from.
const MEAN: f64 = 203.0;

/// Followers of each followed account, the largest first, about `edges` in sum and none above `most`.
#[must_use]
pub fn degrees(edges: u64, most: u32) -> Vec<u32> {
    let wanted = edges as f64;
    let mut accounts = (wanted / MEAN).max(1.0);
    // The cap takes from the top, so more accounts are needed than the mean says; three corrections settle it.
    for _ in 0..3 {
        let sum: f64 = ranks(accounts, most).map(f64::from).sum();
        accounts = (accounts * wanted / sum).max(1.0);
    }
    ranks(accounts, most).collect()
}

fn ranks(accounts: f64, most: u32) -> impl Iterator<Item = u32> {
    (0..accounts.round() as u32).map(move |rank| {
        let share = (f64::from(rank) + 0.5) / accounts;
        let followers = if share > SHARE_ABOVE {
            share.powf(-1.0 / SLOPE_BELOW)
        } else {
            MEET * (share / SHARE_ABOVE).powf(-1.0 / SLOPE_ABOVE)
        };
        (followers as u32).clamp(1, most)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_what_was_asked_for_within_two_per_cent() {
        for (edges, most) in [(100_000, 10_000), (3_000_000, 10_000_000), (20_000_000, 2_000_000)] {
            let sum: u64 = degrees(edges, most).into_iter().map(u64::from).sum();
            assert!(sum.abs_diff(edges) * 50 < edges, "{sum} for {edges}");
        }
    }

    #[test]
    fn counts_fall_off_as_the_law_says() {
        let degrees = degrees(20_000_000, u32::MAX);
        assert!(degrees.is_sorted_by(|a, b| a >= b));
        let at_least = |x: u32| degrees.partition_point(|d| *d >= x) as f64 / degrees.len() as f64;
        // 100^-0.715 = 0.0372, 10,000^-0.715 = 0.00138.
        assert!((0.036..0.039).contains(&at_least(100)), "{}", at_least(100));
        assert!((0.0012..0.0016).contains(&at_least(10_000)), "{}", at_least(10_000));
    }
}
