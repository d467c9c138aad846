//! `soak`: eight hours of traffic at 100,000 events/s in compressed time; memory stays flat and nothing drifts.
//!
//! `NAMEPLATE_MINUTES` asks for fewer minutes of the log's clock than 480.

use std::process::Command;

use anyhow::Result;

use crate::process::{run, scratch};

const MINUTES: u64 = 480;
const SEED: u64 = 1;

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let minutes = super::number("NAMEPLATE_MINUTES")?.unwrap_or(MINUTES).to_string();
    let binary = super::simulator_binary()?;
    let data = scratch("soak")?;
    run(Command::new(binary)
        .args(["soak", "--seed", &SEED.to_string(), "--minutes", &minutes, "--data"])
        .arg(data))
}
