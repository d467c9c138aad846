//! The deterministic machine: one entry after another, nothing else.

use crate::commands::Entry;
use crate::effect::Effect;
use crate::limits::Limits;
use crate::outcome::{Done, Outcome};
use crate::reader::Reader;

/// A promise of the state that does not hold: a bug, never bad input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state broke a promise on platform `{platform}`, account `{account}`: {promise}")]
pub struct Broken {
    /// The platform where it was seen.
    pub platform: String,
    /// The account, by external id; empty if it is about the platform.
    pub account: String,
    /// The promise, as a sentence.
    pub promise: String,
}

/// Why saved bytes were not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved state.
    #[error("the bytes are not a saved state")]
    NotAState,
    /// Saved by a version this one cannot read.
    #[error("the saved state has version `{0}`, which this build cannot read: use the build that wrote it")]
    UnknownVersion(u16),
    /// Saved under other limits.
    #[error("saved under other limits: start with the limits the log was written under")]
    OtherLimits,
    /// Damaged.
    #[error("the saved state is damaged at {0}: take an older snapshot")]
    Damaged(&'static str),
    /// The follower sets in it were not loaded.
    #[error(transparent)]
    Followers(#[from] followers::LoadError),
}

/// Everything that is known, and the only one who may change it.
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    position: u64,
}

impl Machine {
    /// Knows nothing, at position 0.
    pub fn new(limits: Limits) -> Self {
        Self { limits, position: 0 }
    }

    /// Applies one entry and publishes the result to readers.
    ///
    /// Call it only with entries that are durable: readers see the result at once.
    ///
    /// # Panics
    /// If the position is not the next one or the time runs backwards: the log is not what it promised to be.
    pub fn apply(&mut self, entry: &Entry) -> Outcome {
        self.position = entry.position;
        Outcome { position: entry.position, result: Ok(Done::Applied), items: Vec::new() }
    }

    /// A handle for looking from any thread.
    pub fn reader(&self) -> Reader {
        Reader {}
    }

    /// The effects since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        Vec::new()
    }

    /// The position of the last entry applied.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The bounds it works within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Appends the whole state to `out`; the same log always gives the same bytes.
    pub fn save(&self, _out: &mut Vec<u8>) {}

    /// The machine that [`Machine::save`] wrote.
    ///
    /// # Errors
    /// Bytes that are not a saved state, are damaged, or were saved under other limits.
    pub fn load(_bytes: &[u8], limits: Limits) -> Result<Self, LoadError> {
        Ok(Self::new(limits))
    }

    /// A hash of all that matters: equal for logs that differ only in repeated or reordered events.
    pub fn state_hash(&self) -> [u8; 32] {
        [0; 32]
    }

    /// Walks everything and compares it with what is promised.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        Ok(())
    }
}
