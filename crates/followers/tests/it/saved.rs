//! Saved bytes: pinned, and never trusted.

use std::path::Path;
use std::sync::Arc;

use followers::{
    AccountDay, AccountNo, Attribute, Criteria, Day, Edge, Engine, Filter, Limits, LoadError, Op, Order,
};

const DAY: i64 = 86_400_000;

/// One of everything that can be saved.
fn example() -> Engine {
    let mut engine = Engine::new(Limits::default());
    engine.grow(4_000);
    engine.set_clock(1000 * DAY);
    let edge = |followee, follower, op, version| Edge {
        followee: AccountNo(followee),
        follower: AccountNo(follower),
        op,
        version,
    };
    let mut batch: Vec<Edge> =
        (100..900).map(|id| edge(7, id * 3, Op::Backfill, i64::from(id) * DAY / 2)).collect();
    batch.push(edge(7, 3_999, Op::Follow, 1000 * DAY - 5));
    batch.push(edge(8, 7, Op::Follow, 999 * DAY));
    batch.push(edge(9, 7, Op::Follow, 999 * DAY));
    batch.push(edge(9, 8, Op::Unfollow, 999 * DAY));
    engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
    for id in (0..4_000).step_by(9) {
        engine.set_attribute(AccountNo(id), Attribute::Inactive, true);
    }
    engine.set_attribute(AccountNo(3_500), Attribute::Verified, true);
    for id in (0..3_990).step_by(31) {
        engine.set_day(AccountNo(id), AccountDay::Created, Day(500 + (id % 97) as u16));
        engine.set_day(AccountNo(id + 1), AccountDay::LastActive, Day(900));
    }
    // So many that they are written word by word.
    for id in 0..3_000 {
        engine.set_attribute(AccountNo(id), Attribute::Private, true);
    }
    let criteria = Criteria::Any(vec![
        Criteria::All(vec![
            Criteria::Has(Attribute::Inactive),
            Criteria::Not(Box::new(Criteria::FollowedAfter(Day(300)))),
        ]),
        Criteria::FollowedBefore(Day(60)),
        Criteria::CreatedAfter(Day(590)),
        Criteria::InactiveFor(120),
        Criteria::OneOf(vec![AccountNo(600), AccountNo(303)]),
    ]);
    let keep = vec![AccountNo(306), AccountNo(1)];
    let filter = Filter {
        criteria,
        keep,
        order: Order::Random { seed: 99 },
        leave_at: Some(700),
        keep_followed: true,
        bar_days: 3,
    };
    engine.filter(AccountNo(7), &filter, 1000 * DAY + 1, 42);
    engine.remove_account(AccountNo(9), &mut Vec::new());
    engine.check().unwrap();
    engine
}

fn bytes_of(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.save(&mut bytes);
    bytes
}

/// If this fails, the format changed: raise the version, keep reading the old one, and pin a new file beside it.
#[test]
fn version_3_is_pinned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v3.followers");
    let bytes = bytes_of(&example());
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        panic!("pinned anew: look at `{}` and run again", path.display());
    }
    let pinned = std::fs::read(path).unwrap();
    assert!(pinned == bytes, "the bytes of the same state differ from the pinned ones");
    let loaded = Engine::load(&pinned, Limits::default()).unwrap();
    loaded.check().unwrap();
    assert!(bytes_of(&loaded) == pinned);
    assert_eq!(loaded.clock(), 1000 * DAY + 1);
    assert_eq!(loaded.reader().count(AccountNo(7)), 700);
    assert_eq!(loaded.reader().accounts(), 4_000);
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let good = bytes_of(&example());
    assert!(Engine::load(&good, Limits::default()).is_ok());
    for at in (0..good.len()).step_by(31).chain(0..60).chain(good.len() - 20..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(Engine::load(&bad, Limits::default()).is_err(), "byte {at} flipped");
        assert!(Engine::load(&good[..at], Limits::default()).is_err(), "cut at {at}");
    }
    let longer = [&good[..], &[0]].concat();
    assert!(Engine::load(&longer, Limits::default()).is_err());
}

/// Flips a bit and makes the checksums right again, so that what reads the frames is what is tested.
fn flipped(good: &[u8], at: usize) -> Vec<u8> {
    let mut bad = good.to_vec();
    bad[at] ^= 1 << (at % 8);
    let mut from = 10;
    while let Some(length) = bad.get(from + 1..from + 5) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let Some(checked) = bad.get(from..from + 5 + length) else { break };
        let checksum = crc32fast::hash(checked).to_le_bytes();
        let Some(place) = bad.get_mut(from + 5 + length..from + 9 + length) else { break };
        place.copy_from_slice(&checksum);
        from += 9 + length;
    }
    bad
}

/// The first frame of sets holds two numbers before its sets; the accounts of the first block are there and the sums fit, so
/// it is only unpacking that can find what is wrong.
#[test]
fn sets_that_are_none_are_found_when_they_are_unpacked_and_never_shown() {
    let good = bytes_of(&example());
    let head = u32::from_le_bytes(good[11..15].try_into().unwrap()) as usize;
    let sets = 10 + 9 + head;
    assert_eq!(good[sets], 2, "the kind of the frame");
    let mut found = 0;
    for at in sets + 8..sets + 60 {
        let bad = flipped(&good, at);
        let loaded = Engine::load_packed(&Arc::new(bad.clone()), 0, Limits::default(), 1);
        let Ok((engine, _)) = loaded else { continue };
        if Engine::load(&bad, Limits::default()).is_ok() {
            continue;
        }
        found += 1;
        let reader = engine.reader();
        assert!(matches!(reader.unpack(), Err(LoadError::Damaged { .. })), "byte {at}");
        let looked = std::panic::catch_unwind(|| reader.count(AccountNo(7)));
        assert!(looked.is_err(), "byte {at}: no answer is better than a wrong one");
    }
    assert!(found > 10, "{found} of the bytes are only looked at later");
}

#[test]
fn frames_are_not_trusted_though_their_checksum_is_right() {
    let good = bytes_of(&example());
    for at in (10..good.len()).step_by(11) {
        let bad = flipped(&good, at);
        // Many such changes are states that could be; what matters is that reading them ends.
        if let Ok(engine) = Engine::load(&bad, Limits { accounts_max: 5_000, ..Limits::default() }) {
            bytes_of(&engine);
        }
    }
}

#[test]
fn what_is_not_ours_is_said_to_be_so() {
    let load = |bytes: &[u8], limits| Engine::load(bytes, limits).map(|_| ()).unwrap_err();
    let good = bytes_of(&example());
    assert_eq!(load(b"", Limits::default()), LoadError::NotFollowers);
    assert_eq!(load(b"NPFOLLOX\x01\x00", Limits::default()), LoadError::NotFollowers);
    let mut newer = good.clone();
    newer[8] = 9;
    assert_eq!(load(&newer, Limits::default()), LoadError::UnknownVersion(9));
    for other in [
        Limits { horizon_ms: 1, ..Limits::default() },
        Limits { future_ms: 1, ..Limits::default() },
        Limits { undo_ms: 1, ..Limits::default() },
        Limits { accounts_max: 3_999, ..Limits::default() },
    ] {
        assert_eq!(load(&good, other), LoadError::OtherLimits);
    }
    let mut damaged = good;
    damaged[17] ^= 1;
    assert_eq!(
        load(&damaged, Limits::default()).to_string(),
        "saved follower sets are damaged at byte `10`: the checksum does not match; take an older snapshot"
    );
}
