//! A column of numbers, one an account, in as few bits as the largest of each 256 needs.

use super::What;
use super::bytes::{Input, put_varint};
use super::pack::{BLOCK, BitsOut, unpack};

/// Appends an item: how many numbers, then the numbers.
pub(super) fn put(out: &mut Vec<u8>, numbers: &[u32]) {
    put_varint(out, numbers.len() as u64);
    for block in numbers.chunks(BLOCK) {
        let width = u32::BITS - block.iter().fold(0, |all, number| all | number).leading_zeros();
        out.push(width as u8);
        let mut bits = BitsOut::default();
        for number in block {
            bits.push(out, *number, width);
        }
        bits.finish(out);
    }
}

/// Reads an item of `most` numbers at most, and gives each number to `each`, in order.
pub(super) fn read(input: &mut Input<'_>, most: usize, mut each: impl FnMut(u32)) -> Result<(), What> {
    let (mut padded, mut block) = (Vec::new(), [0; BLOCK]);
    let mut left = input.u32()? as usize;
    if left > most {
        return Err("a column is too long");
    }
    while left > 0 {
        let len = left.min(BLOCK);
        let width = u32::from(input.u8()?);
        if width > u32::BITS {
            return Err("numbers are too wide");
        }
        unpack(input, &mut padded, width, len, &mut block)?;
        block[..len].iter().for_each(|number| each(*number));
        left -= len;
    }
    Ok(())
}
