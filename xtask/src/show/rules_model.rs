//! `rules-model`: ten million commands over every shipped pack, each checked: nothing shown early, nobody barred sees it.
//!
//! Two runs of the simulator side by side, each on its own seed. `NAMEPLATE_STEPS` asks for fewer steps. That planted
//! faults are caught is shown by `planted-bugs`.

use std::time::Instant;

use anyhow::Result;

const STEPS: u64 = 10_000_000;
const SEEDS: [u64; 2] = [1, 2];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let steps = super::number("NAMEPLATE_STEPS")?.unwrap_or(STEPS);
    let started = Instant::now();
    super::side_by_side("rules", &SEEDS, ("--steps", steps.div_ceil(SEEDS.len() as u64)))?;
    println!(
        "{steps} steps or more, seeds {SEEDS:?}, {} s: promises 6 and 8 held after each",
        started.elapsed().as_secs()
    );
    Ok(())
}
