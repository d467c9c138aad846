//! Readers on other threads while the writer works.

use std::sync::atomic::{AtomicBool, Ordering};

use followers::{AccountNo, Attribute, Criteria, Edge, Engine, Filter, FilterOutcome, Limits, Op, Order};

const FOLLOWERS: u32 = 20_000;
const DAY: i64 = 86_400_000;

/// Followers come in pairs (2n, 2n + 1) within one batch, and a filter takes the even ones: so a reader must always
/// see pairs, or no even one at all.
#[test]
fn a_reader_sees_whole_batches_and_whole_filters() {
    let mut engine = Engine::new(Limits::default());
    engine.grow(FOLLOWERS + 2);
    engine.set_clock(DAY);
    for even in (2..FOLLOWERS + 2).step_by(2) {
        engine.set_attribute(AccountNo(even), Attribute::NoPicture, true);
    }
    let filter = Filter {
        criteria: Criteria::Has(Attribute::NoPicture),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
        keep_followed: false,
        bar_days: 0,
    };
    let done = AtomicBool::new(false);
    let reader = engine.reader();
    let looks = std::thread::scope(|threads| {
        let looking = threads.spawn(|| {
            let mut looks = 0u32;
            let mut last = false;
            while !last {
                last = done.load(Ordering::Acquire);
                let set = reader.set(AccountNo(0));
                let even = set.iter().filter(|(who, _)| who.0 % 2 == 0).count() as u32;
                let all = set.iter().count() as u32;
                assert_eq!(all, set.len());
                assert!(even == 0 || even * 2 == all, "{even} even ones of {all}");
                let preview = reader.preview(AccountNo(0), &filter);
                assert!(preview.removed == 0 || preview.removed == preview.left);
                looks += 1;
            }
            looks
        });
        let mut position = 0;
        for round in 0..6 {
            let now = DAY + round * 1000;
            for pairs in (2..FOLLOWERS + 2).collect::<Vec<_>>().chunks(500) {
                let batch: Vec<Edge> = pairs
                    .iter()
                    .map(|who| Edge {
                        followee: AccountNo(0),
                        follower: AccountNo(*who),
                        op: Op::Follow,
                        version: now + 1,
                    })
                    .collect();
                // Only pairs that are both out or both in come together; the first round grows the set.
                if round == 0 {
                    engine.apply(&batch, &mut Vec::new(), &mut Vec::new());
                }
            }
            position += 1;
            let outcome = engine.filter(AccountNo(0), &filter, now + 2, position);
            let FilterOutcome::Filtered { id, removed, left } = outcome else { panic!("{outcome:?}") };
            assert_eq!((removed, left), (FOLLOWERS / 2, FOLLOWERS / 2));
            engine.undo(AccountNo(0), id, now + 3);
        }
        done.store(true, Ordering::Release);
        looking.join().unwrap()
    });
    assert!(looks > 0);
    engine.check().unwrap();
}

#[test]
fn a_set_once_taken_does_not_change() {
    let mut engine = Engine::new(Limits::default());
    engine.grow(10);
    let follow =
        |follower| Edge { followee: AccountNo(1), follower: AccountNo(follower), op: Op::Follow, version: 0 };
    engine.apply(&[follow(2)], &mut Vec::new(), &mut Vec::new());
    let reader = engine.reader();
    let taken = reader.set(AccountNo(1));
    engine.apply(&[follow(3)], &mut Vec::new(), &mut Vec::new());
    assert_eq!((taken.len(), reader.count(AccountNo(1))), (1, 2));
    assert_eq!(reader.count(AccountNo(4_000_000_000)), 0);
    assert!(reader.newest(AccountNo(77), None, 5).complete);
}
