//! A follower set as bytes: how many, then blocks of 256 in order.
//!
//! Blocks are counted off the whole set, so where leaves are cut does not show.

use super::What;
use super::bytes::{Input, put_varint};
use super::frame::{Kind, Out};
use super::pack::{self, BLOCK, Block};
use crate::FollowerSet;
use crate::set::{LEAF_MAX, SetBuilder};

/// A block on its way out.
#[derive(Default)]
pub(super) struct Room {
    ids: Vec<u32>,
    days: Vec<u16>,
}

/// Gives the followers in blocks, each with the lowest number its first could have.
fn blocks<E>(
    set: &FollowerSet,
    room: &mut Room,
    mut each: impl FnMut(u64, &[u32], &[u16]) -> Result<(), E>,
) -> Result<(), E> {
    room.ids.clear();
    room.days.clear();
    let mut next = 0;
    let mut of_leaf = [0; LEAF_MAX];
    for leaf in set.settled().leaves() {
        let (mut ids, mut days) = (leaf.ids_into(&mut of_leaf), leaf.days());
        while !ids.is_empty() {
            let (now, later) = ids.split_at((BLOCK - room.ids.len()).min(ids.len()));
            let (days_now, days_later) = days.split_at(now.len());
            room.ids.extend_from_slice(now);
            room.days.extend_from_slice(days_now);
            (ids, days) = (later, days_later);
            if room.ids.len() == BLOCK {
                each(next, &room.ids, &room.days)?;
                next = room.ids.last().map_or(next, |last| u64::from(*last) + 1);
                room.ids.clear();
                room.days.clear();
            }
        }
    }
    if room.ids.is_empty() { Ok(()) } else { each(next, &room.ids, &room.days) }
}

/// Appends a set.
pub(super) fn put(out: &mut Vec<u8>, set: &FollowerSet, room: &mut Room) {
    put_varint(out, u64::from(set.len()));
    let done = blocks(set, room, |next, ids, days| {
        pack::put(out, next, ids, days);
        Ok::<(), std::convert::Infallible>(())
    });
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Writes a set into as many frames as it needs, behind whose set it is. Adds one to the count of each follower.
pub(super) fn put_framed<E>(
    out: &mut Out<'_, E>,
    set: &FollowerSet,
    room: &mut Room,
    following: &mut [u32],
) -> Result<(), E> {
    put_varint(out.payload(), u64::from(set.len()));
    blocks(set, room, |next, ids, days| {
        for id in ids {
            if let Some(count) = following.get_mut(*id as usize) {
                *count = count.wrapping_add(1);
            }
        }
        if out.is_full() {
            out.begin(Kind::More)?;
        }
        pack::put(out.payload(), next, ids, days);
        Ok(())
    })
}

/// Reads a set of followers below `accounts` that is all in one piece.
pub(super) fn read(
    input: &mut Input<'_>,
    builder: &mut SetBuilder,
    block: &mut Block,
    accounts: u32,
) -> Result<FollowerSet, What> {
    read_pieces(input, builder, block, accounts, &mut |_| Err("a set is cut short"))
}

/// Reads a set; when a piece of it ends, `more` puts the next one in its place.
pub(super) fn read_pieces<'a>(
    input: &mut Input<'a>,
    builder: &mut SetBuilder,
    block: &mut Block,
    accounts: u32,
    more: &mut dyn FnMut(&mut Input<'a>) -> Result<(), What>,
) -> Result<FollowerSet, What> {
    let mut left = input.u32()? as usize;
    let mut next = 0;
    while left > 0 {
        if input.is_empty() {
            more(input)?;
        }
        let len = left.min(BLOCK);
        pack::read(input, block, len, next, accounts)?;
        next = u64::from(block.ids[len - 1]) + 1;
        builder.extend(&block.ids[..len], &block.days[..len]);
        left -= len;
    }
    Ok(builder.finish())
}
