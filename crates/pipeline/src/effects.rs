//! The feed of effects: what the outside must be told, in order, each with an id that never changes.
//!
//! The feed is bounded and its oldest part goes first, though what an endpoint of a webhook still needs is kept longer. It is saved with each snapshot and refilled by replay, so a
//! reader that resumes after a restart sees what it would have seen without one.

use std::collections::VecDeque;
use std::sync::Arc;

use state::{Effect, EffectId, Machine};

use crate::limits::Limits;

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
    held_max: usize,
    effects: VecDeque<Arc<Effect>>,
    /// The newest effect that is gone.
    dropped: Option<EffectId>,
}

impl Feed {
    pub(crate) fn new(limits: &Limits) -> Self {
        let kept_max = limits.effects_kept_max.max(1);
        Self {
            kept_max,
            held_max: limits.effects_held_max.max(kept_max),
            effects: VecDeque::new(),
            dropped: None,
        }
    }

    /// The feed as it was saved. Smaller limits than at the time of saving drop the oldest.
    pub(crate) fn restore(
        limits: &Limits,
        dropped: Option<EffectId>,
        effects: Vec<Effect>,
        machine: &Machine,
    ) -> Self {
        let mut feed = Self::new(limits);
        feed.dropped = dropped;
        feed.extend(effects, machine);
        feed
    }

    /// Takes what is new, and lets the oldest go that are too many and that no endpoint needs.
    pub(crate) fn extend(&mut self, effects: Vec<Effect>, machine: &Machine) {
        self.effects.extend(effects.into_iter().map(Arc::new));
        if self.effects.len() <= self.kept_max {
            return;
        }
        let needed = machine.effects_needed_from();
        while self.effects.len() > self.kept_max
            && let Some(oldest) = self.effects.front()
        {
            if needed.is_some_and(|needed| oldest.id >= needed) && self.effects.len() <= self.held_max {
                break;
            }
            self.dropped = Some(oldest.id);
            self.effects.pop_front();
        }
    }

    pub(crate) fn get(&self, id: EffectId) -> Option<Effect> {
        let place = self.effects.binary_search_by_key(&id, |effect| effect.id).ok()?;
        self.effects.get(place).map(|effect| Effect::clone(effect))
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
