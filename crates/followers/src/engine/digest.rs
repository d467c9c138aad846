//! Numbers that are equal when two engines know the same, however each numbered the accounts.
//!
//! Every fact becomes a number by itself and the numbers are added, so order does not matter.

use super::Engine;
use crate::horizon::edge_of;
use crate::taken::FilteredOut;
use crate::{AccountDay, AccountNo, Attribute, Criteria, FollowerSet, Order};

type IdHash<'a> = &'a dyn Fn(AccountNo) -> u128;

impl Engine {
    /// A number that is equal for equal follower sets of `who`, however accounts are numbered: `id_hash` gives
    /// each account an identity of its own.
    pub fn digest(&self, who: AccountNo, id_hash: &dyn Fn(AccountNo) -> u128) -> u128 {
        digest_of(self.sets.get(who.0), id_hash)
    }

    /// Like [`Engine::digest`], for all that is remembered besides the sets: recent versions, kept filters,
    /// attributes and removals.
    pub fn digest_memory(&self, id_hash: &dyn Fn(AccountNo) -> u128) -> u128 {
        let mut sum = 0u128;
        for (key, stamp) in self.horizon.sorted() {
            let (followee, follower) = edge_of(key);
            let edge = mix(mix(1, id_hash(AccountNo(followee))), id_hash(AccountNo(follower)));
            let stamp = u128::from(stamp.version().cast_unsigned()) << 1 | u128::from(stamp.is_unfollow());
            sum = sum.wrapping_add(mix(edge, stamp));
        }
        for attribute in Attribute::ALL {
            for who in self.shared.attributes.bits(attribute).accounts() {
                let of = mix(2, u128::from(attribute.number()));
                sum = sum.wrapping_add(mix(of, id_hash(AccountNo(who))));
            }
        }
        for which in AccountDay::ALL {
            for (who, day) in self.shared.attributes.days(which).now().accounts() {
                let of = mix(5, u128::from(which.number()));
                sum = sum.wrapping_add(mix(mix(of, id_hash(AccountNo(who))), u128::from(day)));
            }
        }
        for (who, at) in self.removed.iter() {
            let of = mix(3, id_hash(AccountNo(who)));
            sum = sum.wrapping_add(mix(of, u128::from(at.cast_unsigned())));
        }
        for (who, at) in self.removed.iter_purged() {
            let of = mix(5, id_hash(AccountNo(who)));
            sum = sum.wrapping_add(mix(of, u128::from(at.cast_unsigned())));
        }
        for (who, filters) in self.kept.iter() {
            for kept in filters {
                let mut fact = mix(4, id_hash(AccountNo(who)));
                fact = mix(fact, u128::from(kept.id.0));
                fact = mix(fact, u128::from(kept.at.cast_unsigned()) << 1 | u128::from(kept.armed));
                let (then, gone, put) = kept.taken.parts();
                fact = mix(fact, digest_of_taken(then, id_hash));
                fact = mix(fact, digest_of(gone, id_hash));
                fact = mix(fact, digest_of(put, id_hash));
                fact =
                    mix(fact, u128::from(kept.filter.bar_days) << 1 | u128::from(kept.filter.keep_followed));
                fact = mix(fact, criteria(&kept.filter.criteria, id_hash));
                fact = mix(fact, accounts(&kept.filter.keep, id_hash));
                fact = mix(fact, order(kept.filter.order));
                fact = mix(fact, kept.filter.leave_at.map_or(0, |target| 1 + u128::from(target)));
                sum = sum.wrapping_add(fact);
            }
        }
        sum
    }
}

fn digest_of_taken(taken: &FilteredOut, id_hash: IdHash<'_>) -> u128 {
    let mut sum = 0u128;
    taken.for_each(|id, day| sum = sum.wrapping_add(mix(id_hash(AccountNo(id)), u128::from(day))));
    sum
}

fn digest_of(set: &FollowerSet, id_hash: IdHash<'_>) -> u128 {
    set.iter().fold(0, |sum, (follower, day)| sum.wrapping_add(mix(id_hash(follower), u128::from(day.0))))
}

fn criteria(tree: &Criteria, id_hash: IdHash<'_>) -> u128 {
    let parts =
        |tag, parts: &[Criteria]| parts.iter().fold(tag, |all, part| mix(all, criteria(part, id_hash)));
    match tree {
        Criteria::All(all) => parts(11, all),
        Criteria::Any(any) => parts(12, any),
        Criteria::Not(part) => mix(13, criteria(part, id_hash)),
        Criteria::Has(attribute) => mix(14, u128::from(attribute.number())),
        Criteria::FollowedBefore(day) => mix(15, u128::from(day.0)),
        Criteria::FollowedAfter(day) => mix(16, u128::from(day.0)),
        Criteria::OneOf(list) => mix(17, accounts(list, id_hash)),
        Criteria::CreatedBefore(day) => mix(19, u128::from(day.0)),
        Criteria::CreatedAfter(day) => mix(20, u128::from(day.0)),
        Criteria::LastActiveBefore(day) => mix(21, u128::from(day.0)),
        Criteria::InactiveFor(days) => mix(22, u128::from(*days)),
    }
}

fn accounts(list: &[AccountNo], id_hash: IdHash<'_>) -> u128 {
    list.iter().fold(0, |sum, who| sum.wrapping_add(mix(18, id_hash(*who))))
}

fn order(order: Order) -> u128 {
    match order {
        Order::Newest => 1,
        Order::Oldest => 2,
        Order::Random { seed } => mix(3, u128::from(seed)),
    }
}

/// Spreads every bit of both numbers over the result; the order of the two matters.
fn mix(a: u128, b: u128) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mixed = (a ^ a >> 67).wrapping_mul(ODD).rotate_left(41) ^ b;
    let mixed = (mixed ^ mixed >> 61).wrapping_mul(ODD ^ 0x5bd1_e995_0000_0000);
    let mixed = (mixed ^ mixed >> 71).wrapping_mul(ODD);
    mixed ^ mixed >> 64
}
