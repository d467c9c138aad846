//! What was measured, as a table for people and as lines for programs.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use workloads::Facts;

use super::plot;
use super::row::{Row, name};
use crate::cli::out;
use crate::progress::grouped;

/// Everything of one run.
pub(crate) struct Report {
    facts: Facts,
    by: u32,
    pub(crate) rows: Vec<Row>,
    /// Versions and settings of peers.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Nothing measured yet, on this machine.
    pub(crate) fn new(facts: Facts, by: u32) -> Self {
        Self { facts, by, rows: Vec::new(), notes: Vec::new() }
    }

    /// The table to stdout.
    pub(crate) fn print_table(&self) -> anyhow::Result<()> {
        out(|stdout| self.table(stdout))
    }

    /// One JSON object a line to stdout.
    pub(crate) fn print_lines(&self) -> anyhow::Result<()> {
        out(|stdout| self.lines(stdout))
    }

    /// `bench.jsonl`, `bench.txt` and, with growth, `growth.svg`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let write = |file: &str, text: &[u8]| {
            fs::write(folder.join(file), text).with_context(|| format!("cannot write `{file}`"))
        };
        let (mut lines, mut table, mut machine) = (Vec::new(), Vec::new(), Vec::new());
        self.lines(&mut lines)?;
        self.table(&mut table)?;
        self.machine(&mut machine)?;
        write("bench.jsonl", &lines)?;
        write("bench.txt", &table)?;
        write("machine.txt", &machine)?;
        if let Some(picture) = plot::svg(&self.rows) {
            write("growth.svg", picture.as_bytes())?;
        }
        Ok(())
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.rows.iter().flat_map(Row::lines) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine(out)?;
        if self.by > 1 {
            writeln!(out, "all sizes divided by {}: figures say nothing about the targets", self.by)?;
        }
        writeln!(
            out,
            "\n{:<16}{:>15}  {:<40}{:>6}  peers (times better)",
            "work", "value", "unit", "others"
        )?;
        for row in &self.rows {
            let mut peers = row.peers.clone();
            peers.sort_by(|one, other| row.ratio(one.1).total_cmp(&row.ratio(other.1)));
            let peers: Vec<String> = peers
                .iter()
                .map(|(peer, value)| format!("{peer} {} ({})", figure(*value), times(row.ratio(*value))))
                .collect();
            writeln!(
                out,
                "{:<16}{:>15}  {:<40}{:>5.0}%  {}",
                name(row.work),
                figure(row.value),
                row.unit,
                row.others * 100.0,
                peers.join(", ")
            )?;
        }
        Ok(())
    }

    fn machine(&self, out: &mut dyn Write) -> io::Result<()> {
        let Facts { processor, cores, memory_bytes, kernel, file_system, sync_us, load } = &self.facts;
        writeln!(
            out,
            "{processor}, {cores} cores, {:.0} GiB, Linux {kernel}",
            *memory_bytes as f64 / 1024f64.powi(3)
        )?;
        writeln!(
            out,
            "{file_system}, a 4 KiB append and its sync {sync_us:.0} us; load before the run {load}"
        )?;
        writeln!(
            out,
            "nameplate {}; clients share the cores; `others` is the share of all cores that other programs used",
            env!("CARGO_PKG_VERSION")
        )?;
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        Ok(())
    }
}

/// With three or four digits that matter.
fn figure(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and the cast saturates"
    )]
    match value {
        1_000.0.. => grouped(value.round() as u64),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}x") } else { format!("{ratio:.2}x") }
}
