//! What must hold without knowing what the right answer is.

use followers::{AccountNo, Attribute, Criteria, Edge, Engine, Filter, FilterOutcome, Limits, Op, Order};
use proptest::prelude::*;

use crate::model::{ACCOUNTS, DAY, HORIZON, edge, limits};

fn id_hash(who: AccountNo) -> u128 {
    (u128::from(who.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_0123_4567_89ab_cdef)
}

fn digests(engine: &Engine) -> Vec<u128> {
    let sets = (0..ACCOUNTS).map(|who| engine.digest(AccountNo(who), &id_hash));
    sets.chain([engine.digest_memory(&id_hash)]).collect()
}

fn engine() -> Engine {
    let mut engine = Engine::new(limits());
    engine.grow(ACCOUNTS);
    engine.set_clock(100 * DAY);
    engine
}

fn apply(engine: &mut Engine, batch: &[Edge]) {
    engine.apply(batch, &mut Vec::new(), &mut Vec::new());
}

fn recent() -> impl Strategy<Value = Edge> {
    edge().prop_map(|edge| {
        let version = 100 * DAY + edge.version.max(-HORIZON);
        // Old imports are settled by arrival against what the horizon forgets, so they are not among these.
        Edge { version, ..edge }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_of_events_do_not_matter(
        events in prop::collection::vec(recent(), 1..150),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        order in any::<u64>(),
        cut in 1..40usize,
    ) {
        let mut straight = engine();
        apply(&mut straight, &events);
        let mut shuffled = events.clone();
        shuffled.extend(again.iter().map(|index| *index.get(&events)));
        let rank = |place: usize| (place as u64 ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut ranked: Vec<(u64, Edge)> =
            shuffled.into_iter().enumerate().map(|(place, edge)| (rank(place), edge)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut other = engine();
        for batch in ranked.chunks(cut) {
            apply(&mut other, &batch.iter().map(|(_, edge)| *edge).collect::<Vec<_>>());
        }
        prop_assert_eq!(digests(&straight), digests(&other));
        let (mut one, mut two) = (Vec::new(), Vec::new());
        straight.save(&mut one);
        other.save(&mut two);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn old_imports_converge_too(
        events in prop::collection::vec((edge(), -60..1i64), 1..100),
        order in any::<u64>(),
    ) {
        let events: Vec<Edge> = events.into_iter().map(|(edge, quarter)| {
            let version = 100 * DAY + quarter * DAY / 4;
            let op = if version < 100 * DAY - HORIZON { Op::Backfill } else { edge.op };
            Edge { version, op, ..edge }
        }).collect();
        let mut straight = engine();
        apply(&mut straight, &events);
        let mut ranked: Vec<(u64, Edge)> = events.iter().enumerate().map(|(place, edge)| {
            ((place as u64 ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15), *edge)
        }).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut other = engine();
        for (_, edge) in ranked {
            apply(&mut other, &[edge]);
        }
        prop_assert_eq!(digests(&straight), digests(&other));
    }

    #[test]
    fn an_undone_filter_leaves_no_trace(
        before in prop::collection::vec(recent(), 0..100),
        since in prop::collection::vec(recent(), 0..100),
        filter in crate::model::filter(),
        inactive in prop::collection::vec(0..ACCOUNTS, 0..6),
    ) {
        let target = AccountNo(1);
        // Whom a filter bars meanwhile does not come back by undoing it.
        let filter = Filter { bar_days: 0, ..filter };
        let run = |filtered: bool| {
            let mut engine = engine();
            for who in &inactive {
                engine.set_attribute(AccountNo(*who), Attribute::Inactive, true);
            }
            apply(&mut engine, &before);
            if filtered {
                let outcome = engine.filter(target, &filter, 100 * DAY, 5);
                let FilterOutcome::Filtered { id, .. } = outcome else { panic!("{outcome:?}") };
                apply(&mut engine, &since);
                engine.check().unwrap();
                engine.undo(target, id, 100 * DAY);
            } else {
                apply(&mut engine, &since);
            }
            engine.check().unwrap();
            digests(&engine)
        };
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn numbering_does_not_show_in_a_digest(events in prop::collection::vec(recent(), 1..100)) {
        let mut straight = engine();
        apply(&mut straight, &events);
        let mirror = |who: AccountNo| AccountNo(ACCOUNTS - 1 - who.0);
        let mirrored: Vec<Edge> = events.iter().map(|edge| Edge {
            followee: mirror(edge.followee),
            follower: mirror(edge.follower),
            ..*edge
        }).collect();
        let mut other = engine();
        apply(&mut other, &mirrored);
        for who in (0..ACCOUNTS).map(AccountNo) {
            let theirs = other.digest(mirror(who), &|who| id_hash(mirror(who)));
            prop_assert_eq!(straight.digest(who, &id_hash), theirs);
        }
        prop_assert_eq!(straight.digest_memory(&id_hash), other.digest_memory(&|who| id_hash(mirror(who))));
    }
}

#[test]
fn a_random_filter_is_the_same_for_the_same_seed_only() {
    let run = |seed| {
        let mut engine = Engine::new(Limits::default());
        engine.grow(1001);
        engine.set_clock(100 * DAY);
        let edge = |follower| Edge {
            followee: AccountNo(0),
            follower: AccountNo(follower),
            op: Op::Follow,
            version: 99 * DAY,
        };
        apply(&mut engine, &(1..=1000).map(edge).collect::<Vec<_>>());
        let filter = Filter {
            criteria: Criteria::All(Vec::new()),
            keep: Vec::new(),
            order: Order::Random { seed },
            leave_at: Some(500),
            keep_followed: false,
            bar_days: 0,
        };
        engine.filter(AccountNo(0), &filter, 100 * DAY, 1);
        engine.reader().set(AccountNo(0)).iter().map(|(who, _)| who.0).collect::<Vec<_>>()
    };
    let left = run(1);
    assert_eq!(left.len(), 500);
    assert_eq!(left, run(1));
    assert_ne!(left, run(2));
    // Not the first or the last half: a fair order spares about as many below 500 as above.
    let low = left.iter().filter(|who| **who <= 500).count();
    assert!((200..300).contains(&low), "{low} of the lower half are left");
}
