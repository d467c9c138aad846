//! `exactness`: a thousand million events against the naive model, not one mismatch.
//!
//! Two runs of the simulator side by side, each on its own seeds. `NAMEPLATE_EVENTS` asks for fewer events.

use std::time::Instant;

use anyhow::Result;

const EVENTS: u64 = 1_000_000_000;
const SEEDS: [u64; 2] = [1, 2];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let events = super::number("NAMEPLATE_EVENTS")?.unwrap_or(EVENTS);
    let started = Instant::now();
    super::side_by_side("exactness", &SEEDS, ("--events", events.div_ceil(SEEDS.len() as u64)))?;
    println!(
        "{events} events or more, seeds {SEEDS:?}, {} s: 0 mismatches with the naive model",
        started.elapsed().as_secs()
    );
    Ok(())
}
