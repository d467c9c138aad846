//! DuckDB, through its Python package: this program writes the events to files, `duckdb_peer.py` does the works.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use workloads::CUT_DAY;

use crate::suite::{Follow, Suite};

const WORKS: [&str; 4] = ["load", "filter", "stream_10k", "stream_100"];
/// Events that are written for the streams; DuckDB does not get further in the time it has.
const COMING: u64 = 2_000_000;
const SCRIPT: &str = include_str!("duckdb_peer.py");

/// Runs the script; its lines are this program's lines.
pub fn run(suite: &Suite) -> anyhow::Result<()> {
    if !WORKS.iter().any(|work| suite.wants(work)) {
        return Ok(());
    }
    let folder = &suite.plan.folder;
    write(&folder.join("follows.bin"), suite.follows().into_iter())?;
    write(&folder.join("coming.bin"), (0..COMING).map(|nth| suite.coming(nth)))?;
    let script = folder.join("duckdb_peer.py");
    std::fs::write(&script, SCRIPT)?;
    let python = std::env::var("BENCH_PEERS_PYTHON").unwrap_or_else(|_| "python3".into());
    let sizes = suite.graph.sizes();
    let status = Command::new(&python)
        .arg(&script)
        .arg(folder)
        .args([suite.plan.runs.to_string(), suite.plan.slices.to_string()])
        .arg(suite.plan.slice.as_secs_f64().to_string())
        .args([suite.largest().to_string(), sizes.followers.to_string(), sizes.meeting.to_string()])
        .args([CUT_DAY.to_string(), suite.plan.works.join(",")])
        .status()
        .with_context(|| format!("cannot start `{python}`"))?;
    ensure!(status.success(), "`{python}` failed: {status}; it needs the packages duckdb and numpy");
    Ok(())
}

/// Twelve bytes a follow, as the script reads them.
fn write(path: &Path, follows: impl Iterator<Item = Follow>) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for follow in follows {
        out.write_all(&follow.followee.to_le_bytes())?;
        out.write_all(&follow.follower.to_le_bytes())?;
        out.write_all(&follow.day.to_le_bytes())?;
        out.write_all(&u16::from(follow.flags).to_le_bytes())?;
    }
    Ok(out.flush()?)
}
