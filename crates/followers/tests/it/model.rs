//! The rules once more, as plainly as they can be said: one event after the other, on sorted maps.
//!
//! The engine must agree with this on every outcome, count, day and page, whatever happens in whatever order, also
//! when it is saved and loaded in the middle.

use std::collections::{BTreeMap, BTreeSet};

use followers::{
    AccountDay, AccountNo, Attribute, CountChange, Criteria, Cursor, Day, Edge, EdgeOutcome, Engine, Filter,
    FilterId, FilterOutcome, Limits, Op, Order, UndoOutcome,
};
use proptest::prelude::*;

pub(crate) const ACCOUNTS: u32 = 12;
pub(crate) const HORIZON: i64 = 3 * DAY;
const FUTURE: i64 = DAY / 4;
const UNDO: i64 = 10 * DAY;
pub(crate) const DAY: i64 = 86_400_000;

pub(crate) fn limits() -> Limits {
    Limits { horizon_ms: HORIZON, future_ms: FUTURE, undo_ms: UNDO, filters_kept_max: 3, ..Limits::default() }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Clock(i64),
    Apply(Vec<Edge>),
    Attribute(u32, Attribute, bool),
    Day(u32, AccountDay, u16),
    Filter(u32, Filter),
    Undo(u32, usize),
    Remove(Vec<u32>),
    Purge(Vec<u32>),
    Reload,
    /// Somebody tends the lists of followed accounts until there is nothing to do.
    Tend,
}

#[derive(Default)]
struct Model {
    clock: i64,
    members: BTreeMap<(u32, u32), i64>,
    newest: BTreeMap<(u32, u32), (i64, bool)>,
    attributes: BTreeSet<(u32, Attribute)>,
    days: BTreeMap<(u32, AccountDay), i64>,
    filters: Vec<Ran>,
    removed: BTreeMap<u32, i64>,
    purged: BTreeMap<u32, i64>,
}

struct Ran {
    target: u32,
    position: u64,
    at: i64,
    filter: Filter,
    armed: bool,
    taken: BTreeMap<u32, i64>,
    /// Whom it took when it ran, for as long as it bars them.
    then: BTreeSet<u32>,
    /// Whom the account followed then.
    followed: BTreeSet<u32>,
    /// The day it ran.
    today: i64,
}

impl Model {
    fn count(&self, who: u32) -> u32 {
        self.followers(who).count() as u32
    }

    fn followers(&self, who: u32) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.members.range((who, 0)..=(who, u32::MAX)).map(|((_, follower), day)| (*follower, *day))
    }

    fn clock(&mut self, now: i64) {
        self.clock = self.clock.max(now);
        let clock = self.clock;
        self.newest.retain(|_, (version, _)| *version >= clock - HORIZON);
        self.filters.retain(|ran| clock < ran.at + UNDO.max(i64::from(ran.filter.bar_days) * DAY));
    }

    fn event(&mut self, edge: &Edge) -> EdgeOutcome {
        let (a, b, version) = (edge.followee.0, edge.follower.0, edge.version);
        let old = version < self.clock - HORIZON;
        if a == b {
            return EdgeOutcome::SelfFollow;
        }
        if version > self.clock + FUTURE {
            return EdgeOutcome::InTheFuture;
        }
        if old && edge.op != Op::Backfill {
            return EdgeOutcome::TooOld;
        }
        if [a, b].iter().any(|who| self.removed.get(who).is_some_and(|at| version < *at)) {
            return EdgeOutcome::Stale;
        }
        if self.purged.get(&b).is_some_and(|at| version < *at) {
            return EdgeOutcome::Stale;
        }
        let claim = (version, edge.op == Op::Unfollow);
        let bars = |ran: &Ran| {
            let until = ran.at + i64::from(ran.filter.bar_days) * DAY;
            ran.target == a && (ran.at..until).contains(&version) && ran.then.contains(&b)
        };
        if edge.op != Op::Unfollow && self.filters.iter().any(bars) {
            return EdgeOutcome::RefollowBarred;
        }
        match self.newest.get(&(a, b)) {
            Some(newest) if *newest == claim => return EdgeOutcome::Duplicate,
            Some(newest) if *newest > claim => return EdgeOutcome::Stale,
            _ => {}
        }
        if !old {
            self.newest.insert((a, b), claim);
        }
        let day = version.div_euclid(DAY).max(0);
        let was = self.members.remove(&(a, b));
        let holder = self.filters.iter().position(|ran| ran.target == a && ran.taken.contains_key(&b));
        let held = holder.and_then(|ran| self.filters[ran].taken.remove(&b));
        if edge.op == Op::Unfollow {
            return if was.is_some() { EdgeOutcome::Removed } else { EdgeOutcome::Duplicate };
        }
        let since = if old { day.max(was.or(held).unwrap_or(0)) } else { day };
        if was.is_some() {
            self.members.insert((a, b), since);
            return EdgeOutcome::Duplicate;
        }
        // It stays with the filter that has it; else the first one since that means it takes it.
        let taker = holder.filter(|ran| version < self.filters[*ran].at).or_else(|| {
            let takes = |ran: &Ran| {
                ran.target == a
                    && ran.armed
                    && version < ran.at
                    && self.means(&ran.filter, &ran.followed, ran.today, b, day)
            };
            self.filters.iter().position(takes)
        });
        match taker {
            Some(ran) => {
                let since = if Some(ran) == holder { since } else { day };
                self.filters[ran].taken.insert(b, since);
                EdgeOutcome::Stale
            }
            None => {
                self.members.insert((a, b), day);
                EdgeOutcome::Inserted
            }
        }
    }

    fn means(&self, filter: &Filter, followed: &BTreeSet<u32>, today: i64, id: u32, day: i64) -> bool {
        let kept = filter.keep.contains(&AccountNo(id)) || (filter.keep_followed && followed.contains(&id));
        !kept && self.holds(&filter.criteria, today, id, day)
    }

    fn followed(&self, who: u32) -> BTreeSet<u32> {
        self.members.keys().filter(|(_, follower)| *follower == who).map(|(account, _)| *account).collect()
    }

    fn holds(&self, criteria: &Criteria, today: i64, id: u32, day: i64) -> bool {
        let known = |which| self.days.get(&(id, which)).copied();
        match criteria {
            Criteria::All(parts) => parts.iter().all(|part| self.holds(part, today, id, day)),
            Criteria::Any(parts) => parts.iter().any(|part| self.holds(part, today, id, day)),
            Criteria::Not(part) => !self.holds(part, today, id, day),
            Criteria::CreatedBefore(day) => {
                known(AccountDay::Created).is_some_and(|made| made < i64::from(day.0))
            }
            Criteria::CreatedAfter(day) => {
                known(AccountDay::Created).is_some_and(|made| made > i64::from(day.0))
            }
            Criteria::LastActiveBefore(day) => {
                known(AccountDay::LastActive).is_some_and(|active| active < i64::from(day.0))
            }
            Criteria::InactiveFor(days) => {
                known(AccountDay::LastActive).is_some_and(|active| active + i64::from(*days) <= today)
            }
            Criteria::Has(attribute) => self.attributes.contains(&(id, *attribute)),
            Criteria::FollowedBefore(before) => day < i64::from(before.0),
            Criteria::FollowedAfter(after) => day > i64::from(after.0),
            Criteria::OneOf(accounts) => accounts.contains(&AccountNo(id)),
        }
    }

    fn meant(&self, target: u32, filter: &Filter) -> Vec<(u32, i64)> {
        let followed = self.followed(target);
        let mut meant: Vec<(u32, i64)> = self
            .followers(target)
            .filter(|(id, day)| self.means(filter, &followed, self.today(), *id, *day))
            .collect();
        match filter.order {
            Order::Newest => meant.sort_by_key(|(id, day)| (-day, u32::MAX - id)),
            Order::Oldest => meant.sort_by_key(|(id, day)| (*day, *id)),
            Order::Random { .. } => {}
        }
        let most =
            filter.leave_at.map_or(u32::MAX, |target_count| self.count(target).saturating_sub(target_count));
        meant.truncate(most as usize);
        meant
    }

    fn today(&self) -> i64 {
        self.clock.div_euclid(DAY)
    }

    /// `took` is what the engine took, which for a random order is not for this model to say.
    fn filter(&mut self, target: u32, filter: &Filter, position: u64, took: &BTreeSet<u32>) {
        let armed = filter.leave_at.is_none_or(|leave_at| self.count(target) >= leave_at);
        let followed = self.followed(target);
        let taken: BTreeMap<u32, i64> =
            took.iter().map(|id| (*id, self.members.remove(&(target, *id)).unwrap())).collect();
        let then = took.clone();
        let (at, today) = (self.clock, self.today());
        self.filters.push(Ran {
            target,
            position,
            at,
            filter: filter.clone(),
            armed,
            taken,
            then,
            followed,
            today,
        });
    }
}

/// Runs the steps on both and compares after each.
pub(crate) fn agree(steps: &[Step]) -> Engine {
    let mut engine = Engine::new(limits());
    engine.grow(ACCOUNTS);
    let mut model = Model::default();
    for (place, step) in steps.iter().enumerate() {
        let position = place as u64 + 1;
        match step {
            Step::Clock(by) => {
                let now = model.clock + by;
                model.clock(now);
                engine.set_clock(now);
                engine.set_clock(now - 5);
                assert_eq!(engine.clock(), model.clock);
            }
            Step::Apply(batch) => {
                let batch: Vec<Edge> =
                    batch.iter().map(|edge| Edge { version: model.clock + edge.version, ..*edge }).collect();
                apply(&mut engine, &mut model, &batch);
            }
            Step::Attribute(who, attribute, on) => {
                engine.set_attribute(AccountNo(*who), *attribute, *on);
                if *on {
                    model.attributes.insert((*who, *attribute));
                } else {
                    model.attributes.remove(&(*who, *attribute));
                }
            }
            Step::Day(who, which, day) => {
                engine.set_day(AccountNo(*who), *which, Day(*day));
                match day {
                    0 => model.days.remove(&(*who, *which)),
                    _ => model.days.insert((*who, *which), i64::from(*day)),
                };
            }
            Step::Filter(target, filter) => run_filter(&mut engine, &mut model, *target, filter, position),
            Step::Undo(target, which) => {
                let of_target: Vec<usize> =
                    (0..model.filters.len()).filter(|ran| model.filters[*ran].target == *target).collect();
                let Some(ran) = of_target.get(which % of_target.len().max(1)) else {
                    let outcome = engine.undo(AccountNo(*target), FilterId(999_999), model.clock);
                    assert_eq!(outcome, UndoOutcome::NotKept);
                    continue;
                };
                if model.clock - model.filters[*ran].at >= UNDO {
                    let kept_to_bar = FilterId(model.filters[*ran].position);
                    let outcome = engine.undo(AccountNo(*target), kept_to_bar, model.clock);
                    assert_eq!(outcome, UndoOutcome::NotKept);
                    continue;
                }
                let ran = model.filters.remove(*ran);
                for (id, day) in &ran.taken {
                    assert_eq!(model.members.insert((*target, *id), *day), None);
                }
                let (restored, count) = (ran.taken.len() as u32, model.count(*target));
                let outcome = engine.undo(AccountNo(*target), FilterId(ran.position), model.clock);
                assert_eq!(outcome, UndoOutcome::Restored { restored, count });
            }
            Step::Remove(who) => remove(&mut engine, &mut model, who, false),
            Step::Purge(who) => remove(&mut engine, &mut model, who, true),
            Step::Tend => {
                while engine.reader().tend_following() {}
                assert!(engine.reader().following_is_ready());
            }
            Step::Reload => {
                let mut bytes = Vec::new();
                engine.save(&mut bytes);
                engine = Engine::load(&bytes, limits()).unwrap();
                let mut again = Vec::new();
                engine.save(&mut again);
                assert_eq!(bytes, again);
            }
        }
        compare(&engine, &model);
    }
    engine
}

fn apply(engine: &mut Engine, model: &mut Model, batch: &[Edge]) {
    let before: Vec<u32> = (0..ACCOUNTS).map(|who| model.count(who)).collect();
    let edges_before: BTreeSet<(u32, u32)> = model.members.keys().copied().collect();
    let expected: Vec<EdgeOutcome> = batch.iter().map(|edge| model.event(edge)).collect();
    let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
    engine.apply(batch, &mut outcomes, &mut touched);
    assert_eq!(outcomes, expected);
    let edges_after: BTreeSet<(u32, u32)> = model.members.keys().copied().collect();
    let moved: BTreeSet<u32> = edges_before.symmetric_difference(&edges_after).map(|(a, _)| *a).collect();
    let change = |who: &u32| CountChange {
        account: AccountNo(*who),
        before: before[*who as usize],
        after: model.count(*who),
    };
    assert_eq!(touched, moved.iter().map(change).collect::<Vec<_>>());
}

fn run_filter(engine: &mut Engine, model: &mut Model, target: u32, filter: &Filter, position: u64) {
    let who = AccountNo(target);
    let reader = engine.reader();
    let before = reader.set(who);
    let preview = reader.preview(who, filter);
    let outcome = engine.filter(who, filter, model.clock, position);
    let after = reader.set(who);
    let took: BTreeSet<u32> =
        before.iter().map(|(id, _)| id.0).filter(|id| after.contains(AccountNo(*id)).is_none()).collect();
    if model.filters.iter().filter(|ran| ran.target == target).count() == limits().filters_kept_max {
        assert!(matches!(outcome, FilterOutcome::Refused(_)));
        assert!(took.is_empty());
        return;
    }
    let meant = model.meant(target, filter);
    if matches!(filter.order, Order::Random { .. }) {
        assert_eq!(took.len(), meant.len());
        let all = model.meant(target, &Filter { leave_at: None, ..filter.clone() });
        assert!(took.iter().all(|id| all.iter().any(|(meant, _)| meant == id)));
        assert!(preview.sample.iter().all(|id| took.contains(&id.0)));
    } else {
        assert_eq!(took, meant.iter().map(|(id, _)| *id).collect());
        let first: Vec<AccountNo> = meant.iter().take(20).map(|(id, _)| AccountNo(*id)).collect();
        assert_eq!(preview.sample, first);
    }
    let (removed, left) = (took.len() as u32, after.len());
    assert_eq!((preview.removed, preview.left), (removed, left));
    assert_eq!(outcome, FilterOutcome::Filtered { id: FilterId(position), removed, left });
    model.filter(target, filter, position, &took);
}

fn remove(engine: &mut Engine, model: &mut Model, who: &[u32], purge: bool) {
    let before: Vec<u32> = (0..ACCOUNTS).map(|who| model.count(who)).collect();
    let edges = model.members.len();
    model.members.retain(|(a, b), _| (purge || !who.contains(a)) && !who.contains(b));
    let edges = (edges - model.members.len()) as u64;
    model.filters.iter_mut().for_each(|ran| ran.taken.retain(|id, _| !who.contains(id)));
    let mut touched = Vec::new();
    let leaving: Vec<AccountNo> = who.iter().map(|who| AccountNo(*who)).collect();
    if purge {
        model.purged.extend(who.iter().map(|who| (*who, model.clock)));
        assert_eq!(engine.purge(&leaving, &mut touched), edges);
    } else {
        model.attributes.retain(|(of, _)| !who.contains(of));
        model.days.retain(|(of, _), _| !who.contains(of));
        model.filters.retain(|ran| !who.contains(&ran.target));
        model.removed.extend(who.iter().map(|who| (*who, model.clock)));
        engine.remove_accounts(&leaving, &mut touched);
    }
    let expected: Vec<CountChange> = (0..ACCOUNTS)
        .map(|who| CountChange {
            account: AccountNo(who),
            before: before[who as usize],
            after: model.count(who),
        })
        .filter(|change| change.before != change.after)
        .collect();
    assert_eq!(touched, expected);
}

fn compare(engine: &Engine, model: &Model) {
    engine.check().unwrap();
    let reader = engine.reader();
    for who in 0..ACCOUNTS {
        let account = AccountNo(who);
        let members: Vec<(u32, i64)> =
            reader.set(account).iter().map(|(id, day)| (id.0, i64::from(day.0))).collect();
        let expected: Vec<(u32, i64)> = model.followers(who).collect();
        assert_eq!(members, expected, "followers of {who}");
        assert_eq!(reader.count(account), model.count(who));
        assert_eq!(engine.recount(account), model.count(who));
        let follows = model.members.keys().filter(|(_, follower)| *follower == who).count() as u32;
        assert_eq!(reader.following_count(account), follows);
        if let Some(listed) = reader.followees(account) {
            let listed: Vec<(u32, i64)> =
                listed.iter().map(|(followee, day)| (followee.0, i64::from(day.0))).collect();
            let followees = model.members.iter().filter(|((_, follower), _)| *follower == who);
            assert_eq!(listed, followees.map(|((followee, _), day)| (*followee, *day)).collect::<Vec<_>>());
        }
        for attribute in Attribute::ALL {
            assert_eq!(reader.attribute(account, attribute), model.attributes.contains(&(who, attribute)));
        }
        for other in 0..ACCOUNTS {
            let day = reader.contains(account, AccountNo(other)).map(|day| i64::from(day.0));
            assert_eq!(day, model.members.get(&(who, other)).copied());
        }
        let mut newest = expected;
        newest.sort_by_key(|(id, day)| (-day, u32::MAX - id));
        let mut paged = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let page = reader.newest(account, after, 3);
            assert!(page.complete || page.items.len() == 3);
            paged.extend(page.items.iter().map(|(id, day)| (id.0, i64::from(day.0))));
            assert_eq!(page.complete, page.next.is_none());
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(paged, newest);
    }
}

pub(crate) fn edge() -> impl Strategy<Value = Edge> {
    let op = prop_oneof![5 => Just(Op::Follow), 3 => Just(Op::Unfollow), 2 => Just(Op::Backfill)];
    // Few accounts and few distinct moments, so that events meet; mostly inside the horizon.
    let version = prop_oneof![
        6 => (-12i64..=1).prop_map(|quarter| quarter * DAY / 4),
        1 => (-60i64..=2).prop_map(|quarter| quarter * DAY / 4),
    ];
    (0..4u32, 0..ACCOUNTS, op, version).prop_map(|(followee, follower, op, version)| Edge {
        followee: AccountNo(followee),
        follower: AccountNo(follower),
        op,
        version,
    })
}

fn attribute() -> impl Strategy<Value = Attribute> {
    prop::sample::select(vec![Attribute::Inactive, Attribute::SuspectedBot, Attribute::Private])
}

fn some_accounts() -> impl Strategy<Value = Vec<AccountNo>> {
    prop::collection::vec((0..ACCOUNTS + 5).prop_map(AccountNo), 0..4)
}

pub(crate) fn criteria() -> impl Strategy<Value = Criteria> {
    let day = (90..130u16).prop_map(Day);
    let known =
        prop_oneof![(90..110u16).prop_map(Day), prop::sample::select(vec![Day(0), Day(1), Day(u16::MAX)])];
    let leaf = prop_oneof![
        4 => attribute().prop_map(Criteria::Has),
        1 => day.clone().prop_map(Criteria::FollowedBefore),
        1 => day.prop_map(Criteria::FollowedAfter),
        1 => some_accounts().prop_map(Criteria::OneOf),
        1 => known.clone().prop_map(Criteria::CreatedBefore),
        1 => known.clone().prop_map(Criteria::CreatedAfter),
        1 => known.prop_map(Criteria::LastActiveBefore),
        2 => (0..12u16).prop_map(Criteria::InactiveFor),
        1 => Just(Criteria::All(Vec::new())),
    ];
    leaf.prop_recursive(3, 12, 3, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 0..3).prop_map(Criteria::All),
            prop::collection::vec(part.clone(), 0..3).prop_map(Criteria::Any),
            part.prop_map(|part| Criteria::Not(Box::new(part))),
        ]
    })
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let order = prop_oneof![
        Just(Order::Newest),
        Just(Order::Oldest),
        any::<u64>().prop_map(|seed| Order::Random { seed })
    ];
    let leave_at = prop::option::of(0..8u32);
    let bar_days = prop_oneof![2 => Just(0u16), 1 => 1..4u16, 1 => Just(15u16)];
    (criteria(), some_accounts(), order, leave_at, any::<bool>(), bar_days).prop_map(
        |(criteria, keep, order, leave_at, keep_followed, bar_days)| Filter {
            criteria,
            keep,
            order,
            leave_at,
            keep_followed,
            bar_days,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(edge(), 1..40).prop_map(Step::Apply),
        4 => (0..DAY).prop_map(Step::Clock),
        1 => (0..12 * DAY).prop_map(Step::Clock),
        4 => (0..ACCOUNTS, attribute(), any::<bool>()).prop_map(|(who, what, on)| Step::Attribute(who, what, on)),
        4 => (0..ACCOUNTS, prop::sample::select(AccountDay::ALL.to_vec()), prop_oneof![Just(0u16), 90..104u16])
            .prop_map(|(who, which, day)| Step::Day(who, which, day)),
        4 => (0..4u32, filter()).prop_map(|(target, filter)| Step::Filter(target, filter)),
        3 => (0..4u32, any::<usize>()).prop_map(|(target, which)| Step::Undo(target, which)),
        1 => prop::collection::vec(0..ACCOUNTS, 1..3).prop_map(Step::Remove),
        1 => prop::collection::vec(0..ACCOUNTS, 1..4).prop_map(Step::Purge),
        2 => Just(Step::Reload),
        2 => Just(Step::Tend),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_model(steps in prop::collection::vec(step(), 1..60)) {
        // Day 100, so that no event is before the first day.
        let mut all = vec![Step::Clock(100 * DAY)];
        all.extend(steps);
        agree(&all);
    }
}
