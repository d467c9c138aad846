//! `bench-peers`: the whole suite beside its peers in one run, and the pages that quote it.
//!
//! Installs and builds what is missing, runs `nameplate bench --peers`, prints the table last, and fails where a target
//! does not hold. A work that misses is measured once more, and the table says so. `NAMEPLATE_BENCH=quick` runs small
//! graphs, to see that it works; it checks no target and renews no page. `NAMEPLATE_BENCH=pages` measures nothing and renews
//! the pages from the last whole run.

mod pages;
mod targets;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::targets::Finding;
use crate::process::{cargo_with, debian, python, release_binary, root, run, scratch, target};

/// On a disk by convention, and other users may enter it: PostgreSQL runs as one.
const ON: &str = "/var/tmp";

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let how = std::env::var("NAMEPLATE_BENCH").unwrap_or_default();
    if how == "pages" {
        return conclude(&target().join("evidence").join("bench-peers"), &[]);
    }
    debian("redis-server", "redis-server")?;
    if !has_postgres() {
        debian("initdb", "postgresql")?;
    }
    let python = python("bench-peers", &["duckdb", "numpy"])?.join("python");
    let manifest = root().join("benches").join("peers").join("Cargo.toml");
    let manifest = manifest.to_str().context("the checkout has a path that is not UTF-8")?;
    let target = target();
    let target = target.to_str().context("the target folder has a path that is not UTF-8")?;
    // Into the same folder as the binary, which looks for the helper beside itself.
    cargo_with(
        &["build", "--release", "--quiet", "--manifest-path", manifest],
        &[("CARGO_TARGET_DIR", target)],
    )?;
    let binary = release_binary()?;
    let folder = scratch("bench-peers")?;
    let quick = how == "quick";

    let first = folder.join("first");
    bench(&binary, &python, &first, quick, &[])?;
    let mut lines = read(&first)?;
    if quick {
        println!("{}", std::fs::read_to_string(first.join("bench.txt"))?);
        return Ok(());
    }
    let missed = missed(&targets::check(&lines));
    if !missed.is_empty() {
        println!("measured once more, because a target was missed: {}", missed.join(", "));
        let again = folder.join("again");
        bench(&binary, &python, &again, false, &missed)?;
        let newer = read(&again)?;
        for work in &missed {
            let both = (targets::misses(&lines, work), targets::misses(&newer, work));
            if both.1 <= both.0 {
                lines.retain(|line| line["work"] != work.as_str());
                lines.extend(newer.iter().filter(|line| line["work"] == work.as_str()).cloned());
            }
        }
        let picture = again.join("growth.svg");
        if picture.is_file() {
            std::fs::copy(picture, first.join("growth.svg"))?;
        }
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("bench.jsonl"), text)?;
    conclude(&folder, &missed)
}

/// Renews the pages from the figures in the folder, prints the table, and fails where a target does not hold.
fn conclude(folder: &Path, again: &[String]) -> Result<()> {
    let lines = read(folder).context("no whole run has ended here yet")?;
    let first = folder.join("first");
    let findings = targets::check(&lines);
    pages::renew(&first, &lines, &findings, again)?;
    println!("{}", std::fs::read_to_string(first.join("machine.txt"))?);
    println!("{}", pages::table(&lines, &findings));
    let missing = findings.iter().filter(|finding| !finding.holds).count();
    ensure!(missing == 0, "{missing} of {} targets do not hold", findings.len());
    Ok(())
}

fn has_postgres() -> bool {
    std::fs::read_dir("/usr/lib/postgresql")
        .is_ok_and(|mut versions| versions.any(|v| v.is_ok_and(|v| v.path().join("bin/initdb").is_file())))
}

fn bench(binary: &Path, python: &PathBuf, report: &Path, quick: bool, only: &[String]) -> Result<()> {
    let mut command = Command::new(binary);
    command.args(["bench", "--peers", "--on", ON, "--report"]).arg(report);
    command.env("BENCH_PEERS_PYTHON", python).stdout(std::process::Stdio::null());
    if quick {
        command.arg("--quick");
    }
    if !only.is_empty() {
        command.args(["--only", &only.join(",")]);
    }
    run(&mut command)
}

fn read(report: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(report.join("bench.jsonl"))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Works with a target that does not hold, once each.
fn missed(findings: &[Finding]) -> Vec<String> {
    let mut works: Vec<String> =
        findings.iter().filter(|finding| !finding.holds).map(|finding| finding.work.to_owned()).collect();
    works.dedup();
    works
}
