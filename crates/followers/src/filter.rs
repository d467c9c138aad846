//! Removing followers in bulk by criteria: what is asked, and what came of it.
//!
//! What exactly happens, because it decides who follows whom:
//!
//! - A filter takes, at its place in the log, every follower who meets the criteria and is not on the keep list; with a
//!   target only the first in its order, until the target is reached. The attributes are those of that moment.
//! - It is kept as long as it can be undone, or until the horizon has passed it if that is longer. Until then a follow
//!   of before it that is seen only now, live or imported, is taken too if the filter means it now. Filters with a
//!   target do so only if the set had reached the target when they ran.
//! - Who was taken stays taken, whatever becomes of their attributes, until an event newer than the filter: a follow
//!   puts them back, an unfollow ends the matter. An unfollow of before the filter that wins over the follow ends it too.
//! - A filter may bar whom it took from coming back for some days: their follows of that time count for nothing, as if they
//!   had never been sent, whatever else they send. Undoing the filter ends that.
//! - Who was left is not looked at again, not even when a late follow of theirs comes in.
//! - Undo puts back all who are still taken, since the day they followed: the set is as if the filter had never run.
//!   Of several filters, each gives back what it took itself.
//!
//! How a filter is evaluated is in `choose`; how it is remembered, in `kept`.

use crate::attributes::Attributes;
use crate::{AccountDay, AccountNo, Attribute, Day, Limits};

/// Who is meant. An empty `All` means everyone, an empty `Any` nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criteria {
    /// Every part holds.
    All(Vec<Criteria>),
    /// At least one part holds.
    Any(Vec<Criteria>),
    /// The part does not hold.
    Not(Box<Criteria>),
    /// The follower carries this attribute.
    Has(Attribute),
    /// The follow began before this day.
    FollowedBefore(Day),
    /// The follow began after this day.
    FollowedAfter(Day),
    /// The follower is one of these.
    OneOf(Vec<AccountNo>),
    /// The follower's account was made before this day; never so when that day is not known.
    CreatedBefore(Day),
    /// The follower's account was made after this day; never so when that day is not known.
    CreatedAfter(Day),
    /// The follower was last active before this day; never so when that day is not known.
    LastActiveBefore(Day),
    /// The follower has not been active for that many days, counted back from the day of the log clock when the filter
    /// runs; never so when its last day is not known.
    InactiveFor(u16),
}

/// Who goes first when only some of those who match have to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest day of follow first; within a day the highest number.
    Newest,
    /// The earliest day of follow first; within a day the lowest number.
    Oldest,
    /// An order without meaning, the same for the same seed.
    Random {
        /// Chosen by the caller and logged.
        seed: u64,
    },
}

/// One bulk removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Who is meant.
    pub criteria: Criteria,
    /// Who stays whatever the criteria say.
    pub keep: Vec<AccountNo>,
    /// Who goes first when `leave_at` spares some.
    pub order: Order,
    /// Stop when this many followers are left; `None` removes all who match.
    pub leave_at: Option<u32>,
    /// Whoever the account itself follows stays too: those it follows when the filter runs.
    pub keep_followed: bool,
    /// Who was taken cannot follow again for so many days since the filter ran, or until it is undone; 0 bars nobody.
    pub bar_days: u16,
}

/// Names a filter: the log position of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(pub u64);

/// Why a filter was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterRefusal {
    /// The keep list or the number sets name more accounts than `keep_max`.
    TooManyNumbers,
    /// The criteria have more nodes than `criteria_nodes_max` or nest deeper than `criteria_depth_max`.
    CriteriaTooLarge,
    /// As many filters of the account are kept as `filters_kept_max` allows.
    TooManyFilters,
    /// It would bar for more days than `bar_days_max`.
    BarsTooLong,
}

/// What a filter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterOutcome {
    /// It ran, perhaps without anyone to remove, and can be undone for a while.
    Filtered {
        /// To be named when undoing it.
        id: FilterId,
        /// Followers it took.
        removed: u32,
        /// Followers left.
        left: u32,
    },
    /// It did not run and nothing changed.
    Refused(FilterRefusal),
}

/// What undoing a filter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UndoOutcome {
    /// All it took are back, but for those who followed or unfollowed on their own since.
    Restored {
        /// Followers that came back.
        restored: u32,
        /// Followers now.
        count: u32,
    },
    /// No such filter is kept for the account: it never ran, is undone already, or is too long ago.
    NotKept,
}

/// What a filter would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// Followers it would take.
    pub removed: u32,
    /// Followers that would be left.
    pub left: u32,
    /// The first it would take in its order, at most 20.
    pub sample: Vec<AccountNo>,
}

/// How a filter is stored and evaluated: number lists ascend and name each account once, days are days of the calendar,
/// and `followed`, whom the account follows, is on the keep list if the filter says so.
pub(crate) fn normalised(filter: &Filter, today: Day, followed: Vec<AccountNo>) -> Filter {
    let mut keep = followed;
    keep.extend_from_slice(&filter.keep);
    Filter {
        criteria: normalised_criteria(&filter.criteria, today),
        keep: ascending(keep),
        order: filter.order,
        leave_at: filter.leave_at,
        keep_followed: filter.keep_followed,
        bar_days: filter.bar_days,
    }
}

fn normalised_criteria(criteria: &Criteria, today: Day) -> Criteria {
    let all = |parts: &[Criteria]| parts.iter().map(|part| normalised_criteria(part, today)).collect();
    match criteria {
        Criteria::All(parts) => Criteria::All(all(parts)),
        Criteria::Any(parts) => Criteria::Any(all(parts)),
        Criteria::Not(part) => Criteria::Not(Box::new(normalised_criteria(part, today))),
        Criteria::OneOf(accounts) => Criteria::OneOf(ascending(accounts.clone())),
        // Inactive for one day is who was last active yesterday.
        Criteria::InactiveFor(days) => {
            Criteria::LastActiveBefore(Day(today.0.saturating_add(1).saturating_sub(*days)))
        }
        Criteria::Has(_)
        | Criteria::FollowedBefore(_)
        | Criteria::FollowedAfter(_)
        | Criteria::CreatedBefore(_)
        | Criteria::CreatedAfter(_)
        | Criteria::LastActiveBefore(_) => criteria.clone(),
    }
}

fn ascending(mut accounts: Vec<AccountNo>) -> Vec<AccountNo> {
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

impl Filter {
    /// Whether the filter is within the limits, so that it may be evaluated.
    ///
    /// # Errors
    /// The first limit it exceeds.
    pub fn check(&self, limits: &Limits) -> Result<(), FilterRefusal> {
        let mut nodes = limits.criteria_nodes_max;
        let mut numbers = limits.keep_max;
        measure(&self.criteria, limits.criteria_depth_max, &mut nodes, &mut numbers)?;
        if self.keep.len() > limits.keep_max {
            return Err(FilterRefusal::TooManyNumbers);
        }
        if self.bar_days > limits.bar_days_max {
            return Err(FilterRefusal::BarsTooLong);
        }
        Ok(())
    }

    /// Whether a normalised filter means this follower, with the attributes as they are now.
    pub(crate) fn means(&self, id: u32, day: u16, attributes: &Attributes) -> bool {
        holds(&self.criteria, id, day, attributes) && self.keep.binary_search(&AccountNo(id)).is_err()
    }
}

/// Takes what the tree uses from what is left; depth is what may still nest.
fn measure(
    criteria: &Criteria,
    depth: usize,
    nodes: &mut usize,
    numbers: &mut usize,
) -> Result<(), FilterRefusal> {
    if depth == 0 {
        return Err(FilterRefusal::CriteriaTooLarge);
    }
    *nodes = nodes.checked_sub(1).ok_or(FilterRefusal::CriteriaTooLarge)?;
    match criteria {
        Criteria::All(parts) | Criteria::Any(parts) => {
            parts.iter().try_for_each(|part| measure(part, depth - 1, nodes, numbers))
        }
        Criteria::Not(part) => measure(part, depth - 1, nodes, numbers),
        Criteria::OneOf(accounts) => {
            *numbers = numbers.checked_sub(accounts.len()).ok_or(FilterRefusal::TooManyNumbers)?;
            Ok(())
        }
        Criteria::Has(_)
        | Criteria::FollowedBefore(_)
        | Criteria::FollowedAfter(_)
        | Criteria::CreatedBefore(_)
        | Criteria::CreatedAfter(_)
        | Criteria::LastActiveBefore(_)
        | Criteria::InactiveFor(_) => Ok(()),
    }
}

fn holds(criteria: &Criteria, id: u32, day: u16, attributes: &Attributes) -> bool {
    match criteria {
        Criteria::All(parts) => parts.iter().all(|part| holds(part, id, day, attributes)),
        Criteria::Any(parts) => parts.iter().any(|part| holds(part, id, day, attributes)),
        Criteria::Not(part) => !holds(part, id, day, attributes),
        Criteria::Has(attribute) => attributes.has(id, *attribute),
        Criteria::FollowedBefore(before) => day < before.0,
        Criteria::FollowedAfter(after) => day > after.0,
        Criteria::OneOf(accounts) => accounts.binary_search(&AccountNo(id)).is_ok(),
        Criteria::CreatedBefore(_)
        | Criteria::CreatedAfter(_)
        | Criteria::LastActiveBefore(_)
        | Criteria::InactiveFor(_) => {
            DayRange::of(criteria).is_some_and(|(which, range)| range.holds(attributes.days(which).get(id)))
        }
    }
}

/// Known days from the first to the last, both included; none when the last is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl DayRange {
    /// What a normalised criterion asks of a day of the account, and which; `None` when it asks about something else.
    pub(crate) fn of(criteria: &Criteria) -> Option<(AccountDay, DayRange)> {
        // Day 0 stands for an unknown day.
        let before = |day: Day| DayRange { first: 1, last: day.0.saturating_sub(1) };
        Some(match criteria {
            Criteria::CreatedBefore(day) => (AccountDay::Created, before(*day)),
            Criteria::CreatedAfter(Day(u16::MAX)) => (AccountDay::Created, DayRange { first: 1, last: 0 }),
            Criteria::CreatedAfter(day) => {
                (AccountDay::Created, DayRange { first: day.0 + 1, last: u16::MAX })
            }
            Criteria::LastActiveBefore(day) => (AccountDay::LastActive, before(*day)),
            Criteria::All(_)
            | Criteria::Any(_)
            | Criteria::Not(_)
            | Criteria::Has(_)
            | Criteria::FollowedBefore(_)
            | Criteria::FollowedAfter(_)
            | Criteria::OneOf(_)
            | Criteria::InactiveFor(_) => return None,
        })
    }

    pub(crate) fn holds(self, day: u16) -> bool {
        (self.first..=self.last).contains(&day)
    }
}
