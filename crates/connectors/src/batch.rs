//! Events of one command and the lines they came from.

use state::commands::AmountItem;
use state::{EdgeBatch, EdgeBatchBuilder, EdgeEvent, PlatformId};

use crate::refusal::{Refusals, Why, of_event};

/// Events for one command, and what was refused between them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The events; may be empty when every line was refused.
    pub edges: EdgeBatch,
    /// The line of each event, in the order of the events: tells which line an outcome is about.
    pub lines: Vec<u64>,
    /// Dated amounts that stood between them.
    pub amounts: Vec<AmountItem>,
    /// The line of each amount.
    pub amount_lines: Vec<u64>,
    /// The lines that became no event.
    pub refused: Refusals,
}

pub(crate) struct Collecting {
    edges: EdgeBatchBuilder,
    lines: Vec<u64>,
    amounts: Vec<AmountItem>,
    amount_lines: Vec<u64>,
    refused: Refusals,
    events_max: usize,
}

impl Collecting {
    pub(crate) fn new(platform: &PlatformId, events_max: u32) -> Self {
        Self::with_room(platform, events_max, 0)
    }

    /// For as many events as are expected, up to `events_max`.
    pub(crate) fn with_room(platform: &PlatformId, events_max: u32, expected: usize) -> Self {
        let events_max = events_max.clamp(1, state::EVENTS_MAX) as usize;
        let expected = expected.min(events_max);
        Self {
            edges: EdgeBatchBuilder::with_capacity(platform.clone(), expected),
            lines: Vec::with_capacity(expected),
            amounts: Vec::new(),
            amount_lines: Vec::new(),
            refused: Refusals::default(),
            events_max,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= self.events_max || self.amounts.len() >= self.events_max || self.edges.is_full()
    }

    pub(crate) fn push(&mut self, line: u64, event: &EdgeEvent<'_>) {
        let EdgeEvent { op, followee, follower, at, id } = *event;
        match self.edges.push_keys(op, followee, follower, at, id) {
            Ok(()) => self.lines.push(line),
            Err(refusal) => self.refuse(line, of_event(refusal)),
        }
    }

    pub(crate) fn push_amount(&mut self, line: u64, item: AmountItem) {
        self.amounts.push(item);
        self.amount_lines.push(line);
    }

    pub(crate) fn refuse(&mut self, line: u64, why: Why) {
        self.refused.push(line, why);
    }

    pub(crate) fn refused_total(&self) -> u64 {
        self.refused.total()
    }

    pub(crate) fn finish(self) -> Batch {
        Batch {
            edges: self.edges.build(),
            lines: self.lines,
            amounts: self.amounts,
            amount_lines: self.amount_lines,
            refused: self.refused,
        }
    }
}
