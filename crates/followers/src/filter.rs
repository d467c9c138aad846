//! Removing followers in bulk by criteria: what is asked, and what came of it.

use crate::{AccountNo, Attribute, Day};

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
