//! A follower set as bytes: distances between numbers, then days in as few bits as their span needs.

use super::What;
use super::bytes::{Input, put_varint};
use crate::FollowerSet;
use crate::set::SetBuilder;

pub(super) fn put(out: &mut Vec<u8>, set: &FollowerSet) {
    put_varint(out, u64::from(set.len()));
    let mut next = 0;
    for (id, _) in set.iter() {
        put_varint(out, u64::from(id.0) - next);
        next = u64::from(id.0) + 1;
    }
    let days = || set.iter().map(|(_, day)| day.0);
    let (Some(first), Some(last)) = (days().min(), days().max()) else { return };
    let width = u16::BITS - (last - first).leading_zeros();
    out.extend_from_slice(&first.to_le_bytes());
    out.push(width as u8);
    let mut bits = 0u64;
    let mut held = 0;
    for day in days() {
        bits |= u64::from(day - first) << held;
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

/// Reads a set of followers below `accounts`.
pub(super) fn read(
    input: &mut Input<'_>,
    builder: &mut SetBuilder,
    accounts: u32,
) -> Result<FollowerSet, What> {
    let count = input.count()?;
    let mut ids = Vec::with_capacity(count);
    let mut next = 0u64;
    for _ in 0..count {
        let id = next.checked_add(input.varint()?).filter(|id| *id < u64::from(accounts));
        let id = id.ok_or("a follower's number is too large")?;
        ids.push(id as u32);
        next = id + 1;
    }
    if count == 0 {
        return Ok(FollowerSet::default());
    }
    let first = input.u16()?;
    let width = u32::from(input.u8()?);
    if width > u16::BITS {
        return Err("days are too wide");
    }
    let packed = input.take((count * width as usize).div_ceil(8))?;
    let mut packed = packed.iter();
    let mut bits = 0u64;
    let mut held = 0;
    let mut days = Vec::with_capacity(count);
    for _ in 0..count {
        while held < width {
            bits |= u64::from(packed.next().copied().unwrap_or(0)) << held;
            held += 8;
        }
        let day = (bits & ((1 << width) - 1)) as u16;
        bits >>= width;
        held -= width;
        days.push(first.checked_add(day).ok_or("a day is too late")?);
    }
    builder.extend(&ids, &days);
    Ok(builder.finish())
}
