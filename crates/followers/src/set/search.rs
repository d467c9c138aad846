//! Searches that begin where the answer probably is.

/// How many at the front are `before`; fast when that is few.
#[inline]
pub(super) fn at_front<T>(run: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut until = 1;
    while run.get(until - 1).is_some_and(&before) {
        until *= 2;
    }
    let from = until / 2;
    let within = run.get(from..(until - 1).min(run.len())).unwrap_or_default();
    from + within.partition_point(before)
}

/// How many are `before`, which those at the front are and no others; fast when that is about `guess`: away from it in
/// steps that grow from `step`, until the answer lies between.
#[inline]
pub(super) fn near<T>(run: &[T], guess: usize, mut step: usize, before: impl Fn(&T) -> bool) -> usize {
    let (mut from, mut until) = (0, run.len());
    if run.get(guess).is_some_and(&before) {
        from = guess + 1;
        while let Some(beyond) = run.get(guess + step) {
            if !before(beyond) {
                until = guess + step;
                break;
            }
            from = guess + step + 1;
            step *= 2;
        }
    } else {
        until = guess.min(until);
        while let Some(place) = guess.checked_sub(step) {
            if run.get(place).is_some_and(&before) {
                from = place + 1;
                break;
            }
            until = place.min(until);
            step *= 2;
        }
    }
    from + run.get(from..until).unwrap_or_default().partition_point(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_find_what_a_search_without_a_guess_finds(
            run in prop::collection::btree_set(0u32..500, 0..200),
            id in 0u32..510,
            guess in 0usize..220,
            step in 1usize..20,
        ) {
            let run: Vec<u32> = run.into_iter().collect();
            let below = run.partition_point(|number| *number < id);
            prop_assert_eq!(at_front(&run, |number| *number < id), below);
            prop_assert_eq!(near(&run, guess, step, |number| *number < id), below);
        }
    }
}
