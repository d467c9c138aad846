//! `exactness`: a thousand million events against the naive model, not one mismatch.
//!
//! Two runs of the simulator side by side, each on its own seeds. `NAMEPLATE_EVENTS` asks for fewer events.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::simulator_binary;

const EVENTS: u64 = 1_000_000_000;
const SEEDS: [u64; 2] = [1, 2];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let events = super::number("NAMEPLATE_EVENTS")?.unwrap_or(EVENTS);
    let binary = simulator_binary()?;
    let started = Instant::now();
    let each = events.div_ceil(SEEDS.len() as u64).to_string();
    let runs: Vec<_> = SEEDS
        .iter()
        .map(|seed| {
            Command::new(&binary)
                .args(["exactness", "--seed", &seed.to_string(), "--events", &each])
                .stdin(Stdio::null())
                .spawn()
                .context("cannot start the simulator")
        })
        .collect::<Result<_>>()?;
    // All are waited for before any is judged, so that none is left behind.
    let ended: Vec<_> = runs.into_iter().map(|mut run| run.wait()).collect();
    for (ended, seed) in ended.into_iter().zip(SEEDS) {
        ensure!(ended?.success(), "the run of seed {seed} failed, see above");
    }
    println!(
        "{events} events or more, seeds {SEEDS:?}, {} s: 0 mismatches with the naive model",
        started.elapsed().as_secs()
    );
    Ok(())
}
