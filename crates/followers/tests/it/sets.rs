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
