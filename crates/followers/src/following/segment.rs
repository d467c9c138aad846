//! Edges of a few followers, packed: whom each of them follows, ascending, about three bytes an edge.
//!
//! Layout of a segment: per follower, ascending, a varint with the distance from the follower before (the first from the
//! group's first), a varint with the length of the list in bytes, then the list: the first number and the distances
//! minus one, as varints. It lives in memory only and is never saved.

use crate::saved::put_varint;

/// Followers of one group; a group has its segments to itself.
pub(super) const GROUP: u32 = 256;

/// One edge inside a group: the follower's place in the group above, the followed account below.
pub(super) fn local(follower: u32, followee: u32) -> u64 {
    u64::from(follower % GROUP) << 32 | u64::from(followee)
}

/// Packs edges of one group, ascending and without repeats.
pub(super) fn pack(edges: &[u64]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(edges.len() * 3 + 16);
    let mut list = Vec::new();
    let mut before = 0;
    for of_one in edges.chunk_by(|a, b| a >> 32 == b >> 32) {
        let follower = of_one.first().map_or(0, |edge| edge >> 32);
        list.clear();
        let mut next = 0;
        for edge in of_one {
            let followee = edge & 0xffff_ffff;
            put_varint(&mut list, followee - next);
            next = followee + 1;
        }
        put_varint(&mut out, follower - before);
        put_varint(&mut out, list.len() as u64);
        out.extend_from_slice(&list);
        before = follower;
    }
    out.into_boxed_slice()
}

/// Appends every edge of a segment, ascending.
pub(super) fn unpack(segment: &[u8], out: &mut Vec<u64>) {
    let mut rest = segment;
    let mut follower = 0;
    while !rest.is_empty() {
        follower += take(&mut rest);
        let bytes = take(&mut rest) as usize;
        let (mut list, after) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        rest = after;
        let mut next = 0;
        while !list.is_empty() {
            let followee = next + take(&mut list);
            out.push(follower << 32 | followee);
            next = followee + 1;
        }
    }
}

/// Appends whom one follower of the group follows, ascending.
pub(super) fn list_of(segment: &[u8], place: u32, out: &mut Vec<u32>) {
    let mut rest = segment;
    let mut follower = 0;
    while !rest.is_empty() {
        follower += take(&mut rest);
        let bytes = take(&mut rest) as usize;
        let (mut list, after) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        rest = after;
        if follower < u64::from(place) {
            continue;
        }
        if follower > u64::from(place) {
            return;
        }
        let mut next = 0;
        while !list.is_empty() {
            let followee = next + take(&mut list);
            // Numbers were 32 bits wide when they were packed.
            out.push(followee as u32);
            next = followee + 1;
        }
    }
}

/// As [`put_varint`] wrote it. These bytes never leave memory, so nothing about them is checked.
fn take(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let mut edges: Vec<u64> = Vec::new();
        for (follower, followees) in [
            (0, vec![0, 1, 2, u32::MAX]),
            (7, vec![5]),
            (8, (0..1000).map(|n| n * 77_777).collect()),
            (255, vec![u32::MAX - 1, u32::MAX]),
        ] {
            edges.extend(followees.iter().map(|followee| local(GROUP * 3 + follower, *followee)));
        }
        let packed = pack(&edges);
        let mut out = Vec::new();
        unpack(&packed, &mut out);
        assert_eq!(out, edges);
        for place in [0, 1, 7, 8, 9, 255] {
            let mut list = Vec::new();
            list_of(&packed, place, &mut list);
            let expected: Vec<u32> = edges
                .iter()
                .filter(|edge| *edge >> 32 == u64::from(place))
                .map(|edge| *edge as u32)
                .collect();
            assert_eq!(list, expected, "{place}");
        }
        assert!(pack(&[]).is_empty());
    }
}
