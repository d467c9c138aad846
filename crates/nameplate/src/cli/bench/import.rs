//! `import_csv`: the reference graph as a file, through `nameplate import` in a process of its own.
//!
//! The clock runs from the start of the process to its end, so it includes opening the store and its closing snapshot.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use workloads::{Graph, Times, external};

use super::Plan;
use super::row::Row;
use super::store::Bed;

/// `import_csv`.
pub(crate) fn csv(folder: &Path, graph: &Graph, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let file = folder.join("follows.csv");
    write(&file, graph)?;
    let mut times = Times::new();
    for _ in 0..plan.runs {
        let data = folder.join("imported");
        Bed::make(&data)?.close();
        plan.quiet();
        let printed = times.time(|| {
            Command::new(std::env::current_exe()?)
                .args(["import", "--json", "--platform", "bench", "--columns", "follower,account", "--data"])
                .arg(&data)
                .arg("--follows")
                .arg(&file)
                .stderr(Stdio::null())
                .output()
        })?;
        let report: Value =
            serde_json::from_slice(&printed.stdout).context("the import printed no report")?;
        ensure!(
            printed.status.success() && report["loaded"] == u64::from(graph.sizes().edges()),
            "the import came to {report}"
        );
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::remove_file(&file)?;
    Ok(vec![Row::more(f64::from(graph.sizes().edges()) / times.median(), "rows/s")])
}

fn write(path: &Path, graph: &Graph) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(out, "follower,account")?;
    for edge in graph.edges() {
        writeln!(out, "{},{}", external(edge.follower), external(edge.followee))?;
    }
    out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(())
}
