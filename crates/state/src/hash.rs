//! Hashes that are the same on every machine and in every year.
//!
//! [`hash128`] names event ids and accounts where a collision would be a nuisance; what must not collide against
//! someone who tries uses BLAKE3.

const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xd6e8_feb8_6659_fd93;
const C: u64 = 0xa076_1d64_78bd_642f;

/// 128 bits of some bytes. Pinned by a test: they are stored in snapshots.
pub(crate) fn hash128(bytes: &[u8]) -> u128 {
    let mut low = A ^ bytes.len() as u64;
    let mut high = C;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        (low, high) = (fold(low ^ word, B), fold(high ^ word.rotate_left(32), C).wrapping_add(low));
    }
    let mut last = [0u8; 8];
    for (to, from) in last.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    let word = u64::from_le_bytes(last);
    (low, high) = (fold(low ^ word, B), fold(high ^ word.rotate_left(32), C).wrapping_add(low));
    (u128::from(fold(high ^ low, A)) << 64) | u128::from(fold(low, C) ^ high.rotate_left(17))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    // A product with 0 would forget the other half.
    let wide = u128::from(a ^ A).wrapping_mul(u128::from(b | 1));
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_pinned() {
        let hashes: Vec<String> = [&b""[..], b"a", b"event-1", b"0123456789abcdef"]
            .iter()
            .map(|bytes| format!("{:032x}", hash128(bytes)))
            .collect();
        assert_eq!(
            hashes,
            [
                "bc01cbd17961eb429158c03129d28575",
                "3a2df0e128aa23f33eaca12187a42e46",
                "c796da3f53b050d1220df2d9a3f999cc",
                "9bdd3f6561bccddd35143398ed238beb",
            ]
        );
    }

    #[test]
    fn near_inputs_are_far_apart() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0u32..200_000 {
            let hash = hash128(&n.to_le_bytes());
            assert!(seen.insert(hash as u64), "the lower half of {n} came twice");
        }
        for len in 5..40 {
            assert!(seen.insert(hash128(&vec![0; len]) as u64), "zeros of length {len} came before");
        }
    }
}
