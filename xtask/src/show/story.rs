//! `story`: the demo tells the whole story of autumn 2023 and ends with exit code 0.
//!
//! The program itself checks each step by reading the state back; here the summary is read once more from outside.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::process::{output, root};

/// The six people of the story, and how each must end.
const ENDS: &[(&str, &str)] = &[
    ("stock_king", "below"),
    ("book_reviewer", "left"),
    ("market_voice", "shown"),
    ("news_desk", "restricted"),
    ("chief_editor", "pushed_back_over"),
    ("lifestyle_writer", "unaffected"),
];

/// Runs `cargo run --release -- demo --exit` and checks its summary.
pub(crate) fn show() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
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
    let lines: Vec<serde_json::Value> = told
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("a line of the demo is not JSON")?;
    let summary = lines.last().context("the demo printed nothing")?;
    for (account, end) in ENDS {
        let rows = summary["accounts"].as_array().context("the summary has no accounts")?;
        let row = rows.iter().find(|row| row["account"] == *account);
        let row = row.with_context(|| format!("the summary has no `{account}`"))?;
        ensure!(row["end"] == *end, "`{account}` ends as {}, not `{end}`", row["end"]);
        println!("{account:<17} {:>9} followers  {end}", row["followers"]);
    }
    println!(
        "loaded and answering after {} ms; told in {seconds} s with building; exit code 0",
        summary["ready_ms"]
    );
    Ok(())
}
