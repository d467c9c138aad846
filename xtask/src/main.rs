//! The project's automation: `cargo xtask help`.
//!
//! Everything here is a Rust program and not a shell script, so that it runs the same for every contributor.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool talks to the person who runs it")]

mod check;
mod holder;
mod process;
mod server;
mod show;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Checks, tests and evidence of the Nameplate project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Formatting, lints, links, file headers, stale generated files: facts only, no taste.
    Check,
    /// Every test of every crate; needs nothing but the Rust toolchain and a C compiler.
    Test,
    /// List the evidence that the project can produce, or run one piece of it.
    Show {
        /// Which piece; without it, the list.
        name: Option<String>,
    },
    /// Write the generated files again: the OpenAPI document and the packs' matrices.
    Generate,
}

fn main() -> Result<()> {
    match Arguments::parse().verb {
        Verb::Check => check::all(),
        Verb::Test => process::cargo(&["test", "--workspace", "--quiet"]),
        Verb::Show { name: None } => {
            show::list();
            Ok(())
        }
        Verb::Show { name: Some(name) } => show::run(&name),
        Verb::Generate => {
            process::cargo_with(&["test", "--quiet", "-p", "web", "--lib"], &[("UPDATE", "1")])?;
            process::cargo_with(
                &["test", "--quiet", "-p", "policy", "--test", "it"],
                &[("NAMEPLATE_BLESS", "1")],
            )
        }
    }
}
