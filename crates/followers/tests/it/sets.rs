//! Large sets, which leave the single leaf: grown, shrunk and cut in every way, against a sorted map.

use std::collections::BTreeMap;

use followers::{AccountNo, Day, Edge, Engine, Limits, Op};
use proptest::prelude::*;

const ACCOUNTS: u32 = 100_000;

/// One stroke over many followers: every `step`-th from `from`.
#[derive(Debug, Clone)]
struct Stroke {
    op: Op,
    from: u32,
    step: u32,
    many: u32,
}

fn stroke() -> impl Strategy<Value = Stroke> {
    let op = prop_oneof![3 => Just(Op::Follow), 2 => Just(Op::Unfollow)];
    (op, 1..ACCOUNTS, prop_oneof![Just(1u32), 2..9u32, 50..2000u32], prop_oneof![1..20u32, 1000..20_000u32])
        .prop_map(|(op, from, step, many)| Stroke { op, from, step, many })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_large_set_is_a_sorted_map(strokes in prop::collection::vec(stroke(), 1..14)) {
        let mut engine = Engine::new(Limits::default());
        engine.grow(ACCOUNTS);
        let mut model: BTreeMap<u32, i64> = BTreeMap::new();
        for (time, stroke) in strokes.iter().enumerate() {
            let version = time as i64 * 7_200_000;
            engine.set_clock(version);
            let ids: Vec<u32> = (0..stroke.many)
                .map(|nth| stroke.from + nth * stroke.step)
                .take_while(|id| *id < ACCOUNTS)
                .collect();
            let batch: Vec<Edge> = ids.iter().rev().map(|id| Edge {
                followee: AccountNo(0), follower: AccountNo(*id), op: stroke.op, version,
            }).collect();
            engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
            for id in ids {
                match stroke.op {
                    Op::Unfollow => { model.remove(&id); }
                    Op::Follow | Op::Backfill => { model.insert(id, version / 86_400_000); }
                }
            }
            let set = engine.reader().set(AccountNo(0));
            prop_assert_eq!(set.len() as usize, model.len());
            prop_assert!(set.iter().map(|(id, day)| (id.0, i64::from(day.0))).eq(model.iter().map(|(a, b)| (*a, *b))));
        }
        engine.check().unwrap();
        let set = engine.reader().set(AccountNo(0));
        for id in (0..ACCOUNTS).step_by(97) {
            let day = set.contains(AccountNo(id)).map(|day| i64::from(day.0));
            prop_assert_eq!(day, model.get(&id).copied());
        }
        let mut bytes = Vec::new();
        engine.save(&mut bytes);
        let loaded = Engine::load(&bytes, Limits::default()).unwrap();
        loaded.check().unwrap();
        let mut again = Vec::new();
        loaded.save(&mut again);
        prop_assert_eq!(bytes, again);
    }
}

#[test]
fn days_end_in_2149_and_begin_in_1970() {
    for (ms, day) in
        [(-1, 0), (0, 0), (86_399_999, 0), (86_400_000, 1), (65_535 * 86_400_000, 65_535), (i64::MAX, 65_535)]
    {
        assert_eq!(Day::of(ms), Day(day));
    }
}

/// The newest of a large set are kept beside it once a reader asked, and carried from version to version.
#[test]
fn pages_of_a_set_that_changes_are_those_of_a_sorted_map() {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    let reader = engine.reader();
    let mut model: BTreeMap<u32, i64> = BTreeMap::new();
    let mut at = 12_345u64;
    for round in 0..60i64 {
        let version = 20 * 86_400_000 + round * 7_200_000;
        engine.set_clock(version);
        let mut batch = BTreeMap::new();
        for _ in 0..if round == 0 { 40_000 } else { 300 } {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = 1 + (at >> 33) as u32 % (ACCOUNTS - 1);
            // Every other round takes the newest away.
            let op = if round % 2 == 1 && at >> 20 & 3 != 0 { Op::Unfollow } else { Op::Follow };
            batch.insert(id, op);
        }
        if round % 6 == 5 {
            let newest = reader.newest(AccountNo(0), None, 900);
            batch.extend(newest.items.iter().map(|(id, _)| (id.0, Op::Unfollow)));
        }
        let edges: Vec<Edge> = batch
            .iter()
            .map(|(id, op)| Edge { followee: AccountNo(0), follower: AccountNo(*id), op: *op, version })
            .collect();
        engine.apply(&edges, &mut Vec::new(), &mut Vec::new());
        for (id, op) in batch {
            match op {
                Op::Unfollow => model.remove(&id),
                Op::Follow | Op::Backfill => model.insert(id, version / 86_400_000),
            };
        }
        let mut sorted: Vec<(i64, u32)> = model.iter().map(|(id, day)| (*day, *id)).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let mut cursor = None;
        let mut read = Vec::new();
        for limit in [1, 100, 800, 500, 2_000] {
            let page = reader.newest(AccountNo(0), cursor, limit);
            assert_eq!(page.items.len(), limit);
            read.extend(page.items.iter().map(|(id, day)| (i64::from(day.0), id.0)));
            cursor = page.next;
        }
        assert_eq!(read, sorted[..read.len()]);
        let all = reader.newest(AccountNo(0), None, model.len());
        assert!(all.complete && all.next.is_none());
        assert_eq!(all.items.len(), model.len());
    }
    engine.check().unwrap();
}

/// A reader that holds on to versions makes the writer copy instead of changing in place; what anybody sees is the same.
#[test]
fn versions_that_are_held_do_not_change() {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(86_400_000);
    let reader = engine.reader();
    let mut held = Vec::new();
    let mut model: BTreeMap<u32, u16> = BTreeMap::new();
    for round in 0..120u32 {
        let step = [1, 7, 3, 50, 11][round as usize % 5];
        let op = if round % 3 == 2 { Op::Unfollow } else { Op::Follow };
        let ids = (1 + round * 97..ACCOUNTS).step_by(step).take(if round < 3 { 60_000 } else { 700 });
        let version = 86_400_000 + i64::from(round);
        engine.set_clock(version);
        let batch: Vec<Edge> =
            ids.map(|id| Edge { followee: AccountNo(0), follower: AccountNo(id), op, version }).collect();
        engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
        for edge in &batch {
            match op {
                Op::Unfollow => model.remove(&edge.follower.0),
                Op::Follow | Op::Backfill => model.insert(edge.follower.0, 1),
            };
        }
        if round % 7 == 0 || round % 11 == 4 {
            held.push((reader.set(AccountNo(0)), model.clone()));
        }
        if round % 13 == 0 {
            held.pop();
        }
        if round % 20 == 0 {
            engine.check().unwrap();
        }
        assert!(reader.set(AccountNo(0)).iter().map(|(id, day)| (id.0, day.0)).eq(model.clone()));
    }
    for (set, then) in held {
        assert!(set.iter().map(|(id, day)| (id.0, day.0)).eq(then));
    }
}
