//! `nameplate import`: follower lists from a file into a data folder.
//!
//! Progress is recorded beside the log, only for rows whose commands are durable. An import that was cut off goes on
//! from there; rows that were durable but not recorded yet are loaded again, which changes nothing.

mod record;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use connectors::Batch;
use connectors::files::{Columns, Follows, Options};
use pipeline::{Clock, Handle, Ticket};
use serde_json::json;
use state::{Command, ItemOutcome, PlatformId};

use self::record::{Record, Tally};
use super::{Data, EXIT_REFUSED, Load, out_json, platform};
use crate::progress::{Progress, grouped};
use crate::{talk, wiring};

/// Batches on their way at once: enough that reading never waits for the disk, few enough to stay small.
const BATCHES_IN_FLIGHT_MAX: usize = 3;
/// Refused lines that are reported; `--refused` writes all of them.
const REFUSED_SHOWN_MAX: usize = 20;
/// Time between two writes of the progress record.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// Load follower lists from a file
///
/// Reads CSV, TSV, white space or NDJSON, plain, gzip or zstd. A row says that one account follows another.
/// Loading the same rows twice changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    data: Data,
    /// The platform of the accounts
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// The file; `-` reads the standard input, which cannot be resumed
    #[arg(long, value_name = "FILE")]
    follows: PathBuf,
    /// Which column is what, as in `follower,account` or `account,_,follower,at` or `follower=src,account=dst`
    #[arg(long, value_name = "NAMES", default_value = "follower,account")]
    columns: Columns,
    /// When the follows began, for rows that do not say [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<i64>,
    /// Events in one log entry
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(state::EVENTS_MAX)))]
    batch: u32,
    /// Write every refused line to this file, as `line,reason,text`
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Read the whole file again, whatever was recorded of an earlier run
    #[arg(long)]
    again: bool,
    /// Exit with 3 when a row was refused
    #[arg(long)]
    strict: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// A time on the command line: RFC 3339 or a date.
fn moment(text: &str) -> Result<i64, String> {
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    stamp
        .map(jiff::Timestamp::as_millisecond)
        .ok_or_else(|| "give a date as in `2023-10-31`, or RFC 3339".into())
}

impl Import {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(Data { data: self.data.data.clone() })?;
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        platform(handle.reader(), &self.platform)
            .context("register it first, as in `nameplate init --data DIR --platform ID`")?;

        let from_stdin = self.follows.as_os_str() == "-";
        let at = self.at.unwrap_or_else(|| Clock::System.now_ms());
        let mut record = if from_stdin {
            Record::unsaved(at)
        } else {
            Record::open(&config.store.data, &self.follows, &self.platform, &self.columns, at)?
        };
        if self.again {
            record.start_again(at);
        }
        if record.complete {
            talk!(
                "this file was loaded before, {} rows; `--again` reads it again",
                grouped(record.tally.rows)
            );
        } else {
            if record.tally.rows > 0 {
                talk!("going on after row {}", grouped(record.tally.rows));
            }
            let resumed_at = record.tally.rows;
            let mut options = Options::new(self.columns.clone(), record.at);
            options.batch_events_max = self.batch;
            options.rows_skipped = resumed_at;
            let (follows, bytes_all) = if from_stdin {
                (Follows::from_reader(std::io::stdin(), self.platform.clone(), options)?, 0)
            } else {
                let bytes = std::fs::metadata(&self.follows).map_or(0, |meta| meta.len());
                (Follows::open(&self.follows, self.platform.clone(), options)?, bytes)
            };
            let mut loading = Loading::new(handle.clone(), record, self.refused.as_ref(), bytes_all)?;
            let loaded = loading.run(follows);
            record = loading.stop()?;
            loaded?;
        }
        let position = handle.applied();
        store.pipeline.close();
        // The process ends: the system takes millions of follower sets back faster than they can be taken apart.
        std::mem::forget(handle);
        self.report(&record, position)?;
        let refused = record.tally.refused > 0;
        Ok(if refused && self.strict { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
    }

    fn report(&self, record: &Record, position: u64) -> anyhow::Result<()> {
        let Tally { rows, loaded, duplicate, refused } = record.tally;
        if self.json {
            let lines: Vec<_> = record
                .first_refused
                .iter()
                .map(|(line, code)| json!({ "line": line, "reason": code }))
                .collect();
            return out_json(&json!({
                "rows": rows,
                "loaded": loaded,
                "duplicate": duplicate,
                "refused": refused,
                "refused_lines": lines,
                "refused_lines_complete": record.first_refused.len() as u64 == refused,
                "complete": record.complete,
                "position": position,
            }));
        }
        super::out(|stdout| {
            for (name, number) in
                [("rows read", rows), ("loaded", loaded), ("duplicate", duplicate), ("refused", refused)]
            {
                writeln!(stdout, "{name:<10} {:>15}", grouped(number))?;
            }
            for (line, code) in &record.first_refused {
                writeln!(stdout, "  line {line}: {code}")?;
            }
            if record.first_refused.len() as u64 != refused {
                writeln!(stdout, "  and more: `--refused FILE` writes all of them")?;
            }
            Ok(())
        })
    }
}

/// One import on its way.
struct Loading {
    handle: Handle,
    record: Record,
    in_flight: VecDeque<(Ticket, Pending)>,
    refused_file: Option<BufWriter<File>>,
    progress: Progress,
    bytes_all: u64,
    recorded: Instant,
}

/// What a batch adds once it is durable.
struct Pending {
    rows: u64,
    bytes: u64,
    lines: Vec<u64>,
    refused: Vec<connectors::Refused>,
}

impl Loading {
    fn new(
        handle: Handle,
        record: Record,
        refused: Option<&PathBuf>,
        bytes_all: u64,
    ) -> anyhow::Result<Self> {
        let refused_file = match refused {
            None => None,
            Some(path) => {
                // A resumed import goes on where its list of refused lines ended.
                let file = File::options()
                    .create(true)
                    .append(record.tally.rows > 0)
                    .write(true)
                    .truncate(record.tally.rows == 0)
                    .open(path)
                    .with_context(|| format!("cannot write `{}`", path.display()))?;
                let is_new = file.metadata().map_or(true, |meta| meta.len() == 0);
                let mut file = BufWriter::new(file);
                if is_new {
                    writeln!(file, "line,reason,text")?;
                }
                Some(file)
            }
        };
        Ok(Self {
            handle,
            record,
            in_flight: VecDeque::new(),
            refused_file,
            progress: Progress::new("loading", if bytes_all > 0 { "bytes" } else { "rows" }),
            bytes_all,
            recorded: Instant::now(),
        })
    }

    fn run(&mut self, mut follows: Follows) -> anyhow::Result<()> {
        loop {
            // A file that ends in damage still loads what came before it, and then says so.
            let batch = match follows.next_batch() {
                Ok(batch) => batch,
                Err(error) => {
                    self.drain(0)?;
                    return Err(error.into());
                }
            };
            let Some(batch) = batch else { break };
            let progress = follows.progress();
            let Batch { edges, lines, refused, .. } = batch;
            let refused_lines = refused.first().to_vec();
            if !refused.is_complete() {
                bail!("more lines were refused in one batch than are kept");
            }
            let pending =
                Pending { rows: progress.rows, bytes: progress.bytes, lines, refused: refused_lines };
            if edges.is_empty() {
                // Nothing to log, but its refused rows count only after the rows before them.
                self.drain(0)?;
                self.acknowledged(&pending, &[])?;
                continue;
            }
            let ticket = self.handle.submit_patiently(Command::Edges(edges))?;
            self.in_flight.push_back((ticket, pending));
            self.drain(BATCHES_IN_FLIGHT_MAX - 1)?;
        }
        self.drain(0)?;
        self.record.complete = true;
        Ok(())
    }

    /// Waits until at most `left` batches are on their way.
    fn drain(&mut self, left: usize) -> anyhow::Result<()> {
        while self.in_flight.len() > left
            && let Some((ticket, pending)) = self.in_flight.pop_front()
        {
            let outcome = ticket.wait()?;
            if let Err(refusal) = &outcome.result {
                bail!("the rows up to {} are refused: {}", pending.rows, refusal.text());
            }
            self.acknowledged(&pending, &outcome.items)?;
        }
        Ok(())
    }

    fn acknowledged(&mut self, pending: &Pending, items: &[ItemOutcome]) -> anyhow::Result<()> {
        for refused in &pending.refused {
            self.refuse(refused.line, refused.why.as_str(), &refused.why.to_string())?;
        }
        for (line, item) in pending.lines.iter().zip(items) {
            match item {
                ItemOutcome::Accepted => self.record.tally.loaded += 1,
                item if item.is_accepted() => self.record.tally.duplicate += 1,
                item => self.refuse(*line, item.as_str(), item.text())?,
            }
        }
        self.record.tally.rows = pending.rows;
        let (done, all) =
            if self.bytes_all > 0 { (pending.bytes, self.bytes_all) } else { (pending.rows, 0) };
        self.progress.set(done, all);
        if self.recorded.elapsed() >= RECORD_EVERY {
            self.save()?;
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, code: &'static str, text: &str) -> anyhow::Result<()> {
        self.record.tally.refused += 1;
        if self.record.first_refused.len() < REFUSED_SHOWN_MAX {
            self.record.first_refused.push((line, code.to_owned()));
        }
        if let Some(file) = &mut self.refused_file {
            writeln!(file, "{line},{code},\"{}\"", text.replace('"', "\"\""))?;
        }
        Ok(())
    }

    fn save(&mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.refused_file {
            file.flush()?;
        }
        self.record.save()?;
        self.recorded = Instant::now();
        Ok(())
    }

    fn stop(mut self) -> anyhow::Result<Record> {
        self.progress.finish();
        self.save()?;
        Ok(self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_time_is_a_date_or_rfc_3339() {
        assert_eq!(moment("2023-10-31"), Ok(1_698_710_400_000));
        assert_eq!(moment("2023-10-31T08:00:00+08:00"), Ok(1_698_710_400_000));
        assert!(moment("yesterday").is_err());
    }
}
