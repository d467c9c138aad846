//! Drives one peer through the workloads of `nameplate bench --peers`, which starts this program and reads its lines.
//!
//! `bench-peers PEER FOLDER DIVISOR RUNS SLICES SLICE-MS WORK,...` makes the same graph as Nameplate's bench, runs those
//! of the works that the peer knows, checks every count, and prints one JSON object a line: a figure
//! (`work`, `unit`, `value`) or a note. Servers listen on loopback, lie in FOLDER, and are stopped by their own id.

mod duckdb;
mod fjall_store;
mod postgres_server;
mod process;
mod redis;
mod sqlite;
mod suite;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::suite::{Plan, Suite};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, folder, by, runs, slices, slice_ms, works] = arguments.as_slice() else {
        bail!("usage: bench-peers PEER FOLDER DIVISOR RUNS SLICES SLICE-MS WORK,...");
    };
    let number = |text: &String| text.parse::<u64>().with_context(|| format!("`{text}` is no number"));
    let plan = Plan {
        folder: PathBuf::from(folder),
        by: u32::try_from(number(by)?)?,
        runs: usize::try_from(number(runs)?)?,
        slices: usize::try_from(number(slices)?)?,
        slice: Duration::from_millis(number(slice_ms)?),
        works: works.split(',').map(str::to_owned).collect(),
    };
    std::fs::create_dir_all(&plan.folder)?;
    let suite = Suite::new(plan);
    match peer.as_str() {
        "sqlite" => suite.run::<sqlite::Sqlite>(),
        "fjall" => suite.run::<fjall_store::Fjall>(),
        "postgres" => suite.run::<postgres_server::Postgres>(),
        "redis-everysec" => suite.run::<redis::Everysec>(),
        "redis-always" => suite.run::<redis::Always>(),
        "duckdb" => duckdb::run(&suite),
        other => bail!("there is no peer `{other}`"),
    }
}
