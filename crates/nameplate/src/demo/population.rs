//! Who is in the demo: a made-up population whose follower counts are shaped like those of large platforms.
//!
//! Everything follows from the seed. Followers who are nobody themselves are plain numbers; only the people of the
//! story and a few large accounts have handles, and all of those are invented.

use workloads::Random;

/// How many followers the account at rank `rank` of `accounts` has, ranks from 0 for the largest, when follower
/// counts fall off as `N(>= x) ~ x^-0.715`, cut at `followers_max`.
pub(crate) fn followers_at_rank(rank: u64, accounts: u64, followers_max: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^52")]
    let share = (rank as f64 + 0.5) / (accounts.max(1) as f64);
    let followers = share.powf(-1.0 / 0.715);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and the cast saturates"
    )]
    let followers = followers as u64;
    followers.clamp(1, followers_max)
}

/// Picks `wanted` different members out of `0..pool`, in ascending order, spread evenly with a seeded wobble.
///
/// Gives the whole pool when `wanted` is larger.
pub(crate) fn spread(wanted: u64, pool: u64, seed: u64) -> impl Iterator<Item = u64> {
    let wanted = wanted.min(pool);
    let mut seeded = Random::new(seed);
    (0..wanted).map(move |index| {
        // One member out of each of `wanted` neighbouring stretches: different and ascending by construction.
        let start = stretch(index, pool, wanted);
        let end = stretch(index + 1, pool, wanted);
        start + seeded.wide_below(end - start)
    })
}

fn stretch(index: u64, pool: u64, wanted: u64) -> u64 {
    u64::try_from(u128::from(index) * u128::from(pool) / u128::from(wanted.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_are_different_ascending_and_exactly_as_many_as_wanted() {
        for (wanted, pool) in [(0, 10), (1, 1), (7, 10), (10, 10), (12, 10), (999, 100_003)] {
            let picked: Vec<u64> = spread(wanted, pool, 7).collect();
            assert_eq!(picked.len() as u64, wanted.min(pool), "{wanted} of {pool}");
            assert!(picked.windows(2).all(|pair| pair[0] < pair[1]), "{wanted} of {pool}");
            assert!(picked.iter().all(|member| *member < pool));
        }
    }

    #[test]
    fn counts_fall_off_by_the_law() {
        let accounts = 200_000;
        let at_least = |followers: u64| {
            (0..accounts).filter(|rank| followers_at_rank(*rank, accounts, u64::MAX) >= followers).count()
        };
        // 200,000 * 1000^-0.715 = 1432 and 200,000 * 100^-0.715 = 7431.
        assert!((1_400..1_460).contains(&at_least(1_000)), "{}", at_least(1_000));
        assert!((7_350..7_500).contains(&at_least(100)), "{}", at_least(100));
        assert_eq!(followers_at_rank(0, accounts, 1_000), 1_000);
        assert_eq!(followers_at_rank(accounts - 1, accounts, 1_000), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let first: Vec<u64> = spread(50, 1_000, 3).collect();
        assert_eq!(first, spread(50, 1_000, 3).collect::<Vec<_>>());
        assert_ne!(first, spread(50, 1_000, 4).collect::<Vec<_>>());
    }
}
