//! Events of one command and the lines they came from.

use state::{AccountKey, EdgeBatch, EdgeBatchBuilder, Op, PlatformId};

use crate::refusal::{Refusals, Why, of_event};

/// Events for one command, and what was refused between them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The events; may be empty when every line was refused.
    pub edges: EdgeBatch,
    /// The line of each event, in the order of the events: tells which line an outcome is about.
    pub lines: Vec<u64>,
    /// The lines that became no event.
    pub refused: Refusals,
}

pub(crate) struct Collecting {
    edges: EdgeBatchBuilder,
    lines: Vec<u64>,
    refused: Refusals,
    events_max: usize,
}

impl Collecting {
    pub(crate) fn new(platform: &PlatformId, events_max: u32) -> Self {
        let events_max = events_max.clamp(1, state::EVENTS_MAX) as usize;
        Self {
            edges: EdgeBatchBuilder::new(platform.clone()),
            lines: Vec::new(),
            refused: Refusals::default(),
            events_max,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= self.events_max || self.edges.is_full()
    }

    pub(crate) fn push(
        &mut self,
        line: u64,
        op: Op,
        account: AccountKey<'_>,
        follower: AccountKey<'_>,
        at: i64,
        id: Option<&[u8]>,
    ) {
        match self.edges.push_keys(op, account, follower, at, id) {
            Ok(()) => self.lines.push(line),
            Err(refusal) => self.refuse(line, of_event(refusal)),
        }
    }

    pub(crate) fn refuse(&mut self, line: u64, why: Why) {
        self.refused.push(line, why);
    }

    pub(crate) fn refused_total(&self) -> u64 {
        self.refused.total()
    }

    pub(crate) fn finish(self) -> Batch {
        Batch { edges: self.edges.build(), lines: self.lines, refused: self.refused }
    }
}
