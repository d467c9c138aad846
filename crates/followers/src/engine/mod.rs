//! The single writer of every follower set.

use crate::{
    AccountNo, Attribute, CountChange, Edge, EdgeOutcome, Filter, FilterId, FilterOutcome, Limits, Reader,
    UndoOutcome,
};

/// A promise of the engine that does not hold, as [`Engine::check`] found it: a bug, never bad input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine broke a promise at account number `{}`: {promise}", account.0)]
pub struct Broken {
    /// The account where it was seen.
    pub account: AccountNo,
    /// The promise, as a sentence.
    pub promise: &'static str,
}

/// Why saved bytes were not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved engine.
    #[error("the bytes are not saved follower sets")]
    NotFollowers,
    /// Saved by a version this one cannot read.
    #[error(
        "saved follower sets have version `{0}`, which this build cannot read; use the build that wrote them"
    )]
    UnknownVersion(u16),
    /// Saved under other limits that decide outcomes.
    #[error("saved under another horizon or undo time; start with the limits the log was written under")]
    OtherLimits,
    /// Damaged; names where.
    #[error("saved follower sets are damaged at byte `{offset}`: {what}; take an older snapshot")]
    Damaged {
        /// Offset of the frame that is damaged.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Every follower set, and the only one who may change them.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
}

impl Engine {
    /// An engine without accounts, its clock at 0.
    pub fn new(limits: Limits) -> Engine {
        Engine { limits }
    }

    /// A handle for looking from any thread.
    pub fn reader(&self) -> Reader {
        Reader::default()
    }

    /// The bounds it works within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The log clock, in milliseconds since 1970-01-01 UTC.
    pub fn clock(&self) -> i64 {
        0
    }

    /// Makes the numbers `0..accounts` exist. Never shrinks.
    pub fn grow(&mut self, _accounts: u32) {}

    /// Moves the log clock; a time before the present one changes nothing. Forgets what lies behind the horizon
    /// and filters that can no longer be undone.
    pub fn set_clock(&mut self, _now_ms: i64) {}

    /// Applies events with the result they would have one by one, in the order given.
    ///
    /// Appends one outcome per event to `outcomes`, in the order of `batch`, and one entry per account whose set
    /// changed to `touched`, by ascending account number. Every number must exist ([`Engine::grow`]).
    pub fn apply(
        &mut self,
        _batch: &[Edge],
        _outcomes: &mut Vec<EdgeOutcome>,
        _touched: &mut Vec<CountChange>,
    ) {
    }

    /// Says whether `who` carries the attribute.
    pub fn set_attribute(&mut self, _who: AccountNo, _attribute: Attribute, _on: bool) {}

    /// Removes the followers of `target` that the filter means, all at once.
    ///
    /// `at` is the time of the command, `position` its place in the log, by which it is undone.
    pub fn filter(&mut self, _target: AccountNo, _filter: &Filter, _at: i64, position: u64) -> FilterOutcome {
        FilterOutcome::Filtered { id: FilterId(position), removed: 0, left: 0 }
    }

    /// Takes a filter back: the set is as if it had never run.
    pub fn undo(&mut self, _target: AccountNo, _filter: FilterId, _at: i64) -> UndoOutcome {
        UndoOutcome::NotKept
    }

    /// Takes `who` out of every set it is in and drops its own set, its filters and its attributes.
    ///
    /// Appends every account whose set changed to `touched`, by ascending account number.
    pub fn remove_account(&mut self, who: AccountNo, touched: &mut Vec<CountChange>) {
        self.remove_accounts(&[who], touched);
    }

    /// [`Engine::remove_account`] for many at once; one pass over all sets, however many leave.
    pub fn remove_accounts(&mut self, _who: &[AccountNo], _touched: &mut Vec<CountChange>) {}

    /// Counts the followers of `who` one by one. Equal to [`Reader::count`], or there is a bug.
    pub fn recount(&self, _who: AccountNo) -> u32 {
        0
    }

    /// Walks everything and compares it with what is promised.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        Ok(())
    }

    /// Appends the whole state to `out`; the same state always gives the same bytes.
    pub fn save(&self, _out: &mut Vec<u8>) {}

    /// The engine that [`Engine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved engine, are damaged, or were saved under other limits.
    pub fn load(_bytes: &[u8], limits: Limits) -> Result<Engine, LoadError> {
        Ok(Engine::new(limits))
    }

    /// A number that is equal for equal follower sets of `who`, however accounts are numbered: `id_hash` gives
    /// each account an identity of its own.
    pub fn digest(&self, _who: AccountNo, _id_hash: &dyn Fn(AccountNo) -> u128) -> u128 {
        0
    }

    /// Like [`Engine::digest`], for all that is remembered besides the sets: recent versions, kept filters,
    /// attributes and removals.
    pub fn digest_memory(&self, _id_hash: &dyn Fn(AccountNo) -> u128) -> u128 {
        0
    }
}
