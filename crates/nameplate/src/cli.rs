//! The command line: one file a verb, its arguments, its function, its exit code.
//!
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but something was refused
//! or a promise did not hold.

mod account;
mod backup;
mod bench;
mod certificate;
mod config;
mod dead_letters;
mod demo;
mod export;
mod import;
mod init;
mod pack;
mod purge;
mod recount;
mod restore;
mod serve;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use state::{Command, Outcome, PlatformId};

use crate::config::Config;

/// Done, but not all of it: rows were refused, a check found something, a promise did not hold.
const EXIT_REFUSED: u8 = 3;

/// Shows who stands behind an account, when the rules say so, and not before.
#[derive(Debug, Parser)]
#[command(name = "nameplate", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Settings file; `nameplate config print --defaults` shows what it may hold
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Play the autumn of 2023 on a store of its own, then serve it on this machine
    Demo(demo::Demo),
    /// Run the server
    Serve(serve::Serve),
    /// Make a data folder, its key ring and the first API key
    Init(init::Init),
    /// Load follower lists from a file
    Import(import::Import),
    /// Check, test, explain and activate packs of rules
    Pack(pack::PackVerb),
    /// Look at one account
    Account(account::AccountVerb),
    /// Take suspended or deleted accounts out of every follower set
    Purge(purge::Purge),
    /// List, replay or let go of events that came too late
    DeadLetters(dead_letters::DeadLetters),
    /// Count every follower again and compare
    Recount(recount::Recount),
    /// Make or verify signed counts
    Certificate(certificate::CertificateVerb),
    /// Write data out
    Export(export::Export),
    /// Copy a data folder, checked, into an archive folder
    Backup(backup::Backup),
    /// Make a data folder from an archive folder, checked
    Restore(restore::Restore),
    /// Measure this machine
    Bench(bench::Bench),
    /// Look at the settings
    Config(config::ConfigVerb),
}

/// Which data folder.
#[derive(Debug, Args)]
struct Data {
    /// The data folder [default: `store.data` of the settings]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// With what went wrong, for the person who typed it.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let file = cli.config;
    let load = |data: Data| -> anyhow::Result<Config> {
        let mut config = Config::load(file.as_deref(), std::env::vars())?;
        if let Some(folder) = data.data {
            config.store.data = folder;
        }
        Ok(config)
    };
    match cli.verb {
        Verb::Demo(verb) => verb.run(),
        Verb::Serve(verb) => verb.run(load),
        Verb::Init(verb) => verb.run(load),
        Verb::Import(verb) => verb.run(load),
        Verb::Pack(verb) => verb.run(load),
        Verb::Account(verb) => verb.run(load),
        Verb::Purge(verb) => verb.run(load),
        Verb::DeadLetters(verb) => verb.run(load),
        Verb::Recount(verb) => verb.run(load),
        Verb::Certificate(verb) => verb.run(load),
        Verb::Export(verb) => verb.run(load),
        Verb::Backup(verb) => verb.run(load),
        Verb::Restore(verb) => verb.run(load),
        Verb::Bench(verb) => verb.run(),
        Verb::Config(verb) => verb.run(file.as_deref()),
    }
}

/// Reads the settings, with the data folder given on the command line.
trait Load: Fn(Data) -> anyhow::Result<Config> {}
impl<F: Fn(Data) -> anyhow::Result<Config>> Load for F {}

/// Writes data to stdout. A reader that went away early is no error: `nameplate export ... | head`.
fn out(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// One JSON value to stdout, on lines of its own.
fn out_json(value: &serde_json::Value) -> anyhow::Result<()> {
    out(|stdout| writeln!(stdout, "{value:#}"))
}

/// Submits a command that must be accepted.
fn submit(handle: &pipeline::Handle, command: Command) -> anyhow::Result<Outcome> {
    let what = command.as_str();
    let outcome = handle.submit_and_wait(command)?;
    match &outcome.result {
        Ok(_) => Ok(outcome),
        Err(refusal) => anyhow::bail!("`{what}` is refused: {}", refusal.text()),
    }
}

/// The platform, which must be there.
fn platform(reader: &state::Reader, id: &PlatformId) -> anyhow::Result<state::PlatformRead> {
    reader.platform(id).with_context(|| {
        let known: Vec<String> = reader.platforms().iter().map(|known| format!("`{known}`")).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        format!("there is no platform `{id}` in this data folder; there is: {known}")
    })
}
