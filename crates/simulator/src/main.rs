//! Seeded whole-system runs: a made-up month of a platform against an independent model.
//!
//! The same seed gives the same run on every machine. A run that never exercised what it is meant to show fails.

#![expect(clippy::print_stdout, reason = "a tool talks to the person who runs it")]

mod history;
mod model;
mod random;
mod replay;

use clap::{Parser, Subcommand};

/// Runs a seeded simulation and compares it with an independent model.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// The same log twice, with snapshots in between, and shuffled with duplicates within the reorder horizon.
    Replay {
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Follows and unfollows to generate.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// Accounts among which they happen.
        #[arg(long, default_value_t = 20_000)]
        accounts: u32,
        /// Windows of just under 72 hours between two ticks.
        #[arg(long, default_value_t = 12)]
        windows: u32,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().scenario {
        Scenario::Replay { seed, events, accounts, windows } => {
            let report = replay::run(seed, history::Size { events, accounts, windows })?;
            println!("{report}");
            Ok(())
        }
    }
}
