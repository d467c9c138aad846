//! `nameplate purge`: suspended or deleted accounts leave every follower set they are in.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use pipeline::Clock;
use serde_json::json;
use state::{AccountId, Actor, Command, Done, ItemOutcome, PlatformId, commands};

use super::{Data, EXIT_REFUSED, Load, out_json, platform, submit};
use crate::progress::grouped;
use crate::{talk, wiring};

/// Accounts of one command: each command takes one pass over all sets at most, and the writer is busy that long.
const ACCOUNTS_A_COMMAND: usize = 500_000;

/// Take suspended or deleted accounts out of every follower set
///
/// Their own followers stay. May be run again after it was stopped: who is gone already changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    data: Data,
    /// The platform
    #[arg(long, value_name = "ID")]
    platform: PlatformId,
    /// File with one account a line; `-` for standard input
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
struct Sums {
    purged: u64,
    follows: u64,
    duplicate: u64,
    refused: u64,
}

impl Purge {
    pub(crate) fn run(self, load: impl Load) -> anyhow::Result<ExitCode> {
        let config = load(self.data)?;
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        platform(handle.reader(), &self.platform)?;
        let lines: Box<dyn BufRead> = if self.file.as_os_str() == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            let file = std::fs::File::open(&self.file)
                .with_context(|| format!("cannot read `{}`", self.file.display()))?;
            Box::new(BufReader::new(file))
        };
        let mut sums = Sums::default();
        let mut accounts = Vec::new();
        let mut flush = |accounts: &mut Vec<AccountId>| -> anyhow::Result<()> {
            let accounts = std::mem::take(accounts);
            if accounts.is_empty() {
                return Ok(());
            }
            let command = commands::Purge { platform: self.platform.clone(), accounts, by: Actor::System };
            let outcome = submit(&handle, Command::Purge(command))?;
            if let Ok(Done::Purged { accounts, edges, .. }) = outcome.result {
                sums.purged += u64::from(accounts);
                sums.follows += edges;
            }
            for item in outcome.items {
                sums.duplicate += u64::from(item == ItemOutcome::Duplicate);
                sums.refused += u64::from(!item.is_accepted());
            }
            talk!("{} accounts follow nobody any more", grouped(sums.purged));
            Ok(())
        };
        for (number, line) in (1u64..).zip(lines.lines()) {
            let line = line.with_context(|| format!("cannot read `{}`", self.file.display()))?;
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            // The text is not repeated: it came from outside.
            let account =
                AccountId::parse(text).with_context(|| format!("line {number} is no account id"))?;
            accounts.push(account);
            if accounts.len() == ACCOUNTS_A_COMMAND {
                flush(&mut accounts)?;
            }
        }
        flush(&mut accounts)?;
        if self.json {
            out_json(&json!({
                "position": handle.applied(),
                "purged": sums.purged,
                "follows": sums.follows,
                "unchanged": sums.duplicate,
                "refused": sums.refused,
            }))?;
        } else {
            talk!(
                "{} follows ended; {} accounts followed nobody, {} are unknown or have left",
                grouped(sums.follows),
                grouped(sums.duplicate),
                grouped(sums.refused)
            );
        }
        store.pipeline.close();
        Ok(if sums.refused > 0 { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
    }
}
