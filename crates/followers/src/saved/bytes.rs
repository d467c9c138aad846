//! Numbers as bytes. Reading never panics and never trusts a length.

use super::What;

const SHORT: What = "a value is cut short";

pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_i64(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Bytes that are read from the front.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next bytes, still to be taken; `None` when there are fewer.
    pub(super) fn peek(&self, count: usize) -> Option<&'a [u8]> {
        self.rest.get(..count)
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], What> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], What> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self, what: What) -> Result<bool, What> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(what),
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, What> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, What> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, What> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, What> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Result<u64, What> {
        let mut number = 0u64;
        for place in 0..10 {
            let byte = self.u8()?;
            if place == 9 && byte > 1 {
                return Err("a number is too large");
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                // The same number has one form, or the same state would have several.
                return if byte == 0 && place > 0 { Err("a number is padded") } else { Ok(number) };
            }
        }
        Err("a number is too large")
    }

    pub(super) fn u32(&mut self) -> Result<u32, What> {
        u32::try_from(self.varint()?).map_err(|_| "a number is too large")
    }

    /// A number with a flag in the bit above it.
    pub(super) fn flagged(&mut self) -> Result<(u32, bool), What> {
        let both = self.varint()?;
        if both >> 33 != 0 {
            return Err("a number is too large");
        }
        Ok((both as u32, both >> 32 == 1))
    }

    /// How many items follow, of at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, What> {
        let count = usize::try_from(self.varint()?).map_err(|_| SHORT)?;
        if count > self.left() { Err(SHORT) } else { Ok(count) }
    }
}
