//! `story`: the demo tells the whole story of autumn 2023 and ends with exit code 0.
//!
//! The program itself checks each step by reading the state back; here the summary is read once more from outside.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use serde_json::Value;

use crate::process::{output, release_binary, root};

/// The six people of the story: how many follow them at the end, how their case stands, and whether a verified viewer
/// sees a name.
const ENDS: &[(&str, std::ops::RangeInclusive<u64>, &str, bool)] = &[
    ("stock_king", 1..=899_999, "withdrawn", false),
    ("book_reviewer", 0..=0, "left", false),
    ("market_voice", 1_000_000..=2_000_000, "shown", true),
    ("news_desk", 1_000_000..=2_000_000, "restricted", false),
    ("chief_editor", 1_000_000..=1_001_000, "noticed", false),
    ("lifestyle_writer", 35_000..=35_000, "no case", false),
];
/// Until the first page answers, in seconds.
const READY_SECONDS_MAX: f64 = 20.0;

/// Runs `cargo run --release -- demo --exit` and checks its summary.
pub(crate) fn show() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Built first, so that what is told below is the demo alone.
    release_binary()?;
    let started = Instant::now();
    let told = output(Command::new(cargo).current_dir(root()).args([
        "run",
        "--release",
        "--quiet",
        "--",
        "demo",
        "--exit",
        "--json",
    ]))?;
    let seconds = started.elapsed().as_secs();
    let told: Value = serde_json::from_str(&told).context("what the demo printed is not JSON")?;
    ensure!(told["broken_promise"].is_null(), "a promise of the story broke: {}", told["broken_promise"]);
    let rows = told["summary"].as_array().context("the demo printed no summary")?;
    for (account, followers, status, named) in ENDS {
        let row = rows.iter().find(|row| row["account"] == *account);
        let row = row.with_context(|| format!("the summary has no `{account}`"))?;
        let count = row["followers"].as_u64().context("a row without followers")?;
        ensure!(followers.contains(&count), "`{account}` has {count} followers at the end");
        let ended = row["status"].as_str().unwrap_or_default();
        ensure!(ended.starts_with(status), "`{account}` ends as `{ended}`, not `{status}`");
        ensure!((row["verified_viewers_see"] != "-") == *named, "`{account}`: the wrong viewers see a name");
        ensure!(row["others_see"] == "-", "`{account}`: a viewer who is not logged in sees a name");
        println!("{account:<17} {count:>9} followers  {ended}");
    }
    let ready = told["ready_seconds"].as_f64().context("the demo does not say when it answered")?;
    println!(
        "{} accounts and {} follows loaded, first page after {ready:.1} s; told in {seconds} s, exit code 0",
        told["accounts"], told["follows"]
    );
    ensure!(
        ready <= READY_SECONDS_MAX,
        "the first page took {ready:.1} s, {READY_SECONDS_MAX} s are allowed"
    );
    Ok(())
}
