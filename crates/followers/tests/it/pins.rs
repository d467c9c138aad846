//! A pinned moment is saved as it was, whatever happens before the last of it is written.

use std::sync::Arc;

use followers::{AccountNo, Attribute, Criteria, Edge, Engine, Filter, FilterId, Limits, Op, Order};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;
const ACCOUNTS: u32 = 9_000;

fn engine() -> Engine {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(1000 * DAY);
    engine
}

fn saved(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.save(&mut bytes);
    bytes
}

fn saved_pin(pinned: followers::Pinned, mut between: impl FnMut()) -> Vec<u8> {
    let mut bytes = Vec::new();
    let done: Result<(), ()> = pinned.save(&mut |piece| {
        bytes.extend_from_slice(piece);
        between();
        Ok(())
    });
    done.unwrap();
    bytes
}

/// One of everything that changes what is saved; `seed` says what.
fn change(engine: &mut Engine, seed: u64, at: u64) {
    let mut random = seed;
    let mut below = |bound: u32| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 33) % u64::from(bound)) as u32
    };
    let now = engine.clock() + 1000;
    match below(12) {
        0 => engine.set_attribute(AccountNo(below(ACCOUNTS)), Attribute::Inactive, below(2) == 0),
        1 => {
            let criteria = Criteria::FollowedBefore(followers::Day(below(1000) as u16));
            let filter = Filter {
                criteria,
                keep: Vec::new(),
                order: Order::Newest,
                leave_at: None,
                keep_followed: true,
                bar_days: 2,
            };
            engine.filter(AccountNo(below(40)), &filter, now, at);
        }
        2 => {
            engine.undo(AccountNo(below(40)), FilterId(at.saturating_sub(u64::from(below(5)))), now);
        }
        3 => engine.remove_account(AccountNo(below(ACCOUNTS)), &mut Vec::new()),
        4 => engine.grow(ACCOUNTS + below(100)),
        5 => engine.set_clock(now + i64::from(below(3)) * DAY),
        _ => {
            let batch: Vec<Edge> = (0..below(400))
                .map(|_| Edge {
                    // Some accounts are beyond the first that are saved at once.
                    followee: AccountNo(if below(3) == 0 { below(ACCOUNTS) } else { below(40) }),
                    follower: AccountNo(below(ACCOUNTS)),
                    op: [Op::Follow, Op::Follow, Op::Unfollow, Op::Backfill][below(4) as usize],
                    version: now - i64::from(below(1_000_000)),
                })
                .collect();
            engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn what_changes_after_the_pin_is_not_in_it(seeds in prop::collection::vec(any::<u64>(), 1..24), at in 0usize..24) {
        let mut engine = engine();
        let (before, after) = seeds.split_at(at.min(seeds.len()));
        for (nth, seed) in (0..).zip(before) {
            change(&mut engine, *seed, nth);
        }
        let expected = saved(&engine);
        let (first, second) = (engine.pin(), engine.pin());
        for (nth, seed) in (1000..).zip(after) {
            change(&mut engine, *seed, nth);
        }
        prop_assert!(saved_pin(first, || ()) == expected);
        let later = saved(&engine);
        // A pin that is let go, or was saved, keeps nothing back.
        drop(second);
        change(&mut engine, 77, 5000);
        let third = engine.pin();
        let last = saved(&engine);
        change(&mut engine, 78, 5001);
        prop_assert!(saved_pin(third, || ()) == last);
        prop_assert!(Engine::load(&expected, Limits::default()).is_ok());
        prop_assert!(Engine::load(&later, Limits::default()).is_ok());
    }
}

#[test]
fn a_moment_is_saved_beside_a_busy_writer() {
    let mut engine = engine();
    for seed in 0..100 {
        change(&mut engine, seed * 7919, seed);
    }
    for round in 1..6u64 {
        let expected = saved(&engine);
        let pinned = engine.pin();
        std::thread::scope(|scope| {
            let saving = scope.spawn(|| saved_pin(pinned, std::thread::yield_now));
            let mut nth = 0;
            while !saving.is_finished() || nth < 3 {
                nth += 1;
                change(&mut engine, round << 32 | nth, round << 32 | nth);
            }
            assert!(saving.join().unwrap() == expected, "round {round}");
        });
    }
    engine.check().unwrap();
}

#[test]
fn threads_do_not_show_in_what_is_loaded() {
    let mut engine = engine();
    for seed in 0..100 {
        change(&mut engine, seed * 104_729, seed);
    }
    let bytes = saved(&engine);
    for threads in [1, 2, 5] {
        let followed = Arc::new([b"before", &bytes[..], b"what follows"].concat());
        let (loaded, used) = Engine::load_packed(&followed, 6, Limits::default(), threads).unwrap();
        assert_eq!(used, bytes.len());
        loaded.check().unwrap();
        assert!(saved(&loaded) == bytes, "{threads} threads");
    }
}

/// A writer and readers that come before the sets are unpacked see them as they were saved.
#[test]
fn sets_are_the_same_before_they_are_unpacked_meanwhile_and_after() {
    let mut engine = engine();
    for seed in 0..100 {
        change(&mut engine, seed * 104_729, seed);
    }
    let bytes = Arc::new(saved(&engine));
    let counts: Vec<u32> = (0..ACCOUNTS).map(|who| engine.reader().count(AccountNo(who))).collect();
    for seed in 200..220 {
        change(&mut engine, seed * 7919, seed);
    }
    let expected = saved(&engine);
    for unpacked_before in [0, 1, 9] {
        let (mut loaded, _) = Engine::load_packed(&bytes, 0, Limits::default(), 1).unwrap();
        let reader = loaded.reader();
        for _ in 0..unpacked_before {
            reader.unpack().unwrap();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| while reader.unpack().unwrap() {});
            for (who, count) in (0..).zip(&counts) {
                assert_eq!(reader.count(AccountNo(who)), *count, "{who}");
            }
            for seed in 200..220 {
                change(&mut loaded, seed * 7919, seed);
            }
        });
        loaded.check().unwrap();
        assert!(saved(&loaded) == expected, "{unpacked_before}");
        assert_eq!(reader.unpack(), Ok(false));
    }
}

/// More than one frame holds, so that it goes on in others.
#[test]
fn a_set_of_a_million_comes_back() {
    let mut engine = Engine::new(Limits::default());
    engine.grow(3_000_000);
    engine.set_clock(5_000 * DAY);
    let batch: Vec<Edge> = (0..1_000_000)
        .map(|nth: u32| Edge {
            followee: AccountNo(1),
            follower: AccountNo(nth * 3 + nth % 2),
            op: Op::Backfill,
            version: i64::from(nth % 5_000) * DAY,
        })
        .filter(|edge| edge.follower.0 != 1)
        .collect();
    engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
    let bytes = saved(&engine);
    let (loaded, _) = Engine::load_packed(&Arc::new(bytes.clone()), 0, Limits::default(), 2).unwrap();
    assert_eq!(loaded.reader().count(AccountNo(1)), batch.len() as u32);
    loaded.check().unwrap();
    assert!(saved(&loaded) == bytes);
    assert!(bytes.len() < batch.len() * 7 / 2, "{} bytes", bytes.len());
}
