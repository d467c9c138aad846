//! Filters of sets that are trees, against a sorted map: whom they take, in which order, and what undo gives back.

use std::collections::{BTreeMap, BTreeSet};

use followers::{
    AccountDay, AccountNo, Attribute, Criteria, Day, Edge, Engine, Filter, FilterId, FilterOutcome, Limits,
    Op, Order, UndoOutcome,
};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;
const TODAY: i64 = 1000;
const TARGET: AccountNo = AccountNo(0);

/// How far apart followers lie: leaves of every width, and some that reach over chunks of attributes.
#[derive(Debug, Clone, Copy)]
struct Shape {
    followers: u32,
    stride: u32,
    days: u16,
}

struct World {
    engine: Engine,
    members: BTreeMap<u32, u16>,
    carries: BTreeSet<(u32, Attribute)>,
    /// When each account was made and was last active; the one in seven without is not in it.
    known: BTreeMap<u32, (u16, u16)>,
}

const ASKED: [Attribute; 3] = [Attribute::Inactive, Attribute::NoPicture, Attribute::Private];

fn mixed(seed: u32, of: u32) -> u32 {
    let mixed = (u64::from(seed) << 32 | u64::from(of)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as u32
}

impl World {
    fn new(shape: Shape, seed: u32) -> World {
        let mut engine = Engine::new(Limits { horizon_ms: DAY, ..Limits::default() });
        engine.grow((shape.followers + 2) * shape.stride);
        engine.set_clock(TODAY * DAY);
        let mut members = BTreeMap::new();
        let mut carries = BTreeSet::new();
        let mut known = BTreeMap::new();
        for nth in 1..=shape.followers {
            let id = nth * shape.stride - mixed(seed, nth) % shape.stride;
            members.insert(id, 1 + (mixed(seed + 1, nth) % u32::from(shape.days)) as u16);
            if !nth.is_multiple_of(7) {
                let (made, active) =
                    ((1 + mixed(seed + 3, nth) % 999) as u16, (1 + mixed(seed + 4, nth) % 999) as u16);
                engine.set_day(AccountNo(id), AccountDay::Created, Day(made));
                engine.set_day(AccountNo(id), AccountDay::LastActive, Day(active));
                known.insert(id, (made, active));
            }
            for (at, attribute) in ASKED.into_iter().enumerate() {
                if mixed(seed + 2, nth) >> at & 1 == 1 {
                    engine.set_attribute(AccountNo(id), attribute, true);
                    carries.insert((id, attribute));
                }
            }
        }
        let edges: Vec<Edge> =
            members.iter().map(|(id, day)| edge(*id, i64::from(*day), Op::Backfill)).collect();
        engine.apply(&edges, &mut Vec::new(), &mut Vec::new());
        World { engine, members, carries, known }
    }

    fn holds(&self, criteria: &Criteria, id: u32, day: u16) -> bool {
        match criteria {
            Criteria::All(parts) => parts.iter().all(|part| self.holds(part, id, day)),
            Criteria::Any(parts) => parts.iter().any(|part| self.holds(part, id, day)),
            Criteria::Not(part) => !self.holds(part, id, day),
            Criteria::Has(attribute) => self.carries.contains(&(id, *attribute)),
            Criteria::FollowedBefore(before) => day < before.0,
            Criteria::FollowedAfter(after) => day > after.0,
            Criteria::OneOf(accounts) => accounts.contains(&AccountNo(id)),
            Criteria::CreatedBefore(day) => self.known.get(&id).is_some_and(|known| known.0 < day.0),
            Criteria::CreatedAfter(day) => self.known.get(&id).is_some_and(|known| known.0 > day.0),
            Criteria::LastActiveBefore(day) => self.known.get(&id).is_some_and(|known| known.1 < day.0),
            Criteria::InactiveFor(days) => {
                self.known.get(&id).is_some_and(|known| i64::from(known.1) + i64::from(*days) <= TODAY)
            }
        }
    }

    /// Those meant, in the order they go.
    fn meant(&self, filter: &Filter) -> Vec<(u32, u16)> {
        let mut meant: Vec<(u32, u16)> = self
            .members
            .iter()
            .map(|(id, day)| (*id, *day))
            .filter(|(id, day)| {
                self.holds(&filter.criteria, *id, *day) && !filter.keep.contains(&AccountNo(*id))
            })
            .collect();
        match filter.order {
            Order::Newest => meant.sort_by_key(|(id, day)| std::cmp::Reverse((*day, *id))),
            Order::Oldest => meant.sort_by_key(|(id, day)| (*day, *id)),
            Order::Random { .. } => {}
        }
        meant
    }

    fn agrees(&self) {
        self.engine.check().unwrap();
        let set = self.engine.reader().set(TARGET);
        assert_eq!(set.len() as usize, self.members.len());
        assert!(
            set.iter().map(|(id, day)| (id.0, day.0)).eq(self.members.iter().map(|(id, day)| (*id, *day)))
        );
    }

    fn apply(&mut self, edges: &[Edge]) {
        self.engine.apply(edges, &mut Vec::new(), &mut Vec::new());
    }
}

fn edge(follower: u32, day: i64, op: Op) -> Edge {
    Edge { followee: TARGET, follower: AccountNo(follower), op, version: day * DAY }
}

fn shape() -> impl Strategy<Value = Shape> {
    let stride = prop::sample::select(vec![1, 2, 40, 300]);
    let days = prop::sample::select(vec![1, 3, 900]);
    (1..2000u32, stride, days).prop_map(|(followers, stride, days)| Shape { followers, stride, days })
}

fn criteria() -> impl Strategy<Value = Criteria> {
    let leaf = prop_oneof![
        4 => prop::sample::select(ASKED.to_vec()).prop_map(Criteria::Has),
        1 => (0..950u16).prop_map(|day| Criteria::FollowedBefore(Day(day))),
        1 => (0..950u16).prop_map(|day| Criteria::FollowedAfter(Day(day))),
        1 => (0..1010u16).prop_map(|day| Criteria::CreatedBefore(Day(day))),
        1 => (0..1010u16).prop_map(|day| Criteria::CreatedAfter(Day(day))),
        1 => (0..1010u16).prop_map(|day| Criteria::LastActiveBefore(Day(day))),
        1 => (0..1010u16).prop_map(Criteria::InactiveFor),
        1 => prop::collection::vec(0..9000u32, 0..200)
            .prop_map(|of| Criteria::OneOf(of.into_iter().map(AccountNo).collect())),
    ];
    leaf.prop_recursive(3, 12, 4, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 0..4).prop_map(Criteria::All),
            prop::collection::vec(part.clone(), 0..4).prop_map(Criteria::Any),
            part.prop_map(|part| Criteria::Not(Box::new(part))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let order = prop_oneof![
        Just(Order::Newest),
        Just(Order::Oldest),
        any::<u64>().prop_map(|seed| Order::Random { seed })
    ];
    let keep = prop::collection::vec(0..9000u32, 0..50);
    (criteria(), keep, order, prop::option::of(0..3000u32)).prop_map(|(criteria, keep, order, leave_at)| {
        Filter {
            criteria,
            keep: keep.into_iter().map(AccountNo).collect(),
            order,
            leave_at,
            keep_followed: false,
            bar_days: 0,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_of_a_large_set_takes_who_it_says_and_undo_brings_them_back(
        shape in shape(),
        seed in 0..1000u32,
        filters in prop::collection::vec(filter(), 1..4),
        since in prop::collection::vec((0..3000u32, any::<bool>()), 0..40),
        undo_first in any::<bool>(),
    ) {
        let mut world = World::new(shape, seed);
        let mut ran: Vec<(u64, BTreeMap<u32, u16>)> = Vec::new();
        for (position, filter) in (1..).zip(&filters) {
            let reader = world.engine.reader();
            let before = reader.set(TARGET);
            let preview = reader.preview(TARGET, filter);
            let outcome = world.engine.filter(TARGET, filter, TODAY * DAY, position);
            let meant = world.meant(filter);
            let most = filter.leave_at.map_or(u32::MAX, |target| before.len().saturating_sub(target)) as usize;
            let removed = meant.len().min(most);
            let left = before.len() - removed as u32;
            prop_assert_eq!(
                outcome,
                FilterOutcome::Filtered { id: FilterId(position), removed: removed as u32, left }
            );
            prop_assert_eq!((preview.removed as usize, preview.left), (removed, left));
            let after = reader.set(TARGET);
            let took: BTreeMap<u32, u16> = before
                .iter()
                .filter(|(id, _)| after.contains(*id).is_none())
                .map(|(id, day)| (id.0, day.0))
                .collect();
            prop_assert_eq!(took.len(), removed);
            if matches!(filter.order, Order::Random { .. }) {
                prop_assert!(took.iter().all(|(id, day)| meant.contains(&(*id, *day))));
                prop_assert!(preview.sample.iter().all(|id| took.contains_key(&id.0)));
                prop_assert_eq!(preview.sample.len(), removed.min(20));
            } else {
                prop_assert!(took.iter().map(|(id, day)| (*id, *day)).eq(
                    meant[..removed].iter().copied().collect::<BTreeMap<_, _>>()
                ));
                let first: Vec<AccountNo> =
                    meant[..removed.min(20)].iter().map(|(id, _)| AccountNo(*id)).collect();
                prop_assert_eq!(preview.sample, first);
            }
            world.members.retain(|id, _| !took.contains_key(id));
            world.agrees();
            let all = reader.filtered_out(TARGET, FilterId(position)).unwrap();
            let mut paged: Vec<AccountNo> = Vec::new();
            loop {
                let page = all.page(paged.last().copied(), 77);
                if page.is_empty() {
                    break;
                }
                paged.extend(page);
            }
            prop_assert!(paged.iter().map(|id| id.0).eq(took.keys().copied()));
            prop_assert_eq!(all.len() as usize, took.len());
            ran.push((position, took));
        }
        // Some come and go on their own since, taken or not.
        for (nth, follows) in since {
            let id = 1 + nth * 3 % (shape.followers * shape.stride);
            let op = if follows { Op::Follow } else { Op::Unfollow };
            world.apply(&[edge(id, TODAY, op)]);
            ran.iter_mut().for_each(|(_, took)| {
                took.remove(&id);
            });
            world.members.remove(&id);
            // An unfollow beats a follow of the same moment.
            let known = world.engine.reader().contains(TARGET, AccountNo(id)).is_some();
            if follows && known {
                world.members.insert(id, TODAY as u16);
            }
        }
        world.agrees();
        if undo_first {
            ran.reverse();
        }
        for (position, took) in ran {
            let restored = took.len() as u32;
            world.members.extend(took);
            let outcome = world.engine.undo(TARGET, FilterId(position), TODAY * DAY);
            prop_assert_eq!(outcome, UndoOutcome::Restored { restored, count: world.members.len() as u32 });
            world.agrees();
        }
    }
}

#[test]
fn an_untouched_filter_undone_gives_the_very_set_of_before() {
    let shape = Shape { followers: 5000, stride: 2, days: 900 };
    let mut world = World::new(shape, 1);
    let before = world.engine.reader().set(TARGET);
    let filter = Filter {
        criteria: Criteria::Has(Attribute::Inactive),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
        keep_followed: false,
        bar_days: 0,
    };
    world.engine.filter(TARGET, &filter, TODAY * DAY, 1);
    world.engine.undo(TARGET, FilterId(1), TODAY * DAY);
    assert!(std::sync::Arc::ptr_eq(&before, &world.engine.reader().set(TARGET)));
}
