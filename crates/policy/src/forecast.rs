//! When an account would cross a line if it went on as lately: a plain average, for holders to prepare by and for nothing else.

/// Days that an average is taken of.
pub const DAYS: u32 = 28;
/// Nothing is said of what is further away, in days.
pub const HORIZON_DAYS: u32 = 730;

/// Whole days until the distance is covered, by what came and went in the last [`DAYS`] days together. `None` if the account goes
/// the other way, stands still, or would take longer than [`HORIZON_DAYS`].
pub fn days_until(distance: i64, net: i64) -> Option<u32> {
    if distance == 0 || net == 0 || (distance > 0) != (net > 0) {
        return None;
    }
    let (distance, net) = (u128::from(distance.unsigned_abs()), u128::from(net.unsigned_abs()));
    let days = (distance * u128::from(DAYS)).div_ceil(net);
    u32::try_from(days).ok().filter(|days| *days <= HORIZON_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(distance: i64, net: i64, expected: Option<u32>) {
        assert_eq!(days_until(distance, net), expected, "{distance} at {net} in {DAYS} days");
    }

    #[test]
    fn a_line_is_reached_as_fast_as_lately() {
        check(100, 28, Some(100));
        check(100, 2_800, Some(1));
        check(101, 2_800, Some(2));
        check(-100, -56, Some(50));
        check(1, 1, Some(28));
    }

    #[test]
    fn who_goes_the_other_way_or_very_slowly_is_told_nothing() {
        check(100, -28, None);
        check(-100, 28, None);
        check(100, 0, None);
        check(0, 28, None);
        check(731, 28, None);
        check(730, 28, Some(730));
        check(i64::MAX, 1, None);
        check(i64::MIN, i64::MIN, Some(28));
    }
}
