//! `replay`: the same log gives the same bytes, resumed or not, and a shuffled one the same state hash.

use anyhow::Result;

use crate::process::cargo;

/// Runs the simulator on three seeds.
pub(crate) fn show() -> Result<()> {
    for seed in ["1", "2", "3"] {
        cargo(&["run", "--release", "--quiet", "-p", "simulator", "--", "replay", "--seed", seed])?;
    }
    Ok(())
}
