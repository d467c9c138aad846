//! The lists against the sets, with blocks and runs so small that everything that can happen to them does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::{AccountNo, Criteria, Cursor, Edge, Engine, Filter, FilterId, Limits, Op, Order, Reader};

const ACCOUNTS: u32 = 3_000;
const DAY: i64 = 86_400_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) % u64::from(bound)) as u32
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new(Limits::default());
    engine.grow(ACCOUNTS);
    engine.set_clock(100 * DAY);
    engine
}

fn batch(random: &mut Random, version: i64, follows: u32) -> Vec<Edge> {
    (0..500)
        .map(|_| {
            // A fifth of all events meet in one account, so that some sets are large.
            let followee = if random.below(5) == 0 { 7 } else { random.below(ACCOUNTS) };
            let op = if random.below(10) < follows { Op::Follow } else { Op::Unfollow };
            Edge { followee: AccountNo(followee), follower: AccountNo(random.below(ACCOUNTS)), op, version }
        })
        .filter(|edge| edge.followee != edge.follower)
        .collect()
}

fn apply(engine: &mut Engine, batch: &[Edge]) {
    engine.apply(batch, &mut Vec::new(), &mut Vec::new());
}

fn everyone() -> Filter {
    Filter {
        criteria: Criteria::All(Vec::new()),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: Some(50),
        keep_followed: false,
        bar_days: 0,
    }
}

/// Every edge as the sets have it, against every edge as the lists have it.
fn assert_lists_are_the_sets(engine: &Engine) {
    let reader = engine.reader();
    let mut of_sets = BTreeSet::new();
    for who in 0..ACCOUNTS {
        of_sets.extend(reader.set(AccountNo(who)).iter().map(|(follower, day)| (follower.0, who, day.0)));
    }
    let mut of_lists = BTreeSet::new();
    for who in 0..ACCOUNTS {
        let listed = reader.followees(AccountNo(who)).expect("the lists are built");
        of_lists.extend(listed.iter().map(|(followee, day)| (who, followee.0, day.0)));
    }
    assert!(of_sets == of_lists, "{} edges, {} listed", of_sets.len(), of_lists.len());
    engine.check().expect("every promise holds");
}

#[test]
fn lists_follow_the_sets_through_everything() {
    let mut engine = engine();
    let reader = engine.reader();
    let mut random = Random(3);
    apply(&mut engine, &batch(&mut random, 100 * DAY, 10));
    assert_eq!(reader.followees(AccountNo(1)), None, "nothing is listed before the lists are built");
    let mut filters = Vec::new();
    for round in 1..300i64 {
        let now = 100 * DAY + round * 1_000;
        engine.set_clock(now);
        apply(&mut engine, &batch(&mut random, now, 8));
        match random.below(12) {
            0 => {
                engine.filter(AccountNo(7), &everyone(), now, round as u64);
                filters.push(FilterId(round as u64));
            }
            1 if !filters.is_empty() => {
                let which = random.below(filters.len() as u32) as usize;
                engine.undo(AccountNo(7), filters.swap_remove(which), now);
            }
            2 => engine.remove_accounts(&[AccountNo(random.below(ACCOUNTS))], &mut Vec::new()),
            3..9 => drop(reader.tend_following()),
            _ => while reader.tend_following() {},
        }
        if round % 40 == 0 {
            while reader.tend_following() {}
            assert_lists_are_the_sets(&engine);
        }
    }
    let lists = engine.shared.lists.lists.load_full().expect("the lists are built");
    assert!(lists.groups.edges() > 10_000, "edges joined the groups: {}", lists.groups.edges());
}

#[test]
fn what_is_gone_does_not_stay_listed_for_ever() {
    let mut engine = engine();
    let reader = engine.reader();
    let mut random = Random(5);
    while reader.tend_following() {}
    for round in 0..100i64 {
        apply(&mut engine, &batch(&mut random, 100 * DAY + round, 10));
        while reader.tend_following() {}
    }
    let listed =
        |engine: &Engine| engine.shared.lists.lists.load_full().map_or(0, |lists| lists.groups.edges());
    let before = listed(&engine);
    let leaving: Vec<AccountNo> = (0..ACCOUNTS).filter(|who| who % 4 != 0).map(AccountNo).collect();
    engine.remove_accounts(&leaving, &mut Vec::new());
    for _ in 0..=super::IDLE_CALLS {
        reader.tend_following();
    }
    let live: u64 = (0..ACCOUNTS).map(|who| u64::from(reader.following_count(AccountNo(who)))).sum();
    assert!(live < before / 4, "{live} of {before} are left");
    assert_eq!(listed(&engine), live);
    assert_lists_are_the_sets(&engine);
}

#[test]
fn lists_nobody_tends_are_given_up_and_built_again_when_asked_for() {
    let mut engine = engine();
    let reader = engine.reader();
    let mut random = Random(9);
    while reader.tend_following() {}
    for round in 0..100i64 {
        apply(&mut engine, &batch(&mut random, 100 * DAY + round, 10));
    }
    assert!(!reader.following_is_ready(), "more waits than may");
    assert!(!reader.tend_following(), "nobody has asked for them since");
    assert_eq!(reader.following(AccountNo(1), None, 10), None);
    while reader.tend_following() {}
    assert_lists_are_the_sets(&engine);
}

#[test]
fn a_load_gives_the_lists_up_until_it_is_over() {
    let mut engine = engine();
    let reader = engine.reader();
    while reader.tend_following() {}
    let mut given_up = false;
    for part in 0..40u32 {
        let follow = |nth: u32| Edge {
            followee: AccountNo(nth % 40),
            follower: AccountNo(40 + part * 10 + nth / 40),
            op: Op::Backfill,
            version: 0,
        };
        for batch in 0..4 {
            apply(&mut engine, &(batch * 100..(batch + 1) * 100).map(follow).collect::<Vec<_>>());
        }
        reader.tend_following();
        given_up |= !reader.following_is_ready();
    }
    assert!(given_up, "many edges came without a pause");
    reader.tend_following();
    while reader.tend_following() {}
    assert_lists_are_the_sets(&engine);
}

#[test]
fn who_comes_back_from_a_filter_is_listed_again_only_if_the_lists_are_others() {
    let mut engine = engine();
    let reader = engine.reader();
    apply(&mut engine, &batch(&mut Random(11), 100 * DAY, 400));
    while reader.tend_following() {}
    let waiting =
        |engine: &Engine| engine.shared.lists.lists.load_full().map_or(0, |lists| lists.restored.len());
    for (position, built_anew) in [(1, false), (2, true)] {
        engine.filter(AccountNo(7), &everyone(), 100 * DAY, position);
        if built_anew {
            let lists = engine.shared.lists.lists.load_full().expect("the lists are built");
            engine.shared.lists.rebuild(&lists, &engine.shared);
        }
        engine.undo(AccountNo(7), FilterId(position), 100 * DAY);
        assert_eq!(waiting(&engine), usize::from(built_anew));
        while reader.tend_following() {}
        assert_lists_are_the_sets(&engine);
    }
}

#[test]
fn pages_are_newest_first_and_lose_nobody() {
    let mut engine = engine();
    let reader = engine.reader();
    let follow = |followee: u32| Edge {
        followee: AccountNo(followee),
        follower: AccountNo(1),
        op: Op::Backfill,
        version: i64::from(followee % 90) * DAY,
    };
    apply(&mut engine, &(2..500).map(follow).collect::<Vec<_>>());
    while reader.tend_following() {}
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = reader.following(AccountNo(1), after, 37).expect("the lists are built");
        assert!(page.complete || page.items.len() == 37);
        paged.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(paged.len(), 498);
    assert!(paged.is_sorted_by(|a, b| (a.1, a.0) > (b.1, b.0)));
    let beyond = Cursor { day: crate::Day(0), account: AccountNo(0) };
    let page = reader.following(AccountNo(1), Some(beyond), 5).expect("the lists are built");
    assert!(page.complete && page.items.is_empty());
}

/// Round n adds ten edges, for 250 rounds all of account 0: a reader that knows a round to be over must see all of them.
#[test]
fn a_reader_beside_writer_and_tender_misses_nothing() {
    let mut engine = engine();
    let reader = engine.reader();
    let over = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    let looks = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Acquire) {
                reader.tend_following();
            }
        });
        let looking = threads.spawn(|| look(&reader, &over, &done));
        for round in 0..2_000u32 {
            // A burst gives the lists up: now and then the writer lets them be built.
            while round % 100 == 0 && !reader.following_is_ready() {
                std::thread::yield_now();
            }
            let edge = |n: u32| Edge {
                followee: followee(round, n),
                follower: AccountNo(if round < ALL_OF_ONE { 0 } else { (round + n) % ACCOUNTS }),
                op: Op::Follow,
                version: 100 * DAY + i64::from(round),
            };
            let edges: Vec<Edge> = (0..10).map(edge).filter(|edge| edge.followee != edge.follower).collect();
            apply(&mut engine, &edges);
            over.store(round + 1, Ordering::Release);
        }
        done.store(true, Ordering::Release);
        looking.join().expect("the reader found nothing missing")
    });
    assert!(looks > 0);
    while reader.tend_following() {}
    assert_lists_are_the_sets(&engine);
}

/// Rounds whose edges are all of account 0.
const ALL_OF_ONE: u32 = 250;

fn followee(round: u32, n: u32) -> AccountNo {
    AccountNo(1 + (round * 10 + n) % (ACCOUNTS - 1))
}

fn look(reader: &Reader, over: &AtomicU32, done: &AtomicBool) -> u32 {
    let mut looks = 0;
    let mut last = false;
    while !last {
        last = done.load(Ordering::Acquire);
        let rounds = over.load(Ordering::Acquire).min(ALL_OF_ONE);
        let Some(listed) = reader.followees(AccountNo(0)) else { continue };
        let listed: BTreeSet<AccountNo> = listed.into_iter().map(|(followee, _)| followee).collect();
        for round in 0..rounds {
            for n in 0..10 {
                assert!(listed.contains(&followee(round, n)), "round {round} of {rounds} is over");
            }
        }
        looks += 1;
    }
    looks
}

#[test]
fn a_filter_spares_the_same_followed_accounts_with_lists_and_without() {
    let holder = AccountNo(7);
    let mut listed = engine();
    let mut scanned = engine();
    while listed.reader().tend_following() {}
    let mut random = Random(11);
    let follow = |op: Op, followee: u32, version: i64| Edge {
        followee: AccountNo(followee),
        follower: holder,
        op,
        version,
    };
    // Many meet in the holder, who follows some of them back and leaves a few again: those stay listed.
    let mut batches: Vec<_> = (0..40).map(|round| batch(&mut random, 100 * DAY + round, 9)).collect();
    batches.push((8..900).map(|followee| follow(Op::Follow, followee, 100 * DAY + 50)).collect());
    batches
        .push((8..900).step_by(3).map(|followee| follow(Op::Unfollow, followee, 100 * DAY + 60)).collect());
    for batch in &batches {
        apply(&mut listed, batch);
        apply(&mut scanned, batch);
        while listed.reader().tend_following() {}
    }
    assert!(listed.reader().following_is_ready() && !scanned.reader().following_is_ready());
    let candidates = listed.shared.lists.candidates(holder.0).expect("the lists are built").len();
    assert!(candidates > listed.reader().following_count(holder) as usize, "some who are listed left");

    let filter = Filter { keep_followed: true, leave_at: None, ..everyone() };
    let outcomes = [&mut listed, &mut scanned].map(|engine| {
        let reader = engine.reader();
        let before = reader.set(holder);
        let preview = reader.preview(holder, &filter);
        let outcome = engine.filter(holder, &filter, 101 * DAY, 1);
        let left = reader.set(holder);
        let spared: Vec<u32> = left.iter().map(|(id, _)| id.0).collect();
        let followed: Vec<u32> = before
            .iter()
            .map(|(id, _)| id.0)
            .filter(|id| reader.contains(AccountNo(*id), holder).is_some())
            .collect();
        assert_eq!(spared, followed, "exactly those whom the holder follows stay");
        assert!(!spared.is_empty() && preview.removed > 0);
        assert_eq!((preview.left, preview.removed), (left.len(), before.len() - left.len()));
        engine.check().expect("every promise holds");
        (spared, preview, outcome)
    });
    assert_eq!(outcomes[0], outcomes[1]);
}
