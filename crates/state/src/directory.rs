//! External ids and the dense numbers they stand for, in order of first sight.
//!
//! Ids are only ever added, so readers look them up while the writer adds more: a slot is filled after the id it
//! points to, and a larger index is swapped in whole. Under 30 bytes an account whose id is a number.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use followers::prefetch;

use crate::ids::AccountKey;

const CHUNK_BITS: u32 = 14;
const CHUNK: usize = 1 << CHUNK_BITS;
/// Accounts of a chunk that is there only if one of them has something: four lines.
const FEW: usize = 64;
/// Set in a stored id that is a place in `texts`; numbers that large are kept as texts too.
const TEXT: u64 = 1 << 63;
const SLOTS_MIN: usize = 64;
/// No number: more accounts than this cannot be.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// A column of numbers that few accounts have, which readers may read while it grows.
#[derive(Debug, Default)]
pub(crate) struct Column {
    chunks: boxcar::Vec<OnceLock<Box<[AtomicU32]>>>,
}

impl Column {
    #[inline]
    fn cell(&self, no: u32) -> Option<&AtomicU32> {
        self.chunks.get(no as usize / FEW)?.get()?.get(no as usize % FEW)
    }

    /// 0 for accounts that were never set.
    #[inline]
    pub(crate) fn get(&self, no: u32) -> u32 {
        self.cell(no).map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    /// Asks for the number of an account to be read soon.
    #[inline]
    pub(crate) fn soon(&self, no: u32) {
        if let Some(cell) = self.cell(no) {
            prefetch::soon(cell);
        }
    }

    /// Single writer.
    pub(crate) fn set(&self, no: u32, value: u32) {
        let at = no as usize / FEW;
        while self.chunks.count() <= at {
            self.chunks.push(OnceLock::new());
        }
        let Some(chunk) = self.chunks.get(at) else { return };
        let chunk = chunk.get_or_init(|| (0..FEW).map(|_| AtomicU32::new(0)).collect());
        if let Some(cell) = chunk.get(no as usize % FEW) {
            cell.store(value, Ordering::Release);
        }
    }
}

/// Ids and numbers of one platform.
#[derive(Debug)]
pub(crate) struct Directory {
    index: ArcSwap<Index>,
    ids: boxcar::Vec<Box<[AtomicU64]>>,
    texts: boxcar::Vec<Box<str>>,
    len: AtomicU32,
}

/// Open addressing with linear probing. A slot is 0, or 32 bits of hash above the number plus one.
#[derive(Debug)]
struct Index {
    slots: Box<[AtomicU64]>,
}

impl Index {
    fn new(slots: usize) -> Self {
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Asks for the slot where a look for that hash begins.
    #[inline]
    fn soon(&self, hash: u64) {
        if let Some(slot) = self.slots.get(hash as usize & (self.slots.len() - 1)) {
            prefetch::soon(slot);
        }
    }

    fn put(&self, hash: u64, no: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        let filled = (hash & 0xffff_ffff_0000_0000) | (u64::from(no) + 1);
        while let Some(slot) = self.slots.get(at) {
            if slot.load(Ordering::Relaxed) == 0 {
                slot.store(filled, Ordering::Release);
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            index: ArcSwap::from_pointee(Index::new(SLOTS_MIN)),
            ids: boxcar::Vec::new(),
            texts: boxcar::Vec::new(),
            len: AtomicU32::new(0),
        }
    }
}

impl Directory {
    /// Accounts so far; numbers below are given out.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// The number of an id that was seen before.
    #[inline]
    pub(crate) fn find(&self, key: AccountKey<'_>) -> Option<u32> {
        self.find_in(&self.index.load(), key, hash(key))
    }

    #[inline]
    fn find_in(&self, index: &Index, key: AccountKey<'_>, hash: u64) -> Option<u32> {
        let mask = index.slots.len() - 1;
        let mut at = hash as usize & mask;
        // An index always has an empty slot, so this ends.
        while let Some(slot) = index.slots.get(at) {
            let slot = slot.load(Ordering::Acquire);
            if slot == 0 {
                return None;
            }
            if slot >> 32 == hash >> 32 {
                let no = (slot as u32).wrapping_sub(1);
                if self.is(no, key) {
                    return Some(no);
                }
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Asks for what looking these ids up reads first.
    #[inline]
    pub(crate) fn soon<'a>(&self, keys: impl Iterator<Item = AccountKey<'a>>) {
        let index = self.index.load();
        keys.for_each(|key| index.soon(hash(key)));
    }

    /// Looks up many ids at once; [`UNKNOWN`] for those never seen.
    ///
    /// Nearly every look-up waits for memory twice. Done step by step over a good many ids, the waits overlap: all slots
    /// are asked for, then all ids they point to, then comes the comparison.
    pub(crate) fn find_all(&self, keys: &[AccountKey<'_>], found: &mut Vec<u32>) {
        const AT_ONCE: usize = 64;
        found.clear();
        let index = self.index.load();
        let mask = index.slots.len() - 1;
        let slot_at = |at: usize| index.slots.get(at & mask).map_or(0, |slot| slot.load(Ordering::Acquire));
        let mut hashes = [0; AT_ONCE];
        for keys in keys.chunks(AT_ONCE) {
            for (key, hash) in keys.iter().zip(&mut hashes) {
                *hash = self::hash(*key);
                index.soon(*hash);
            }
            let from = found.len();
            for hash in hashes.iter().take(keys.len()) {
                let mut at = *hash as usize;
                let mut slot = slot_at(at);
                while slot != 0 && slot >> 32 != hash >> 32 {
                    at += 1;
                    slot = slot_at(at);
                }
                let no = (slot as u32).wrapping_sub(1);
                if let Some(cell) = self.cell(no) {
                    prefetch::soon(cell);
                }
                found.push(no);
            }
            let found = found.get_mut(from..).unwrap_or_default();
            for ((key, hash), no) in keys.iter().zip(hashes).zip(found) {
                let same = match key {
                    AccountKey::Number(number) => self.stored(*no) == *number && number & TEXT == 0,
                    AccountKey::Text(_) => false,
                };
                // Texts, and the rare number whose 32 bits of hash belong to another, are looked up one by one.
                if *no != UNKNOWN && !same {
                    *no = self.find_in(&index, *key, hash).unwrap_or(UNKNOWN);
                }
            }
        }
    }

    #[inline]
    fn is(&self, no: u32, key: AccountKey<'_>) -> bool {
        let stored = self.stored(no);
        match key {
            AccountKey::Number(number) if number & TEXT == 0 => stored == number,
            other => {
                stored & TEXT != 0
                    && self.text(stored).is_some_and(|text| AccountKey::parse(text) == Ok(other))
            }
        }
    }

    #[inline]
    fn stored(&self, no: u32) -> u64 {
        self.cell(no).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    #[inline]
    fn cell(&self, no: u32) -> Option<&AtomicU64> {
        self.ids.get((no >> CHUNK_BITS) as usize)?.get(no as usize & (CHUNK - 1))
    }

    fn text(&self, stored: u64) -> Option<&str> {
        self.texts.get((stored & !TEXT) as usize).map(|text| &**text)
    }

    /// The id of a number; `None` for numbers not given out.
    pub(crate) fn name(&self, no: u32) -> Option<AccountKey<'_>> {
        if no >= self.len() {
            return None;
        }
        let stored = self.stored(no);
        if stored & TEXT == 0 {
            return Some(AccountKey::Number(stored));
        }
        self.text(stored).and_then(|text| AccountKey::parse(text).ok())
    }

    /// The number of an id, given out now if it is new; `None` when there are `max` accounts. Single writer.
    #[inline]
    pub(crate) fn intern(&self, key: AccountKey<'_>, max: u32) -> Option<u32> {
        let hash = hash(key);
        let index = self.index.load();
        match self.find_in(&index, key, hash) {
            Some(no) => Some(no),
            None => self.add(&index, key, hash, max),
        }
    }

    fn add(&self, index: &Index, key: AccountKey<'_>, hash: u64, max: u32) -> Option<u32> {
        let no = self.len();
        if no >= max {
            return None;
        }
        let stored = self.kept(key);
        let chunk = (no >> CHUNK_BITS) as usize;
        while self.ids.count() <= chunk {
            self.ids.push((0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        }
        if let Some(cell) = self.ids.get(chunk).and_then(|chunk| chunk.get(no as usize & (CHUNK - 1))) {
            cell.store(stored, Ordering::Relaxed);
        }
        self.len.store(no + 1, Ordering::Release);
        let slots = index.slots.len();
        // Three quarters full at most: beyond, probing for an id that is not there gets long.
        if (no as usize + 1) * 4 > slots * 3 {
            self.rebuild(slots * 2);
        } else {
            index.put(hash, no);
        }
        Some(no)
    }

    /// Puts the ids of these numbers into an index that others fill too; false if one is there already.
    ///
    /// The slots of a good many are asked for before any is used, so that the waits for memory overlap.
    fn put_all(&self, index: &Index, from: u32, until: u32) -> bool {
        const AT_ONCE: usize = 64;
        let mut hashes = [0; AT_ONCE];
        for first in (from..until).step_by(AT_ONCE) {
            let numbers = first..until.min(first.saturating_add(AT_ONCE as u32));
            for (no, place) in numbers.clone().zip(&mut hashes) {
                let Some(key) = self.name(no) else { return false };
                *place = hash(key);
                index.soon(*place);
            }
            if !numbers.zip(hashes).all(|(no, hash)| self.put_new(index, no, hash)) {
                return false;
            }
        }
        true
    }

    fn put_new(&self, index: &Index, no: u32, hash: u64) -> bool {
        let mask = index.slots.len() - 1;
        let mut at = hash as usize & mask;
        let filled = (hash & 0xffff_ffff_0000_0000) | (u64::from(no) + 1);
        while let Some(slot) = index.slots.get(at) {
            let there = match slot.compare_exchange(0, filled, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(there) => there,
            };
            if there >> 32 == hash >> 32
                && self.name(no).is_some_and(|key| self.is((there as u32).wrapping_sub(1), key))
            {
                return false;
            }
            at = (at + 1) & mask;
        }
        false
    }

    fn rebuild(&self, slots: usize) {
        let index = Index::new(slots);
        let all_new = self.put_all(&index, 0, self.len());
        assert!(all_new, "an id has one number");
        self.index.store(Arc::new(index));
    }

    /// How an id is kept. One that is no small number goes to the texts.
    fn kept(&self, key: AccountKey<'_>) -> u64 {
        match key {
            AccountKey::Number(number) if number & TEXT == 0 => number,
            other => TEXT | self.texts.push(other.to_string().into_boxed_str()) as u64,
        }
    }
}

/// A directory that is being loaded: by several threads, and the index last.
///
/// Where ids lie depends on the threads, what is found does not.
#[derive(Debug)]
pub(crate) struct Loading {
    directory: Directory,
    accounts: u32,
}

/// Ids with their numbers in a row, the last chunk perhaps not full.
#[derive(Debug)]
pub(crate) struct Ids<'l> {
    loading: &'l Loading,
    chunks: Vec<Vec<AtomicU64>>,
}

/// The index of a directory, to be filled.
#[derive(Debug)]
pub(crate) struct EmptyIndex(Index);

impl Loading {
    /// For so many accounts; `None` if that is too many.
    pub(crate) fn new(accounts: u32) -> Option<Self> {
        (accounts < UNKNOWN).then(|| Self { directory: Directory::default(), accounts })
    }

    /// Room for ids in order.
    pub(crate) fn ids(&self) -> Ids<'_> {
        Ids { loading: self, chunks: Vec::new() }
    }

    /// An index of the size it would have grown to. A thread may make it while others read ids.
    pub(crate) fn index(&self) -> EmptyIndex {
        let slots = (self.accounts as usize + 1).saturating_mul(4).div_ceil(3);
        EmptyIndex(Index::new(slots.next_power_of_two().max(SLOTS_MIN)))
    }

    /// The directory that gives the numbers from 0 on to the ids in these chunks; `None` if one comes twice, or there are
    /// more or fewer than accounts.
    pub(crate) fn finish(
        self,
        chunks: Vec<Vec<AtomicU64>>,
        EmptyIndex(index): EmptyIndex,
        threads: usize,
    ) -> Option<Directory> {
        let Self { directory, accounts } = self;
        let mut left = accounts as usize;
        for mut chunk in chunks {
            if chunk.len() != left.min(CHUNK) {
                return None;
            }
            left -= chunk.len();
            chunk.resize_with(CHUNK, || AtomicU64::new(0));
            directory.ids.push(chunk.into());
        }
        if left > 0 {
            return None;
        }
        directory.len.store(accounts, Ordering::Release);
        let each = accounts.div_ceil(u32::try_from(threads.max(1)).unwrap_or(1)).max(1);
        let all_new = std::thread::scope(|scope| {
            let parts: Vec<_> = (0..accounts)
                .step_by(each as usize)
                .map(|from| (from, from.saturating_add(each).min(accounts)))
                .map(|(from, until)| {
                    let (directory, index) = (&directory, &index);
                    scope.spawn(move || directory.put_all(index, from, until))
                })
                .collect();
            parts.into_iter().all(|part| part.join().unwrap_or(false))
        });
        directory.index.store(Arc::new(index));
        all_new.then_some(directory)
    }
}

impl Ids<'_> {
    pub(crate) fn add(&mut self, key: AccountKey<'_>) {
        let stored = AtomicU64::new(self.loading.directory.kept(key));
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(stored),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(stored);
                self.chunks.push(chunk);
            }
        }
    }

    /// The chunks, as [`Loading::finish`] takes them.
    pub(crate) fn chunks(self) -> Vec<Vec<AtomicU64>> {
        self.chunks
    }
}

/// Spreads ids over the index. Never stored: an index is built anew on load.
#[inline]
fn hash(key: AccountKey<'_>) -> u64 {
    match key {
        AccountKey::Number(number) => fold(number ^ 0x243f_6a88_85a3_08d3, 0x9e37_79b9_7f4a_7c15),
        AccountKey::Text(text) => crate::hash::hash128(text.as_bytes()) as u64,
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a).wrapping_mul(u128::from(b));
    let once = (wide as u64) ^ ((wide >> 64) as u64);
    let again = u128::from(once).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (again as u64) ^ ((again >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_out_in_order_of_first_sight_and_stay() {
        let directory = Directory::default();
        for n in 0..100_000u64 {
            let key = AccountKey::Number(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            assert_eq!(directory.intern(key, u32::MAX), Some(n as u32));
        }
        for n in 0..100_000u64 {
            let key = AccountKey::Number(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            assert_eq!(directory.find(key), Some(n as u32));
            assert_eq!(directory.intern(key, u32::MAX), Some(n as u32));
            assert_eq!(directory.name(n as u32), Some(key));
        }
        assert_eq!(directory.find(AccountKey::Number(12)), None);
        assert_eq!(directory.name(100_000), None);
        let keys: Vec<_> =
            (0..1_000u64).map(|n| AccountKey::Number(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut found = vec![7];
        directory.find_all(&keys, &mut found);
        assert_eq!(found, (0..1_000).collect::<Vec<u32>>());
        directory.find_all(&[AccountKey::Number(12), AccountKey::Text("ann"), keys[3]], &mut found);
        assert_eq!(found, [UNKNOWN, UNKNOWN, 3]);
    }

    #[test]
    fn texts_and_numbers_of_any_size_are_told_apart() {
        let directory = Directory::default();
        let keys = [
            "0",
            "1",
            "01",
            "18446744073709551615",
            "9223372036854775808",
            "9223372036854775807",
            "ann",
            "Ann",
        ];
        for (no, text) in keys.iter().enumerate() {
            assert_eq!(
                directory.intern(AccountKey::parse(text).unwrap(), u32::MAX),
                Some(no as u32),
                "{text}"
            );
        }
        for (no, text) in keys.iter().enumerate() {
            let key = AccountKey::parse(text).unwrap();
            assert_eq!(directory.find(key), Some(no as u32), "{text}");
            assert_eq!(directory.name(no as u32), Some(key));
            let mut found = Vec::new();
            directory.find_all(&[key], &mut found);
            assert_eq!(found, [no as u32], "{text}");
        }
        assert_eq!(directory.intern(AccountKey::Text("bob"), keys.len() as u32), None);
    }

    fn loaded(parts: &[&[AccountKey<'_>]], accounts: usize, threads: usize) -> Option<Directory> {
        let loading = Loading::new(accounts as u32).unwrap();
        let chunks = parts.iter().flat_map(|part| {
            let mut ids = loading.ids();
            part.iter().for_each(|key| ids.add(*key));
            ids.chunks()
        });
        let (chunks, index) = (chunks.collect(), loading.index());
        loading.finish(chunks, index, threads)
    }

    #[test]
    fn ids_that_were_saved_are_found_again() {
        let names: Vec<String> = (0..80_000u64).map(|n| format!("name-{n}")).collect();
        let keys: Vec<AccountKey<'_>> = (0u64..)
            .zip(&names)
            .map(|(n, name)| match n % 5 {
                0 => AccountKey::Text(name),
                1 => AccountKey::Number(u64::MAX - n),
                _ => AccountKey::Number(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1),
            })
            .collect();
        let (first, second) = keys.split_at(2 * CHUNK);
        for threads in [1, 2, 7] {
            let loaded_now = loaded(&[first, &[], second], keys.len(), threads).unwrap();
            let grown = Directory::default();
            for (no, key) in (0..).zip(&keys) {
                assert_eq!(loaded_now.find(*key), Some(no));
                assert_eq!(loaded_now.name(no), Some(*key));
                assert_eq!(grown.intern(*key, u32::MAX), Some(no));
            }
            assert_eq!(loaded_now.find(AccountKey::Text("bob")), None);
            assert_eq!(loaded_now.intern(AccountKey::Text("bob"), u32::MAX), Some(80_000));
            assert_eq!(loaded_now.index.load().slots.len(), grown.index.load().slots.len());
            let twice = [second, &[AccountKey::Text("name-5"), AccountKey::Text("name-5")]].concat();
            assert!(loaded(&[first, &twice], keys.len() + 2, threads).is_none(), "one comes twice");
            assert!(loaded(&[first, second], keys.len() + 1, threads).is_none(), "one is missing");
            assert!(loaded(&[first, second], keys.len() - 1, threads).is_none(), "one is too much");
            assert!(loaded(&[second, first], keys.len(), threads).is_none(), "a gap");
        }
        assert_eq!(loaded(&[], 0, 2).unwrap().len(), 0);
        let numbers = |ids: &[u64]| {
            let keys: Vec<_> = ids.iter().map(|id| AccountKey::Number(*id)).collect();
            loaded(&[&keys], ids.len(), 2)
        };
        assert_eq!(numbers(&[5, u64::MAX, 7]).unwrap().find(AccountKey::Number(u64::MAX)), Some(1));
        assert!(numbers(&[5, 6, 5]).is_none());
    }

    #[test]
    fn a_reader_beside_the_writer_never_sees_a_wrong_number() {
        let directory = Arc::new(Directory::default());
        std::thread::scope(|scope| {
            let reader = Arc::clone(&directory);
            scope.spawn(move || {
                let mut found = 0;
                while found < 20_000 {
                    found = reader.len();
                    for n in (0..found).rev().take(500) {
                        assert_eq!(reader.name(n), Some(AccountKey::Number(u64::from(n) * 3)));
                        if let Some(no) = reader.find(AccountKey::Number(u64::from(n) * 3)) {
                            assert_eq!(no, n);
                        }
                    }
                }
            });
            for n in 0..20_000u64 {
                directory.intern(AccountKey::Number(n * 3), u32::MAX);
            }
        });
    }
}
