//! Sorting many edges: what every client does before a bulk load, ours and those of the peers.
//!
//! Digit by digit, the lowest first; digits in which no two keys differ cost nothing.

const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 1 << DIGIT_BITS;

/// Sorts by key; items with the same key stay in the order they had.
pub fn sort_by_u64<T: Copy>(items: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    let (any, all) = items.iter().fold((0, u64::MAX), |(any, all), item| (any | key(item), all & key(item)));
    let differ = any & !all;
    let mut other = items.clone();
    for shift in (0..u64::BITS).step_by(DIGIT_BITS as usize) {
        if differ >> shift & (DIGITS as u64 - 1) == 0 {
            continue;
        }
        let digit = |item: &T| (key(item) >> shift) as usize & (DIGITS - 1);
        let mut next = [0; DIGITS];
        for item in &*items {
            next[digit(item)] += 1;
        }
        let mut sum = 0;
        for next in &mut next {
            sum += std::mem::replace(next, sum);
        }
        for item in &*items {
            let next = &mut next[digit(item)];
            other[*next] = *item;
            *next += 1;
        }
        std::mem::swap(items, &mut other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn items_ascend_by_key_and_keep_their_order_where_keys_are_equal() {
        let mut random = Random::new(3);
        for mask in [u64::MAX, 0xff00_0000_0fff_0000, 0xf, 0] {
            let mut items: Vec<(u64, u32)> = (0..5_000).map(|nth| (random.bits() & mask, nth)).collect();
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sort_by_u64(&mut items, |item| item.0);
            assert_eq!(items, sorted);
        }
    }
}
