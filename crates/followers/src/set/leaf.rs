//! A run of followers in one allocation, sized exactly.
//!
//! Words of a leaf: four of header (lowest base in two, length and width, latest day), then the days, then the low 16
//! bits of each number's distance from the base, then the higher bits if the leaf spans so much: as few places where
//! they step up, or one or two bytes a follower. Four bytes a follower where neighbours lie close, at most six.

use std::ops::Range;
use std::sync::Arc;

use super::search;
use crate::prefetch;

/// Followers of one leaf at most.
pub(crate) const LEAF_MAX: usize = 256;

/// A leaf with fewer is joined to its neighbour when it is rewritten anyway.
pub(super) const LEAF_MIN: usize = 64;

/// How full leaves are cut, which leaves room to grow. At any width such a leaf fills a size class of the allocators in
/// use almost exactly (1,024, 1,280 or 1,536 bytes).
pub(super) const LEAF_FILL: usize = 250;

/// Words before the columns.
const HEADER: usize = 4;

/// Words of the longest leaf.
const WORDS_MAX: usize = HEADER + 3 * LEAF_MAX;

/// How far from an even spread the place of a number mostly is.
const GUESS: usize = 16;

/// The header's third word: the length below, the width above.
const WIDTH_SHIFT: u32 = 12;
const LEN_MASK: u16 = (1 << WIDTH_SHIFT) - 1;

/// One bit per follower of a leaf, in order.
pub(crate) type Mask = [u64; LEAF_MAX / 64];

/// What becomes of one follower: here since that day, or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: u32,
    pub(crate) day: Option<u16>,
}

/// What is asked for one follower, and what was found when it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) id: u32,
    pub(crate) asks: Asks,
    /// Since when it followed before.
    pub(crate) was: Option<u16>,
}

/// What a claim asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// To be here since that day.
    Since(u16),
    /// To be here since that day, or a later one if it already is.
    NotBefore(u16),
    /// To be gone.
    Gone,
}

impl Claim {
    /// Since when it follows after.
    pub(crate) fn is(&self) -> Option<u16> {
        match self.asks {
            Asks::Since(day) => Some(day),
            Asks::NotBefore(day) => Some(self.was.map_or(day, |was| was.max(day))),
            Asks::Gone => None,
        }
    }
}

/// What came of a leaf's claims.
#[derive(Debug)]
pub(super) enum Edited {
    /// They change nothing.
    Same,
    /// One leaf.
    Leaf(Leaf),
    /// No leaf, several, or one of another base or width: for [`Leaf::rewrite`], with the same edits.
    Cut,
}

/// At most [`LEAF_MAX`] followers, ascending, never empty.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    words: Arc<[u16]>,
}

/// How far apart the numbers of a leaf may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    /// 16 bits a number.
    Narrow,
    /// 16 bits a number, and 16 for each time the numbers pass 65,536.
    Stepped,
    /// 24 bits.
    Mid,
    /// 32 bits.
    Wide,
}

/// The numbers of a leaf as they lie in memory. The base is at most the first number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Offsets<'a> {
    /// `base + low`.
    Narrow {
        /// Added to each.
        base: u32,
        /// One a follower.
        low: &'a [u16],
    },
    /// `base + low + (steps << 16)`, with the number of `ends` that are not beyond the follower's place as steps.
    Stepped {
        /// Added to each.
        base: u32,
        /// One a follower.
        low: &'a [u16],
        /// How many followers come before each step. Ascending, at most the length.
        ends: &'a [u16],
    },
    /// `base + low + (byte << 16)`.
    Mid {
        /// Added to each.
        base: u32,
        /// One a follower.
        low: &'a [u16],
        /// Bytes of two followers a word, that of the first in the low half.
        high: &'a [u16],
    },
    /// `base + low + (high << 16)`.
    Wide {
        /// Added to each.
        base: u32,
        /// One a follower.
        low: &'a [u16],
        /// One a follower.
        high: &'a [u16],
    },
}

impl Width {
    /// The least that spans this distance.
    fn of(span: u32, len: usize) -> Width {
        match span {
            0..=0xffff => Width::Narrow,
            _ if (span >> 16) as usize <= len / 4 => Width::Stepped,
            0x1_0000..=0xff_ffff => Width::Mid,
            _ => Width::Wide,
        }
    }

    /// Words after the low halves.
    fn high_words(self, span: u32, len: usize) -> usize {
        match self {
            Width::Narrow => 0,
            Width::Stepped => (span >> 16) as usize,
            Width::Mid => len.div_ceil(2),
            Width::Wide => len,
        }
    }
}

/// Where the low halves of one step lie.
fn of_step(low: &[u16], ends: &[u16], step: usize) -> Range<usize> {
    let from = step.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| usize::from(*end));
    from..ends.get(step).map_or(low.len(), |end| usize::from(*end))
}

impl<'a> Offsets<'a> {
    /// The number at that place; `at` is below the length of the leaf.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> u32 {
        match self {
            Offsets::Narrow { base, low } => base.wrapping_add(u32::from(low[at])),
            Offsets::Stepped { base, low, ends } => {
                let steps = ends.partition_point(|end| usize::from(*end) <= at) as u32;
                base.wrapping_add(steps << 16 | u32::from(low[at]))
            }
            Offsets::Mid { base, low, high } => {
                let high = u32::from(high[at / 2] >> (8 * (at % 2)) & 0xff);
                base.wrapping_add(high << 16 | u32::from(low[at]))
            }
            Offsets::Wide { base, low, high } => {
                base.wrapping_add(u32::from(high[at]) << 16 | u32::from(low[at]))
            }
        }
    }

    /// All numbers, ascending, into the front of `out`.
    fn read<'b>(&self, out: &'b mut [u32; LEAF_MAX]) -> &'b [u32] {
        let len = match self {
            Offsets::Narrow { base, low } => {
                for (out, low) in out.iter_mut().zip(*low) {
                    *out = base.wrapping_add(u32::from(*low));
                }
                low.len()
            }
            Offsets::Stepped { base, low, ends } => {
                for step in 0..=ends.len() {
                    let at = of_step(low, ends, step);
                    let base = base.wrapping_add((step as u32) << 16);
                    for (out, low) in out[at.clone()].iter_mut().zip(&low[at]) {
                        *out = base.wrapping_add(u32::from(*low));
                    }
                }
                low.len()
            }
            Offsets::Mid { base, low, high } => {
                for ((out, low), high) in out.chunks_mut(2).zip(low.chunks(2)).zip(*high) {
                    let highs = [u32::from(*high & 0xff), u32::from(*high >> 8)];
                    for ((out, low), high) in out.iter_mut().zip(low).zip(highs) {
                        *out = base.wrapping_add(high << 16 | u32::from(*low));
                    }
                }
                low.len()
            }
            Offsets::Wide { base, low, high } => {
                for ((out, low), high) in out.iter_mut().zip(*low).zip(*high) {
                    *out = base.wrapping_add(u32::from(*high) << 16 | u32::from(*low));
                }
                low.len()
            }
        };
        &out[..len]
    }

    /// The greatest distance from the base that fits.
    fn span_max(&self) -> u32 {
        match self {
            Offsets::Narrow { .. } => 0xffff,
            Offsets::Stepped { ends, .. } => (ends.len() as u32) << 16 | 0xffff,
            Offsets::Mid { .. } => 0xff_ffff,
            Offsets::Wide { .. } => u32::MAX,
        }
    }

    /// How many numbers are below `id`.
    #[inline]
    fn below(&self, id: u32) -> usize {
        match self {
            Offsets::Narrow { base, low } => match id.checked_sub(*base) {
                None => 0,
                Some(offset) => match u16::try_from(offset) {
                    Ok(offset) => low.partition_point(|low| *low < offset),
                    Err(_) => low.len(),
                },
            },
            Offsets::Stepped { base, low, ends } => {
                let Some(offset) = id.checked_sub(*base) else { return 0 };
                let step = (offset >> 16) as usize;
                if step > ends.len() {
                    return low.len();
                }
                let at = of_step(low, ends, step);
                at.start + low[at].partition_point(|low| *low < offset as u16)
            }
            Offsets::Mid { low, .. } | Offsets::Wide { low, .. } => {
                let (mut from, mut size) = (0, low.len());
                while size > 0 {
                    let half = size / 2;
                    let beyond = self.get(from + half) < id;
                    from = if beyond { from + half + 1 } else { from };
                    size = if beyond { size - half - 1 } else { half };
                }
                from
            }
        }
    }
}

impl Leaf {
    /// A leaf of these followers: ascending, at least one, at most [`LEAF_MAX`].
    pub(super) fn new(ids: &[u32], days: &[u16]) -> Leaf {
        debug_assert!(ids.len() <= LEAF_MAX && !ids.is_empty());
        debug_assert_eq!(ids.len(), days.len());
        let (base, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
        let span = last - base;
        let width = Width::of(span, ids.len());
        let mut words = [0u16; WORDS_MAX];
        let len = ids.len();
        put_header(&mut words, base, len, width, latest(days));
        words[HEADER..HEADER + len].copy_from_slice(days);
        let (low, high) = words[HEADER + len..].split_at_mut(len);
        for (low, id) in low.iter_mut().zip(ids) {
            *low = (id - base) as u16;
        }
        match width {
            Width::Narrow => {}
            Width::Stepped => {
                for (end, step) in high.iter_mut().zip(1..=span >> 16) {
                    *end = ids.partition_point(|id| (id - base) >> 16 < step) as u16;
                }
            }
            Width::Mid => {
                for (high, ids) in high.iter_mut().zip(ids.chunks(2)) {
                    let byte = |id: Option<&u32>| id.map_or(0, |id| ((id - base) >> 16) as u16);
                    *high = byte(ids.first()) | byte(ids.get(1)) << 8;
                }
            }
            Width::Wide => {
                for (high, id) in high.iter_mut().zip(ids) {
                    *high = ((id - base) >> 16) as u16;
                }
            }
        }
        Leaf { words: Arc::from(&words[..HEADER + 2 * len + width.high_words(span, len)]) }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.words[2] & LEN_MASK)
    }

    /// Asks for all of it to be read soon.
    #[inline]
    pub(super) fn soon(&self) {
        prefetch::all_soon(&self.words);
    }

    /// The lowest number.
    pub(crate) fn first(&self) -> u32 {
        self.offsets().get(0)
    }

    /// The highest number.
    pub(crate) fn last(&self) -> u32 {
        self.offsets().get(self.len() - 1)
    }

    /// Since which day each follows, in the order of the numbers.
    #[inline]
    pub(crate) fn days(&self) -> &[u16] {
        &self.words[HEADER..HEADER + self.len()]
    }

    /// The latest of the days.
    pub(crate) fn latest_day(&self) -> u16 {
        self.words[3]
    }

    /// The numbers as they lie in memory.
    #[inline]
    pub(crate) fn offsets(&self) -> Offsets<'_> {
        let (base, len) = (self.base(), self.len());
        let (low, high) = self.words[HEADER + len..].split_at(len);
        match self.width() {
            Width::Narrow => Offsets::Narrow { base, low },
            Width::Stepped => Offsets::Stepped { base, low, ends: high },
            Width::Mid => Offsets::Mid { base, low, high },
            Width::Wide => Offsets::Wide { base, low, high },
        }
    }

    /// All numbers, ascending.
    pub(crate) fn ids_into<'a>(&self, out: &'a mut [u32; LEAF_MAX]) -> &'a [u32] {
        self.offsets().read(out)
    }

    /// Where `id` lies among the followers, if it does.
    #[inline]
    pub(crate) fn find(&self, id: u32) -> Option<usize> {
        let offsets = self.offsets();
        let at = offsets.below(id);
        (at < self.len() && offsets.get(at) == id).then_some(at)
    }

    #[inline]
    pub(super) fn day_of(&self, id: u32) -> Option<u16> {
        self.find(id).and_then(|at| self.days().get(at).copied())
    }

    /// How many follow if the leaf is narrow; known without reading it.
    #[inline]
    pub(super) fn len_if_narrow(&self) -> usize {
        (self.words.len() - HEADER) / 2
    }

    /// Asks for what a search reads that is guessed to end at that place of a narrow leaf: the header, numbers and days all
    /// at once, without waiting for one to learn where the others are.
    #[inline]
    pub(super) fn soon_near(&self, guess: usize) {
        let words = self.words.as_ptr();
        prefetch::soon(words);
        for column in [HEADER + self.len_if_narrow(), HEADER] {
            prefetch::soon(words.wrapping_add(column + guess.saturating_sub(GUESS)));
            prefetch::soon(words.wrapping_add(column + guess + GUESS));
        }
    }

    /// [`Leaf::day_of`], looking first where `id` is guessed to lie.
    #[inline]
    pub(super) fn day_of_near(&self, id: u32, guess: usize) -> Option<u16> {
        let Offsets::Narrow { base, low } = self.offsets() else {
            self.soon();
            return self.day_of(id);
        };
        let offset = u16::try_from(id.checked_sub(base)?).ok()?;
        let at = search::near(low, guess, GUESS, |low| *low < offset);
        (low.get(at) == Some(&offset)).then(|| self.days()[at])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        let offsets = self.offsets();
        self.days().iter().enumerate().map(move |(at, day)| (offsets.get(at), *day))
    }

    /// Whether both are one and the same piece of memory.
    pub(crate) fn is_same(&self, other: &Leaf) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
    }

    /// Bytes on the heap, without what the allocator adds.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words) + 16
    }

    /// Whether its words are what its header says.
    pub(super) fn is_sound(&self) -> bool {
        let len = self.len();
        let high = self.words.len().saturating_sub(HEADER + 2 * len);
        let offsets = self.offsets();
        let sized = match offsets {
            Offsets::Narrow { .. } => high == 0,
            Offsets::Stepped { ends, .. } => {
                ends.is_sorted() && ends.iter().all(|end| usize::from(*end) <= len)
            }
            Offsets::Mid { .. } => high == len.div_ceil(2),
            Offsets::Wide { .. } => high == len,
        };
        (1..=LEAF_MAX).contains(&len)
            && sized
            && self.latest_day() == latest(self.days())
            && (1..len).all(|at| offsets.get(at - 1) < offsets.get(at))
    }

    #[inline]
    fn base(&self) -> u32 {
        u32::from(self.words[0]) | u32::from(self.words[1]) << 16
    }

    #[inline]
    fn width(&self) -> Width {
        match self.words[2] >> WIDTH_SHIFT {
            0 => Width::Narrow,
            1 => Width::Mid,
            2 => Width::Wide,
            _ => Width::Stepped,
        }
    }

    /// This leaf with the claims met; says in each how it was. The way of nearly every event: columns are copied piece by
    /// piece, nothing is unpacked.
    pub(super) fn edited(&self, claims: &mut [Claim], room: &mut LeafRoom) -> Edited {
        let (base, len, width) = (self.base(), self.len(), self.width());
        let (offsets, days) = (self.offsets(), self.days());
        let span_max = offsets.span_max();
        let LeafRoom { edits, words } = room;
        edits.clear();
        let mut new_len = len;
        let mut fits = true;
        for claim in claims {
            let at = offsets.below(claim.id);
            let present = at < len && offsets.get(at) == claim.id;
            claim.was = if present { Some(days[at]) } else { None };
            let day = claim.is();
            if day == claim.was {
                continue;
            }
            if !present {
                fits &= claim.id >= base && claim.id - base <= span_max;
            }
            new_len = new_len + usize::from(day.is_some()) - usize::from(present);
            edits.push(Edit { at, present, day, id: claim.id });
        }
        if edits.is_empty() {
            return Edited::Same;
        }
        if !fits || new_len == 0 || new_len > LEAF_MAX {
            return Edited::Cut;
        }
        words.resize(WORDS_MAX, 0);
        let (days, columns) = words[HEADER..].split_at_mut(new_len);
        edit(self.days(), edits, days, |edit| edit.day.unwrap_or(0));
        let latest = latest(days);
        let (low, high) = columns.split_at_mut(new_len);
        match offsets {
            Offsets::Narrow { low: old, .. } => edit(old, edits, low, |edit| (edit.id - base) as u16),
            Offsets::Stepped { low: old, ends, .. } => {
                edit(old, edits, low, |edit| (edit.id - base) as u16);
                high[..ends.len()].copy_from_slice(ends);
                for edit in edits.iter().filter(|edit| edit.present == edit.day.is_none()) {
                    let step = ((edit.id - base) >> 16) as usize;
                    for end in &mut high[step..ends.len()] {
                        *end = if edit.present { *end - 1 } else { *end + 1 };
                    }
                }
            }
            Offsets::Mid { low: old, high: old_high, .. } => {
                edit(old, edits, low, |edit| (edit.id - base) as u16);
                let (mut before, mut after) = ([0u8; LEAF_MAX], [0u8; LEAF_MAX]);
                for (bytes, word) in before.chunks_exact_mut(2).zip(old_high) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
                edit(&before[..len], edits, &mut after[..new_len], |edit| ((edit.id - base) >> 16) as u8);
                for (word, bytes) in high.iter_mut().zip(after.as_chunks::<2>().0) {
                    *word = u16::from_le_bytes(*bytes);
                }
            }
            Offsets::Wide { low: old, high: old_high, .. } => {
                edit(old, edits, low, |edit| (edit.id - base) as u16);
                edit(old_high, edits, &mut high[..new_len], |edit| ((edit.id - base) >> 16) as u16);
            }
        }
        put_header(words, base, new_len, width, latest);
        Edited::Leaf(Leaf {
            words: Arc::from(&words[..HEADER + 2 * new_len + width.high_words(span_max, new_len)]),
        })
    }

    /// Appends this leaf with the edits made to `out`.
    pub(super) fn rewrite(&self, edits: &[Edit], out: &mut Columns) {
        let mut ids = [0; LEAF_MAX];
        let ids = self.ids_into(&mut ids);
        let days = self.days();
        let mut copied = 0;
        for edit in edits {
            out.extend(&ids[copied..edit.at], &days[copied..edit.at]);
            copied = edit.at + usize::from(edit.present);
            if let Some(day) = edit.day {
                out.push(edit.id, day);
            }
        }
        out.extend(&ids[copied..], &days[copied..]);
    }
}

/// Room that is used again from leaf to leaf.
#[derive(Debug, Default)]
pub(super) struct LeafRoom {
    /// What [`Leaf::edited`] found to do.
    pub(super) edits: Vec<Edit>,
    words: Vec<u16>,
}

/// One claim with its place in the old leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit {
    /// Followers before it.
    at: usize,
    /// Whether the one at that place is the one meant.
    present: bool,
    day: Option<u16>,
    id: u32,
}

/// A column with the edits made.
fn edit<T: Copy>(old: &[T], edits: &[Edit], new: &mut [T], value: impl Fn(&Edit) -> T) {
    let (mut read, mut written) = (0, 0);
    for edit in edits {
        let many = edit.at - read;
        new[written..written + many].copy_from_slice(&old[read..edit.at]);
        written += many;
        read = edit.at + usize::from(edit.present);
        if edit.day.is_some() {
            new[written] = value(edit);
            written += 1;
        }
    }
    new[written..].copy_from_slice(&old[read..]);
}

fn put_header(words: &mut [u16], base: u32, len: usize, width: Width, latest: u16) {
    let width = match width {
        Width::Narrow => 0,
        Width::Mid => 1,
        Width::Wide => 2,
        Width::Stepped => 3,
    };
    words[..HEADER].copy_from_slice(&[
        base as u16,
        (base >> 16) as u16,
        len as u16 | width << WIDTH_SHIFT,
        latest,
    ]);
}

fn latest(days: &[u16]) -> u16 {
    days.iter().fold(0, |latest, day| latest.max(*day))
}

/// How many of these numbers, at most [`LEAF_MAX`], make a leaf that fills its size class and no more.
fn well_filled(ids: &[u32]) -> usize {
    let many = ids.len().min(LEAF_FILL);
    let steps = match ids {
        [first, .., last] => ((last - first) >> 16) as usize,
        _ => 0,
    };
    // Two bytes a step leave so much less for followers, of four bytes each.
    if steps > many / 4 { many } else { many.min(LEAF_FILL - steps.div_ceil(2)) }
}

/// Followers on their way into leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) ids: Vec<u32>,
    pub(super) days: Vec<u16>,
}

impl Columns {
    pub(super) fn push(&mut self, id: u32, day: u16) {
        self.ids.push(id);
        self.days.push(day);
    }

    pub(super) fn extend(&mut self, ids: &[u32], days: &[u16]) {
        self.ids.extend_from_slice(ids);
        self.days.extend_from_slice(days);
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.days.clear();
    }

    /// Takes a well filled leaf from the front.
    pub(super) fn first_leaf(&mut self) -> Leaf {
        let many = well_filled(&self.ids);
        let leaf = Leaf::new(&self.ids[..many], &self.days[..many]);
        self.ids.drain(..many);
        self.days.drain(..many);
        leaf
    }

    /// The leaves that hold all of it, evenly filled; none when there is nobody.
    pub(super) fn leaves(&self) -> impl Iterator<Item = Leaf> + '_ {
        let parts = if self.len() <= LEAF_MAX { 1 } else { self.len().div_ceil(LEAF_FILL) };
        let size = self.len().div_ceil(parts).max(1);
        self.ids.chunks(size).zip(self.days.chunks(size)).map(|(ids, days)| Leaf::new(ids, days))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Numbers that fit each width, and some that outgrow it.
    fn numbers() -> impl Strategy<Value = (Vec<u32>, Vec<(u32, Option<u16>)>)> {
        (
            prop_oneof![Just(1u32), Just(200), Just(2_000), Just(9_000), Just(60_000), Just(15_000_000)],
            0..5000u32,
        )
            .prop_flat_map(|(gap, base)| {
                let ids = prop::collection::btree_set(0..250u32, 1..=LEAF_MAX - 10);
                let ids = ids.prop_map(move |ids| ids.iter().map(|id| base + id * gap).collect());
                let change =
                    (0..300u32, any::<bool>(), any::<Option<u16>>()).prop_map(move |(id, near, day)| {
                        (if near { base + id.min(280) * gap } else { id * 20 }, day)
                    });
                (ids, prop::collection::vec(change, 0..12))
            })
    }

    proptest! {
        #[test]
        fn an_edited_leaf_is_a_sorted_map((ids, changes) in numbers()) {
            let days: Vec<u16> = ids.iter().map(|id| (id % 60_000) as u16).collect();
            let leaf = Leaf::new(&ids, &days);
            prop_assert!(leaf.is_sound());
            prop_assert!(leaf.iter().eq(ids.iter().copied().zip(days.iter().copied())));
            let mut all = [0; LEAF_MAX];
            prop_assert_eq!(leaf.ids_into(&mut all), &ids[..]);
            prop_assert_eq!((leaf.first(), leaf.last()), (ids[0], ids[ids.len() - 1]));
            let mut model: BTreeMap<u32, u16> = leaf.iter().collect();
            let changes: BTreeMap<u32, Option<u16>> = changes.into_iter().collect();
            for (id, day) in &changes {
                prop_assert_eq!(leaf.day_of(*id), model.get(id).copied());
                // However wrong the guess.
                for guess in [0, 1, 17, ids.len() / 2, ids.len() - 1, ids.len(), 100, 1_000] {
                    leaf.soon_near(guess);
                    prop_assert_eq!(leaf.day_of_near(*id, guess), model.get(id).copied());
                }
                match day {
                    Some(day) => model.insert(*id, *day),
                    None => model.remove(id),
                };
            }
            let mut claims: Vec<Claim> = changes
                .into_iter()
                .map(|(id, day)| Claim { id, asks: day.map_or(Asks::Gone, Asks::Since), was: None })
                .collect();
            let mut room = LeafRoom::default();
            match leaf.edited(&mut claims, &mut room) {
                Edited::Same => prop_assert!(leaf.iter().eq(model.iter().map(|(id, day)| (*id, *day)))),
                Edited::Leaf(edited) => {
                    prop_assert!(edited.is_sound());
                    prop_assert!(edited.iter().eq(model.iter().map(|(id, day)| (*id, *day))));
                }
                Edited::Cut => {}
            }
            for claim in &claims {
                prop_assert_eq!(claim.was, leaf.day_of(claim.id));
            }
            let mut columns = Columns::default();
            leaf.rewrite(&room.edits, &mut columns);
            prop_assert!(columns.leaves().all(|leaf| leaf.is_sound()));
            prop_assert!(columns.leaves().collect::<Vec<_>>().iter().flat_map(Leaf::iter).eq(model));
        }
    }

    #[test]
    fn a_leaf_costs_four_to_six_bytes_a_follower() {
        for (gap, bytes) in [(100, 800), (1_000, 806), (10_000, 860), (60_000, 1_000), (100_000, 1_200)] {
            let ids: Vec<u32> = (0..200).map(|id| id * gap).collect();
            assert_eq!(Leaf::new(&ids, &[7; 200]).heap_bytes(), bytes + 24);
        }
    }
}
