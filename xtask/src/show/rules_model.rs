//! `rules-model`: ten million commands over every shipped pack, each checked: nothing shown early, nobody barred sees it.
//!
//! Two runs of the simulator side by side, each on its own seed. `NAMEPLATE_STEPS` asks for fewer steps. That planted
//! faults are caught is shown by `planted-bugs`.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::simulator_binary;

const STEPS: u64 = 10_000_000;
const SEEDS: [u64; 2] = [1, 2];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let steps = super::number("NAMEPLATE_STEPS")?.unwrap_or(STEPS);
    let binary = simulator_binary()?;
    let started = Instant::now();
    let each = steps.div_ceil(SEEDS.len() as u64).to_string();
    let runs: Vec<_> = SEEDS
        .iter()
        .map(|seed| {
            Command::new(&binary)
                .args(["rules", "--seed", &seed.to_string(), "--steps", &each])
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
        "{steps} steps or more, seeds {SEEDS:?}, {} s: promises 6 and 8 held after each",
        started.elapsed().as_secs()
    );
    Ok(())
}
