//! Followers are removed in bulk: one small entry, whose effect is computed here and on every replay.

use followers::{Attribute, Day, Order};

use crate::ids::{AccountId, Actor, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The platform.
    pub platform: PlatformId,
    /// Whose followers.
    pub account: AccountId,
    /// Who is meant.
    pub criteria: FilterCriteria,
    /// Who stays whatever the criteria say; unknown accounts are ignored.
    pub keep: Vec<AccountId>,
    /// Who goes first when `leave_at` spares some.
    pub order: Order,
    /// Stop when this many followers are left.
    pub leave_at: Option<u32>,
    /// Who asked.
    pub by: Actor,
}

/// Who is meant, by external ids. An empty `All` means everyone, an empty `Any` nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterCriteria {
    /// Every part holds.
    All(Vec<FilterCriteria>),
    /// At least one part holds.
    Any(Vec<FilterCriteria>),
    /// The part does not hold.
    Not(Box<FilterCriteria>),
    /// The follower carries this attribute.
    Has(Attribute),
    /// The follow began before this day.
    FollowedBefore(Day),
    /// The follow began after this day.
    FollowedAfter(Day),
    /// The follower is one of these; unknown accounts are ignored.
    OneOf(Vec<AccountId>),
}
