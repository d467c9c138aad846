//! The feed of effects: what the outside must be told, in order, each with an id that never changes.
//!
//! The feed is bounded and its oldest part goes first. It is saved with each snapshot and refilled by replay, so a
//! reader that resumes after a restart sees what it would have seen without one.

use std::collections::VecDeque;
use std::sync::Arc;

use state::{Effect, EffectId};

/// A part of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectPage {
    /// Effects after the cursor, oldest first.
    pub effects: Vec<Effect>,
    /// Where to go on: the last effect given, or the cursor asked with when there was none.
    pub next: Option<EffectId>,
    /// Whether this is all there is now.
    pub complete: bool,
    /// Whether effects after the cursor are already gone, so that the reader must look at the state itself.
    pub missed: bool,
}

/// The feed itself.
#[derive(Debug)]
pub(crate) struct Feed {
    kept_max: usize,
    effects: VecDeque<Arc<Effect>>,
    /// The newest effect that is gone.
    dropped: Option<EffectId>,
}

impl Feed {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { kept_max: kept_max.max(1), effects: VecDeque::new(), dropped: None }
    }

    /// The feed as it was saved. A smaller `kept_max` than at the time of saving drops the oldest.
    pub(crate) fn restore(kept_max: usize, dropped: Option<EffectId>, effects: Vec<Effect>) -> Self {
        let mut feed = Self::new(kept_max);
        feed.dropped = dropped;
        feed.extend(effects);
        feed
    }

    pub(crate) fn extend(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if self.effects.len() == self.kept_max {
                self.dropped = self.effects.pop_front().map(|effect| effect.id);
            }
            self.effects.push_back(Arc::new(effect));
        }
    }

    pub(crate) fn after(&self, cursor: Option<EffectId>, limit: usize) -> EffectPage {
        let start = cursor.map_or(0, |cursor| self.effects.partition_point(|effect| effect.id <= cursor));
        let effects: Vec<Effect> =
            self.effects.iter().skip(start).take(limit).map(|effect| Effect::clone(effect)).collect();
        EffectPage {
            next: effects.last().map(|effect| effect.id).or(cursor),
            complete: start + effects.len() == self.effects.len(),
            missed: self.dropped.is_some_and(|dropped| cursor.is_none_or(|cursor| cursor < dropped)),
            effects,
        }
    }

    /// All of it as it is now: the newest effect that is gone, and those that are there.
    pub(crate) fn pin(&self) -> (Option<EffectId>, Vec<Arc<Effect>>) {
        (self.dropped, self.effects.iter().cloned().collect())
    }
}
