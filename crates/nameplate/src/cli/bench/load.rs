//! `load`: the reference graph into a store that knows the accounts and no follow.
//!
//! The clock runs from the edges in memory, in an order without meaning, until every one is logged, synced, applied,
//! counted and visible. It is the level of the pipeline: commands through the queue, the log and the state. Peers get the
//! same edges and keys, and as theirs the client sorts them by account first, which counts.

use std::path::Path;

use anyhow::bail;
use workloads::{Graph, Meanwhile, Times};

use super::Work;
use super::row::Row;
use super::store::Bed;
use super::stream::median;
use crate::talk;

/// Loads the graph `times` times into fresh stores, and keeps the last one.
pub(crate) fn reference(folder: &Path, graph: &Graph, times: usize) -> anyhow::Result<(Bed, Vec<Row>)> {
    let (mut took, mut others) = (Times::new(), Vec::new());
    for nth in 1..=times {
        talk!("loading the reference graph, {nth} of {times}");
        let bed = Bed::make(folder)?;
        bed.register(graph.sizes().accounts, |account| graph.flags(account))?;
        let meanwhile = Meanwhile::new();
        took.push(bed.load(graph)?);
        others.push(meanwhile.others());
        if nth == times {
            bed.settle()?;
            let rate = f64::from(graph.sizes().edges()) / took.median();
            let row = Row { work: Work::Load, others: median(&mut others), ..Row::more(rate, "edges/s") };
            return Ok((bed, vec![row]));
        }
        bed.close();
        std::fs::remove_dir_all(folder)?;
    }
    bail!("a graph is loaded once at least")
}
