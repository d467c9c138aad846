//! `nameplate bench`: what this machine does, on a temporary store of its own.
//!
//! Prints numbers and asserts none: they depend on the machine and on who else is using it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use pipeline::{Clock, Handle};
use serde_json::{Value, json};
use state::commands::{Filter, FilterCriteria, RegisterPlatform};
use state::{AccountId, AccountKey, Actor, Command, EdgeBatchBuilder, Label, Op, PlatformId};

use super::{out, out_json, submit};
use crate::config::Config;
use crate::progress::{Progress, grouped};
use crate::wiring;

/// Measure this machine
///
/// Loads follows into a temporary store through the real log, then filters, and reads counts. Takes a while.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Followers of the largest account
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    followers: u32,
    /// Folder for the temporary store, to measure its disk [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    on: Option<std::path::PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One measured thing.
struct Row {
    what: &'static str,
    count: u64,
    took: Duration,
}

impl Row {
    fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "printed with a few digits")]
        let count = self.count as f64;
        count / self.took.as_secs_f64().max(1e-9)
    }
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let folder = match &self.on {
            Some(on) => tempfile::tempdir_in(on)?,
            None => tempfile::tempdir()?,
        };
        let mut config = Config::default();
        config.store.data = folder.path().join("data");
        wiring::create_ring(&config)?;
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        let platform = PlatformId::new("bench")?;
        let register = RegisterPlatform { platform: platform.clone(), title: Label::new("A benchmark")? };
        submit(&handle, Command::RegisterPlatform(register))?;

        let mut rows =
            vec![self.load(&handle, &platform)?, single(&handle, &platform)?, counts(&handle, &platform)?];
        let left = self.followers / 8;
        let started = Instant::now();
        submit(
            &handle,
            Command::Filter(Filter {
                platform: platform.clone(),
                account: AccountId::parse("largest")?,
                criteria: FilterCriteria::All(Vec::new()),
                keep: Vec::new(),
                order: followers::Order::Oldest,
                leave_at: Some(left),
                by: Actor::System,
            }),
        )?;
        rows.push(Row {
            what: "filter, durable and visible (followers removed)",
            count: u64::from(self.followers - left),
            took: started.elapsed(),
        });
        let started = Instant::now();
        handle.snapshot_and_wait()?;
        rows.push(Row { what: "snapshot, durable", count: 1, took: started.elapsed() });
        store.pipeline.close();
        report(&rows, self.json)?;
        Ok(ExitCode::SUCCESS)
    }

    fn load(&self, handle: &Handle, platform: &PlatformId) -> anyhow::Result<Row> {
        let mut progress = Progress::new("loading", "follows");
        let started = Instant::now();
        let now = Clock::System.now_ms();
        let mut tickets = Vec::new();
        let mut follower = 0;
        while follower < self.followers {
            let mut batch = EdgeBatchBuilder::with_capacity(platform.clone(), 10_000);
            let end = self.followers.min(follower.saturating_add(10_000));
            for number in follower..end {
                let number = AccountKey::Number(u64::from(number));
                batch.push_keys(Op::Backfill, AccountKey::Text("largest"), number, now, None)?;
            }
            follower = end;
            tickets.push(handle.submit_patiently(Command::Edges(batch.build()))?);
            progress.set(u64::from(follower), u64::from(self.followers));
        }
        for ticket in tickets {
            ticket.wait()?;
        }
        Ok(Row {
            what: "follows, 10,000 a commit, durable",
            count: u64::from(self.followers),
            took: started.elapsed(),
        })
    }
}

/// One event a command from many at once, so that they share syncs.
fn single(handle: &Handle, platform: &PlatformId) -> anyhow::Result<Row> {
    const EVENTS: u32 = 20_000;
    const AT_ONCE: usize = 64;
    let started = Instant::now();
    let now = Clock::System.now_ms();
    let mut waiting = std::collections::VecDeque::new();
    for number in 0..EVENTS {
        let mut batch = EdgeBatchBuilder::new(platform.clone());
        batch.push_keys(
            Op::Follow,
            AccountKey::Text("small"),
            AccountKey::Number(u64::from(number)),
            now,
            None,
        )?;
        waiting.push_back(handle.submit_patiently(Command::Edges(batch.build()))?);
        if waiting.len() == AT_ONCE
            && let Some(ticket) = waiting.pop_front()
        {
            ticket.wait()?;
        }
    }
    for ticket in waiting {
        ticket.wait()?;
    }
    Ok(Row {
        what: "follows, 1 a command, 64 at once, durable",
        count: u64::from(EVENTS),
        took: started.elapsed(),
    })
}

fn counts(handle: &Handle, platform: &PlatformId) -> anyhow::Result<Row> {
    const READS: u64 = 1_000_000;
    let read = super::platform(handle.reader(), platform)?;
    let started = Instant::now();
    let mut sum = 0_u64;
    for number in 0..READS {
        let number = followers::AccountNo(u32::try_from(number % read.counts().accounts.max(1)).unwrap_or(0));
        sum = sum.wrapping_add(u64::from(std::hint::black_box(read.followers().count(number))));
    }
    std::hint::black_box(sum);
    Ok(Row { what: "counts read, one thread", count: READS, took: started.elapsed() })
}

fn report(rows: &[Row], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({ "what": row.what, "count": row.count, "seconds": row.took.as_secs_f64(), "per_second": row.per_second() })
            })
            .collect();
        return out_json(&Value::Array(rows));
    }
    out(|stdout| {
        for row in rows {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive, for people"
            )]
            let per_second = row.per_second() as u64;
            let ms = row.took.as_secs_f64() * 1_000.0;
            writeln!(
                stdout,
                "{:<50} {:>12} in {ms:>10.1} ms {:>14}/s",
                row.what,
                grouped(row.count),
                grouped(per_second)
            )?;
        }
        Ok(())
    })
}
