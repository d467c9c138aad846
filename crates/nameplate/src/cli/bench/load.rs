//! `load`: the reference graph into a store that knows the accounts and no follow.
//!
//! The clock runs from the edges in memory, in an order without meaning, until every one is logged, synced, applied,
//! counted and visible. It is the level of the pipeline: commands through the queue, the log and the state. Peers get the
//! same edges and keys, and as theirs the client sorts them by account first, which counts.

use std::path::Path;

use workloads::{Graph, Meanwhile, Times};

use super::row::Row;
use super::store::Bed;
use super::stream::median;
use super::{Plan, Work};
use crate::talk;

/// Loads of one graph into fresh stores.
pub(crate) struct Loads {
    plan: Plan,
    took: Times,
    others: Vec<f64>,
}

impl Loads {
    /// None yet.
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, took: Times::new(), others: Vec::new() }
    }

    /// Loads the graph into a store in a new folder.
    pub(crate) fn once(&mut self, folder: &Path, graph: &Graph) -> anyhow::Result<Bed> {
        talk!("loading the reference graph");
        let bed = Bed::make(folder)?;
        bed.register(graph.sizes().accounts, |account| graph.flags(account))?;
        self.plan.quiet();
        let meanwhile = Meanwhile::new();
        self.took.push(bed.load(graph)?);
        self.others.push(meanwhile.others());
        bed.settle()?;
        Ok(bed)
    }

    /// Loads as often as is planned; the stores go.
    pub(crate) fn row(mut self, folder: &Path, graph: &Graph) -> anyhow::Result<Row> {
        while self.others.len() < self.plan.runs {
            self.once(folder, graph)?.close();
            std::fs::remove_dir_all(folder)?;
        }
        let rate = f64::from(graph.sizes().edges()) / self.took.median();
        Ok(Row { work: Work::Load, others: median(&mut self.others), ..Row::more(rate, "edges/s") })
    }
}
