//! The pages that quote the figures: `docs/performance.md`, the README, the picture.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::targets::{Finding, short};
use crate::process::root;

const BEGIN: &str = "<!-- what `cargo xtask show bench-peers` measured: begin -->";
const END: &str = "<!-- what `cargo xtask show bench-peers` measured: end -->";
/// Units that the README quotes; `docs/performance.md` has all.
const README: [(&str, &str); 9] = [
    ("filter", "ms p50"),
    ("load", "edges/s"),
    ("stream_10k", "events/s"),
    ("stream_10k_http", "events/s"),
    ("single_http", "requests/s"),
    ("memory", "B/edge, follower side"),
    ("snapshot", "B/edge"),
    ("is_follower", "reads/s by number"),
    ("restart", "s to the first read"),
];

/// Every figure with its targets and its peers.
pub(super) fn table(lines: &[Value], findings: &[Finding]) -> String {
    rows(lines, findings, |_, _| true)
}

/// Writes the pages anew between their marks.
pub(super) fn renew(report: &Path, lines: &[Value], findings: &[Finding], again: &[String]) -> Result<()> {
    let machine = fs::read_to_string(report.join("machine.txt"))?;
    let mut facts = String::new();
    for line in machine.lines() {
        let _ = writeln!(facts, "- {line}");
    }
    if !again.is_empty() {
        let _ = writeln!(facts, "- measured once more, because a target was missed: {}", again.join(", "));
    }
    let missing = findings.iter().filter(|finding| !finding.holds).count();
    let _ = writeln!(facts, "- {} targets, {missing} of them missed", findings.len());
    let all = table(lines, findings);
    replace("docs/performance.md", &format!("{facts}\n{all}"))?;
    let short = rows(lines, findings, |work, unit| README.contains(&(work, unit)));
    let first: String = machine.lines().take(2).map(|line| format!("{line}. ")).collect();
    replace("README.md", &format!("{}\n\n{short}", first.trim_end()))?;
    let picture = report.join("growth.svg");
    if picture.is_file() {
        fs::copy(picture, root().join("docs").join("images").join("growth.svg"))?;
    }
    Ok(())
}

fn replace(page: &str, text: &str) -> Result<()> {
    let path = root().join(page);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read `{page}`"))?;
    let (before, rest) =
        old.split_once(BEGIN).with_context(|| format!("`{page}` has no place for figures"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the figures of `{page}` have no end"))?;
    Ok(fs::write(&path, format!("{before}{BEGIN}\n{}\n{END}{after}", text.trim_end()))?)
}

fn rows(lines: &[Value], findings: &[Finding], wanted: impl Fn(&str, &str) -> bool) -> String {
    let mut out = String::from("| work | measured | asked for | beside |\n|---|---|---|---|\n");
    let mut seen = Vec::new();
    for line in lines {
        let (work, unit) = (text(line, "work"), text(line, "unit"));
        if seen.contains(&(work, unit)) || !wanted(work, unit) {
            continue;
        }
        seen.push((work, unit));
        let asked: Vec<String> = findings
            .iter()
            .filter(|finding| finding.work == work && finding.unit == unit)
            .map(|finding| {
                let reached = if finding.asked.contains(" x ") || finding.asked.contains("costs") {
                    format!(" ({})", short(finding.reached))
                } else {
                    String::new()
                };
                let verdict = if finding.holds { "" } else { " **missed**" };
                format!("{}{reached}{verdict}", finding.asked)
            })
            .collect();
        let beside: Vec<String> = lines
            .iter()
            .filter(|other| other["work"] == work && other["unit"] == unit)
            .filter_map(|other| {
                let (value, ratio) = (other["peer_value"].as_f64()?, other["ratio"].as_f64()?);
                Some(format!("{} {} ({} x)", text(other, "peer"), short(value), short(ratio)))
            })
            .collect();
        let value = line["value"].as_f64().unwrap_or(f64::NAN);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {work} | {} {unit} | {} | {} |",
            short(value),
            asked.join("; "),
            beside.join(", ")
        );
    }
    out
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}
