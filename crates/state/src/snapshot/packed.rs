//! Numbers in blocks: the least of a block, then how far each is above it in as few bits as the farthest needs.

use crate::record::bytes::{Bytes, put_varint};

/// Numbers of one block at most.
pub(super) const BLOCK: usize = 256;

/// Appends a block.
pub(super) fn put(out: &mut Vec<u8>, numbers: &[u64]) {
    let (least, most) = numbers.iter().fold((u64::MAX, 0), |(least, most), n| (least.min(*n), most.max(*n)));
    let least = least.min(most);
    let width = u64::BITS - (most - least).leading_zeros();
    put_varint(out, least);
    out.push(width as u8);
    let (mut bits, mut held) = (0u128, 0);
    for number in numbers {
        bits |= u128::from(number - least) << held;
        held += width;
        while held >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(bits as u8);
    }
}

/// Reads a block of `count` numbers behind those that are in `into`.
pub(super) fn read(bytes: &mut Bytes<'_>, count: usize, into: &mut Vec<u64>) -> Option<()> {
    let least = bytes.varint()?;
    let width = usize::from(bytes.u8()?);
    if width > 64 {
        return None;
    }
    let packed = bytes.take((count * width).div_ceil(8))?;
    let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
    for nth in 0..count {
        let (byte, bit) = (nth * width / 8, nth * width % 8);
        // Sixteen bytes hold any 64 bits; near the end fewer are there.
        let word = match packed.get(byte..byte + 16).and_then(|word| word.first_chunk()) {
            Some(word) => u128::from_le_bytes(*word),
            None => packed.get(byte..)?.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)),
        };
        into.push(least.checked_add((word >> bit) as u64 & mask)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_come_back(least in any::<u64>(), width in 0u32..65, far in prop::collection::vec(any::<u64>(), 1..BLOCK)) {
            let numbers: Vec<u64> =
                far.iter().map(|far| least.saturating_add(far.checked_shr(64 - width).unwrap_or(0))).collect();
            let mut out = Vec::new();
            put(&mut out, &numbers);
            let mut bytes = Bytes::new(&out);
            let mut back = vec![7];
            read(&mut bytes, numbers.len(), &mut back).unwrap();
            prop_assert!(bytes.is_empty());
            prop_assert_eq!(&back[1..], &numbers[..]);
        }
    }
}
