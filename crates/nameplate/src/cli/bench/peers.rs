//! What others do with the same events: runs the helper `bench-peers`, one process a peer, and puts its figures beside
//! ours.
//!
//! The helper is a package of its own, because the libraries it needs have no business in this binary. It lies beside
//! this binary when `cargo xtask show bench-peers` has built it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;
use workloads::Meanwhile;

use super::report::Report;
use super::row::name;
use super::{Plan, QUIET_WAIT};
use crate::talk;

const HELPER: &str = "bench-peers";
const PEERS: [&str; 6] = ["sqlite", "fjall", "duckdb", "redis-everysec", "redis-always", "postgres"];

/// Runs every peer that is there and adds its figures to the rows.
pub(crate) fn measure(plan: &Plan, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let helper = helper()?;
    let works: Vec<String> = report.rows.iter().map(|row| name(row.work)).collect();
    for peer in PEERS {
        Meanwhile::wait_for_quiet(QUIET_WAIT);
        let mut child = Command::new(&helper)
            .arg(peer)
            .arg(folder.join(peer))
            .args([plan.by.to_string(), plan.runs.to_string(), plan.slices.to_string()])
            .arg(plan.slice.as_millis().to_string())
            .arg(works.join(","))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        talk!("measuring {peer}");
        for line in BufReader::new(child.stdout.take().context("the helper has no standard output")?).lines()
        {
            take(
                &serde_json::from_str(&line?).context("the helper printed something else than a line")?,
                peer,
                report,
            );
        }
        let status = child.wait()?;
        if !status.success() {
            // Its own words are on stderr already; the others may still run.
            report.notes.push(format!("{peer}: not measured"));
            talk!("{peer} is not measured: {status}");
        }
    }
    Ok(())
}

/// A note, or a figure that belongs to the row of the same work and unit.
fn take(line: &Value, peer: &str, report: &mut Report) {
    if let Some(note) = line["note"].as_str() {
        report.notes.push(format!("{peer}: {note}"));
        return;
    }
    let (work, unit, value) = (line["work"].as_str(), line["unit"].as_str(), line["value"].as_f64());
    for row in &mut report.rows {
        if work == Some(&name(row.work))
            && unit == Some(&row.unit)
            && let Some(value) = value
        {
            row.peers.push((peer.to_owned(), value));
        }
    }
}

fn helper() -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name(HELPER);
    let built = Path::new("benches").join("peers").join("target").join("release").join(HELPER);
    for place in [beside, built] {
        if place.is_file() {
            return Ok(place.canonicalize()?);
        }
    }
    bail!(
        "the helper `{HELPER}` is neither beside this binary nor in `benches/peers`; in a checkout, run \
         `cargo build --release --manifest-path benches/peers/Cargo.toml`, or `cargo xtask show bench-peers` which \
         also installs the peers"
    )
}
