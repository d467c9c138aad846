//! The command line of the simulator: one subcommand a scenario.

#![expect(clippy::print_stdout, reason = "a tool talks to the person who runs it")]

use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use simulator::{Size, exactness, replay, rules, soak, whole};

// What the server uses, so that what is seen of memory holds for it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Every kind of command on storage that fails, crash after crash, compared with the model after each step.
    Whole {
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How many seeds from there on.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
    },
    /// Random histories over every shipped pack: nothing is shown early, nobody who is barred sees anything.
    Rules {
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Commands to run, each checked.
        #[arg(long, default_value_t = 1_000_000)]
        steps: u64,
    },
    /// Acts of staff by chance, each lived through with and without it: none changes more accounts than it may.
    Radius {
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Acts of staff, each checked.
        #[arg(long, default_value_t = 2_000)]
        acts: u64,
    },
    /// A long run on a steady population; every outcome is compared.
    Exactness {
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Events to generate.
        #[arg(long, default_value_t = 10_000_000)]
        events: u64,
    },
    /// Hours of steady traffic in compressed time, with filters and undo; memory must stay flat.
    Soak {
        /// Where the random numbers start.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Minutes of the log's clock, 6 million events each.
        #[arg(long, default_value_t = 480)]
        minutes: u64,
        /// An empty folder for log and snapshots.
        #[arg(long)]
        data: std::path::PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().scenario {
        Scenario::Replay { seed, events, accounts, windows } => {
            let report = replay(seed, Size { events, accounts, windows })?;
            println!("{report}");
            Ok(())
        }
        Scenario::Exactness { seed, events } => {
            let started = Instant::now();
            let tenth = (events / 10).max(1);
            let mut told = 0;
            let report = exactness::run(exactness::Settings::long(seed, events), &mut |done| {
                if done / tenth > told {
                    told = done / tenth;
                    println!("seed {seed}: {done} events, {} s", started.elapsed().as_secs());
                }
            })?;
            println!("{report}");
            Ok(())
        }
        Scenario::Rules { seed, steps } => {
            let started = Instant::now();
            let tenth = (steps / 10).max(1);
            let mut told = 0;
            let report = rules::run(seed, steps, &mut |done| {
                if done / tenth > told {
                    told = done / tenth;
                    println!("seed {seed}: {done} steps, {} s", started.elapsed().as_secs());
                }
            })?;
            report.check()?;
            println!("{report}");
            Ok(())
        }
        Scenario::Radius { seed, acts } => {
            let started = Instant::now();
            let tenth = (acts / 10).max(1);
            let mut told = 0;
            let report = rules::radius::run(seed, acts, &mut |done| {
                if done / tenth > told {
                    told = done / tenth;
                    println!("seed {seed}: {done} acts, {} s", started.elapsed().as_secs());
                }
            })?;
            println!("{report}");
            report.check()?;
            Ok(())
        }
        Scenario::Soak { seed, minutes, data } => {
            let settings = soak::Settings { minutes, ..soak::Settings::full(seed) };
            let report = soak::run(settings, &data, &mut |line| println!("{line}"))?;
            println!("{report}");
            anyhow::ensure!(report.is_flat(), "memory grew");
            Ok(())
        }
        Scenario::Whole { seed, seeds } => {
            let started = Instant::now();
            let mut all = whole::Report::default();
            for seed in seed..seed.saturating_add(seeds) {
                all.add(&whole::run(seed, Duration::from_secs(120))?);
            }
            println!("{all}");
            println!("{} s", started.elapsed().as_secs());
            Ok(())
        }
    }
}
