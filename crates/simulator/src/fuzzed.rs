//! What must hold for any bytes whatever: record decoding, filter criteria, import. The fuzz targets in `fuzz/` call these,
//! and so do the tests, with their corpus and with bytes by chance.
//!
//! Each panics where something does not hold, as fuzzers want it.

use connectors::files::{Columns, Follows, Format, Options};
use connectors::ingest;
use followers::{AccountNo, Criteria, Day, Edge, Engine, Filter, FilterOutcome, Limits, Op, Order};
use state::{Command, Entry, Machine, Millis, PlatformId, record};

use crate::oracle::{Bulk, Wish, bit};
use crate::steps::ASKED;

/// Bytes of a record: refused, or a command that is written as these very bytes; then the machine takes it.
pub fn record(bytes: &[u8]) {
    let Ok(command) = record::decode(bytes) else { return };
    assert!(record::encode(&command) == bytes, "a record is written in another way than it was read");
    // Criteria may nest deeper than an entry may: the machine refuses those, it does not break.
    let mut machine = Machine::new(state::Limits::default());
    if let Some(platform) = command.platform() {
        let Ok(title) = "Fuzzed".parse() else { return };
        let register = state::commands::RegisterPlatform { platform: platform.clone(), title };
        let command = Command::RegisterPlatform(register);
        machine.apply(&Entry { position: 1, at: Millis(1), command });
    } else {
        machine.apply(&Entry { position: 1, at: Millis(1), command: Command::Tick });
    }
    let at = Millis(1_700_000_000_000);
    machine.apply(&Entry { position: 2, at, command });
    let broken = machine.check().err();
    assert!(broken.is_none(), "a command broke a promise: {broken:?}");
}

/// Reads what a filter is about from bytes; from nothing it makes zeros.
struct Reading<'a>(&'a [u8]);

impl Reading<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn wish(&mut self, depth: u32) -> Wish {
        let kind = self.byte() % if depth == 0 { 4 } else { 7 };
        let parts = |from: &mut Self| (0..from.byte() % 4).map(|_| from.wish(depth - 1)).collect();
        match kind {
            0 => Wish::Has(ASKED[usize::from(self.byte() % 4)]),
            1 => Wish::Before(FIRST_DAY + u16::from(self.byte() % 16)),
            2 => Wish::After(FIRST_DAY + u16::from(self.byte() % 16)),
            3 => Wish::OneOf(self.some()),
            4 => Wish::All(parts(self)),
            5 => Wish::Any(parts(self)),
            _ => Wish::Not(Box::new(self.wish(depth - 1))),
        }
    }

    fn some(&mut self) -> Vec<u32> {
        (0..self.byte() % 8).map(|_| u32::from(self.byte()) * 3).collect()
    }
}

const FIRST_DAY: u16 = 19_000;
const DAY_MS: i64 = 86_400_000;

/// A population and a filter from bytes: the filter takes whom a plain reading of it means, and undo leaves no trace.
pub fn filter(bytes: &[u8]) {
    let mut from = Reading(bytes);
    let order = match from.byte() % 3 {
        0 => Order::Newest,
        1 => Order::Oldest,
        _ => Order::Random { seed: u64::from(from.byte()) },
    };
    let leave_at = (from.byte() % 2 == 1).then(|| u32::from(from.byte()) * 2);
    let bulk = Bulk { wish: from.wish(4), keep: from.some(), order, leave_at };
    let accounts = 8 + u32::from(from.byte()) * 4;
    let mut engine = Engine::new(Limits::default());
    engine.grow(accounts);
    engine.set_clock(i64::from(FIRST_DAY + 20) * DAY_MS);
    let (mut follows, mut facts) = (Vec::new(), Vec::new());
    let mut mixed = 0_u32;
    for follower in 1..accounts {
        mixed = mixed.rotate_left(7) ^ u32::from(from.byte()).wrapping_mul(0x9e37_79b9) ^ follower;
        let (day, attributes) = (FIRST_DAY + (mixed % 16) as u16, (mixed >> 8) as u16);
        for one in ASKED {
            engine.set_attribute(AccountNo(follower), one, attributes & bit(one) != 0);
        }
        facts.push((follower, day, attributes));
        if mixed >> 24 & 7 != 0 {
            let at = i64::from(day) * DAY_MS;
            let (followee, follower) = (AccountNo(0), AccountNo(follower));
            follows.push(Edge { followee, follower, op: Op::Backfill, version: at });
        }
    }
    engine.apply(&follows, &mut Vec::new(), &mut Vec::new());
    let reader = engine.reader();
    let mut before = Vec::new();
    engine.save(&mut before);

    let set = reader.set(AccountNo(0));
    let mut meant: Vec<(u16, u32)> = facts
        .iter()
        .filter(|(who, _, _)| set.contains(AccountNo(*who)).is_some())
        .filter(|(who, day, attributes)| bulk.means(*who, *day, *attributes))
        .map(|(who, day, _)| (*day, *who))
        .collect();
    meant.sort_unstable();
    if order == Order::Newest {
        meant.reverse();
    }
    let most = leave_at.map_or(meant.len(), |left| set.len().saturating_sub(left) as usize).min(meant.len());
    let filter = of_numbers(&bulk);
    let preview = reader.preview(AccountNo(0), &filter);
    let outcome = engine.filter(AccountNo(0), &filter, engine.clock(), 7);
    let FilterOutcome::Filtered { id, removed, left } = outcome else {
        assert!(filter.check(engine.limits()).is_err(), "a filter within the limits was refused");
        return;
    };
    assert!(
        (removed as usize, left) == (most, set.len() - removed),
        "{removed} taken of {most}, {left} left"
    );
    assert!((preview.removed, preview.left) == (removed, left), "the preview said something else");
    let now = reader.set(AccountNo(0));
    let gone = |who: u32| now.contains(AccountNo(who)).is_none();
    if matches!(order, Order::Random { .. }) {
        assert!(
            meant.iter().filter(|(_, who)| gone(*who)).count() == most,
            "others than those meant were taken"
        );
    } else {
        let first = meant.iter().take(most).all(|(_, who)| gone(*who));
        assert!(first && meant.iter().skip(most).all(|(_, who)| !gone(*who)), "not the first were taken");
    }
    engine.undo(AccountNo(0), id, engine.clock());
    let mut after = Vec::new();
    engine.save(&mut after);
    assert!(before == after, "an undone filter left a trace");
    let broken = engine.check().err();
    assert!(broken.is_none(), "a filter broke a promise: {broken:?}");
}

fn of_numbers(bulk: &Bulk) -> Filter {
    let numbers = |who: &[u32]| who.iter().map(|who| AccountNo(*who)).collect();
    fn criteria(wish: &Wish) -> Criteria {
        match wish {
            Wish::All(parts) => Criteria::All(parts.iter().map(criteria).collect()),
            Wish::Any(parts) => Criteria::Any(parts.iter().map(criteria).collect()),
            Wish::Not(part) => Criteria::Not(Box::new(criteria(part))),
            Wish::Has(attribute) => Criteria::Has(*attribute),
            Wish::Before(day) => Criteria::FollowedBefore(Day(*day)),
            Wish::After(day) => Criteria::FollowedAfter(Day(*day)),
            Wish::OneOf(who) => Criteria::OneOf(who.iter().map(|who| AccountNo(*who)).collect()),
        }
    }
    Filter {
        criteria: criteria(&bulk.wish),
        keep: numbers(&bulk.keep),
        order: bulk.order,
        leave_at: bulk.leave_at,
        keep_followed: false,
        bar_days: 0,
    }
}

/// A file or a body of lines: it gives the same events and refuses as many lines, however many events are read at a time.
pub fn import(bytes: &[u8]) {
    let Ok(platform) = PlatformId::new("fuzzed") else { return };
    for format in [None, Format::parse("csv"), Format::parse("ndjson")] {
        let small = read_file(bytes, &platform, format, 3);
        let large = read_file(bytes, &platform, format, 1_000);
        assert!(small == large, "a file in small batches is another one than in large ones");
    }
    let read = |events_max| {
        let mut events = ingest::Events::new(bytes);
        let mut read = Read::default();
        while let Some(batch) = events.next_batch(&platform, events_max) {
            read.take(&batch);
        }
        read
    };
    assert!(read(3) == read(1_000), "a body in small batches is another one than in large ones");
}

/// Everything that came out of some lines.
#[derive(Default, PartialEq)]
struct Read {
    /// Line, and the event as text.
    events: Vec<(u64, String)>,
    refused: u64,
    /// The file could not be read on.
    broke_off: bool,
}

impl Read {
    fn take(&mut self, batch: &connectors::Batch) {
        assert!(batch.lines.len() == batch.edges.len() as usize, "an event without a line");
        let lines = batch.lines.iter().copied();
        self.events.extend(lines.zip(batch.edges.events()).map(|(line, event)| (line, format!("{event:?}"))));
        self.refused += batch.refused.total();
    }
}

fn read_file(bytes: &[u8], platform: &PlatformId, format: Option<Format>, events_max: u32) -> Read {
    let mut read = Read::default();
    let Ok(columns) = "follower,account,at".parse::<Columns>() else { return read };
    let mut options = Options::new(columns, 1_700_000_000_000);
    options.format = format;
    options.batch_events_max = events_max;
    let source = std::io::Cursor::new(bytes.to_vec());
    let Ok(mut follows) = Follows::from_reader(source, platform.clone(), options) else {
        read.broke_off = true;
        return read;
    };
    loop {
        match follows.next_batch() {
            Ok(Some(batch)) => read.take(&batch),
            Ok(None) => return read,
            Err(_) => {
                read.broke_off = true;
                return read;
            }
        }
    }
}
