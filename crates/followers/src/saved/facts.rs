//! What is remembered besides the sets, as bytes: attributes, recent versions and kept filters.

use super::What;
use super::bytes::{Input, put_i64, put_varint};
use super::pack::Block;
use super::sets;
use crate::attributes::{CHUNK_WORDS, Chunk};
use crate::day_column::{CHUNK_LEN as DAYS, DayChunk};
use crate::horizon::Stamp;
use crate::kept::Kept;
use crate::set::SetBuilder;
use crate::taken::Taken;
use crate::{AccountNo, Attribute, Criteria, Day, Filter, FilterId, Order};

/// Numbers from here on, where the number of an attribute would be, stand for a day of the account.
pub(super) const DAYS_FROM: u8 = 128;

/// Nesting that is read at most; more than any limit would allow, less than any stack would mind.
const DEPTH_MAX: usize = 200;

/// With as many bits or more a chunk is written word by word.
const DENSE: usize = CHUNK_WORDS * 4;

const BITS: u32 = (CHUNK_WORDS * 64) as u32;

pub(super) fn put_chunk(out: &mut Vec<u8>, at: usize, chunk: &Chunk) {
    put_varint(out, at as u64);
    let count: u32 = chunk.iter().map(|word| word.count_ones()).sum();
    put_varint(out, u64::from(count));
    if count as usize >= DENSE {
        out.extend(chunk.iter().flat_map(|word| word.to_le_bytes()));
        return;
    }
    let mut next = 0;
    for bit in 0..BITS {
        if chunk[bit as usize / 64] >> (bit % 64) & 1 == 1 {
            put_varint(out, u64::from(bit - next));
            next = bit + 1;
        }
    }
}

pub(super) fn read_chunk(input: &mut Input<'_>, accounts: u32) -> Result<(usize, Chunk), What> {
    let at = input.u32()?;
    if u64::from(at) * u64::from(BITS) >= u64::from(accounts) {
        return Err("attributes of accounts that do not exist");
    }
    let count = input.u32()?;
    let mut chunk = [0; CHUNK_WORDS];
    if count as usize >= DENSE {
        for word in &mut chunk {
            *word = input.u64()?;
        }
    } else {
        let mut next = 0u32;
        for _ in 0..count {
            let bit = next.checked_add(input.u32()?).filter(|bit| *bit < BITS);
            let bit = bit.ok_or("an attribute of an account that does not exist")?;
            chunk[bit as usize / 64] |= 1 << (bit % 64);
            next = bit + 1;
        }
    }
    let counted: u32 = chunk.iter().map(|word| word.count_ones()).sum();
    if counted != count || count == 0 {
        return Err("attributes are miscounted");
    }
    Ok((at as usize, chunk))
}

/// The days of one chunk: where it lies, then for each account whose day is known the distance from the last one and the
/// day.
pub(super) fn put_days(out: &mut Vec<u8>, at: usize, chunk: &DayChunk) {
    put_varint(out, at as u64);
    put_varint(out, chunk.iter().filter(|day| **day != 0).count() as u64);
    let mut next = 0;
    for (place, day) in chunk.iter().enumerate().filter(|(_, day)| **day != 0) {
        put_varint(out, (place - next) as u64);
        out.extend_from_slice(&day.to_le_bytes());
        next = place + 1;
    }
}

pub(super) fn read_days(input: &mut Input<'_>, accounts: u32) -> Result<(usize, DayChunk), What> {
    let at = input.u32()?;
    let count = input.u32()?;
    let mut chunk = [0; DAYS];
    let mut next = 0usize;
    for _ in 0..count {
        let place = next.checked_add(input.u32()? as usize).filter(|place| *place < DAYS);
        let place = place.ok_or("a day of an account that does not exist")?;
        if u64::from(at) * DAYS as u64 + place as u64 >= u64::from(accounts) {
            return Err("a day of an account that does not exist");
        }
        chunk[place] = input.u16()?;
        if chunk[place] == 0 {
            return Err("a day that is not known");
        }
        next = place + 1;
    }
    if count == 0 {
        return Err("no days");
    }
    Ok((at as usize, chunk))
}

pub(super) fn put_stamp(out: &mut Vec<u8>, key: u64, stamp: Stamp, floor: i64) {
    out.extend_from_slice(&key.to_le_bytes());
    let age = (stamp.version() - floor).cast_unsigned();
    put_varint(out, age << 1 | u64::from(stamp.is_unfollow()));
}

pub(super) fn read_stamp(input: &mut Input<'_>, floor: i64) -> Result<(u64, Stamp), What> {
    let key = input.u64()?;
    let packed = input.varint()?;
    let version = floor.checked_add_unsigned(packed >> 1).ok_or("a version is too large")?;
    let stamp = if packed & 1 == 1 { Stamp::unfollow(version) } else { Stamp::follow(version) };
    Ok((key, stamp))
}

pub(super) fn put_kept(out: &mut Vec<u8>, who: u32, kept: &Kept, room: &mut sets::Room) {
    put_varint(out, u64::from(who));
    put_varint(out, kept.id.0);
    put_i64(out, kept.at);
    out.push(u8::from(kept.armed));
    put_criteria(out, &kept.filter.criteria);
    put_accounts(out, &kept.filter.keep);
    match kept.filter.order {
        Order::Newest => out.push(0),
        Order::Oldest => out.push(1),
        Order::Random { seed } => {
            out.push(2);
            out.extend_from_slice(&seed.to_le_bytes());
        }
    }
    // No target is 0, a target is one more than itself.
    put_varint(out, kept.filter.leave_at.map_or(0, |target| u64::from(target) + 1));
    out.push(u8::from(kept.filter.keep_followed));
    put_varint(out, u64::from(kept.filter.bar_days));
    let (then, gone, put) = kept.taken.parts();
    sets::put(out, &then.to_set(), room);
    sets::put(out, gone, room);
    sets::put(out, put, room);
}

pub(super) fn read_kept(
    input: &mut Input<'_>,
    builder: &mut SetBuilder,
    block: &mut Block,
    accounts: u32,
) -> Result<(u32, Kept), What> {
    let who = input.u32()?;
    let id = FilterId(input.varint()?);
    let at = input.i64()?;
    let armed = input.flag("a filter that cannot be")?;
    let criteria = read_criteria(input, DEPTH_MAX)?;
    let keep = read_accounts(input)?;
    let order = match input.u8()? {
        0 => Order::Newest,
        1 => Order::Oldest,
        2 => Order::Random { seed: input.u64()? },
        _ => return Err("an order nobody knows"),
    };
    let leave_at = match input.varint()?.checked_sub(1) {
        Some(target) => Some(u32::try_from(target).map_err(|_| "a target is too large")?),
        None => None,
    };
    let keep_followed = input.flag("a filter that cannot be")?;
    let bar_days = u16::try_from(input.varint()?).map_err(|_| "a filter bars for too long")?;
    let filter = Filter { criteria, keep, order, leave_at, keep_followed, bar_days };
    let mut set = || sets::read(input, builder, block, accounts);
    let taken = Taken::of_parts(set()?, set()?, set()?).ok_or("a filter holds whom it did not take")?;
    Ok((who, Kept { id, at, filter, armed, taken, listed_in: None }))
}

fn put_criteria(out: &mut Vec<u8>, criteria: &Criteria) {
    match criteria {
        Criteria::All(parts) => put_parts(out, 0, parts),
        Criteria::Any(parts) => put_parts(out, 1, parts),
        Criteria::Not(part) => {
            out.push(2);
            put_criteria(out, part);
        }
        Criteria::Has(attribute) => out.extend_from_slice(&[3, attribute.number()]),
        Criteria::FollowedBefore(day) => put_day(out, 4, *day),
        Criteria::FollowedAfter(day) => put_day(out, 5, *day),
        Criteria::OneOf(accounts) => {
            out.push(6);
            put_accounts(out, accounts);
        }
        Criteria::CreatedBefore(day) => put_day(out, 7, *day),
        Criteria::CreatedAfter(day) => put_day(out, 8, *day),
        Criteria::LastActiveBefore(day) => put_day(out, 9, *day),
        Criteria::InactiveFor(days) => put_day(out, 10, Day(*days)),
    }
}

fn put_parts(out: &mut Vec<u8>, tag: u8, parts: &[Criteria]) {
    out.push(tag);
    put_varint(out, parts.len() as u64);
    parts.iter().for_each(|part| put_criteria(out, part));
}

fn put_day(out: &mut Vec<u8>, tag: u8, day: Day) {
    out.push(tag);
    out.extend_from_slice(&day.0.to_le_bytes());
}

fn read_criteria(input: &mut Input<'_>, depth: usize) -> Result<Criteria, What> {
    let depth = depth.checked_sub(1).ok_or("criteria nest too deep")?;
    Ok(match input.u8()? {
        0 => Criteria::All(read_parts(input, depth)?),
        1 => Criteria::Any(read_parts(input, depth)?),
        2 => Criteria::Not(Box::new(read_criteria(input, depth)?)),
        3 => Criteria::Has(Attribute::from_number(input.u8()?).ok_or("an attribute nobody knows")?),
        4 => Criteria::FollowedBefore(Day(input.u16()?)),
        5 => Criteria::FollowedAfter(Day(input.u16()?)),
        6 => Criteria::OneOf(read_accounts(input)?),
        7 => Criteria::CreatedBefore(Day(input.u16()?)),
        8 => Criteria::CreatedAfter(Day(input.u16()?)),
        9 => Criteria::LastActiveBefore(Day(input.u16()?)),
        10 => Criteria::InactiveFor(input.u16()?),
        _ => return Err("a criterion nobody knows"),
    })
}

fn read_parts(input: &mut Input<'_>, depth: usize) -> Result<Vec<Criteria>, What> {
    let count = input.count()?;
    (0..count).map(|_| read_criteria(input, depth)).collect()
}

/// Ascending, each once.
fn put_accounts(out: &mut Vec<u8>, accounts: &[AccountNo]) {
    put_varint(out, accounts.len() as u64);
    let mut next = 0;
    for account in accounts {
        put_varint(out, u64::from(account.0) - next);
        next = u64::from(account.0) + 1;
    }
}

fn read_accounts(input: &mut Input<'_>) -> Result<Vec<AccountNo>, What> {
    let count = input.count()?;
    let mut accounts = Vec::with_capacity(count);
    let mut next = 0u64;
    for _ in 0..count {
        let account = next.checked_add(input.varint()?).ok_or("an account number is too large")?;
        accounts.push(AccountNo(u32::try_from(account).map_err(|_| "an account number is too large")?));
        next = account + 1;
    }
    Ok(accounts)
}
