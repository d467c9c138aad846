//! One bit per follower of a leaf.

use crate::set::Mask;

/// One bit per value, in order; 256 values at most.
#[inline(always)]
pub(super) fn pack<T: Copy + Default>(values: &[T], test: impl Fn(T) -> bool) -> Mask {
    let mut mask = Mask::default();
    let (groups, rest) = values.as_chunks::<64>();
    for (group, out) in groups.iter().zip(&mut mask) {
        *out = pack_group(group, &test);
    }
    if !rest.is_empty()
        && let Some(out) = mask.get_mut(groups.len())
    {
        let mut group = [T::default(); 64];
        group[..rest.len()].copy_from_slice(rest);
        *out = pack_group(&group, &test) & ((1 << rest.len()) - 1);
    }
    mask
}

#[inline(always)]
pub(super) fn pack_group<T: Copy>(group: &[T; 64], test: impl Fn(T) -> bool) -> u64 {
    let mut bytes = [0u8; 64];
    for (value, byte) in group.iter().zip(&mut bytes) {
        *byte = u8::from(test(*value));
    }
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |bits, (at, eight)| {
        // Eight bytes of 0 or 1 meet in the highest byte, the first one lowest.
        let packed = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits | packed << (at * 8)
    })
}

pub(super) fn zip(a: Mask, b: Mask, with: impl Fn(u64, u64) -> u64) -> Mask {
    std::array::from_fn(|at| with(a[at], b[at]))
}

/// The mask of the first `len` places.
pub(crate) fn first(len: usize) -> Mask {
    std::array::from_fn(|word| match len.saturating_sub(word * 64) {
        0 => 0,
        rest @ 1..64 => (1 << rest) - 1,
        _ => u64::MAX,
    })
}

pub(super) fn ones(mask: &Mask) -> u32 {
    mask.iter().map(|word| word.count_ones()).sum()
}

pub(super) fn is_empty(mask: &Mask) -> bool {
    mask.iter().all(|word| *word == 0)
}

/// Every place in the mask, ascending.
pub(crate) fn places(mask: &Mask) -> impl Iterator<Item = usize> + '_ {
    mask.iter().enumerate().flat_map(|(word, bits)| places_in(*bits).map(move |at| word * 64 + at))
}

/// Every place of a bit, ascending.
#[inline]
pub(crate) fn places_in(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (at < 64).then_some(at)
    })
}
