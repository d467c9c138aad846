//! Events that came after their time: kept aside, in the order they were heard, until an operator settles them.
//!
//! An event older than the reorder horizon cannot find its place by itself: what it competes with is forgotten. It is
//! refused as `too_old` and a copy stays here, up to `dead_letters_max`; beyond that the oldest letters go, and are counted.
//! Kept in chunks that are swapped as a whole, so that readers take no lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use followers::Op;
use policy::Millis;

use crate::edge_batch::{EdgeEvent, op, op_number};
use crate::ids::AccountId;
use crate::record::bytes::{Bytes, put_i64, put_varint};
use crate::record::v1::{account, millis, put_account, put_millis};

/// Letters of one chunk at most.
const CHUNK: usize = 256;

/// One event that came too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number on this platform, counted from 1 in the order the events were heard.
    pub number: u64,
    /// The position of the batch it came in.
    pub position: u64,
    /// When that batch was logged.
    pub heard_at: Millis,
    /// What it says.
    pub op: Op,
    /// Who is followed, or no longer.
    pub followee: AccountId,
    /// Who follows, or no longer does.
    pub follower: AccountId,
    /// When it happened.
    pub at: Millis,
}

/// Some dead letters, in the order they were heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterPage {
    /// The letters.
    pub items: Vec<DeadLetter>,
    /// The number after which the next page starts; `None` when the list is complete.
    pub next: Option<u64>,
}

/// The letters of one platform. One writer, any number of readers.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    /// By number; no chunk is empty.
    chunks: ArcSwap<Vec<Arc<[DeadLetter]>>>,
    kept: AtomicU64,
    /// The number given out last.
    heard: AtomicU64,
    dropped: AtomicU64,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            chunks: ArcSwap::from_pointee(Vec::new()),
            kept: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl DeadLetter {
    /// A letter without a number yet.
    pub(crate) fn new(event: &EdgeEvent<'_>, position: u64, heard_at: Millis) -> Self {
        Self {
            number: 0,
            position,
            heard_at,
            op: event.op,
            followee: event.followee.to_id(),
            follower: event.follower.to_id(),
            at: Millis(event.at),
        }
    }
}

impl DeadLetters {
    /// Takes letters, numbers them, and lets the oldest go beyond `max`. Single writer.
    pub(crate) fn append(&self, letters: &mut Vec<DeadLetter>, max: u32) {
        if letters.is_empty() {
            return;
        }
        let mut number = self.heard.load(Ordering::Relaxed);
        for letter in letters.iter_mut() {
            number += 1;
            letter.number = number;
        }
        self.heard.store(number, Ordering::Relaxed);
        let mut chunks = self.chunks.load().as_ref().clone();
        if let Some(last) = chunks.pop_if(|last| last.len() < CHUNK) {
            letters.splice(..0, last.iter().cloned());
        }
        chunks.extend(letters.chunks(CHUNK).map(Arc::from));
        letters.clear();
        let kept: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let mut surplus = kept.saturating_sub(max as usize);
        self.dropped.fetch_add(surplus as u64, Ordering::Relaxed);
        self.kept.store((kept - surplus) as u64, Ordering::Relaxed);
        let whole = chunks
            .iter()
            .take_while(|chunk| {
                let goes = chunk.len() <= surplus;
                surplus -= if goes { chunk.len() } else { 0 };
                goes
            })
            .count();
        chunks.drain(..whole);
        if let Some(first) = chunks.first_mut().filter(|_| surplus > 0) {
            *first = Arc::from(first.get(surplus..).unwrap_or_default());
        }
        self.chunks.store(Arc::new(chunks));
    }

    /// How many letters have numbers in this range.
    pub(crate) fn count(&self, from: u64, to: u64) -> usize {
        let chunks = self.chunks.load();
        chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .filter(|letter| (from..=to).contains(&letter.number))
            .count()
    }

    /// Takes out the letters whose numbers are in this range. Single writer.
    pub(crate) fn take(&self, from: u64, to: u64) -> Vec<DeadLetter> {
        let chunks = self.chunks.load();
        let all = chunks.iter().flat_map(|chunk| chunk.iter()).cloned();
        let (taken, left): (Vec<_>, Vec<_>) = all.partition(|letter| (from..=to).contains(&letter.number));
        if !taken.is_empty() {
            self.kept.store(left.len() as u64, Ordering::Relaxed);
            self.chunks.store(Arc::new(left.chunks(CHUNK).map(Arc::from).collect()));
        }
        taken
    }

    /// A page of at most `limit` letters (at least one) with numbers above `after`.
    pub(crate) fn page(&self, after: u64, limit: usize) -> DeadLetterPage {
        let chunks = self.chunks.load();
        let first = chunks.partition_point(|chunk| chunk.last().is_none_or(|last| last.number <= after));
        let mut rest = chunks.iter().skip(first).flat_map(|chunk| chunk.iter());
        let mut items: Vec<DeadLetter> =
            rest.by_ref().filter(|letter| letter.number > after).take(limit.max(1)).cloned().collect();
        items.shrink_to_fit();
        let next = rest.next().and_then(|_| items.last()).map(|last| last.number);
        DeadLetterPage { items, next }
    }

    /// Letters that are kept.
    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Letters that went because there were too many.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_varint(out, self.heard.load(Ordering::Relaxed));
        put_varint(out, self.dropped.load(Ordering::Relaxed));
        put_varint(out, self.kept.load(Ordering::Relaxed));
        for letter in self.chunks.load().iter().flat_map(|chunk| chunk.iter()) {
            put_varint(out, letter.number);
            put_varint(out, letter.position);
            put_millis(out, &letter.heard_at);
            out.push(op_number(letter.op));
            put_account(out, &letter.followee);
            put_account(out, &letter.follower);
            put_i64(out, letter.at.0);
        }
    }

    /// Reads what [`DeadLetters::save`] wrote. Single writer.
    pub(crate) fn fill(&self, b: &mut Bytes<'_>) -> Option<()> {
        let heard = b.varint()?;
        let dropped = b.varint()?;
        let letters = b.list(|b| {
            Some(DeadLetter {
                number: b.varint()?,
                position: b.varint()?,
                heard_at: millis(b)?,
                op: op(b.u8()?)?,
                followee: account(b)?,
                follower: account(b)?,
                at: millis(b)?,
            })
        })?;
        if !letters.is_sorted_by(|a, b| a.number < b.number) {
            return None;
        }
        self.kept.store(letters.len() as u64, Ordering::Relaxed);
        self.chunks.store(Arc::new(letters.chunks(CHUNK).map(Arc::from).collect()));
        self.heard.store(heard, Ordering::Relaxed);
        self.dropped.store(dropped, Ordering::Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(at: i64) -> DeadLetter {
        DeadLetter {
            number: 0,
            position: 5,
            heard_at: Millis(9),
            op: Op::Follow,
            followee: AccountId::Number(1),
            follower: AccountId::Text("bob".into()),
            at: Millis(at),
        }
    }

    fn numbers(letters: &DeadLetters) -> Vec<u64> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let page = letters.page(after, 37);
            assert!(page.items.len() == 37 || page.next.is_none());
            all.extend(page.items.iter().map(|letter| letter.number));
            match page.next {
                Some(next) => after = next,
                None => return all,
            }
        }
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let letters = DeadLetters::default();
        let mut heard = 0u64;
        for batch in [1, 255, 256, 257, 3, 1000, 1, 40] {
            letters.append(&mut (0..batch).map(letter).collect(), 600);
            heard += batch as u64;
            let first = heard.saturating_sub(600) + 1;
            assert_eq!(numbers(&letters), (first..=heard).collect::<Vec<_>>());
            assert_eq!((letters.kept(), letters.dropped()), (heard.min(600), heard.saturating_sub(600)));
        }
    }

    #[test]
    fn what_is_taken_is_gone_and_what_is_saved_is_loaded() {
        let letters = DeadLetters::default();
        letters.append(&mut (0..700).map(letter).collect(), 1_000);
        assert_eq!(letters.count(100, 400), 301);
        let taken = letters.take(100, 400);
        assert_eq!(taken.len(), 301);
        assert_eq!(taken.first().map(|letter| (letter.number, letter.at)), Some((100, Millis(99))));
        assert_eq!(letters.take(100, 400), []);
        letters.append(&mut vec![letter(7)], 1_000);
        assert_eq!(numbers(&letters), (1..100).chain(401..=701).collect::<Vec<_>>());
        let mut saved = Vec::new();
        letters.save(&mut saved);
        let loaded = DeadLetters::default();
        loaded.fill(&mut Bytes::new(&saved)).unwrap();
        assert_eq!(loaded.page(0, 1_000), letters.page(0, 1_000));
        let mut again = Vec::new();
        loaded.save(&mut again);
        assert_eq!(saved, again);
        assert_eq!(letters.page(701, 5), DeadLetterPage::default());
    }
}
