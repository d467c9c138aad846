//! `growth`: the same works at 1, 10 and 100 million edges.
//!
//! Load and stream run on graphs of one shape: three edges in ten of one account, the others by the degree law, two edges
//! for each account. The filter runs on one account with that many followers, whom nobody else follows.

use std::path::Path;

use workloads::{Graph, Sizes};

use super::row::Row;
use super::store::Bed;
use super::{Plan, filter, stream};
use crate::talk;

const SIZES: [u32; 3] = [1_000_000, 10_000_000, 100_000_000];
/// Filters of each size.
const ROUNDS: usize = 15;

/// `growth`.
pub(crate) fn grow(folder: &Path, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for size in SIZES.map(|size| size / plan.by) {
        talk!("measuring growth at {}", millions(size));
        let at = |row: Row| Row { size: Some(u64::from(size)), ..row };
        let graph = Graph::new(Sizes::mixed(size));
        let bed = filled(folder, &graph)?;
        plan.quiet();
        let took = bed.load(&graph)?;
        bed.settle()?;
        let rate = f64::from(size) / took.as_secs_f64();
        rows.push(at(Row::more(rate, format!("edges/s, load of {}", millions(size)))));
        plan.quiet();
        let mut rates = stream::rates(&bed, &mut stream::Source::new(&graph), 10_000, 1, plan)?;
        let rate = stream::median(&mut rates);
        rows.push(at(Row::more(rate, format!("events/s, stream into {}", millions(size)))));
        drop(bed.close());
        std::fs::remove_dir_all(folder)?;
        drop(graph);

        let graph = Graph::new(Sizes::one_account(size));
        let bed = filled(folder, &graph)?;
        bed.load(&graph)?;
        bed.settle()?;
        plan.quiet();
        let mut times = filter::timed(&bed, &graph, ROUNDS.min(plan.rounds))?;
        let unit = format!("ms p50, filter of {} followers", millions(size));
        rows.push(at(Row::less(times.median() * 1e3, unit)));
        drop(bed.close());
        std::fs::remove_dir_all(folder)?;
    }
    Ok(rows)
}

fn filled(folder: &Path, graph: &Graph) -> anyhow::Result<Bed> {
    let bed = Bed::make(folder)?;
    bed.register(graph.sizes().accounts, |account| graph.flags(account))?;
    Ok(bed)
}

fn millions(size: u32) -> String {
    if size.is_multiple_of(1_000_000) {
        format!("{} M", size / 1_000_000)
    } else {
        crate::progress::grouped(u64::from(size))
    }
}
