//! A block of followers as bits: numbers as Elias-Fano, days in as many bits as their span needs.
//!
//! Of the numbers only what an ascending list leaves open is written: the first, the span, and for those between how
//! far each lies beyond the least it could be. The low bits of that stand in a row, the rest is counted in ones and
//! zeros. It comes within about half a bit a number of what a random set needs at least.

use super::What;
use super::bytes::{Input, put_varint};

/// Followers of one block at most.
pub(super) const BLOCK: usize = 256;

/// Bytes that unpacking may look at behind the packed ones.
const SLACK: usize = 48;

/// The numbers of one block between the first and the last are at most this many.
const BETWEEN: usize = BLOCK - 2;

/// Words that hold the high bits of a block: less than three bits a number.
const HIGH_WORDS: usize = BLOCK * 3 / 64 + 1;

/// Followers of one block.
pub(super) struct Block {
    pub(super) ids: [u32; BLOCK],
    pub(super) days: [u16; BLOCK],
    low: [u32; BLOCK],
    padded: Vec<u8>,
}

impl Block {
    pub(super) fn new() -> Block {
        Block { ids: [0; BLOCK], days: [0; BLOCK], low: [0; BLOCK], padded: Vec::new() }
    }
}

/// How many of the bits stand in a row, for that many numbers that leave `open` places free between them.
fn low_bits(open: u32, between: usize) -> u32 {
    let between = between as u32;
    if between > 0 && open > between { (open / between).ilog2() } else { 0 }
}

/// Appends followers (at least one, at most [`BLOCK`]) whose numbers ascend from `next` at the lowest.
pub(super) fn put(out: &mut Vec<u8>, next: u64, ids: &[u32], days: &[u16]) {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
    put_varint(out, u64::from(*first) - next);
    if ids.len() > 1 {
        let open = last - first - (ids.len() as u32 - 1);
        put_varint(out, u64::from(open));
        put_between(out, *first, open, &ids[1..ids.len() - 1]);
    }
    put_days(out, days);
}

fn put_between(out: &mut Vec<u8>, first: u32, open: u32, between: &[u32]) {
    let low = low_bits(open, between.len());
    let mask = (1u32 << low).wrapping_sub(1);
    let mut bits = BitsOut::default();
    let mut high = [0u64; HIGH_WORDS];
    out.reserve(between.len() * 4 + 8);
    for (nth, id) in (0u32..).zip(between) {
        // The nth number between is at least `first + 1 + nth`.
        let beyond = id.wrapping_sub(first).wrapping_sub(1).wrapping_sub(nth);
        bits.push(out, beyond & mask, low);
        let place = (beyond >> low).wrapping_add(nth) as usize;
        if let Some(word) = high.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    bits.finish(out);
    let bytes = (between.len() + (open >> low) as usize).div_ceil(8);
    let mut left = if between.is_empty() { 0 } else { bytes };
    for word in high {
        let take = left.min(8);
        out.extend_from_slice(&word.to_le_bytes()[..take]);
        left -= take;
    }
}

fn put_days(out: &mut Vec<u8>, days: &[u16]) {
    let (least, most) =
        days.iter().fold((u16::MAX, 0), |(least, most), day| (least.min(*day), most.max(*day)));
    out.extend_from_slice(&least.to_le_bytes());
    if days.len() == 1 {
        return;
    }
    let width = u16::BITS - (most - least).leading_zeros();
    out.push(width as u8);
    let mut bits = BitsOut::default();
    out.reserve(days.len() * 2 + 8);
    for day in days {
        bits.push(out, u32::from(day.wrapping_sub(least)), width);
    }
    bits.finish(out);
}

/// Reads a block of `len` followers whose numbers are `next` or more and below `accounts`.
pub(super) fn read(
    input: &mut Input<'_>,
    block: &mut Block,
    len: usize,
    next: u64,
    accounts: u32,
) -> Result<(), What> {
    const TOO_LARGE: What = "a follower's number is too large";
    let first = next.checked_add(input.varint()?).filter(|id| *id < u64::from(accounts)).ok_or(TOO_LARGE)?;
    block.ids[0] = first as u32;
    if len > 1 {
        let open = input.u32()?;
        let last = first + len as u64 - 1 + u64::from(open);
        if last >= u64::from(accounts) {
            return Err(TOO_LARGE);
        }
        read_between(input, block, first as u32, open, len - 2)?;
        block.ids[len - 1] = last as u32;
        let ascends = block.ids[..len].windows(2).fold(true, |all, two| all & (two[0] < two[1]));
        if !ascends {
            return Err("followers are out of order");
        }
    }
    read_days(input, block, len)
}

fn read_between(
    input: &mut Input<'_>,
    block: &mut Block,
    first: u32,
    open: u32,
    count: usize,
) -> Result<(), What> {
    const MISCOUNTED: What = "followers are miscounted";
    if count == 0 {
        return Ok(());
    }
    debug_assert!(count <= BETWEEN);
    let low = low_bits(open, count);
    unpack(input, &mut block.padded, low, count, &mut block.low)?;
    let high_bits = count + (open >> low) as usize;
    let high = input.take(high_bits.div_ceil(8))?;
    let ids = &mut block.ids[1..=count];
    let mut found = 0usize;
    let mut at = 0u32;
    for eight in high.chunks(8) {
        let mut word = match eight.first_chunk() {
            Some(whole) => u64::from_le_bytes(*whole),
            None => eight.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        if word.count_ones() as usize > count - found {
            return Err(MISCOUNTED);
        }
        while word != 0 {
            let place = at.wrapping_add(word.trailing_zeros());
            word &= word - 1;
            let nth = found as u32;
            let beyond = place.wrapping_sub(nth) << low | block.low[found];
            ids[found] = first.wrapping_add(1).wrapping_add(nth).wrapping_add(beyond);
            found += 1;
        }
        at = at.wrapping_add(64);
    }
    if found == count { Ok(()) } else { Err(MISCOUNTED) }
}

fn read_days(input: &mut Input<'_>, block: &mut Block, len: usize) -> Result<(), What> {
    let least = input.u16()?;
    if len == 1 {
        block.days[0] = least;
        return Ok(());
    }
    let width = u32::from(input.u8()?);
    if width > u16::BITS || (width > 0 && least > u16::MAX - (1 << (width - 1))) {
        return Err("days are too wide");
    }
    unpack(input, &mut block.padded, width, len, &mut block.low)?;
    let mut beyond = 0;
    for (day, packed) in block.days[..len].iter_mut().zip(&block.low) {
        beyond |= u32::from(least).wrapping_add(*packed) >> u16::BITS;
        *day = least.wrapping_add(*packed as u16);
    }
    if beyond == 0 { Ok(()) } else { Err("a day is too late") }
}

/// Appends numbers of at most 32 bits in a row, low bits first.
#[derive(Default)]
pub(super) struct BitsOut {
    bits: u64,
    held: u32,
}

impl BitsOut {
    #[inline]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, value: u32, width: u32) {
        self.bits |= u64::from(value) << self.held;
        self.held += width;
        if self.held >= 32 {
            out.extend_from_slice(&(self.bits as u32).to_le_bytes());
            self.bits >>= 32;
            self.held -= 32;
        }
    }

    /// Fills up to a whole byte with zeros.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        let bytes = self.held.div_ceil(8) as usize;
        out.extend_from_slice(&self.bits.to_le_bytes()[..bytes]);
    }
}

/// Takes `count` numbers of `width` bits each, at most [`BLOCK`] of at most 32 bits.
pub(super) fn unpack(
    input: &mut Input<'_>,
    padded: &mut Vec<u8>,
    width: u32,
    count: usize,
    into: &mut [u32; BLOCK],
) -> Result<(), What> {
    let bytes = (count * width as usize).div_ceil(8);
    let source = match input.peek(bytes + SLACK) {
        Some(source) => source,
        None => {
            padded.clear();
            padded.extend_from_slice(input.peek(bytes).ok_or("a value is cut short")?);
            padded.resize(bytes + SLACK, 0);
            padded
        }
    };
    unpack_width(source, width, count, into);
    input.take(bytes)?;
    Ok(())
}

/// One piece of code a width, so that every shift is a constant.
fn unpack_width(source: &[u8], width: u32, count: usize, into: &mut [u32; BLOCK]) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_eights::<$width>(source, count, into),)*
                _ => into[..count].fill(0),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

/// Eight numbers fill `WIDTH` bytes. The last eight may read behind the packed bytes; what it finds there is not used.
fn unpack_eights<const WIDTH: usize>(source: &[u8], count: usize, into: &mut [u32; BLOCK]) {
    let mask = u64::MAX >> (64 - WIDTH);
    for (eight, group) in into[..count.next_multiple_of(8).min(BLOCK)].chunks_exact_mut(8).zip(0..) {
        let Some(bytes) = source.get(group * WIDTH..group * WIDTH + WIDTH + 8) else { return };
        for (nth, number) in eight.iter_mut().enumerate() {
            let at = nth * WIDTH / 8;
            let word = bytes.get(at..at + 8).and_then(|word| word.first_chunk());
            let word = u64::from_le_bytes(word.copied().unwrap_or_default());
            *number = (word >> (nth * WIDTH % 8) & mask) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(ids: &[u32], days: &[u16], next: u64) -> usize {
        let mut out = Vec::new();
        put(&mut out, next, ids, days);
        let mut block = Block::new();
        let mut input = Input::new(&out);
        read(&mut input, &mut block, ids.len(), next, u32::MAX).unwrap();
        assert!(input.is_empty());
        assert_eq!((&block.ids[..ids.len()], &block.days[..ids.len()]), (ids, days));
        // Behind other bytes the fast way is taken; it must give the same.
        let size = out.len();
        out.extend_from_slice(&[0xff; 100]);
        let mut input = Input::new(&out);
        read(&mut input, &mut block, ids.len(), next, u32::MAX).unwrap();
        assert_eq!((&block.ids[..ids.len()], &block.days[..ids.len()]), (ids, days));
        assert_eq!(input.left(), 100);
        size
    }

    proptest! {
        #[test]
        fn blocks_come_back(
            gaps in prop::collection::vec((0u32..25, any::<u32>()), 1..BLOCK),
            least in any::<u16>(),
            width in 0u32..17,
            next in 0u32..1000,
        ) {
            let mut ids = Vec::new();
            let mut lowest = u64::from(next);
            for (width, bits) in &gaps {
                let id = lowest + u64::from(bits & ((1 << width) - 1));
                if id >= u64::from(u32::MAX) {
                    break;
                }
                ids.push(id as u32);
                lowest = id + 1;
            }
            let days: Vec<u16> = gaps[..ids.len()]
                .iter()
                .map(|(_, bits)| least.saturating_add((u64::from(*bits) & ((1 << width) - 1)) as u16))
                .collect();
            round(&ids, &days, u64::from(next));
        }
    }

    #[test]
    fn edges_of_the_range() {
        round(&[0], &[0], 0);
        round(&[u32::MAX - 1], &[u16::MAX], 0);
        round(&[0, u32::MAX - 1], &[0, u16::MAX], 0);
        round(&[0, 1, u32::MAX - 1], &[9, 9, 9], 0);
        let dense: Vec<u32> = (1000..1256).collect();
        assert!(round(&dense, &[7; 256], 1000) < 40, "a dense block is one bit a follower");
    }

    /// Bytes for 256 numbers that are so far apart: log2(gap) + log2(e) + 1 bits each, one more than any form needs.
    #[test]
    fn a_random_block_is_near_what_it_needs_at_least() {
        let mut state = 7u64;
        for (gap, bytes_max) in [(3u64, 128), (67, 272), (1_000, 397), (200_000, 641)] {
            let mut next = 0u64;
            let ids: Vec<u32> = (0..256)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    next += 1 + (state >> 33) % (2 * gap - 1);
                    next as u32
                })
                .collect();
            let bytes = round(&ids, &[7; 256], 0);
            assert!(bytes < bytes_max, "gap {gap}: {bytes} bytes");
        }
    }
}
