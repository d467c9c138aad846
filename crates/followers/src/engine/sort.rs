//! The events of a batch in the order of their edges.
//!
//! A comparison sort was a fifth of the time of a batch. Keys are small and many digits are the same in all of them,
//! so they are dealt out digit by digit, and digits in which nobody differs cost nothing.

/// One event on its way to its edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The edge, see [`crate::horizon::edge_key`].
    pub(super) key: u64,
    /// Place in the batch.
    pub(super) place: u32,
    /// The day of its version.
    pub(super) day: u16,
    pub(super) kind: Kind,
}

/// What an event asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A follow inside the horizon, imported or not.
    #[default]
    Follow,
    Unfollow,
    /// An import from behind the horizon.
    Old,
}

/// Fewer are compared, not dealt.
const DEALT_MIN: usize = 192;

/// As many fit into the second-level cache, twice; more are first swapped into place by their highest digits.
const AT_ONCE: usize = 1 << 15;

/// Sorts by edge, then by place.
pub(super) fn by_edge(events: &mut [Event], room: &mut Vec<Event>) {
    // As clients are asked to send large loads. Places ascend anyway.
    if events.is_sorted_by_key(|event| event.key) {
        return;
    }
    if events.len() >= DEALT_MIN && room.len() < events.len().min(AT_ONCE) {
        room.resize(events.len().min(AT_ONCE), Event::default());
    }
    sort(events, &mut room[..]);
    if events.len() > AT_ONCE {
        // Swapping lost the order of the batch.
        for same in events.chunk_by_mut(|a, b| a.key == b.key).filter(|same| same.len() > 1) {
            same.sort_unstable_by_key(|event| event.place);
        }
    }
}

fn sort(events: &mut [Event], room: &mut [Event]) {
    if events.len() < DEALT_MIN {
        events.sort_unstable_by_key(|event| (event.key, event.place));
        return;
    }
    let (mut any, mut all) = (0, u64::MAX);
    for event in &*events {
        any |= event.key;
        all &= event.key;
    }
    let differ = any ^ all;
    if events.len() <= AT_ONCE {
        deal_all(events, &mut room[..events.len()], differ);
    } else if differ != 0 {
        let mut from = 0;
        for end in swap(events, 7 - differ.leading_zeros() / 8) {
            sort(&mut events[from..end], room);
            from = end;
        }
    }
}

/// Brings events with the same digit together, in the order of the digits but in no order among themselves; says where
/// each digit's events end. Needs no room: a large batch would have to fetch as much fresh memory as it has itself.
fn swap(events: &mut [Event], digit: u32) -> [usize; 256] {
    let digit_of = |event: &Event| usize::from((event.key >> (8 * digit)) as u8);
    let mut ends = [0usize; 256];
    for event in &*events {
        ends[digit_of(event)] += 1;
    }
    let mut next = [0usize; 256];
    let mut sum = 0;
    for (end, next) in ends.iter_mut().zip(&mut next) {
        *next = sum;
        sum += *end;
        *end = sum;
    }
    for own in 0..256 {
        while next[own] < ends[own] {
            let mut event = events[next[own]];
            loop {
                let digit = digit_of(&event);
                let place = &mut events[next[digit]];
                next[digit] += 1;
                if digit == own {
                    *place = event;
                    break;
                }
                event = std::mem::replace(place, event);
            }
        }
    }
    ends
}

/// Sorts by every digit in which keys differ, the lowest first.
fn deal_all(events: &mut [Event], room: &mut [Event], differ: u64) {
    let mut swapped = false;
    for digit in (0..8).filter(|digit| differ >> (8 * digit) & 0xff != 0) {
        if swapped {
            deal(room, events, digit);
        } else {
            deal(events, room, digit);
        }
        swapped = !swapped;
    }
    if swapped {
        events.copy_from_slice(room);
    }
}

/// Copies events in the order of one digit, those with the same digit in the order they had.
fn deal(from: &[Event], to: &mut [Event], digit: u32) {
    let digit_of = |event: &Event| usize::from((event.key >> (8 * digit)) as u8);
    let mut next = [0u32; 256];
    for event in from {
        next[digit_of(event)] += 1;
    }
    let mut sum = 0;
    for next in &mut next {
        sum += std::mem::replace(next, sum);
    }
    for event in from {
        let next = &mut next[digit_of(event)];
        to[*next as usize] = *event;
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dealing_sorts_as_comparing_does() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 20
        };
        for (many, mask) in [
            (0, u64::MAX),
            (100, 0xff),
            (5_000, 0x0003_ffff_00ff_ffff),
            (70_000, 0x0000_0003_0000_0fff),
            (70_000, u64::MAX),
            (40_000, 0),
        ] {
            let mut events: Vec<Event> = (0..many)
                .map(|place| Event { key: random() << 11 & mask, place, ..Event::default() })
                .collect();
            let mut sorted = events.clone();
            sorted.sort_unstable_by_key(|event| (event.key, event.place));
            by_edge(&mut events, &mut Vec::new());
            assert_eq!(events, sorted);
        }
    }
}
